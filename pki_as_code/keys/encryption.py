"""
Private keys as PKCS#8 PEM, with or without a passphrase (RFC 5958, RFC 8018).

cryptography encrypts PKCS#8 with 2,048 rounds of PBKDF2 and offers no way to ask for more, so the
EncryptedPrivateKeyInfo is put together here from its primitives. OpenSSL reads the result.
"""

from __future__ import annotations

import base64
import os
import re
import textwrap
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, mldsa, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pki_as_code.errors import KeyBackendError
from pki_as_code.keys.interface import passphrase_variable
from pki_as_code.pkix.der import (
    NULL,
    encode_integer,
    encode_octet_string,
    encode_oid,
    encode_sequence,
    encode_tlv,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

PBKDF2_ITERATIONS = 600_000
"""OWASP's number for PBKDF2-HMAC-SHA256; about a tenth of a second."""

_KEY_BYTES = 32
_SALT_BYTES = 16
_BLOCK_BYTES = 16

_PBES2 = "1.2.840.113549.1.5.13"
_PBKDF2 = "1.2.840.113549.1.5.12"
_HMAC_WITH_SHA256 = "1.2.840.113549.2.9"
_AES256_CBC = "2.16.840.1.101.3.4.1.42"

_BEGIN_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")

SIGNING_KEYS: Final = (
    rsa.RSAPrivateKey,
    ec.EllipticCurvePrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
    mldsa.MLDSA44PrivateKey,
    mldsa.MLDSA65PrivateKey,
    mldsa.MLDSA87PrivateKey,
)


def format_private_key(
    private_key: CertificateIssuerPrivateKeyTypes, passphrase: bytes | None
) -> bytes:
    """Return the key as PKCS#8 PEM, encrypted when there is a passphrase."""
    der = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    if passphrase is None:
        return _pem("PRIVATE KEY", der)
    return _pem("ENCRYPTED PRIVATE KEY", _encrypt(der, passphrase))


def is_encrypted(pem: bytes) -> bool:
    """Tell whether this PEM needs a passphrase, in PKCS#8 or in OpenSSL's traditional form."""
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in pem or b"Proc-Type: 4,ENCRYPTED" in pem


def parse_private_key(
    pem: bytes, passphrase: bytes | None, *, where: str, name: str
) -> CertificateIssuerPrivateKeyTypes:
    """
    Return the key in this PEM. `where` names the file in errors, `name` is the authority.

    Raises `KeyBackendError`: `key.passphrase_needed`, `key.passphrase_superfluous`,
    `key.wrong_passphrase`, `key.not_a_key` or `key.unsupported_type`. The causes are dropped
    on purpose (`from None`): what a parser says about a key belongs in no log.
    """
    encrypted = is_encrypted(pem)
    if encrypted and not passphrase:
        raise _passphrase_needed(where, name)
    if not encrypted and passphrase is not None:
        raise superfluous_passphrase(where)
    if len(_BEGIN_PRIVATE_KEY.findall(pem)) != 1:
        raise not_a_key(where)
    try:
        private_key = load_pem_private_key(pem, passphrase)
    except UnsupportedAlgorithm:
        raise unsupported_key(where) from None
    except (ValueError, TypeError):
        if encrypted:
            raise wrong_passphrase(where) from None
        raise not_a_key(where) from None
    if not isinstance(private_key, SIGNING_KEYS):
        raise unsupported_key(where)
    return private_key


def _passphrase_needed(where: str, name: str) -> KeyBackendError:
    return KeyBackendError(
        f"the private key {where!r} is encrypted, and no passphrase was given",
        code="key.passphrase_needed",
        help=f"give it in {passphrase_variable(name)}, or run on a terminal and type it",
    )


def superfluous_passphrase(where: str) -> KeyBackendError:
    """Return the error for a passphrase that protects nothing."""
    return KeyBackendError(
        f"a passphrase was given for {where!r}, and the private key there is not encrypted",
        code="key.passphrase_superfluous",
        help="encrypt it (openssl pkcs8 -topk8 -v2 aes-256-cbc -iter 600000 -in OLD -out NEW), "
        "or unset the variable if it is meant to be unencrypted",
    )


def wrong_passphrase(where: str) -> KeyBackendError:
    """Return the error for a passphrase that does not fit."""
    return KeyBackendError(
        f"the passphrase does not open the private key {where!r}",
        code="key.wrong_passphrase",
        help="check which passphrase is given for it; a damaged file looks the same",
    )


def not_a_key(where: str) -> KeyBackendError:
    """Return the error for a file that is no private key."""
    return KeyBackendError(
        f"{where!r} does not hold exactly one private key in PEM form",
        code="key.not_a_key",
        help="it must be PKCS#8 PEM, beginning with -----BEGIN PRIVATE KEY----- or "
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
    )


def unsupported_key(where: str) -> KeyBackendError:
    """Return the error for a key that an authority cannot have."""
    return KeyBackendError(
        f"{where!r} holds a private key of a type, or encrypted in a way, that is not supported",
        code="key.unsupported_type",
        help="an authority has an RSA, EC, Ed25519, Ed448 or ML-DSA key, in PKCS#8",
    )


def _encrypt(private_key_info: bytes, passphrase: bytes) -> bytes:
    """Return an EncryptedPrivateKeyInfo: RFC 5958 section 3, RFC 8018 appendix A.2 and A.4."""
    salt, initialization_vector = os.urandom(_SALT_BYTES), os.urandom(_BLOCK_BYTES)
    key = PBKDF2HMAC(hashes.SHA256(), _KEY_BYTES, salt, PBKDF2_ITERATIONS).derive(passphrase)
    padder = padding.PKCS7(_BLOCK_BYTES * 8).padder()
    padded = padder.update(private_key_info) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(initialization_vector)).encryptor()
    pseudo_random_function = encode_sequence(encode_oid(_HMAC_WITH_SHA256), encode_tlv(NULL))
    key_derivation = encode_sequence(
        encode_oid(_PBKDF2),
        encode_sequence(
            encode_octet_string(salt), encode_integer(PBKDF2_ITERATIONS), pseudo_random_function
        ),
    )
    scheme = encode_sequence(encode_oid(_AES256_CBC), encode_octet_string(initialization_vector))
    return encode_sequence(
        encode_sequence(encode_oid(_PBES2), encode_sequence(key_derivation, scheme)),
        encode_octet_string(encryptor.update(padded) + encryptor.finalize()),
    )


def _pem(label: str, der: bytes) -> bytes:
    """RFC 7468 section 3: 64 characters a line."""
    body = "\n".join(textwrap.wrap(base64.b64encode(der).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()
