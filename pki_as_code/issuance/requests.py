"""Certification requests for our own authorities, for a signer that is somewhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.pkix.algorithms import HASHES, default_hash_name
from pki_as_code.pkix.csr import parse_csr
from pki_as_code.pkix.names import parse_name

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


def make_csr(key: CertificateIssuerPrivateKeyTypes, subject: str) -> bytes:
    """
    Return a PKCS #10 request in DER (RFC 2986): the proof that we have the key.

    It asks for nothing but a subject: what is signed is in the bundle beside it. Raises
    `InvalidValueError` for a subject that cannot be encoded.
    """
    hash_name = default_hash_name(key.public_key())
    algorithm = HASHES[hash_name]() if hash_name else None
    builder = x509.CertificateSigningRequestBuilder().subject_name(parse_name(subject))
    request = builder.sign(key, algorithm)  # type: ignore[arg-type]
    return parse_csr(request.public_bytes(Encoding.DER)).der
