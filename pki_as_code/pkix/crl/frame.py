"""What there is to a CRL besides its entries (RFC 5280 section 5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import format_time
from pki_as_code.pkix import der
from pki_as_code.pkix.algorithms import SignatureAlgorithm
from pki_as_code.pkix.certificate import subject_key_identifier, subject_name_der
from pki_as_code.pkix.crl.distribution_point import IssuingDistributionPoint
from pki_as_code.pkix.extensions import EncodedExtension
from pki_as_code.pkix.lint.base import SUBJECT_KEY_IDENTIFIER, RawCertificate

AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
CRL_NUMBER: Final = "2.5.29.20"
CRL_REASON: Final = "2.5.29.21"
INVALIDITY_DATE: Final = "2.5.29.24"
CERTIFICATE_ISSUER: Final = "2.5.29.29"
DELTA_CRL_INDICATOR: Final = "2.5.29.27"
ISSUING_DISTRIBUTION_POINT: Final = "2.5.29.28"

MAX_CRL_NUMBER: Final = 2**159 - 1
"""RFC 5280 section 5.2.3: at most 20 octets."""

VERSION_2: Final = der.encode_integer(1)

REASON_NUMBERS: Final[Mapping[str, int]] = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
"""CRLReason (section 5.3.1) without removeFromCRL, which only a delta CRL may have."""


@dataclass(frozen=True, slots=True)
class CrlFrame:
    """
    A CRL but for its entries and its signature.

    Raises `InvalidValueError` (`crl.bad_number`, `crl.bad_time`) for a number that is negative or
    has more than 20 octets, and for a nextUpdate that is not after thisUpdate.
    """

    issuer: x509.Certificate
    number: int
    this_update: datetime
    next_update: datetime
    algorithm: SignatureAlgorithm
    issuing_distribution_point: IssuingDistributionPoint | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.number <= MAX_CRL_NUMBER:
            raise InvalidValueError(
                f"{self.number:#x} cannot be the number of a CRL: it has at most 20 octets",
                code="crl.bad_number",
            )
        if self.next_update <= self.this_update:
            raise InvalidValueError(
                f"the CRL would end at {format_time(self.next_update)}, before it begins",
                help="give crl.validity a longer duration",
                code="crl.bad_time",
            )

    def encode_fields(self) -> bytes:
        """Return version to nextUpdate. Raises `InvalidValueError` for times with fractions."""
        return b"".join(
            (
                VERSION_2,
                self.algorithm.algorithm_identifier_der,
                subject_name_der(self.issuer),
                der.encode_time(self.this_update),
                der.encode_time(self.next_update),
            )
        )

    def encode_extensions(self) -> bytes:
        """Return crlExtensions: only issuingDistributionPoint is critical (section 5.2)."""
        key_identifier = x509.AuthorityKeyIdentifier(issuer_key_identifier(self.issuer), None, None)
        extensions = [
            EncodedExtension(AUTHORITY_KEY_IDENTIFIER, False, key_identifier.public_bytes()),
            EncodedExtension(CRL_NUMBER, False, der.encode_integer(self.number)),
        ]
        if self.issuing_distribution_point is not None:
            value = self.issuing_distribution_point.encode()
            extensions.append(EncodedExtension(ISSUING_DISTRIBUTION_POINT, True, value))
        return der.encode_explicit(0, der.encode_sequence(*(e.encode() for e in extensions)))


def issuer_key_identifier(issuer: x509.Certificate) -> bytes:
    """Return its subjectKeyIdentifier, or of its key when the certificate has none."""
    identifier = RawCertificate.of(issuer).octets(SUBJECT_KEY_IDENTIFIER)
    if identifier is not None:
        return identifier
    return subject_key_identifier(
        issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )
