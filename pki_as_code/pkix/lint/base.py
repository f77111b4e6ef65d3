"""What a lint looks at, and what it says."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding, Severity
from pki_as_code.pkix import der
from pki_as_code.pkix.algorithms import HASHES, signature_algorithm
from pki_as_code.pkix.extensions import extension_name
from pki_as_code.pkix.raw_certificate import (
    RawExtension,
    RawTbsCertificate,
    read_tbs_certificate,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

AUTHORITY_INFORMATION_ACCESS: Final = "1.3.6.1.5.5.7.1.1"
AUTHORITY_KEY_IDENTIFIER: Final = "2.5.29.35"
BASIC_CONSTRAINTS: Final = "2.5.29.19"
CERTIFICATE_POLICIES: Final = "2.5.29.32"
CRL_DISTRIBUTION_POINTS: Final = "2.5.29.31"
EXTENDED_KEY_USAGE: Final = "2.5.29.37"
FRESHEST_CRL: Final = "2.5.29.46"
ISSUER_ALTERNATIVE_NAME: Final = "2.5.29.18"
KEY_USAGE: Final = "2.5.29.15"
NAME_CONSTRAINTS: Final = "2.5.29.30"
NO_REVOCATION_AVAILABLE: Final = "2.5.29.56"
OCSP_NO_CHECK: Final = "1.3.6.1.5.5.7.48.1.5"
POLICY_MAPPINGS: Final = "2.5.29.33"
SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"
SUBJECT_INFORMATION_ACCESS: Final = "1.3.6.1.5.5.7.1.11"
SUBJECT_KEY_IDENTIFIER: Final = "2.5.29.14"
TLS_FEATURE: Final = "1.3.6.1.5.5.7.1.24"

KEY_CERT_SIGN: Final = 5
"""Number of the bit in keyUsage (RFC 5280 section 4.2.1.3)."""


@dataclass(frozen=True)
class RawCertificate:
    """A certificate whose encoding was found to be DER."""

    certificate: x509.Certificate
    raw: RawTbsCertificate

    @classmethod
    def of(cls, certificate: x509.Certificate) -> RawCertificate:
        """Raises `InvalidValueError` for a TBSCertificate that cannot be read."""
        return cls(certificate, read_tbs_certificate(certificate.tbs_certificate_bytes))

    @cached_property
    def extensions(self) -> Mapping[str, RawExtension]:
        """Extensions by object identifier; of one that stands there twice the first."""
        found: dict[str, RawExtension] = {}
        for extension in self.raw.extensions or ():
            found.setdefault(extension.oid, extension)
        return found

    def members(self, oid: str) -> tuple[der.Tlv, ...] | None:
        """Return what is inside the SEQUENCE of an extension; None without that extension."""
        extension = self.extensions.get(oid)
        if extension is None:
            return None
        value = der.read_single(extension.value_der)
        return der.children(value) if value.tag == der.SEQUENCE else ()

    def octets(self, oid: str) -> bytes | None:
        """Return the contents of an extension that is one string; None without it."""
        extension = self.extensions.get(oid)
        return None if extension is None else der.read_single(extension.value_der).content

    @cached_property
    def is_ca(self) -> bool:
        """RFC 5280 section 4.2.1.9: cA is TRUE."""
        members = self.members(BASIC_CONSTRAINTS) or ()
        return any(m.tag == der.BOOLEAN and m.content != b"\x00" for m in members[:1])

    @cached_property
    def key_usage_bits(self) -> frozenset[int] | None:
        """Numbers of the bits that are set; None without keyUsage."""
        content = self.octets(KEY_USAGE)
        if content is None:
            return None
        return frozenset(
            8 * position + bit
            for position, octet in enumerate(content[1:])
            for bit in range(8)
            if octet & 0x80 >> bit
        )

    @cached_property
    def extended_key_usages(self) -> tuple[str, ...] | None:
        """Object identifiers in order; None without the extension."""
        members = self.members(EXTENDED_KEY_USAGE)
        if members is None:
            return None
        return tuple(
            der.decode_oid(member.content)
            for member in members
            if member.tag == der.OBJECT_IDENTIFIER
        )

    @cached_property
    def public_key(self) -> PublicKeyTypes | None:
        """The key, which is decoded once; None when it cannot be read."""
        try:
            return self.certificate.public_key()
        except (ValueError, UnsupportedAlgorithm):
            return None

    @cached_property
    def algorithm_identifiers(self) -> frozenset[bytes] | None:
        """AlgorithmIdentifiers of signatures with this key; None when the key cannot be read."""
        public_key = self.public_key
        if public_key is None:
            return None
        found = set()
        for hash_name in (None, *HASHES):
            with contextlib.suppress(InvalidValueError):
                found.add(signature_algorithm(public_key, hash_name).algorithm_identifier_der)
        return frozenset(found)


@dataclass(frozen=True)
class Linted(RawCertificate):
    """The certificate being judged, and the certificate it is to be issued under."""

    issuer: RawCertificate | None = None
    """None for one that signs itself."""


Lint = Callable[[Linted], Iterator[Finding]]


def error(code: str, message: str, *, help_text: str = "") -> Finding:
    """Return a finding that stops issuance."""
    return Finding(code, message, help=help_text)


def warning(code: str, message: str, *, help_text: str = "") -> Finding:
    """Return a finding that is shown and does not stop issuance."""
    return Finding(code, message, severity=Severity.WARNING, help=help_text)


def label(oid: str) -> str:
    """Return what messages call an extension."""
    return re.sub(r"^(?=\d)", "extension ", extension_name(oid))
