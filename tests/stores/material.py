"""Real certificates for stores: a P-256 root, and reservations that it signs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki_as_code.model import AUTHORITY, CERTIFICATE, Finding, ObjectId, Reservation, sha256_digest
from pki_as_code.stores.entries import Crl, CrlReserved, Issued, Payload, Reserved

NOW = datetime(2026, 11, 23, 10, 0, 0, tzinfo=UTC)
ROOT = ObjectId(AUTHORITY, "", "root")


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def name_of(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate_id(name: str, namespace: str = "default") -> ObjectId:
    return ObjectId(CERTIFICATE, namespace, name)


@cache
def certificate(
    subject: str,
    serial_number: int,
    issuer: str = "root",
    not_after: datetime = NOW + timedelta(days=90),
    names: tuple[str, ...] = (),
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .public_key(key(subject).public_key())
        .serial_number(serial_number)
        .not_valid_before(NOW - timedelta(minutes=5))
        .not_valid_after(not_after)
        .add_extension(
            x509.BasicConstraints(ca=subject in {"root", "issuing"}, path_length=None), True
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
        )
    return builder.sign(key(issuer), hashes.SHA256(), ecdsa_deterministic=True)


def der(found: x509.Certificate) -> bytes:
    return found.public_bytes(Encoding.DER)


def reservation(
    object_id: ObjectId,
    serial_number: int,
    *,
    issuer: str = "root",
    replaces: int | None = None,
    not_after: datetime = NOW + timedelta(days=90),
    names: tuple[str, ...] = (),
    request: Mapping[str, Any] | None = None,
) -> Reserved:
    found = certificate(object_id.name, serial_number, issuer, not_after, names)
    content = {"profile": "tls-server", "subject": object_id.name} | dict(request or {})
    return Reserved(
        Reservation(
            object_id=object_id,
            issuer=issuer,
            serial_number=serial_number,
            tbs_certificate=found.tbs_certificate_bytes,
            request=content,
            request_digest=_digest_of(content),
            intent={"csrFile": f"{object_id.name}.csr"},
            reason="DoesNotExist",
            replaces=replaces,
            commit="c" * 40,
            path=f"certificates/{object_id.name}.yaml",
            deletion_policy="Refuse",
        )
    )


def _digest_of(content: Mapping[str, Any]) -> str:
    try:
        return sha256_digest(dict(content))
    except TypeError:  # what no line of the ledger can hold, which is what is tested then
        return "sha256:" + "0" * 64


def issued(reserved: Reserved) -> Issued:
    """Sign what was reserved, as any run would: ECDSA is deterministic here."""
    r = reserved.reservation
    signature = key(r.issuer).sign(
        r.tbs_certificate, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    )
    return Issued(r.object_id, r.issuer, r.serial_number, signature, {"signedBy": "test"})


def root_payloads() -> tuple[Reserved, Issued]:
    reserved = reservation(ROOT, 0x1001, not_after=NOW + timedelta(days=3650))
    return reserved, issued(reserved)


def issue(store: Any, reserved: Reserved, now: datetime = NOW) -> None:
    store.reserve([reserved], now=now, message=f"Reserve {reserved.reservation.object_id}")
    store.record([issued(reserved)], now=now, message="Record")


def payloads_of(store: Any) -> list[Payload]:
    return [entry.payload for entry in store.entries()]


def crl_payloads(
    number: int,
    content: bytes = b"a CRL",
    *,
    issuer: str = "root",
    scope: str = "full",
    as_of: int = 0,
    this_update: datetime = NOW,
) -> tuple[CrlReserved, Crl]:
    """A CRL that is about to be signed, and the same once it was; what it holds does not matter."""
    next_update = this_update + timedelta(days=7)
    times = (this_update, next_update)
    reserved = CrlReserved(issuer, scope, number, *times, as_of, sha256(b"tbs").hexdigest())
    return reserved, Crl(issuer, scope, number, *times, sha256(content).hexdigest(), 0)


def record_crl(
    store: Any, directory: Path, signed: Crl, content: bytes = b"a CRL", now: datetime = NOW
) -> None:
    path = directory / f"{signed.issuer}-{signed.scope}.crl"
    path.write_bytes(content)
    crls = {(signed.issuer, signed.scope): path}
    store.record([signed], now=now, message="Record a CRL", crls=crls)


def faults(store: Any) -> list[Finding]:
    """Return what verification finds, but for CRLs: those here are any bytes, and nobody signed."""
    return [finding for finding in store.verify() if finding.code != "store.crl_invalid"]
