"""Certificates to ask for: requests, each with a key of its own, and their manifests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from benchmarks.timing import Clock, git

KEYS = {
    "RSA-2048": ("RSA", "--key-size", "2048"),
    "RSA-4096": ("RSA", "--key-size", "4096"),
    "P-256": ("EC",),
    "Ed25519": ("Ed25519",),
}
"""Keys of authorities, with the options of `pkictl init`."""


@dataclass(frozen=True)
class Request:
    name: str
    pem: bytes
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""


def name_of(number: int) -> str:
    """Return a name that is as long as every other one."""
    return f"host-{number:07d}"


@cache
def make_requests(count: int) -> tuple[Request, ...]:
    return tuple(make_request(number) for number in range(count))


def make_request(number: int) -> Request:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name_of(number)}.example.com")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    public_key = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Request(name_of(number), csr.public_bytes(Encoding.PEM), public_key)


def write_request(root: Path, request: Request) -> None:
    """Write the manifest and its CSR."""
    name = request.name
    (root / f"certificates/{name}.csr").write_bytes(request.pem)
    (root / f"certificates/{name}.yaml").write_text(
        "apiVersion: pki-as-code/v1\nkind: Certificate\n"
        f"metadata: {{name: {name}}}\nspec:\n  csrFile: {name}.csr\n"
        f"  subjectAltNames: [{name}.example.com]\n",
        encoding="utf-8",
    )


def commit(root: Path, message: str = "change") -> None:
    git(root, "add", "-A")
    git(root, "commit", "--quiet", "-m", message)


def new_repository(clock: Clock, root: Path, store: str, key: str = "P-256") -> None:
    root.parent.mkdir(parents=True, exist_ok=True)
    clock.pkictl(root.parent, "init", str(root), "--key-type", *KEYS[key], store=store)
