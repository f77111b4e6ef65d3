"""What people see and read out at a ceremony."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from pki_as_code.escape import safe
from pki_as_code.formats.terminal import count_of
from pki_as_code.model import format_time
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.raw_certificate import read_tbs_certificate
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.pkix.text import format_certificate_text
from pki_as_code.plan.bundles import Bundle, CertificateBundle, CrlBundle, RevokedSerialNumber

_GROUP = 8
_MOST_ENTRIES = 500
"""So many serial numbers are shown; nobody at the table reads more."""


def format_digest(digest: str) -> str:
    """Return a hex digest in groups of eight, as it can be read out."""
    return " ".join(digest[at : at + _GROUP] for at in range(0, len(digest), _GROUP))


def format_prepared(bundle: Bundle, digest: str) -> str:
    """Return what the online side notes down about a bundle."""
    return "\n".join(_bundle_lines(bundle, digest)) + "\n"


def format_to_be_signed(
    bundle: CertificateBundle, digest: str, tbs_certificate: bytes, issuer: x509.Certificate | None
) -> str:
    """Return all that is going to be signed, and by whom, for the people at the table."""
    draft = load_draft(tbs_certificate)
    lines = [
        *_bundle_lines(bundle, digest),
        f"key certified   SHA-256 {format_digest(certified_key(tbs_certificate))}",
        *_signer_lines(bundle.request.issuer, issuer),
        "",
        "This is signed:",
        "",
        format_certificate_text(draft, status="to be signed", pem=False, digests=False).rstrip(),
    ]
    return "\n".join(lines) + "\n"


def format_crl_to_be_signed(
    bundle: CrlBundle, digest: str, number: int, issuer: x509.Certificate | None, leaving: list[int]
) -> str:
    """Return all that the CRL is going to say; `leaving` were on the last one and are not on it."""
    ends = bundle.prepared_at + timedelta(seconds=bundle.validity_seconds)
    lines = [
        *_bundle_lines(bundle, digest),
        *_signer_lines(bundle.object_id.name, issuer),
        "",
        f"This is signed: CRL {number}, of {format_time(bundle.prepared_at)}, "
        f"until {format_time(ends)}",
        f"{count_of(len(bundle.revoked), 'revoked certificate')}:",
        *(f"  {_revoked_line(entry)}" for entry in bundle.revoked[:_MOST_ENTRIES]),
    ]
    if len(bundle.revoked) > _MOST_ENTRIES:
        lines.append(f"  ... and {len(bundle.revoked) - _MOST_ENTRIES:,} more, in the bundle")
    if leaving:
        lines += ["", "No longer listed, since they ended or their hold was lifted:"]
        lines += [f"  {format_serial_number(number)}" for number in leaving[:_MOST_ENTRIES]]
    return "\n".join(lines) + "\n"


def _revoked_line(entry: RevokedSerialNumber) -> str:
    revocation = entry.revocation
    since = revocation.invalidity_date
    invalid = f", compromised since {format_time(since)}" if since else ""
    return (
        f"{format_serial_number(entry.serial_number)}  {format_time(revocation.revocation_date)}  "
        f"{safe(revocation.reason)}{invalid}"
    )


def certified_key(tbs_certificate: bytes) -> str:
    """Return the hex SHA-256 of the SubjectPublicKeyInfo that is certified."""
    return sha256(read_tbs_certificate(tbs_certificate).public_key.encoding).hexdigest()


def _bundle_lines(bundle: Bundle, digest: str) -> Iterator[str]:
    what = "certificate" if isinstance(bundle, CertificateBundle) else "CRL"
    yield f"bundle          {what} of authority {safe(bundle.object_id.name)}"
    yield f"bundle          SHA-256 {format_digest(digest)}"
    commit = safe(bundle.commit[:12]) or "no commit"
    yield f"prepared        {format_time(bundle.prepared_at)}, at {commit}"
    store = bundle.store
    if store.sequence >= 0:
        yield f"store           {safe(store.lineage)}, entry {store.sequence}"


def _signer_lines(name: str, issuer: x509.Certificate | None) -> Iterator[str]:
    if issuer is None:
        yield f"signed by       {safe(name)} itself"
        return
    fingerprint = issuer.fingerprint(hashes.SHA256()).hex()
    yield f"signed by       {safe(name)}, until {issuer.not_valid_after_utc:%Y-%m-%d}"
    yield f"its certificate SHA-256 {format_digest(fingerprint)}"
