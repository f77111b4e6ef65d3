"""What the index says of a certificate, read from the certificate itself."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.certificate import assemble_certificate, load_draft
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.pkix.names import common_name, format_name, parse_name_der
from pki_as_code.pkix.raw_certificate import read_tbs_certificate


@dataclass(frozen=True, slots=True)
class Description:
    """The columns that come from the certificate."""

    serial_number: int
    subject: str
    common_name: str | None
    subject_alternative_names: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    public_key_sha256: str
    fingerprint_sha256: str


def describe_certificate(certificate_der: bytes) -> Description:
    """Return what the index keeps. Raises `InvalidValueError` (`certificate.unreadable`)."""
    try:
        with warnings.catch_warnings():
            # What others put into their certificates is told by the lints, not here.
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(certificate_der)
            raw = read_tbs_certificate(certificate.tbs_certificate_bytes)
            subject = parse_name_der(raw.subject.encoding)
            return Description(
                serial_number=certificate.serial_number,
                subject=format_name(subject),
                common_name=common_name(subject),
                subject_alternative_names=_alternative_names(certificate),
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                public_key_sha256=hashlib.sha256(raw.public_key.encoding).hexdigest(),
                fingerprint_sha256=hashlib.sha256(certificate_der).hexdigest(),
            )
    except InvalidValueError:
        raise
    except (ValueError, TypeError) as error:
        raise InvalidValueError(
            f"the certificate cannot be read: {type(error).__name__}",
            code="certificate.unreadable",
        ) from error


def reserved_serial_number(tbs_certificate: bytes) -> int:
    """Return the serial number in a TBSCertificate. Raises `InvalidValueError`."""
    return load_draft(tbs_certificate).serial_number


def reserved_end(tbs_certificate: bytes) -> datetime:
    """Return the notAfter in a TBSCertificate. Raises `InvalidValueError`."""
    return load_draft(tbs_certificate).not_valid_after_utc


def finished_certificate(tbs_certificate: bytes, signature: bytes) -> bytes:
    """Return the DER of the certificate that a reservation and its signature make."""
    return assemble_certificate(tbs_certificate, signature)


def is_issued_by(certificate_der: bytes, issuer_der: bytes) -> bool:
    """Tell whether names and signature say that the issuer's key signed the certificate."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    issuer = x509.load_der_x509_certificate(issuer_der)
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm)
        return False
    return True


def is_self_issued(certificate_der: bytes) -> bool:
    """Tell whether the issuer is named as the subject is (RFC 5280 section 3.2)."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    return certificate.issuer == certificate.subject


def _alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(format_general_name(name) for name in extension.value)
