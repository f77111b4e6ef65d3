"""How a SubjectPublicKeyInfo must be encoded, looked at byte by byte before a library does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.der import (
    BIT_STRING,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    Tlv,
    check_strict_der,
    children,
    decode_integer,
    decode_oid,
    expect,
    read_single,
)
from pki_as_code.pkix.key_types import LARGEST_RSA_BITS

RSA_ENCRYPTION: Final = "1.2.840.113549.1.1.1"
EC_PUBLIC_KEY: Final = "1.2.840.10045.2.1"

# RFC 8410 section 3 and RFC 9881 section 4: octets of the key.
_SIZES: Mapping[str, int] = {
    "1.3.101.112": 32,
    "1.3.101.113": 57,
    "2.16.840.1.101.3.4.3.17": 1312,
    "2.16.840.1.101.3.4.3.18": 1952,
    "2.16.840.1.101.3.4.3.19": 2592,
}
_UNCOMPRESSED = 0x04


def check_public_key_encoding(public_key_info: Tlv) -> None:
    """
    Raise `InvalidValueError` unless a SubjectPublicKeyInfo is encoded as the RFC of its type says.

    RSA with NULL parameters (RFC 3279 section 2.3.1), EC with a named curve and an uncompressed
    point (RFC 5480 section 2), the others without parameters and of exact length. Codes: `key.*`.
    """
    try:
        algorithm, key = children(public_key_info)
        identifier, *parameters = children(expect(algorithm, SEQUENCE))
        expect(identifier, OBJECT_IDENTIFIER)
        expect(key, BIT_STRING)
    except ValueError:
        raise _bad("malformed", "the public key is malformed") from None
    if key.content[:1] != b"\x00":
        raise _bad("malformed", "the public key does not consist of whole octets")
    oid = decode_oid(identifier.content)
    check = _CHECKS.get(oid)
    if check is not None:
        check(parameters, key.content[1:])
    elif oid in _SIZES:
        _check_sized(parameters, key.content[1:], _SIZES[oid])
    else:
        raise _bad(
            "unsupported_type",
            f"a key with the algorithm {oid} is not supported",
            "use RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA",
        )


def _check_rsa(parameters: list[Tlv], key: bytes) -> None:
    if [parameter.encoding for parameter in parameters] != [bytes((NULL, 0))]:
        raise _bad("bad_parameters", "the parameters of the RSA key are not NULL (RFC 3279 2.3.1)")
    check_strict_der(key)
    try:
        modulus, exponent = children(expect(read_single(key), SEQUENCE))
        expect(modulus, INTEGER)
        expect(exponent, INTEGER)
    except ValueError:
        raise _bad("malformed", "the RSA key is malformed") from None
    # Libraries refuse these before anybody could say what is wrong, or take their time over them.
    if modulus.content[0] & 0x80 or exponent.content[0] & 0x80:
        raise _bad("malformed", "the modulus or the exponent of the RSA key is negative")
    if len(modulus.content) * 8 > LARGEST_RSA_BITS + 8:
        raise _bad("rsa_too_large", f"the RSA key has more than {LARGEST_RSA_BITS} bits")
    if not exponent.content[-1] & 1 or decode_integer(exponent.content) < 3:  # noqa: PLR2004
        raise _bad(
            "rsa_bad_exponent", "the public exponent of the RSA key is even or smaller than 3"
        )
    if not modulus.content[-1] & 1:
        raise _bad("rsa_small_factor", "the modulus of the RSA key is even")


def _check_elliptic_curve(parameters: list[Tlv], key: bytes) -> None:
    if len(parameters) != 1 or parameters[0].tag != OBJECT_IDENTIFIER:
        raise _bad(
            "explicit_curve",
            "the EC key does not name its curve but spells out parameters (RFC 5480 2.1.1)",
            "make a new key on the named curve P-256, P-384 or P-521",
        )
    if key[:1] != bytes((_UNCOMPRESSED,)):
        raise _bad("compressed_point", "the point of the EC key is not in the uncompressed form")


def _check_sized(parameters: list[Tlv], key: bytes, size: int) -> None:
    if parameters:
        raise _bad("bad_parameters", "the algorithm of the key has parameters, which it must not")
    if len(key) != size:
        raise _bad("wrong_size", f"the key has {len(key)} octets instead of {size}")


def _bad(code: str, message: str, help_text: str = "make a new key and CSR") -> InvalidValueError:
    return InvalidValueError(message, help=help_text, code=f"key.{code}")


_CHECKS: Mapping[str, Callable[[list[Tlv], bytes], None]] = {
    RSA_ENCRYPTION: _check_rsa,
    EC_PUBLIC_KEY: _check_elliptic_curve,
}
