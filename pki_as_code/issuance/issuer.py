"""An authority ready to sign: its key, which fits its certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import KeyBackendError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


@dataclass(frozen=True)
class Issuer:
    """An authority ready to sign: its key, which fits its certificate, and the chain above it."""

    name: str
    key: CertificateIssuerPrivateKeyTypes = field(repr=False)
    chain: tuple[x509.Certificate, ...]
    """Its own certificate first, its root last; empty while a root has no certificate yet."""

    @property
    def certificate(self) -> x509.Certificate | None:
        return self.chain[0] if self.chain else None


def open_issuer(
    name: str,
    key: CertificateIssuerPrivateKeyTypes,
    chain: Sequence[x509.Certificate],
) -> Issuer:
    """
    Return the authority ready to sign.

    Raises:
        KeyBackendError: the key is not the one in the authority's certificate.
    """
    if chain and public_key_der(key) != encode_public_key(chain[0].public_key()):
        raise KeyBackendError(
            f"the private key of authority {name} is not the one in its certificate",
            help="put the right key back, or correct key.uri",
            code="key.mismatch",
        )
    return Issuer(name, key, tuple(chain))


def public_key_der(key: CertificateIssuerPrivateKeyTypes) -> bytes:
    """Return the SubjectPublicKeyInfo that belongs to a private key."""
    return encode_public_key(key.public_key())


def encode_public_key(public_key: object) -> bytes:
    """Return the SubjectPublicKeyInfo of a public key."""
    der: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return der
