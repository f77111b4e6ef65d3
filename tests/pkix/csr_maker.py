"""Makes CSRs byte by byte, so that every part of one can be wrong while its signature is right."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.pkix.algorithms import default_hash_name, signature_algorithm
from pki_as_code.pkix.der import (
    encode_bit_string,
    encode_explicit,
    encode_integer,
    encode_octet_string,
    encode_oid,
    encode_sequence,
    encode_tlv,
)
from pki_as_code.pkix.names import parse_name

SET = 0x31
EXTENSION_REQUEST = "1.2.840.113549.1.9.14"
SAN = "2.5.29.17"


@functools.cache
def private_key(name: str) -> Any:
    if name.startswith("RSA-"):
        return rsa.generate_private_key(65537, int(name[4:]))
    return {
        "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
        "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "Ed448": ed448.Ed448PrivateKey.generate,
        "ML-DSA-44": mldsa.MLDSA44PrivateKey.generate,
        "ML-DSA-65": mldsa.MLDSA65PrivateKey.generate,
        "ML-DSA-87": mldsa.MLDSA87PrivateKey.generate,
    }[name]()


def public_key_info(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def attribute(oid: str, *values: bytes) -> bytes:
    return encode_sequence(encode_oid(oid), encode_tlv(SET, *sorted(values)))


def extension(oid: str, value: bytes, critical: bytes = b"") -> bytes:
    return encode_sequence(encode_oid(oid), critical, encode_octet_string(value))


def extension_request(*extensions: bytes) -> bytes:
    return attribute(EXTENSION_REQUEST, encode_sequence(*extensions))


def san(*names: bytes) -> bytes:
    return extension_request(extension(SAN, encode_sequence(*names)))


def make_csr(
    key: Any = None,
    *,
    subject: bytes | None = None,
    spki: bytes | None = None,
    version: int = 0,
    attributes: tuple[bytes, ...] = (),
    algorithm: bytes | None = None,
    attributes_tag: bytes | None = None,
) -> bytes:
    key = key or private_key("P-256")
    public_key = key.public_key()
    hash_name = default_hash_name(public_key) or (
        "SHA-256" if isinstance(key, ec.EllipticCurvePrivateKey) else None
    )
    used = signature_algorithm(public_key, hash_name)
    info = encode_sequence(
        encode_integer(version),
        parse_name("CN=example.com").public_bytes() if subject is None else subject,
        spki or public_key_info(key),
        encode_explicit(0, *attributes) if attributes_tag is None else attributes_tag,
    )
    signature = key.sign(info, *used.sign_arguments(public_key))
    identifier = used.algorithm_identifier_der if algorithm is None else algorithm
    return encode_sequence(info, identifier, encode_bit_string(signature))


def rsa_info(modulus: int, exponent: int, parameters: bytes = b"\x05\x00") -> bytes:
    key = encode_sequence(encode_integer(modulus), encode_integer(exponent))
    algorithm = encode_sequence(encode_oid("1.2.840.113549.1.1.1"), parameters)
    return encode_sequence(algorithm, encode_bit_string(key))


def openssl_csr(directory: Path, new_key: list[str], *more: str) -> bytes:
    """Return what `openssl req -new` writes for a new key; P-256 for `-newkey ec`."""
    csr = directory / "made.csr"
    subprocess.run(
        [
            "openssl",
            "req",
            "-new",
            "-nodes",
            "-newkey",
            *new_key,
            "-keyout",
            directory / "key.pem",
            "-out",
            csr,
            "-subj",
            "/C=AT/O=Example/CN=example.com",
            *more,
        ],
        check=True,
        capture_output=True,
    )
    return csr.read_bytes()
