"""
CRLs: prepared, their number made durable by the caller, then signed.

    prepare_crl   entries -> TBSCertList in a temporary file, linted -> PreparedCrl
    (the caller records number and digest in the store: a number is never used twice)
    sign_crl      signs the prepared bytes and nothing else, verifies -> IssuedCrl

A `PreparedCrl` can only be made here, and signs once. A run that dies in between leaves nothing
behind: the next one makes a CRL with a greater number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Self, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from pki_as_code import model
from pki_as_code.durable import write_file_atomically
from pki_as_code.errors import InvalidValueError, IssuanceError
from pki_as_code.escape import quoted
from pki_as_code.issuance.issuer import Issuer
from pki_as_code.issuance.spool import Spool
from pki_as_code.model import Finding, IssuedCrl, Severity
from pki_as_code.pkix.algorithms import SignatureAlgorithm, signature_algorithm
from pki_as_code.pkix.crl import (
    CrlFrame,
    IssuingDistributionPoint,
    around_tbs_cert_list,
    lint_tbs_cert_list,
    write_tbs_cert_list,
)

_MADE_HERE = object()
"""Passed to `PreparedCrl` by this module only."""

_SCOPE = re.compile(r"full|user|ca|shard-(0|[1-9][0-9]{0,5})", re.ASCII)


class PreparedCrl:
    """
    A linted TBSCertList in a temporary file, waiting for its number to be recorded.

    Only `prepare_crl` makes one; only `sign_crl` takes it, once. Used with `with`, or closed, it
    gives the space back.
    """

    __slots__ = ("_spent", "entry_count", "frame", "issuer", "scope", "spool", "tbs_digest")

    def __init__(
        self,
        issuer: str,
        scope: str,
        frame: CrlFrame,
        spool: Spool,
        entry_count: int,
        made_here: object,
    ) -> None:
        if made_here is not _MADE_HERE:
            raise TypeError("a PreparedCrl is made by issuance.prepare_crl")
        self.issuer = issuer
        self.scope = scope
        self.frame = frame
        self.spool = spool
        self.entry_count = entry_count
        self.tbs_digest = _sha256(spool)
        """SHA-256 of the TBSCertList, in hex."""
        self._spent = False

    @property
    def number(self) -> int:
        return self.frame.number

    def spend(self) -> None:
        """Mark it as used. Raises `IssuanceError` when it already was."""
        if self._spent:
            raise IssuanceError(
                f"CRL {self.number} of {self.issuer} was signed already", code="issuance.spent"
            )
        self._spent = True

    def close(self) -> None:
        self.spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def prepare_crl(
    issuer: Issuer,
    entries: Iterable[tuple[int, model.Revocation]],
    directory: Path,
    *,
    scope: str,
    number: int,
    this_update: datetime,
    next_update: datetime,
    hash_name: str | None,
    issuing_distribution_point: IssuingDistributionPoint | None = None,
) -> PreparedCrl:
    """
    Build and lint what would be signed.

    1. Stream the entries, in their order, to a temporary file in `directory`.
    2. Lint these bytes.

    `scope` is `full`, `user`, `ca` or `shard-<n>`, and `issuing_distribution_point` says the same:
    a partial CRL that does not say so would count all others as not revoked. `hash_name` is what
    the authority signs with; None for a key that takes no hash. Times have whole seconds.

    Raises:
        IssuanceError: `findings` has every error found; no file is left.
        OSError: the file cannot be written.
    """
    if issuer.certificate is None:
        raise IssuanceError(
            f"{issuer.name} has no certificate yet, so it has no CRL",
            code="issuance.issuer_not_issued",
        )
    _check_scope(issuer, scope, issuing_distribution_point)
    spool = Spool(directory)
    try:
        frame = CrlFrame(
            issuer.certificate,
            number,
            this_update,
            next_update,
            signature_algorithm(issuer.key.public_key(), hash_name),
            issuing_distribution_point,
        )
        entry_count = write_tbs_cert_list(frame, entries, spool.file)
        spool.seal()
        _check_lint(issuer, lint_tbs_cert_list(spool, issuer.certificate))
        return PreparedCrl(issuer.name, scope, frame, spool, entry_count, _MADE_HERE)
    except InvalidValueError as error:
        spool.close()
        raise IssuanceError(
            error.message, help=error.help, code=error.code, findings=(error.finding(),)
        ) from None
    except BaseException:
        spool.close()
        raise


def sign_crl(prepared: PreparedCrl, issuer: Issuer, destination: Path | None = None) -> IssuedCrl:
    """
    Sign exactly the prepared bytes, and put the CRL in DER at `destination`, durably.

    Without a destination it gets a name of its own in the directory it was prepared in. The number
    must be in the store by now.

    1. Sign: the hash, made piece by piece; the whole, mapped, with a key that takes no hash.
    2. Verify the signature with the public key of the authority's certificate.
    3. Write the file, and compare what goes into it with what was prepared. Only then it takes the
       place of what was there.

    Raises:
        IssuanceError: the issuer is another one, the signature does not verify, or the bytes are
            others than those that were linted. `destination` is what it was.
        OSError: the file cannot be written.
    """
    prepared.spend()
    frame, spool = prepared.frame, prepared.spool
    if issuer.name != prepared.issuer or issuer.certificate != frame.issuer:
        raise IssuanceError(
            f"CRL {prepared.number} was not prepared for {issuer.name} as it is",
            code="issuance.reservation_unfit",
        )
    signature = _sign(spool, frame.algorithm, frame.issuer, issuer)
    front, behind = around_tbs_cert_list(
        len(spool), frame.algorithm.algorithm_identifier_der, signature
    )
    digest = hashlib.sha256()
    if destination is None:
        destination = spool.directory / f"{prepared.tbs_digest}.crl"
    write_file_atomically(destination, _hashed(_parts(prepared, front, behind), digest))
    return IssuedCrl(
        issuer=issuer.name,
        scope=prepared.scope,
        number=frame.number,
        this_update=frame.this_update,
        next_update=frame.next_update,
        digest=digest.hexdigest(),
        entry_count=prepared.entry_count,
        path=destination,
    )


def _sign(
    spool: Spool, algorithm: SignatureAlgorithm, certificate: x509.Certificate, issuer: Issuer
) -> bytes:
    """Return the signature, verified."""
    state = algorithm.new_hash()
    if state is None:
        with spool.mapped() as data:
            return _sign_and_verify(data, algorithm, certificate, issuer, prehashed=False)
    for chunk in spool.chunks():
        state.update(chunk)
    return _sign_and_verify(state.finalize(), algorithm, certificate, issuer, prehashed=True)


def _sign_and_verify(
    data: bytes | memoryview,
    algorithm: SignatureAlgorithm,
    certificate: x509.Certificate,
    issuer: Issuer,
    *,
    prehashed: bool,
) -> bytes:
    arguments = algorithm.sign_arguments(issuer.key.public_key(), prehashed=prehashed)
    # Keys that take no hash take any buffer, whatever the annotation of the others says.
    signature = issuer.key.sign(cast("bytes", data), *arguments)
    try:
        algorithm.verify_signature(certificate.public_key(), signature, data, prehashed=prehashed)
    except (InvalidSignature, TypeError, ValueError):  # the latter: not even bytes
        raise IssuanceError(
            f"the key of {issuer.name} gave a signature that does not verify; it was thrown away",
            help="check the key backend; the next run makes another CRL",
            code="issuance.signature_invalid",
        ) from None
    return signature


def _parts(prepared: PreparedCrl, front: bytes, behind: bytes) -> Iterator[bytes]:
    """Yield the DER of the CRL. Raises `IssuanceError` at the end of it if it is another one."""
    tbs_digest = hashlib.sha256()
    yield front
    yield from _hashed(prepared.spool.chunks(), tbs_digest)
    yield behind
    if tbs_digest.hexdigest() != prepared.tbs_digest:
        raise IssuanceError(
            f"CRL {prepared.number} of {prepared.issuer}: signed bytes differ from the linted ones",
            code="issuance.bytes_differ",
        )


def _hashed(parts: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    """Pass the parts on, and into `digest`."""
    for part in parts:
        digest.update(part)
        yield part


def _sha256(spool: Spool) -> str:
    digest = hashlib.sha256()
    for chunk in spool.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def _check_scope(issuer: Issuer, scope: str, point: IssuingDistributionPoint | None) -> None:
    """RFC 5280 section 5.2.5: what is not complete for the issuer says so."""
    flags = (point.only_contains_user_certs, point.only_contains_ca_certs) if point else ()
    fits = {
        "full": not any(flags),
        "user": flags == (True, False),
        "ca": flags == (False, True),
    }.get(scope, point is not None and bool(point.full_name))
    if not _SCOPE.fullmatch(scope) or not fits:
        raise IssuanceError(
            f"the scope {quoted(scope)} of a CRL of {issuer.name} is not what its "
            "issuingDistributionPoint says",
            code="issuance.crl_scope",
        )


def _check_lint(issuer: Issuer, findings: list[Finding]) -> None:
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise IssuanceError(
            f"the CRL of {issuer.name} is not signed: "
            f"{'; '.join(finding.message for finding in errors)}",
            help=errors[0].help,
            code=errors[0].code,
            findings=errors,
        )
