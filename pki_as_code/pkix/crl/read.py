"""A CRL read strictly, a million entries without a million objects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.crl.distribution_point import (
    IssuingDistributionPoint,
    parse_issuing_distribution_point,
)
from pki_as_code.pkix.crl.entries import EntryDecoder, raw_entries
from pki_as_code.pkix.crl.fields import Octets, RawCrl, Span, read_raw_crl
from pki_as_code.pkix.crl.frame import (
    AUTHORITY_KEY_IDENTIFIER,
    CRL_NUMBER,
    ISSUING_DISTRIBUTION_POINT,
    MAX_CRL_NUMBER,
    VERSION_2,
)

_KEY_IDENTIFIER = 0x80


@dataclass(frozen=True, slots=True)
class CrlEntry:
    """One revoked certificate."""

    serial_number: int
    revocation_date: datetime
    reason: str
    """A CRLReason in camelCase; `unspecified` where none is given."""

    invalidity_date: datetime | None = None


@dataclass(frozen=True, slots=True)
class CrlDescription:
    """What a CRL says besides its entries."""

    issuer_name_der: bytes
    number: int
    this_update: datetime
    next_update: datetime
    issuing_distribution_point: IssuingDistributionPoint | None
    authority_key_identifier: bytes | None
    entry_count: int
    signature_algorithm_der: bytes
    """AlgorithmIdentifier; the same inside and outside."""

    tbs_cert_list: Span
    """Where in the data the signed bytes are."""

    signature: bytes = field(repr=False)


def read_crl(data: Octets) -> tuple[CrlDescription, Iterator[CrlEntry]]:
    """
    Return what a complete CRL in DER says, and an iterator over its entries, in their order.

    `data` is `bytes` or an `mmap`, which must stay open as long as the iterator is used. All of it
    was read, and found to be what RFC 5280 says, before this returns. The signature is not
    verified, nor is a serial number that occurs twice noticed: `lint_crl` does both.

    Raises:
        InvalidValueError: it is no complete CRL of version 2 in strict DER (`der.not_strict`,
            `crl.*`).
    """
    raw = read_raw_crl(data)
    span = raw.tbs.revoked_certificates
    description = _describe(raw, sum(1 for _ in _decoded(data, span)))
    return description, _decoded(data, span)


def _decoded(data: Octets, span: Span | None) -> Iterator[CrlEntry]:
    decoder = EntryDecoder()
    for serial_number, time, extensions, _ in raw_entries(data, span):
        said = decoder.extensions(extensions)
        if said.problems:
            raise _unreadable(f"an entry of the CRL {said.problems[0][1]}")
        yield CrlEntry(
            int.from_bytes(serial_number, "big", signed=True),
            decoder.when(time),
            said.reason,
            said.invalidity_date,
        )


def _describe(raw: RawCrl, entry_count: int) -> CrlDescription:
    tbs = raw.tbs
    if tbs.version is None or tbs.version.encoding != VERSION_2:
        raise _unreadable("the CRL is not of version 2")
    if tbs.next_update is None:
        raise _unreadable("the CRL does not say when the next one comes")
    if tbs.signature_algorithm.encoding != raw.signature_algorithm.encoding:
        raise _unreadable("the CRL names two different signature algorithms")
    _check_name(tbs.issuer)
    values = {extension.oid: extension.value_der for extension in tbs.extensions or ()}
    if len(values) != len(tbs.extensions or ()):
        raise _unreadable("the CRL has an extension twice")
    unknown = [e.oid for e in tbs.extensions or () if e.critical]
    if set(unknown) - {ISSUING_DISTRIBUTION_POINT}:
        raise _unreadable("the CRL has a critical extension that a complete CRL does not have")
    point = values.get(ISSUING_DISTRIBUTION_POINT)
    decoder = EntryDecoder()
    return CrlDescription(
        issuer_name_der=tbs.issuer.encoding,
        number=read_crl_number(values.get(CRL_NUMBER)),
        this_update=decoder.when(tbs.this_update.encoding),
        next_update=decoder.when(tbs.next_update.encoding),
        issuing_distribution_point=parse_issuing_distribution_point(point) if point else None,
        authority_key_identifier=read_key_identifier(values.get(AUTHORITY_KEY_IDENTIFIER)),
        entry_count=entry_count,
        signature_algorithm_der=raw.signature_algorithm.encoding,
        tbs_cert_list=raw.tbs_cert_list,
        signature=raw.signature,
    )


def _check_name(name: der.Tlv) -> None:
    """RFC 5280 section 4.1.2.4: a SEQUENCE of SETs of type and value."""
    for relative_name in der.children(name):
        for attribute in der.children(der.expect(relative_name, der.SET)):
            members = der.children(der.expect(attribute, der.SEQUENCE))
            if len(members) != 2 or members[0].tag != der.OBJECT_IDENTIFIER:  # noqa: PLR2004
                raise _unreadable("the issuer name of the CRL is malformed")


def read_crl_number(value_der: bytes | None) -> int:
    """Return what cRLNumber says. Raises `InvalidValueError` where there is none."""
    value = der.read_single(value_der) if value_der is not None else None
    number = der.decode_integer(value.content) if value and value.tag == der.INTEGER else -1
    if not 0 <= number <= MAX_CRL_NUMBER:
        raise _unreadable("the CRL has no number, or one that cannot be")
    return number


def read_key_identifier(value_der: bytes | None) -> bytes | None:
    """Return keyIdentifier of authorityKeyIdentifier; None without it. Raises if malformed."""
    if value_der is None:
        return None
    members = der.children(der.expect(der.read_single(value_der), der.SEQUENCE))
    return members[0].content if members and members[0].tag == _KEY_IDENTIFIER else None


def _unreadable(message: str) -> InvalidValueError:
    return InvalidValueError(message, help="see RFC 5280 section 5", code="crl.unreadable")
