"""
OCSP responses: signed by a responder the authority delegated to, never by the authority itself.

    open_responder   key and certificate, which fit each other and the authority
    sign_response    what is to be said -> signed, verified, parsed back
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from pki_as_code.errors import IssuanceError, KeyBackendError
from pki_as_code.issuance.issuer import encode_public_key, public_key_der
from pki_as_code.model import format_time
from pki_as_code.pkix.algorithms import default_hash_name, signature_algorithm
from pki_as_code.pkix.certificate import subject_key_identifier
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.pkix.ocsp import SingleResponse, assemble_response, encode_response_data

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


@dataclass(frozen=True)
class Responder:
    """Who signs OCSP responses for one authority, ready to do it."""

    authority: str
    """The authority's `metadata.name`."""

    key: CertificateIssuerPrivateKeyTypes = field(repr=False)
    certificate: x509.Certificate
    issuer: x509.Certificate
    """The authority's certificate."""

    validity: timedelta
    """Time from thisUpdate to nextUpdate of what it signs (`spec.ocsp.validity`)."""


@dataclass(frozen=True, slots=True)
class SignedResponse:
    response_der: bytes = field(repr=False)
    this_update: datetime
    next_update: datetime


def open_responder(
    authority: str,
    key: CertificateIssuerPrivateKeyTypes,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    validity: timedelta,
) -> Responder:
    """
    Return the responder ready to sign.

    Raises:
        KeyBackendError: `key.mismatch`, the key is not the one in the certificate.
        IssuanceError: `responder.unfit`, the certificate is not one to sign responses with.
    """
    if public_key_der(key) != encode_public_key(certificate.public_key()):
        raise KeyBackendError(
            f"the private key of the OCSP responder of {authority} is not the one in its "
            "certificate",
            help="put the right key back; without it, `pkictl reconcile` makes another",
            code="key.mismatch",
        )
    if not _is_delegated(certificate, issuer):
        raise IssuanceError(
            f"the certificate of the OCSP responder of {authority} is not from {authority}, or "
            "not for OCSPSigning",
            help="`pkictl store verify` says whether something is wrong with the store",
            code="responder.unfit",
        )
    return Responder(authority, key, certificate, issuer, validity)


def _is_delegated(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """RFC 6960 section 4.2.2.2: issued directly by the authority, with id-kp-OCSPSigning."""
    try:
        certificate.verify_directly_issued_by(issuer)
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, ValueError, TypeError, x509.ExtensionNotFound, *UNREADABLE):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usages


def sign_response(
    responder: Responder,
    responses: Sequence[SingleResponse],
    now: datetime,
    nonce: bytes | None = None,
) -> SignedResponse:
    """
    Sign what is to be said of these certificates, all of them the responder's authority's.

    1. thisUpdate is now; nextUpdate is never after the end of the responder's certificate.
    2. Sign, and verify with the key in the certificate.
    3. Parse the result back and compare the signed part with what was to be signed.

    Raises:
        IssuanceError: `responder.none`, its certificate is not valid now;
            `responder.signature_invalid`, the key backend gave something else than a signature.
    """
    certificate = responder.certificate
    this_update, next_update = response_period(responder, now)
    public_key = certificate.public_key()
    response_data = encode_response_data(
        responses,
        responder_key_hash=subject_key_identifier(encode_public_key(public_key)),
        this_update=this_update,
        next_update=next_update,
        produced_at=this_update,
        nonce=nonce,
    )
    algorithm = signature_algorithm(public_key, default_hash_name(public_key))
    signature = responder.key.sign(response_data, *algorithm.sign_arguments(public_key))
    try:
        algorithm.verify_signature(public_key, signature, response_data)
    except (InvalidSignature, TypeError, ValueError):
        raise _broken(responder) from None
    response_der = assemble_response(
        response_data,
        algorithm.algorithm_identifier_der,
        signature,
        [certificate.public_bytes(Encoding.DER)],
    )
    if ocsp.load_der_ocsp_response(response_der).tbs_response_bytes != response_data:
        raise _broken(responder)
    return SignedResponse(response_der, this_update, next_update)


def response_period(responder: Responder, now: datetime) -> tuple[datetime, datetime]:
    """
    Return thisUpdate and nextUpdate of a response that is signed now.

    Raises `IssuanceError` (`responder.none`) when the responder's certificate is not valid now.
    """
    certificate = responder.certificate
    this_update = now.astimezone(UTC).replace(microsecond=0)
    end = min(certificate.not_valid_after_utc, responder.issuer.not_valid_after_utc)
    next_update = min(this_update + responder.validity, end)
    if not certificate.not_valid_before_utc <= this_update < next_update:
        raise IssuanceError(
            f"the certificate of the OCSP responder of {responder.authority} is valid from "
            f"{format_time(certificate.not_valid_before_utc)} to {format_time(end)}, and not now",
            help="`pkictl reconcile` renews it in time when it is run every day",
            code="responder.none",
        )
    return this_update, next_update


def _broken(responder: Responder) -> IssuanceError:
    return IssuanceError(
        f"the key of the OCSP responder of {responder.authority} gave a signature that does not "
        "verify; it was thrown away",
        help="check the key backend",
        code="responder.signature_invalid",
    )
