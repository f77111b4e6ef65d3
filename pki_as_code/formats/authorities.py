"""Lists of certification authorities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pki_as_code.escape import safe
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.model import JsonValue, format_time
from pki_as_code.pkix.names import common_name, format_name
from pki_as_code.pkix.serial_numbers import format_serial_number


def _ordered(
    certificates: Mapping[str, x509.Certificate],
) -> list[tuple[str, x509.Certificate]]:
    return sorted(certificates.items(), key=lambda item: (item[1].not_valid_after_utc, item[0]))


def authority_lines(certificates: Mapping[str, x509.Certificate], now: datetime) -> Iterator[str]:
    """Yield `4E:1E:2A - Root CA` for each, those that end first before the others."""
    for name, certificate in _ordered(certificates):
        serial = format_serial_number(certificate.serial_number)
        shown = common_name(certificate.subject) or name
        expired = " (expired)" if certificate.not_valid_after_utc < now else ""
        yield f"{serial} - {safe(shown)}{expired}\n"


def authorities_json(
    certificates: Mapping[str, x509.Certificate],
    manifests: Mapping[str, CertificateAuthority],
    now: datetime,
) -> list[JsonValue]:
    """Return each authority that has a certificate, with what its manifest says of it."""
    return [
        _authority_json(name, certificate, manifests.get(name), now)
        for name, certificate in _ordered(certificates)
    ]


def _authority_json(
    name: str,
    certificate: x509.Certificate,
    manifest: CertificateAuthority | None,
    now: datetime,
) -> JsonValue:
    return {
        "serialNumber": format_serial_number(certificate.serial_number),
        "name": name,
        "subject": format_name(certificate.subject),
        "parent": manifest.spec.parent if manifest else None,
        "notBefore": format_time(certificate.not_valid_before_utc),
        "notAfter": format_time(certificate.not_valid_after_utc),
        "status": "expired" if certificate.not_valid_after_utc < now else "valid",
        "keyType": manifest.spec.key_type if manifest else None,
        "usages": list(manifest.spec.usages) if manifest else [],
        "fingerprintSha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }
