"""
Checks of what is about to be served, on the bytes as they were read back.

Certificates parse and lead to their issuer. A CRL is signed by its authority, is still good, and is
no step back from the one published before. Cost: a CRL of a million entries takes one set of a
million integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import CrlRecord, Finding, Revocation, Severity, format_time
from pki_as_code.pkix.serial_numbers import format_serial_number

Revoked = Callable[[], Iterable[tuple[int, Revocation, datetime]]]
"""What the store says a CRL lists, whether it has ended or not."""

_UNREADABLE: Final = (ValueError, TypeError, x509.InvalidVersion, x509.DuplicateExtension)
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class CrlFacts:
    """The fields of a CRL that the next one is compared with."""

    number: int
    this_update: datetime
    next_update: datetime
    crl: x509.CertificateRevocationList


def read_crl(data: bytes) -> CrlFacts:
    """Read a CRL (DER). Raises `InvalidValueError` (`publish.unreadable`)."""
    try:
        crl = x509.load_der_x509_crl(data)
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        next_update = crl.next_update_utc
    except (*_UNREADABLE, x509.ExtensionNotFound) as error:
        raise InvalidValueError(
            f"it cannot be read as a CRL: {type(error).__name__}", code="publish.unreadable"
        ) from error
    if next_update is None:
        raise InvalidValueError("the CRL has no nextUpdate", code="publish.unreadable")
    return CrlFacts(number, crl.last_update_utc, next_update, crl)


def check_crl(
    path: str,
    data: bytes,
    issuer: x509.Certificate,
    *,
    record: CrlRecord,
    previous: bytes | None,
    revoked: Revoked,
    now: datetime,
) -> Iterator[Finding]:
    """
    Yield what speaks against a CRL in place of `previous` (RFC 5280 sections 5.2.3 and 3.3).

    An older CRL is genuine, too: its number and times must be those of `record`, of the ledger. A
    `previous` that the authority did not sign is not one of its CRLs, and binds nobody.
    """
    try:
        facts = read_crl(data)
    except InvalidValueError as error:
        yield Finding(error.code, f"{path}: {error.message}", help="run `pkictl store verify`")
        return
    if not _is_signed_by(facts.crl, issuer):
        yield Finding(
            "publish.bad_signature",
            f"{path} is not signed by its authority",
            help="run `pkictl store verify`, then `pkictl reconcile`",
        )
        return
    unlike = _unlike_ledger(path, facts, record)
    if unlike is not None:
        yield unlike
        return
    if facts.next_update <= now:
        yield Finding(
            "publish.crl_expired",
            f"{path} has ended: the next CRL was due at {format_time(facts.next_update)}",
            help="run `pkictl reconcile`, which signs a new one",
        )
    if previous is None or previous == data:
        return
    try:
        before = read_crl(previous)
    except InvalidValueError:
        before = None
    if before is None or not _is_signed_by(before.crl, issuer):
        yield Finding(
            "publish.foreign_crl",
            f"what was published as {path} is no CRL of this authority; it is replaced",
            severity=Severity.WARNING,
            help="find out how it came there",
        )
        return
    yield from _succession(path, facts, before, revoked)


def _unlike_ledger(path: str, facts: CrlFacts, record: CrlRecord) -> Finding | None:
    said = (record.number, record.this_update, record.next_update)
    if (facts.number, facts.this_update, facts.next_update) == said:
        return None
    return Finding(
        "publish.crl_unlike_ledger",
        f"{path} has number {facts.number} and times of its own; the ledger has another one, "
        f"{record.number}",
        help="find out who wrote to the store; `pkictl store verify` compares all of it",
    )


def _succession(
    path: str, facts: CrlFacts, before: CrlFacts, revoked: Revoked
) -> Iterator[Finding]:
    if facts.number <= before.number:
        yield Finding(
            "publish.crl_number",
            f"{path} has number {facts.number}, and number {before.number} is published",
            help="this store is behind what was published from it: fetch it, or find out who "
            "published the other",
        )
    if facts.this_update < before.this_update:
        yield Finding(
            "publish.crl_went_back",
            f"{path} is of {format_time(facts.this_update)}, the published one of "
            f"{format_time(before.this_update)}",
            help="see that the clock is right, and run `pkictl reconcile` for a new CRL",
        )
    lost = _lost_entries(facts, before, revoked)
    if lost:
        shown = ", ".join(format_serial_number(number) for number in lost[:_MOST_NAMED])
        more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
        yield Finding(
            "publish.crl_entry_lost",
            f"{path} no longer has {shown}{more}",
            help="an entry leaves when its certificate has ended, or a hold is released; "
            "run `pkictl store verify`",
        )


def _lost_entries(facts: CrlFacts, before: CrlFacts, revoked: Revoked) -> list[int]:
    """
    Return the serial numbers that left, and may not have.

    One may leave when its certificate has ended by the new CRL, or when it was on hold and the
    store no longer has it as revoked. Whether a CRL listed it once more after the end (RFC 5280
    section 3.3) was settled when this one was made: that CRL need not have been published here.
    """
    there = {entry.serial_number for entry in facts.crl}
    left = {
        entry.serial_number: _is_hold(entry)
        for entry in before.crl
        if entry.serial_number not in there
    }
    if not left:
        return []
    for serial_number, _, not_after in revoked():
        if serial_number in left:
            left[serial_number] = not_after < facts.this_update
    return sorted(serial_number for serial_number, allowed in left.items() if not allowed)


def _is_hold(entry: x509.RevokedCertificate) -> bool:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except (x509.ExtensionNotFound, *_UNREADABLE):
        return False
    return reason is x509.ReasonFlags.certificate_hold


def _is_signed_by(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return crl.issuer == issuer.subject and crl.is_signature_valid(
            issuer.public_key()  # type: ignore[arg-type]
        )
    except Exception:  # noqa: BLE001 (whatever it is: the signature was not verified)
        return False


def check_chain(path: str, data: bytes, *, pem: bool) -> Iterator[Finding]:
    """Yield what is wrong with a certificate and those behind it, each the issuer of the last."""
    try:
        if pem:
            chain = x509.load_pem_x509_certificates(data)
        else:
            chain = [x509.load_der_x509_certificate(data)]
    except _UNREADABLE as error:
        yield Finding(
            "publish.unreadable",
            f"{path} cannot be read as a certificate: {type(error).__name__}",
            help="run `pkictl store verify`",
        )
        return
    for below, above in pairwise(chain):
        try:
            below.verify_directly_issued_by(above)
        except Exception:  # noqa: BLE001 (whatever it is: the signature was not verified)
            yield Finding(
                "publish.bad_signature",
                f"{path}: certificate {format_serial_number(below.serial_number)} is not signed "
                "by the one that follows it",
                help="run `pkictl store verify`",
            )
