"""
What is wrong with a public key.

Baseline Requirements sections 6.1.1.3, 6.1.5 and 6.1.6, RFC 3279, 5480, 8410, 9881 and
SP 800-89. `conformance.md` rows K01 to K09 and K12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import gcd, isqrt, prod
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import (
    ec,
    ed448,
    ed25519,
    mldsa,
    padding,
    rsa,
)

from pki_as_code.model import Finding, Severity
from pki_as_code.pkix.key_types import CURVES, LARGEST_RSA_BITS, describe_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

SMALLEST_MODULUS_BITS: Final = 2048
USUAL_EXPONENT: Final = 65537
LARGEST_EXPONENT_BITS: Final = 256
FERMAT_ROUNDS: Final = 100

_NEW_KEY = "make a new key, for example RSA with 3072 bits or P-256"
_SMALLEST_UNCHECKED_FACTOR = 752
_LARGEST_ROCA_PRIME = 167
_FAST_FERMAT_BITS = 3072


def _primes_below(limit: int) -> list[int]:
    return [n for n in range(2, limit) if all(n % d for d in range(2, isqrt(n) + 1))]


_PRIMES: Final = _primes_below(_SMALLEST_UNCHECKED_FACTOR)
_PRIMORIAL: Final = prod(_PRIMES)

# ROCA (CVE-2017-15361): p = k * M + (65537**a mod M), so modulo every small prime the modulus is a
# power of 65537. By chance that happens to one key in 2**27.
_POWERS_OF_65537: Final = [
    (prime, frozenset(pow(USUAL_EXPONENT, exponent, prime) for exponent in range(prime - 1)))
    for prime in _PRIMES
    if 2 < prime <= _LARGEST_ROCA_PRIME  # noqa: PLR2004
]


def key_findings(public_key: PublicKeyTypes, *, test_primality: bool = True) -> list[Finding]:
    """
    Return what is wrong with a key that asks for a certificate; an empty list for a good one.

    `test_primality=False` leaves out the one test that costs more than a signature (RSA-2048: 1 to
    3 ms, RSA-4096: some 50 ms, RSA-8192: a second), for looking at thousands of keys of which none
    is signed.
    """
    match public_key:
        case rsa.RSAPublicKey():
            return _rsa_findings(public_key, test_primality)
        case ec.EllipticCurvePublicKey():
            return _elliptic_curve_findings(public_key)
        case ed25519.Ed25519PublicKey():
            return _ed25519_findings(public_key.public_bytes_raw())
        case ed448.Ed448PublicKey():
            return _ed448_findings(public_key.public_bytes_raw())
        case mldsa.MLDSA44PublicKey() | mldsa.MLDSA65PublicKey() | mldsa.MLDSA87PublicKey():
            return _ml_dsa_findings(public_key)
    return [
        _finding(
            "unsupported_type",
            f"a key of type {describe_key(public_key)} cannot have a certificate here",
            "use RSA, P-256, P-384, P-521, Ed25519, Ed448 or ML-DSA",
        )
    ]


def _finding(
    code: str, message: str, help_text: str = _NEW_KEY, severity: Severity = Severity.ERROR
) -> Finding:
    return Finding(f"key.{code}", message, severity=severity, help=help_text)


# --- RSA -----------------------------------------------------------------------------------------


def _rsa_findings(public_key: rsa.RSAPublicKey, test_primality: bool) -> list[Finding]:
    numbers = public_key.public_numbers()
    modulus, exponent = numbers.n, numbers.e
    bits = modulus.bit_length()
    if bits > LARGEST_RSA_BITS:
        # Before any arithmetic: its cost grows with the cube of the size.
        return [
            _finding(
                "rsa_too_large",
                f"an RSA key of {bits} bits is larger than {LARGEST_RSA_BITS}",
            )
        ]
    findings = [*_size_findings(bits), *_exponent_findings(exponent)]
    for check in _MODULUS_CHECKS:
        finding = check(modulus)
        if finding is not None:
            return [*findings, finding]
    is_refused = any(finding.severity is Severity.ERROR for finding in findings)
    if test_primality and not is_refused and is_probable_prime(modulus):
        findings.append(
            _finding("rsa_modulus_prime", "the modulus of the RSA key is itself a prime number")
        )
    return findings


def _size_findings(bits: int) -> Iterator[Finding]:
    if bits < SMALLEST_MODULUS_BITS:
        yield _finding(
            "rsa_too_small", f"an RSA key of {bits} bits is smaller than {SMALLEST_MODULUS_BITS}"
        )
    elif bits % 8:
        yield _finding("rsa_odd_size", f"the RSA key has {bits} bits, not a multiple of 8")


def _exponent_findings(exponent: int) -> Iterator[Finding]:
    if exponent < 3 or exponent % 2 == 0:  # noqa: PLR2004
        yield _finding(
            "rsa_bad_exponent", "the public exponent of the RSA key is even or smaller than 3"
        )
    elif exponent.bit_length() > LARGEST_EXPONENT_BITS:
        yield _finding(
            "rsa_bad_exponent",
            f"the public exponent of the RSA key has more than {LARGEST_EXPONENT_BITS} bits",
        )
    elif exponent < USUAL_EXPONENT:
        yield _finding(
            "rsa_small_exponent",
            f"the public exponent of the RSA key is {exponent}, and at least 65537 is advised",
            "make new keys with the exponent 65537",
            Severity.WARNING,
        )


def _small_factor(modulus: int) -> Finding | None:
    if gcd(modulus, _PRIMORIAL) == 1:
        return None
    return _finding(
        "rsa_small_factor",
        f"the modulus of the RSA key has a factor below {_SMALLEST_UNCHECKED_FACTOR}",
    )


def _roca(modulus: int) -> Finding | None:
    if all(modulus % prime in powers for prime, powers in _POWERS_OF_65537):
        return _finding(
            "roca",
            "the RSA key was made by a library whose keys can be factored (ROCA, CVE-2017-15361)",
            "make a new key outside the chip or library that made this one",
        )
    return None


def _close_primes(modulus: int) -> Finding | None:
    """Fermat's factorisation: the rounds it takes grow with the distance of the factors."""
    root = isqrt(modulus)
    if root * root == modulus:
        return _finding("rsa_modulus_square", "the modulus of the RSA key is a square")
    for middle in range(root + 1, root + 1 + FERMAT_ROUNDS):
        difference = middle * middle - modulus
        # Squares end in 0, 1, 4 or 9 modulo 16; the root is taken for one in four.
        if difference & 15 in _SQUARES_MODULO_16 and isqrt(difference) ** 2 == difference:
            return _finding(
                "rsa_close_primes",
                "the factors of the RSA key are so close that Fermat's method finds them",
            )
    return None


_SQUARES_MODULO_16: Final = frozenset({0, 1, 4, 9})
_MODULUS_CHECKS: Final[Sequence[Callable[[int], Finding | None]]] = (
    _small_factor,
    _roca,
    _close_primes,
)


def is_probable_prime(number: int) -> bool:
    """
    Tell whether `number`, odd and without small factors, passes one round of Fermat's test.

    Every prime passes. A product of random primes does not, and one that is made to pass harms
    nobody but its owner, who can as well publish the private key.
    """
    if number.bit_length() > _FAST_FERMAT_BITS:
        return pow(2, number - 1, number) == 1
    # OpenSSL is ten times as fast as pow(). It computes base**(n - 2), which is the inverse of the
    # base when n is prime, as the public operation of an RSA key with the exponent n - 2 (it takes
    # long exponents up to this size). The inverse is chosen to be a padded block.
    size = (number.bit_length() + 7) // 8
    block = b"\x00\x01" + b"\xff" * (size - 4) + b"\x00" + b"\x01"
    base = pow(int.from_bytes(block, "big"), -1, number)
    stand_in = rsa.RSAPublicNumbers(number - 2, number).public_key()
    try:
        stand_in.recover_data_from_signature(base.to_bytes(size, "big"), padding.PKCS1v15(), None)
    except InvalidSignature:
        return False
    return True


# --- The others ----------------------------------------------------------------------------------


def _elliptic_curve_findings(public_key: ec.EllipticCurvePublicKey) -> list[Finding]:
    if public_key.curve.name not in CURVES:
        return [
            _finding(
                "unsupported_curve",
                f"the curve {public_key.curve.name} is not one that is signed here",
                "use P-256, P-384 or P-521",
            )
        ]
    point = public_key.public_numbers()
    prime, b = _CURVE_PARAMETERS[public_key.curve.name]
    is_inside = 0 <= point.x < prime and 0 <= point.y < prime
    if not is_inside or (point.y**2 - point.x**3 + 3 * point.x - b) % prime:
        return [_finding("point_not_on_curve", "the point of the EC key is not on its curve")]
    return []


# SP 800-186 section 3.2.1: y**2 = x**3 - 3 * x + b; cofactor 1, so every point is of full order.
_CURVE_PARAMETERS: Final = {
    "secp256r1": (
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    "secp384r1": (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    "secp521r1": (
        2**521 - 1,
        0x0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}


def _ed25519_findings(raw: bytes) -> list[Finding]:
    """RFC 8032 section 5.1.3."""
    prime = 2**255 - 19
    sign = raw[31] >> 7
    y = int.from_bytes(raw, "little") & ((1 << 255) - 1)
    if y >= prime:
        return [_not_canonical("Ed25519")]
    # Points of order 1, 2, 4 and 8 are known by their y alone.
    if y in _ED25519_SMALL_ORDER:
        return [_small_order("Ed25519")]
    d = -121665 * pow(121666, -1, prime) % prime
    x_squared = (y * y - 1) * pow(d * y * y + 1, -1, prime) % prime
    if pow(x_squared, (prime - 1) // 2, prime) not in {0, 1} or (x_squared == 0 and sign):
        return [_finding("point_not_on_curve", "the Ed25519 key is not a point of its curve")]
    return []


# The y of a point of order 8; its negative is the y of the others.
_ED25519_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_ED25519_SMALL_ORDER: Final = frozenset(
    {0, 1, 2**255 - 20, _ED25519_ORDER_8, 2**255 - 19 - _ED25519_ORDER_8}
)


def _ed448_findings(raw: bytes) -> list[Finding]:
    """RFC 8032 section 5.2.3."""
    prime = 2**448 - 2**224 - 1
    sign = raw[56] >> 7
    y = int.from_bytes(raw[:56], "little")
    if y >= prime or raw[56] & 0x7F:
        return [_not_canonical("Ed448")]
    if y in {0, 1, prime - 1}:
        return [_small_order("Ed448")]
    d = -39081
    x_squared = (y * y - 1) * pow(d * y * y - 1, -1, prime) % prime
    if pow(x_squared, (prime - 1) // 2, prime) not in {0, 1} or (x_squared == 0 and sign):
        return [_finding("point_not_on_curve", "the Ed448 key is not a point of its curve")]
    return []


def _not_canonical(name: str) -> Finding:
    return _finding("not_canonical", f"the encoding of the {name} key is not the canonical one")


def _small_order(name: str) -> Finding:
    return _finding(
        "small_order",
        f"the {name} key is a point of small order, for which anybody can make signatures",
    )


_ML_DSA_SIZES: Final = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}


def _ml_dsa_findings(
    public_key: mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey,
) -> list[Finding]:
    """RFC 9881 section 4. Every string of that length is a key."""
    name = describe_key(public_key)
    size = len(public_key.public_bytes_raw())
    if size == _ML_DSA_SIZES[name]:
        return []
    return [_finding("wrong_size", f"the {name} key has {size} octets")]
