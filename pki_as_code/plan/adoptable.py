"""
Certificates made elsewhere, judged before they are taken up: by themselves, and by their authority.

`import_cert`, `validate` and the planner judge by these functions.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted, safe
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.pkix.names import format_name, parse_name_der
from pki_as_code.pkix.pem import decode_single
from pki_as_code.pkix.raw_certificate import (
    RawTbsCertificate,
    read_tbs_certificate,
    split_certificate,
)
from pki_as_code.pkix.serial_numbers import MAX_OCTETS

PEM_LABELS = ("CERTIFICATE", "X509 CERTIFICATE")
_VERSION_3 = b"\x02"

E = TypeVar("E", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True)
class Adoptable:
    """A certificate that can be taken up, as far as the store will know it."""

    certificate: x509.Certificate = field(repr=False)
    der: bytes = field(repr=False)
    serial_number: int
    subject: str
    subject_alternative_names: tuple[str, ...]
    not_after: datetime


# --- The certificate by itself -------------------------------------------------------------------


def decode_adopted(data: bytes) -> bytes:
    """Return the DER of the one certificate in a file. Raises `InvalidValueError` (`adopt.…`)."""
    return decode_single(data, PEM_LABELS, what="certificate", source="adopt")


def read_adoptable(der: bytes) -> Adoptable:
    """
    Read a certificate that was made elsewhere.

    Raises:
        InvalidValueError: `adopt.unreadable`, `adopt.old_version`, `adopt.bad_serial_number`,
            `adopt.is_authority`, or what strict DER says.
    """
    tbs_certificate, _ = split_certificate(der)
    raw = read_tbs_certificate(tbs_certificate)
    serial_number = _check_fields(raw)
    try:
        with warnings.catch_warnings():
            # Of what is deprecated, that which matters is judged here.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            names = _alternative_names(certificate)
            is_authority = _is_authority(certificate)
            subject = format_name(parse_name_der(raw.subject.encoding))
            not_after = certificate.not_valid_after_utc
    except InvalidValueError as error:
        raise _unreadable(error.message) from error
    except UNREADABLE as error:
        raise _unreadable(safe(str(error)) or type(error).__name__) from error
    if is_authority:
        raise InvalidValueError(
            f"the certificate of {quoted(subject)} is one of an authority",
            help="`pkictl import_ca` takes up authorities",
            code="adopt.is_authority",
        )
    return Adoptable(certificate, der, serial_number, subject, names, not_after)


def _check_fields(raw: RawTbsCertificate) -> int:
    """Return the serial number of an X.509 v3 certificate."""
    if raw.version is None or raw.version.content != _VERSION_3:
        raise InvalidValueError(
            "the certificate is not of X.509 version 3",
            help="it cannot say what it is good for; have a new one signed instead",
            code="adopt.old_version",
        )
    serial_number = int.from_bytes(raw.serial_number.content, "big", signed=True)
    if serial_number <= 0 or serial_number.bit_length() > 8 * MAX_OCTETS:
        raise InvalidValueError(
            f"the serial number of the certificate is not a positive number of at most "
            f"{MAX_OCTETS} octets (RFC 5280 section 4.1.2.2)",
            help="it could not be told from others, or revoked; have a new one signed instead",
            code="adopt.bad_serial_number",
        )
    return serial_number


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(format_general_name(name) for name in found.value)


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _unreadable(why: str) -> InvalidValueError:
    return InvalidValueError(
        f"the certificate cannot be read: {why}",
        help="see what `openssl x509 -text` makes of it; have a new one signed instead",
        code="adopt.unreadable",
    )


# --- The certificate and its authority -----------------------------------------------------------


def check_issued_by(adoptable: Adoptable, name: str, issuer: x509.Certificate) -> None:
    """
    Check that the authority `name` signed a certificate: its name, its signature, its key.

    Raises:
        InvalidValueError: `adopt.self_signed`, `adopt.wrong_issuer`, `adopt.bad_signature`,
            `adopt.wrong_key_identifier`.
    """
    certificate = adoptable.certificate
    if certificate.issuer != issuer.subject:
        if _is_signed_by(certificate, certificate):
            raise InvalidValueError(
                f"the certificate of {quoted(adoptable.subject)} signed itself",
                help="nobody trusts it for what an authority says; have a new one signed instead",
                code="adopt.self_signed",
            )
        raise InvalidValueError(
            f"the certificate was issued by {quoted(certificate.issuer.rfc4514_string())}, "
            f"authority {name} is {quoted(issuer.subject.rfc4514_string())}",
            help="name the authority that signed it: --ca, or spec.issuer",
            code="adopt.wrong_issuer",
        )
    if not _is_signed_by(certificate, issuer):
        raise InvalidValueError(
            f"the signature of the certificate is not one of authority {name}",
            help="another authority may have the same name, or the file was changed",
            code="adopt.bad_signature",
        )
    _check_key_identifier(certificate, name, issuer)


def is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether names and signature say that `issuer` signed it."""
    return certificate.issuer == issuer.subject and _is_signed_by(certificate, issuer)


def _is_signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


def _check_key_identifier(
    certificate: x509.Certificate, name: str, issuer: x509.Certificate
) -> None:
    """Compare what the certificate says of its issuer's key (RFC 5280 section 4.2.1.1)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = _extension(certificate, x509.AuthorityKeyIdentifier)
        own = _extension(issuer, x509.SubjectKeyIdentifier)
        serial_number = issuer.serial_number
    if told is None:
        return
    if told.key_identifier is not None:
        fits = own is None or told.key_identifier == own.key_identifier
    else:
        fits = told.authority_cert_serial_number in {None, serial_number}
    if not fits:
        raise InvalidValueError(
            f"the authority key identifier of the certificate is not that of authority {name}",
            help="clients that look for the issuer by it would not find it; have a new one signed",
            code="adopt.wrong_key_identifier",
        )


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None
