"""
A resolved request to a TBSCertificate; a TBSCertificate and a signature to a certificate.

The TBSCertificate is joined from fields that are encoded already, so that it can be stored before
it is signed, and so that the name of the issuer and the public key are byte for byte what the
issuer's certificate and the CSR have.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import CertificateRequest, RequestedExtension
from pki_as_code.pkix import der
from pki_as_code.pkix.algorithms import signature_algorithm
from pki_as_code.pkix.extensions import (
    EXTENSIONS,
    NAMES_BY_OID,
    EncodedExtension,
    encode_extension,
)
from pki_as_code.pkix.general_names import parse_general_name
from pki_as_code.pkix.names import parse_name
from pki_as_code.pkix.raw_certificate import (
    public_key_bits,
    read_tbs_certificate,
    signature_algorithm_der,
    split_certificate,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

__all__ = [
    "EXTENSION_ORDER",
    "assemble_certificate",
    "load_draft",
    "make_tbs_certificate",
    "split_certificate",
    "subject_key_identifier",
    "subject_name_der",
    "validity_of",
]

_FIRST = (
    "authorityKeyIdentifier",
    "subjectKeyIdentifier",
    "basicConstraints",
    "keyUsage",
    "extendedKeyUsage",
    "subjectAltName",
)
EXTENSION_ORDER: Final = (*_FIRST, *(e.name for e in EXTENSIONS if e.name not in _FIRST))
"""The order of extensions in a certificate; custom ones follow, by object identifier."""

_POSITIONS: Final = {oid: EXTENSION_ORDER.index(name) for oid, name in NAMES_BY_OID.items()}

_SUBJECT_KEY_IDENTIFIER: Final = x509.SubjectKeyIdentifier.oid.dotted_string
_VERSION_3 = 2
_DUMMY_SIGNATURE = bytes(64)


def make_tbs_certificate(
    request: CertificateRequest,
    *,
    issuer_name_der: bytes,
    issuer_public_key: PublicKeyTypes,
    issuer_key_identifier: bytes | None,
    serial_number: int,
    not_before: datetime,
    not_after: datetime,
    variables: Mapping[str, str],
) -> bytes:
    """
    Return the DER of the TBSCertificate that answers `request` (RFC 5280 section 4.1).

    `issuer_name_der` is the subject of the issuer's certificate as that encodes it.
    `issuer_key_identifier` is its subject key identifier; None where it has none, and for a root
    that signs itself: then the identifier of `issuer_public_key` is taken. Times have whole
    seconds. `variables` are the values for `{NAME}` in URIs.

    Raises:
        InvalidValueError: a name, an extension, a time or the hash cannot be used.
    """
    subject = parse_name(request.subject)
    algorithm = signature_algorithm(issuer_public_key, request.hash_algorithm)
    extensions = [
        _authority_key_identifier(issuer_key_identifier, issuer_public_key),
        _subject_key_identifier(request.public_key_der),
        _basic_constraints(request),
        *_subject_alternative_name(request, bool(subject.rdns)),
        *(encode_extension(e, variables) for e in _with_a_value(request.extensions)),
    ]
    extensions.sort(key=_position)
    return der.encode_sequence(
        der.encode_explicit(0, der.encode_integer(_VERSION_3)),
        der.encode_integer(serial_number),
        algorithm.algorithm_identifier_der,
        issuer_name_der,
        der.encode_sequence(der.encode_time(not_before), der.encode_time(not_after)),
        subject.public_bytes(),
        request.public_key_der,
        der.encode_explicit(
            3, der.encode_sequence(*(extension.encode() for extension in extensions))
        ),
    )


def validity_of(request: CertificateRequest, now: datetime) -> tuple[datetime, datetime]:
    """
    Return notBefore and notAfter, in UTC with whole seconds.

    notBefore is `now` less the backdating. A validity counts from `now`, and both ends belong to it
    (RFC 5280 section 4.1.2.5): 90 days at 10:00:00 end at 09:59:59, whatever the backdating is for
    clocks that are slow.

    Raises `InvalidValueError` (`certificate.bad_validity`) where that is no time, or ends before it
    begins.
    """
    start = now.astimezone(UTC).replace(microsecond=0)
    try:
        not_before = start - timedelta(seconds=request.backdate_seconds)
        if request.not_after is not None:
            not_after = request.not_after.astimezone(UTC).replace(microsecond=0)
        else:
            not_after = start + timedelta(seconds=(request.validity_seconds or 0) - 1)
    except OverflowError:
        raise InvalidValueError(
            f"a validity of {request.validity_seconds} seconds ends after the year 9999",
            help="give a shorter validity",
            code="certificate.bad_validity",
        ) from None
    if not_after <= start:
        raise InvalidValueError(
            f"the certificate would end at {not_after:%Y-%m-%dT%H:%M:%SZ}, which is not after now",
            help="give a later notAfter, or a longer validity",
            code="certificate.bad_validity",
        )
    return not_before, not_after


def assemble_certificate(tbs_certificate: bytes, signature: bytes) -> bytes:
    """
    Return the DER of the certificate.

    The outer signatureAlgorithm is a copy of the inner one (RFC 5280 section 4.1.1.2). Raises
    `InvalidValueError` for bytes that are not a TBSCertificate.
    """
    algorithm = signature_algorithm_der(tbs_certificate)
    return der.encode_sequence(tbs_certificate, algorithm, der.encode_bit_string(signature))


def load_draft(tbs_certificate: bytes) -> x509.Certificate:
    """
    Return a certificate to look at, with exactly these bytes and a signature of zeros.

    Raises `InvalidValueError` (`certificate.unreadable`) when it cannot be parsed.
    """
    try:
        return x509.load_der_x509_certificate(
            assemble_certificate(tbs_certificate, _DUMMY_SIGNATURE)
        )
    except InvalidValueError:
        raise
    except (ValueError, x509.InvalidVersion):
        raise InvalidValueError(
            "the TBSCertificate cannot be parsed", code="certificate.unreadable"
        ) from None


def subject_name_der(certificate: x509.Certificate) -> bytes:
    """
    Return the subject byte for byte as the certificate has it.

    An issuer name must repeat these bytes: the kind of string counts for those who compare
    (RFC 5280 section 4.1.2.6).
    """
    return read_tbs_certificate(certificate.tbs_certificate_bytes).subject.encoding


def subject_key_identifier(public_key_der: bytes) -> bytes:
    """Return the SHA-1 of the BIT STRING (RFC 5280 section 4.2.1.2, method 1); 20 octets."""
    return hashlib.sha1(public_key_bits(public_key_der), usedforsecurity=False).digest()


def _authority_key_identifier(
    key_identifier: bytes | None, issuer_public_key: PublicKeyTypes
) -> EncodedExtension:
    if key_identifier is None:
        key_identifier = subject_key_identifier(
            issuer_public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        )
    return _encoded_authority_key_identifier(key_identifier)


@functools.lru_cache(maxsize=64)
def _encoded_authority_key_identifier(key_identifier: bytes) -> EncodedExtension:
    # RFC 5280 section 4.2.1.1: keyIdentifier; issuer and serial would tie renewals of the issuer
    # to one of its certificates.
    return _encoded(x509.AuthorityKeyIdentifier(key_identifier, None, None), critical=False)


def _subject_key_identifier(public_key_der: bytes) -> EncodedExtension:
    identifier = subject_key_identifier(public_key_der)
    # KeyIdentifier ::= OCTET STRING, which is all there is to it.
    value = der.encode_octet_string(identifier)
    return EncodedExtension(_SUBJECT_KEY_IDENTIFIER, False, value)


def _basic_constraints(request: CertificateRequest) -> EncodedExtension:
    """RFC 5280 section 4.2.1.9; DER leaves cA FALSE out, so an end entity has an empty SEQUENCE."""
    return _encoded_basic_constraints(request.is_ca, request.path_length if request.is_ca else None)


@functools.lru_cache(maxsize=64)
def _encoded_basic_constraints(is_ca: bool, path_length: int | None) -> EncodedExtension:
    return _encoded(x509.BasicConstraints(is_ca, path_length), critical=True)


def _subject_alternative_name(
    request: CertificateRequest, has_subject: bool
) -> list[EncodedExtension]:
    """RFC 5280 section 4.2.1.6: critical when there is no subject, unless asked for otherwise."""
    if not request.subject_alternative_names:
        return []
    names = [parse_general_name(name) for name in request.subject_alternative_names]
    asked = [e.critical for e in request.extensions if e.name == "subjectAltName"]
    critical = asked[0] if asked else not has_subject
    return [_encoded(x509.SubjectAlternativeName(names), critical=critical)]


def _with_a_value(
    extensions: tuple[RequestedExtension, ...],
) -> list[RequestedExtension]:
    """Return those whose value is in the request, without the mark on subjectAltName."""
    return [
        extension
        for extension in extensions
        if extension.name != "subjectAltName" or extension.value is not None
    ]


def _position(extension: EncodedExtension) -> tuple[int, str]:
    return _POSITIONS.get(extension.oid, len(EXTENSION_ORDER)), extension.oid


def _encoded(value: x509.ExtensionType, *, critical: bool) -> EncodedExtension:
    return EncodedExtension(value.oid.dotted_string, critical, value.public_bytes())
