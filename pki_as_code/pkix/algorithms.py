"""
Signature algorithms: their identifiers in DER, and how a key signs and verifies with them.

The types of keys, which are one subject with them, are in `key_types.py` and offered here too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed448,
    ed25519,
    mldsa,
    padding,
    rsa,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.pkix.der import NULL, encode_oid, encode_sequence, encode_tlv
from pki_as_code.pkix.key_types import (
    ALLOWED_KEY_USAGES,
    KEY_TYPES_WITHOUT_HASH,
    KeyRequirement,
    KeySpec,
    describe_key,
    key_allowed,
    key_family,
    key_spec,
    matches_key_spec,
    parse_key_requirement,
    usable_key_usages,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

__all__ = [
    "ALLOWED_KEY_USAGES",
    "HASHES",
    "SIGNATURE_ALGORITHMS",
    "KeyRequirement",
    "KeySpec",
    "SignatureAlgorithm",
    "certificate_hash_name",
    "default_hash_name",
    "default_hash_name_of_spec",
    "describe_key",
    "key_allowed",
    "key_family",
    "key_spec",
    "matches_key_spec",
    "parse_hash_name",
    "parse_key_requirement",
    "signature_algorithm",
    "usable_key_usages",
]

HASHES: Final[Mapping[str, Callable[[], hashes.HashAlgorithm]]] = {
    "SHA-224": hashes.SHA224,
    "SHA-256": hashes.SHA256,
    "SHA-384": hashes.SHA384,
    "SHA-512": hashes.SHA512,
    "SHA3/224": hashes.SHA3_224,
    "SHA3/256": hashes.SHA3_256,
    "SHA3/384": hashes.SHA3_384,
    "SHA3/512": hashes.SHA3_512,
}

# RFC 4055 section 5, and NIST's registry for SHA-3.
_RSA_OIDS: Mapping[str, tuple[str, str]] = {
    "SHA-224": ("sha224WithRSAEncryption", "1.2.840.113549.1.1.14"),
    "SHA-256": ("sha256WithRSAEncryption", "1.2.840.113549.1.1.11"),
    "SHA-384": ("sha384WithRSAEncryption", "1.2.840.113549.1.1.12"),
    "SHA-512": ("sha512WithRSAEncryption", "1.2.840.113549.1.1.13"),
    "SHA3/224": ("id-rsassa-pkcs1-v1-5-with-sha3-224", "2.16.840.1.101.3.4.3.13"),
    "SHA3/256": ("id-rsassa-pkcs1-v1-5-with-sha3-256", "2.16.840.1.101.3.4.3.14"),
    "SHA3/384": ("id-rsassa-pkcs1-v1-5-with-sha3-384", "2.16.840.1.101.3.4.3.15"),
    "SHA3/512": ("id-rsassa-pkcs1-v1-5-with-sha3-512", "2.16.840.1.101.3.4.3.16"),
}
# RFC 5758 section 3.2, and NIST's registry for SHA-3.
_ECDSA_OIDS: Mapping[str, tuple[str, str]] = {
    "SHA-224": ("ecdsa-with-SHA224", "1.2.840.10045.4.3.1"),
    "SHA-256": ("ecdsa-with-SHA256", "1.2.840.10045.4.3.2"),
    "SHA-384": ("ecdsa-with-SHA384", "1.2.840.10045.4.3.3"),
    "SHA-512": ("ecdsa-with-SHA512", "1.2.840.10045.4.3.4"),
    "SHA3/224": ("id-ecdsa-with-sha3-224", "2.16.840.1.101.3.4.3.9"),
    "SHA3/256": ("id-ecdsa-with-sha3-256", "2.16.840.1.101.3.4.3.10"),
    "SHA3/384": ("id-ecdsa-with-sha3-384", "2.16.840.1.101.3.4.3.11"),
    "SHA3/512": ("id-ecdsa-with-sha3-512", "2.16.840.1.101.3.4.3.12"),
}
# RFC 8410 section 3 and RFC 9881 section 2.
_PURE_OIDS: Mapping[str, tuple[str, str]] = {
    "Ed25519": ("Ed25519", "1.3.101.112"),
    "Ed448": ("Ed448", "1.3.101.113"),
    "ML-DSA-44": ("id-ml-dsa-44", "2.16.840.1.101.3.4.3.17"),
    "ML-DSA-65": ("id-ml-dsa-65", "2.16.840.1.101.3.4.3.18"),
    "ML-DSA-87": ("id-ml-dsa-87", "2.16.840.1.101.3.4.3.19"),
}

PureKey = (
    ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)
_PURE_KEYS = (
    ed25519.Ed25519PublicKey,
    ed448.Ed448PublicKey,
    mldsa.MLDSA44PublicKey,
    mldsa.MLDSA65PublicKey,
    mldsa.MLDSA87PublicKey,
)
_BROKEN_HASHES = frozenset({"md2", "md4", "md5", "md-5", "sha1", "sha-1", "sha_1"})
_HASH_SPELLINGS: Mapping[str, str] = {
    f"{family}{separator}{size}".lower(): name
    for name in HASHES
    for family, size in [re.split("[-/]", name)]
    for separator in ("-", "_", "/" if family == "SHA3" else "")
}
_DEFAULT_HASHES: Mapping[str, str] = {"P-256": "SHA-256", "P-384": "SHA-384", "P-521": "SHA-512"}


@dataclass(frozen=True, slots=True)
class SignatureAlgorithm:
    """One way to sign: what stands in the certificate, and the arguments of the key's `sign`."""

    name: str
    """`sha256WithRSAEncryption`, as its RFC has it."""

    algorithm_identifier_der: bytes
    """AlgorithmIdentifier: NULL parameters for RSA (RFC 4055 section 5), else none."""

    hash_name: str | None

    def new_hash(self) -> hashes.Hash | None:
        """Return the hash, to be fed piece by piece; None where the signature is over the data."""
        return hashes.Hash(HASHES[self.hash_name]()) if self.hash_name else None

    def sign_arguments(
        self, public_key: PublicKeyTypes, *, prehashed: bool = False
    ) -> tuple[Any, ...]:
        """
        Return the arguments after the data: `private_key.sign(data, *arguments)`.

        `public_key` belongs to the private key. With `prehashed` the data is what `new_hash` made
        of it, which gives the same signature. ECDSA is deterministic (RFC 6979), so that signing
        the same bytes again gives the same signature.
        """
        if self.hash_name is None:
            return ()
        hash_algorithm = self._hash_algorithm(self.hash_name, prehashed)
        if isinstance(public_key, rsa.RSAPublicKey):
            return (padding.PKCS1v15(), hash_algorithm)
        return (ec.ECDSA(hash_algorithm, deterministic_signing=True),)

    def verify_signature(
        self,
        public_key: PublicKeyTypes,
        signature: bytes,
        data: bytes | memoryview,
        *,
        prehashed: bool = False,
    ) -> None:
        """
        Raise cryptography's `InvalidSignature` unless the signature over `data` verifies.

        With `prehashed`, `data` is its hash.
        """
        if isinstance(public_key, _PURE_KEYS):
            public_key.verify(signature, data)
        elif isinstance(public_key, rsa.RSAPublicKey) and self.hash_name:
            hash_algorithm = self._hash_algorithm(self.hash_name, prehashed)
            public_key.verify(signature, bytes(data), padding.PKCS1v15(), hash_algorithm)
        elif isinstance(public_key, ec.EllipticCurvePublicKey) and self.hash_name:
            hash_algorithm = self._hash_algorithm(self.hash_name, prehashed)
            public_key.verify(signature, data, ec.ECDSA(hash_algorithm))
        else:
            raise _unsupported(public_key)

    @staticmethod
    def _hash_algorithm(hash_name: str, prehashed: bool) -> hashes.HashAlgorithm | Prehashed:
        hash_algorithm = HASHES[hash_name]()
        return Prehashed(hash_algorithm) if prehashed else hash_algorithm


def _table() -> dict[tuple[str, str | None], SignatureAlgorithm]:
    table: dict[tuple[str, str | None], SignatureAlgorithm] = {}
    for hash_name, (name, oid) in _RSA_OIDS.items():
        # RFC 4055 section 5: the parameters must be NULL. ECDSA and the others have none.
        der = encode_sequence(encode_oid(oid), encode_tlv(NULL))
        table["RSA", hash_name] = SignatureAlgorithm(name, der, hash_name)
    for hash_name, (name, oid) in _ECDSA_OIDS.items():
        der = encode_sequence(encode_oid(oid))
        table["EC", hash_name] = SignatureAlgorithm(name, der, hash_name)
    for key_type, (name, oid) in _PURE_OIDS.items():
        table[key_type, None] = SignatureAlgorithm(name, encode_sequence(encode_oid(oid)), None)
    return table


SIGNATURE_ALGORITHMS: Final[Mapping[tuple[str, str | None], SignatureAlgorithm]] = _table()
"""By type of key (`RSA`, `EC`, `Ed25519`, ...) and hash."""


def parse_hash_name(text: str) -> str:
    """
    Return the canonical name of a hash: `SHA-256`, `SHA3/256`; `sha256` and `sha3-256` do too.

    Raises `InvalidValueError`: `algorithm.broken_hash` for MD5 and SHA-1, else
    `algorithm.unknown_hash`.
    """
    lowered = text.lower()
    if lowered in _BROKEN_HASHES:
        raise InvalidValueError(
            f"{quoted(text)} is broken and never used for a signature",
            help="use SHA-256, SHA-384 or SHA-512",
            code="algorithm.broken_hash",
        )
    name = _HASH_SPELLINGS.get(lowered)
    if name is not None:
        return name
    raise InvalidValueError(
        f"{quoted(text)} is not a hash that signatures are made with",
        help=f"use one of {', '.join(HASHES)}",
        code="algorithm.unknown_hash",
    )


def signature_algorithm(public_key: PublicKeyTypes, hash_name: str | None) -> SignatureAlgorithm:
    """
    Return how a key of this type signs with that hash (None where the type has no hash).

    Raises `InvalidValueError` (`algorithm.*`, `key.unsupported_type`) when the two do not go
    together.
    """
    name = describe_key(public_key)
    if name in KEY_TYPES_WITHOUT_HASH:
        if hash_name is not None:
            raise InvalidValueError(
                f"an {name} key takes no hash algorithm ({quoted(hash_name)}): "
                "its signature is over the data itself",
                help="leave the algorithm out",
                code="algorithm.hash_not_allowed",
            )
        return SIGNATURE_ALGORITHMS[name, None]
    is_rsa = isinstance(public_key, rsa.RSAPublicKey)
    if not is_rsa and not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise _unsupported(public_key)
    if hash_name is None:
        raise InvalidValueError(
            f"a signature with an {name} key needs a hash algorithm",
            help=f"use one of {', '.join(HASHES)}",
            code="algorithm.hash_missing",
        )
    return SIGNATURE_ALGORITHMS["RSA" if is_rsa else "EC", parse_hash_name(hash_name)]


def default_hash_name(public_key: PublicKeyTypes) -> str | None:
    """Return the hash that suits a key; None for one that takes none."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return "SHA-256"
    return _DEFAULT_HASHES.get(describe_key(public_key))


def default_hash_name_of_spec(spec: KeySpec) -> str | None:
    """Return the hash that suits a key that does not exist yet; None for one that takes none."""
    return "SHA-256" if spec.type == "RSA" else _DEFAULT_HASHES.get(spec.curve or "")


def certificate_hash_name(certificate: x509.Certificate) -> str | None:
    """
    Return the hash a certificate was signed with, as `signature_algorithm` takes it.

    None when the algorithm has none, and for MD5, SHA-1 and others that are not signed with.
    """
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
    if algorithm is None:
        return None
    for name, make in HASHES.items():
        if make().name == algorithm.name:
            return name
    return None


def _unsupported(public_key: PublicKeyTypes) -> InvalidValueError:
    return InvalidValueError(
        f"a key of type {describe_key(public_key)} is not supported",
        help="use RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA",
        code="key.unsupported_type",
    )
