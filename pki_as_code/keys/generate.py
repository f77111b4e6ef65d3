"""Making private keys from the operating system's random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa

from pki_as_code.pkix.algorithms import KeySpec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

_CURVES: dict[str, Callable[[], ec.EllipticCurve]] = {
    "P-256": ec.SECP256R1,
    "P-384": ec.SECP384R1,
    "P-521": ec.SECP521R1,
}

_WITHOUT_PARAMETERS: dict[str, Callable[[], CertificateIssuerPrivateKeyTypes]] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey.generate,
}


def generate_key(spec: KeySpec) -> CertificateIssuerPrivateKeyTypes:
    """
    Return a new private key of that type, size and curve.

    RSA has the public exponent 65537 (Baseline Requirements 6.1.6). `KeySpec` has refused whatever
    an authority may not have.
    """
    match spec:
        case KeySpec(type="RSA", size=int(size)):
            return rsa.generate_private_key(public_exponent=65537, key_size=size)
        case KeySpec(type="EC", curve=str(curve)):
            return ec.generate_private_key(_CURVES[curve]())
        case _:
            return _WITHOUT_PARAMETERS[spec.type]()
