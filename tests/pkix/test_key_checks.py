from __future__ import annotations

import secrets
import time
from functools import cache
from math import gcd, isqrt, prod

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ed448, ed25519, rsa, x448, x25519

from pki_as_code.model import Severity
from pki_as_code.pkix.key_checks import is_probable_prime, key_findings
from tests.pkix.csr_maker import private_key

SUPPORTED = (
    "RSA-2048",
    "RSA-3072",
    "P-256",
    "P-384",
    "P-521",
    "Ed25519",
    "Ed448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
)


def codes(modulus: int, exponent: int = 65537) -> list[str]:
    key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    return [finding.code for finding in key_findings(key)]


@cache
def primes(bits: int) -> tuple[int, int]:
    """Two primes out of a key of `2 * bits`."""
    numbers = rsa.generate_private_key(65537, 2 * bits).private_numbers()
    return numbers.p, numbers.q


SMALL_PRIMES = prod(n for n in range(2, 752) if all(n % d for d in range(2, isqrt(n) + 1)))


def without_small_factors(number: int) -> int:
    """A number near `number` that could as well be a prime, as far as the checks look."""
    number |= 1
    while gcd(number, SMALL_PRIMES) != 1:
        number += 2
    return number


@cache
def well_known_prime(bits: int) -> int:
    """The primes of RFC 3526, which are made of the digits of pi."""
    offset = {2048: 124476, 3072: 1690314, 4096: 240904, 6144: 929484, 8192: 4743158}[bits]
    precision = bits + 64

    def arctangent_of_inverse(number: int) -> int:
        power = total = (1 << precision) // number
        divisor = 1
        while power:
            power //= -number * number
            divisor += 2
            total += power // divisor if power > 0 else -(-power // divisor)
        return total

    pi = 4 * (4 * arctangent_of_inverse(5) - arctangent_of_inverse(239))
    digits = pi >> (precision - (bits - 130))
    return (1 << bits) - (1 << (bits - 64)) - 1 + (1 << 64) * (digits + offset)


@pytest.mark.parametrize("name", SUPPORTED)
def test_a_good_key_has_no_findings(name: str) -> None:
    assert key_findings(private_key(name).public_key()) == []


def test_small_and_large_moduli_are_found() -> None:
    assert codes(prod(primes(512))) == ["key.rsa_too_small"]
    start = time.perf_counter()
    assert codes((1 << 8192) + 1) == ["key.rsa_too_large"]
    assert time.perf_counter() - start < 0.5


def test_a_size_that_is_no_multiple_of_8_is_found() -> None:
    p, q = primes(1024)
    assert "key.rsa_odd_size" in codes(p * q * (1 << 3) + 1)


@pytest.mark.parametrize(
    ("exponent", "expected", "severity"),
    [
        (3, "key.rsa_small_exponent", Severity.WARNING),
        (17, "key.rsa_small_exponent", Severity.WARNING),
        (65539, None, None),
        ((1 << 256) + 1, "key.rsa_bad_exponent", Severity.ERROR),
    ],
)
def test_exponents_are_judged(
    exponent: int, expected: str | None, severity: Severity | None
) -> None:
    modulus = private_key("RSA-2048").public_key().public_numbers().n
    findings = key_findings(rsa.RSAPublicNumbers(exponent, modulus).public_key())

    assert [(f.code, f.severity) for f in findings] == ([(expected, severity)] if expected else [])


@pytest.mark.parametrize("factor", [3, 5, 101, 743, 751])
def test_small_factors_are_found(factor: int) -> None:
    p, _ = primes(1024)
    cofactor = without_small_factors((1 << 2047) // p // factor + secrets.randbits(900))
    assert "key.rsa_small_factor" in codes(factor * p * cofactor)


def test_a_factor_just_above_the_bound_is_not_looked_for() -> None:
    p, _ = primes(1024)
    modulus = 757 * p * without_small_factors((1 << 2047) // p // 757 + secrets.randbits(900))
    assert "key.rsa_small_factor" not in codes(modulus)


def test_close_primes_are_found() -> None:
    p, _ = primes(1024)
    for distance in (2, 1 << 20, 1 << 500):
        assert codes(p * without_small_factors(p + distance)) == ["key.rsa_close_primes"]


def test_primes_of_a_good_distance_are_not_close() -> None:
    p, _ = primes(1024)
    assert "key.rsa_close_primes" not in codes(p * without_small_factors(p + (1 << 600)))


def test_a_square_is_found() -> None:
    p, _ = primes(1024)
    assert codes(p * p) == ["key.rsa_modulus_square"]
    assert isqrt(p * p) == p


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_a_prime_modulus_is_found(bits: int) -> None:
    modulus = well_known_prime(bits)
    stand_in = rsa.RSAPublicNumbers(65537, modulus).public_key()

    assert modulus.bit_length() == bits
    assert codes(modulus) == ["key.rsa_modulus_prime"]
    assert codes(modulus, 3) == ["key.rsa_small_exponent", "key.rsa_modulus_prime"]
    assert key_findings(stand_in, test_primality=False) == []


def test_the_primality_test_tells_primes_from_products() -> None:
    assert is_probable_prime(2**2203 - 1)
    assert is_probable_prime(2**3217 - 1)
    assert not is_probable_prime(prod(primes(1024)))
    assert not is_probable_prime(well_known_prime(2048) * well_known_prime(3072))


def roca_prime(bits: int) -> int:
    """p = k * M + (65537**a mod M), with M the product of the first 39 primes."""
    small = [n for n in range(2, 168) if all(n % d for d in range(2, n))]
    product = prod(small)
    while True:
        k = secrets.randbits(bits - product.bit_length()) | 1 << (bits - product.bit_length() - 1)
        candidate = k * product + pow(65537, secrets.randbits(64), product)
        if candidate & 1 and pow(2, candidate - 1, candidate) == 1:
            return candidate


def test_the_fingerprint_of_roca_is_found() -> None:
    assert codes(roca_prime(1024) * roca_prime(1024))[-1] == "key.roca"


def test_a_good_key_never_has_the_fingerprint_of_roca() -> None:
    for _ in range(300):
        modulus = secrets.randbits(2048) | 1 << 2047 | 1
        assert "key.roca" not in codes(modulus)


# --- Curves --------------------------------------------------------------------------------------


def ed25519_codes(raw: bytes) -> list[str]:
    key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return [finding.code for finding in key_findings(key)]


SMALL_ORDER_ED25519 = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize("raw", SMALL_ORDER_ED25519)
def test_ed25519_keys_of_small_order_are_found(raw: str) -> None:
    assert ed25519_codes(bytes.fromhex(raw)) == ["key.small_order"]


def test_ed25519_keys_that_are_not_canonical_are_found() -> None:
    prime = 2**255 - 19
    for y in (prime, prime + 1, 2**255 - 1):
        assert ed25519_codes(y.to_bytes(32, "little")) == ["key.not_canonical"]


def test_about_half_of_all_strings_are_no_ed25519_key() -> None:
    found = [ed25519_codes(bytes([number]) + b"\x42" * 31) for number in range(100)]
    off_curve = found.count(["key.point_not_on_curve"])
    assert 25 < off_curve < 75
    assert off_curve + found.count([]) == 100


def test_ed448_keys_are_judged_alike() -> None:
    prime = 2**448 - 2**224 - 1

    def ed448_codes(y: int, last: int = 0) -> list[str]:
        raw = y.to_bytes(56, "little") + bytes([last])
        key = ed448.Ed448PublicKey.from_public_bytes(raw)
        return [finding.code for finding in key_findings(key)]

    for y in (0, 1, prime - 1):
        assert ed448_codes(y) == ["key.small_order"]
        assert ed448_codes(y, 0x80) == ["key.small_order"]
    assert ed448_codes(prime) == ["key.not_canonical"]
    assert ed448_codes(5, 0x01) == ["key.not_canonical"]
    found = [ed448_codes(number) for number in range(2, 102)]
    assert 25 < found.count(["key.point_not_on_curve"]) < 75


def test_types_that_are_not_signed_are_refused() -> None:
    for key in (
        dsa.generate_private_key(2048).public_key(),
        x25519.X25519PrivateKey.generate().public_key(),
        x448.X448PrivateKey.generate().public_key(),
    ):
        assert [f.code for f in key_findings(key)] == ["key.unsupported_type"]
    (finding,) = key_findings(private_key("secp256k1").public_key())
    assert finding.code == "key.unsupported_curve"
    assert "secp256k1" in finding.message


def test_every_finding_says_what_to_do() -> None:
    p, _ = primes(1024)
    key = rsa.RSAPublicNumbers(3, p * p).public_key()
    findings = key_findings(key)
    assert findings
    assert all(finding.help and str(p)[:20] not in str(finding) for finding in findings)
