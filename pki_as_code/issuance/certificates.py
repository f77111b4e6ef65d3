"""
Certificates: prepared, reserved by the caller, then signed.

    prepare_certificate   request -> TBSCertificate, linted -> PreparedCertificate
    (the caller reserves it in the store: durable before the key is touched)
    sign_certificate      signs the prepared bytes and nothing else, verifies -> IssuedCertificate

A `PreparedCertificate` can only be made here, and signs once. What an earlier run reserved and did
not get to record comes back through `prepare_reserved`, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from pki_as_code.errors import InvalidValueError, IssuanceError
from pki_as_code.issuance.issuer import Issuer, public_key_der
from pki_as_code.model import (
    AUTHORITY,
    CertificateRequest,
    IssuedCertificate,
    Reason,
    Reservation,
    Severity,
    sha256_digest,
)
from pki_as_code.pkix.algorithms import SignatureAlgorithm, signature_algorithm
from pki_as_code.pkix.certificate import assemble_certificate, load_draft, subject_name_der
from pki_as_code.pkix.drafts import certificate_findings, is_draft_of, make_draft
from pki_as_code.pkix.judged import is_judged
from pki_as_code.pkix.raw_certificate import read_tbs_certificate
from pki_as_code.pkix.serial_numbers import format_serial_number, random_serial_number

_MADE_HERE = object()
"""Passed to `PreparedCertificate` by this module only."""


class PreparedCertificate:
    """
    Linted bytes, waiting to be reserved and then signed once.

    Only `prepare_certificate` and `prepare_reserved` make one; only `sign_certificate` takes it.
    """

    __slots__ = ("_spent", "algorithm", "reservation")

    def __init__(
        self, reservation: Reservation, algorithm: SignatureAlgorithm, made_here: object
    ) -> None:
        if made_here is not _MADE_HERE:
            raise TypeError("a PreparedCertificate is made by issuance.prepare_certificate")
        self.reservation = reservation
        self.algorithm = algorithm
        self._spent = False

    def spend(self) -> None:
        """Mark it as used. Raises `IssuanceError` when it already was."""
        if self._spent:
            raise IssuanceError(
                f"{self.reservation.object_id.path} was signed already", code="issuance.spent"
            )
        self._spent = True


@dataclass(frozen=True, slots=True)
class Origin:
    """Why and for whom a certificate is issued; goes into the reservation."""

    reason: Reason
    replaces: int | None
    commit: str
    path: str
    deletion_policy: str


def prepare_certificate(
    request: CertificateRequest, issuer: Issuer, origin: Origin, now: datetime
) -> PreparedCertificate:
    """
    Build and lint what would be signed.

    1. Draw a serial number, build the TBSCertificate.
    2. Lint it, and check it against the issuer's chain.

    Raises:
        IssuanceError: `findings` has every error found. Nothing was reserved.
    """
    return take_draft(linted_draft(request, issuer, now), request, issuer, origin)


def linted_draft(
    request: CertificateRequest,
    issuer: Issuer,
    now: datetime,
    judged: Collection[bytes] = frozenset(),
) -> bytes:
    """
    Return the TBSCertificate. Raises as `prepare_certificate`; for this room only.

    `judged` are the marks of drafts that this run has judged: where one of them stands for these
    very bytes but for the serial number, the serial number is what is left to be linted.
    """
    _check_signs(request, issuer)
    try:
        tbs_certificate = make_draft(
            request, issuer.chain, serial_number=random_serial_number(), now=now
        )
    except InvalidValueError as error:
        raise IssuanceError(
            error.message, help=error.help, code=error.code, findings=(error.finding(),)
        ) from None
    if not is_judged(tbs_certificate, issuer.chain, judged):
        _check_lint(request.object_id.path, load_draft(tbs_certificate), issuer)
    return tbs_certificate


def take_draft(
    tbs_certificate: bytes, request: CertificateRequest, issuer: Issuer, origin: Origin
) -> PreparedCertificate:
    """Return what `linted_draft` gave for the same request, ready to be reserved."""
    asked = request.to_json()
    reservation = Reservation(
        object_id=request.object_id,
        issuer=issuer.name,
        serial_number=load_draft(tbs_certificate).serial_number,
        tbs_certificate=tbs_certificate,
        request=asked,
        request_digest=sha256_digest(asked),
        intent=dict(request.intent),
        reason=origin.reason.code,
        replaces=origin.replaces,
        commit=origin.commit,
        path=origin.path,
        deletion_policy=origin.deletion_policy,
    )
    return PreparedCertificate(reservation, _algorithm(request, issuer), _MADE_HERE)


def prepare_reserved(
    reservation: Reservation, request: CertificateRequest, issuer: Issuer
) -> PreparedCertificate:
    """
    Take up what an earlier run reserved: the same bytes, if `request` still asks for them.

    The serial number may already stand on a signature that nobody recorded; only the stored bytes
    may ever carry it. The store is no authority over what is signed: the bytes must be what is made
    of the request, and pass every lint, as if they were made now.

    Raises:
        IssuanceError: the stored bytes are not for this issuer, or not what is asked for.
    """
    _check_signs(request, issuer)
    algorithm = _algorithm(request, issuer)
    tbs_certificate = reservation.tbs_certificate
    try:
        fits = (
            _is_for(reservation, issuer, algorithm)
            and request.digest == reservation.request_digest
            and is_draft_of(tbs_certificate, request, issuer.chain)
        )
    except InvalidValueError:
        fits = False
    if not fits:
        raise IssuanceError(
            f"the reservation {format_serial_number(reservation.serial_number)} is not one that "
            f"{issuer.name} can sign",
            help="put back the key it was made for; `pkictl store verify` says whether something "
            "is wrong with the store",
            code="issuance.reservation_unfit",
        )
    _check_lint(request.object_id.path, load_draft(tbs_certificate), issuer)
    return PreparedCertificate(reservation, algorithm, _MADE_HERE)


def sign_certificate(prepared: PreparedCertificate, issuer: Issuer) -> IssuedCertificate:
    """
    Sign exactly the prepared bytes. They must be in the store by now.

    1. Sign.
    2. Verify the signature with the authority's public key, not with the private key's idea of it.
    3. Parse the result back and compare the signed part with what was prepared.

    Raises:
        IssuanceError: the signature does not verify (a broken token or key service).
    """
    prepared.spend()
    return take_signature(prepared, issuer, verified_signature(prepared, issuer))


def verified_signature(prepared: PreparedCertificate, issuer: Issuer) -> bytes:
    """Return the signature. Raises as `sign_certificate`; for this room only."""
    algorithm = prepared.algorithm
    tbs_certificate = prepared.reservation.tbs_certificate
    arguments = algorithm.sign_arguments(issuer.key.public_key())
    signature = issuer.key.sign(tbs_certificate, *arguments)
    public_key = issuer.certificate.public_key() if issuer.certificate else issuer.key.public_key()
    try:
        algorithm.verify_signature(public_key, signature, tbs_certificate)
    except (InvalidSignature, TypeError, ValueError):  # the latter: not even bytes
        raise IssuanceError(
            f"the key of {issuer.name} gave a signature that does not verify; it was thrown away",
            help="check the key backend; the reservation stays and the next run signs it",
            code="issuance.signature_invalid",
        ) from None
    return signature


def take_signature(
    prepared: PreparedCertificate, issuer: Issuer, signature: bytes
) -> IssuedCertificate:
    """Return the certificate with what `verified_signature` gave for the same bytes."""
    reservation = prepared.reservation
    tbs_certificate = reservation.tbs_certificate
    der = assemble_certificate(tbs_certificate, signature)
    certificate = x509.load_der_x509_certificate(der)
    if certificate.tbs_certificate_bytes != tbs_certificate:
        raise IssuanceError(
            f"{reservation.object_id.path}: signed bytes differ from the reserved ones",
            code="issuance.bytes_differ",
        )
    return IssuedCertificate(
        object_id=reservation.object_id,
        issuer=issuer.name,
        serial_number=certificate.serial_number,
        certificate_der=der,
        signature=signature,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
    )


def _check_signs(request: CertificateRequest, issuer: Issuer) -> None:
    """An authority without a certificate signs its own, and nothing else before that."""
    self_signed = request.object_id.kind == AUTHORITY and request.object_id.name == request.issuer
    if request.issuer != issuer.name or (issuer.certificate is None) is not self_signed:
        raise IssuanceError(
            f"{issuer.name} cannot sign {request.object_id.path} as it is",
            help="`pkictl plan` says which authorities are to be signed first",
            code="issuance.issuer_not_issued",
        )


def _is_for(reservation: Reservation, issuer: Issuer, algorithm: SignatureAlgorithm) -> bool:
    """Tell whether the reserved bytes name this issuer, its key and how it signs."""
    tbs = read_tbs_certificate(reservation.tbs_certificate)
    names_issuer = (
        tbs.issuer.encoding == subject_name_der(issuer.certificate)
        if issuer.certificate
        else tbs.public_key.encoding == public_key_der(issuer.key)
    )
    return (
        names_issuer
        and reservation.issuer == issuer.name
        and load_draft(reservation.tbs_certificate).serial_number == reservation.serial_number
        and tbs.signature_algorithm.encoding == algorithm.algorithm_identifier_der
    )


def _check_lint(path: str, draft: x509.Certificate, issuer: Issuer) -> None:
    errors = [
        finding
        for finding in certificate_findings(draft, issuer.chain)
        if finding.severity is Severity.ERROR
    ]
    if errors:
        raise IssuanceError(
            f"{path} is not signed: {'; '.join(finding.message for finding in errors)}",
            help=errors[0].help,
            code=errors[0].code,
            findings=errors,
        )


def _algorithm(request: CertificateRequest, issuer: Issuer) -> SignatureAlgorithm:
    return signature_algorithm(issuer.key.public_key(), request.hash_algorithm)
