from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.algorithms import (
    HASHES,
    SIGNATURE_ALGORITHMS,
    KeySpec,
    certificate_hash_name,
    default_hash_name,
    default_hash_name_of_spec,
    describe_key,
    key_allowed,
    key_spec,
    matches_key_spec,
    parse_hash_name,
    parse_key_requirement,
    signature_algorithm,
    usable_key_usages,
)
from tests.pkix.csr_maker import make_csr, private_key

WITHOUT_HASH = ("Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
KEYS = ("RSA-2048", "P-256", "P-384", "P-521", *WITHOUT_HASH)
ALL_USAGES = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
]


def public_key(name: str):  # type: ignore[no-untyped-def]
    return private_key(name).public_key()


# --- Keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
def test_keys_are_described_and_match_their_own_spec(name: str) -> None:
    key = public_key(name)
    spec = key_spec(key)

    assert describe_key(key) == name
    assert str(spec) == name
    assert matches_key_spec(key, spec)
    assert not matches_key_spec(key, KeySpec("RSA", size=4096))
    assert key_allowed(key, [f"{name}+" if name.startswith("RSA") else name])


def test_keys_that_are_not_signed_are_described_too() -> None:
    assert describe_key(public_key("secp256k1")) == "secp256k1"
    assert describe_key(dsa.generate_private_key(1024).public_key()) == "DSA-1024"  # noqa: S505
    assert describe_key(x25519.X25519PrivateKey.generate().public_key()) == "X25519"
    with pytest.raises(InvalidValueError):
        key_spec(public_key("secp256k1"))


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "DSA"},
        {"type": "rsa", "size": 2048},
        {"type": "RSA"},
        {"type": "RSA", "size": 1024},
        {"type": "RSA", "size": 2049},
        {"type": "RSA", "size": 16384},
        {"type": "RSA", "size": 2048, "curve": "P-256"},
        {"type": "EC"},
        {"type": "EC", "curve": "secp256k1"},
        {"type": "EC", "curve": "P-256", "size": 256},
        {"type": "Ed25519", "size": 256},
        {"type": "ML-DSA-65", "curve": "P-256"},
    ],
)
def test_a_key_spec_that_is_never_made_is_refused(fields: dict[str, str | int]) -> None:
    with pytest.raises(InvalidValueError) as error:
        KeySpec(**fields)  # type: ignore[arg-type]
    assert error.value.code == "key.bad_spec"


@pytest.mark.parametrize(
    ("allowed", "key", "expected"),
    [
        ("RSA-2048", "RSA-2048", True),
        ("RSA-2048+", "RSA-2048", True),
        ("rsa-2048+", "RSA-2048", True),
        ("RSA-3072+", "RSA-2048", False),
        ("RSA-2048", "RSA-3072", False),
        ("RSA-2048+", "RSA-3072", True),
        ("P-256", "P-256", True),
        ("p-256", "P-256", True),
        ("P-384", "P-256", False),
        ("Ed25519", "Ed25519", True),
        ("ed25519", "Ed448", False),
        ("ML-DSA-65", "ML-DSA-65", True),
        ("ML-DSA-65", "ML-DSA-87", False),
        ("RSA-2048+", "P-256", False),
    ],
)
def test_requirements_are_met_or_not(allowed: str, key: str, expected: bool) -> None:
    assert key_allowed(public_key(key), [allowed]) is expected
    assert key_allowed(public_key(key), ["P-521", allowed]) is expected
    assert key_allowed(public_key(key), []) is False


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RSA",
        "RSA-1024",
        "RSA-1024+",
        "RSA-99999+",
        "RSA-3072-",
        "P-256+",
        "EC",
        "secp256k1",
        "DSA-2048",
        "RSA-\u0662048",
    ],
)
def test_a_requirement_nobody_can_mean_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        parse_key_requirement(text)
    assert error.value.code == "key.bad_requirement"
    with pytest.raises(InvalidValueError):
        key_allowed(public_key("P-256"), ["P-256", text])


@pytest.mark.parametrize(
    ("key", "usages"),
    [
        (
            "RSA-2048",
            {
                "digitalSignature",
                "nonRepudiation",
                "keyEncipherment",
                "dataEncipherment",
                "keyCertSign",
                "cRLSign",
            },
        ),
        (
            "P-256",
            {
                "digitalSignature",
                "nonRepudiation",
                "keyAgreement",
                "keyCertSign",
                "cRLSign",
                "encipherOnly",
                "decipherOnly",
            },
        ),
        ("Ed25519", {"digitalSignature", "nonRepudiation", "keyCertSign", "cRLSign"}),
        ("Ed448", {"digitalSignature", "nonRepudiation", "keyCertSign", "cRLSign"}),
        ("ML-DSA-65", {"digitalSignature", "nonRepudiation", "keyCertSign", "cRLSign"}),
        ("secp256k1", set()),
    ],
)
def test_key_usages_follow_the_type_of_the_key(key: str, usages: set[str]) -> None:
    assert set(usable_key_usages(public_key(key), ALL_USAGES)) == usages
    profile = ["digitalSignature", "keyEncipherment", "keyAgreement"]
    assert usable_key_usages(public_key(key), profile) == [u for u in profile if u in usages]


def test_encipher_only_goes_with_key_agreement() -> None:
    assert usable_key_usages(public_key("P-256"), ["encipherOnly", "digitalSignature"]) == [
        "digitalSignature"
    ]


# --- Hashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *((name, name) for name in HASHES),
        ("sha256", "SHA-256"),
        ("SHA256", "SHA-256"),
        ("sha-384", "SHA-384"),
        ("sha_512", "SHA-512"),
        ("SHA3-256", "SHA3/256"),
        ("sha3_224", "SHA3/224"),
        ("sha3_512", "SHA3/512"),
    ],
)
def test_hashes_have_one_name(text: str, name: str) -> None:
    assert parse_hash_name(text) == name


@pytest.mark.parametrize("text", ["MD5", "md5", "SHA-1", "sha1", "SHA1", "md-5"])
def test_broken_hashes_are_refused_as_such(text: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        parse_hash_name(text)
    assert error.value.code == "algorithm.broken_hash"
    with pytest.raises(InvalidValueError):
        signature_algorithm(public_key("P-256"), text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SHA",
        "SHA-2",
        "SHA-512/256",
        "BLAKE2b",
        "s" * 1000,
        "SHA256 ",
        "SHA-3256",
        "SHA/256",
        "sha",
    ],
)
def test_unknown_hashes_are_refused(text: str) -> None:
    with pytest.raises(InvalidValueError):
        parse_hash_name(text)


@pytest.mark.parametrize("name", WITHOUT_HASH)
def test_a_hash_for_a_key_that_takes_none_is_an_error_that_says_why(name: str) -> None:
    with pytest.raises(InvalidValueError, match="takes no hash algorithm") as error:
        signature_algorithm(public_key(name), "SHA-256")
    assert error.value.code == "algorithm.hash_not_allowed"
    assert default_hash_name(public_key(name)) is None
    assert default_hash_name_of_spec(KeySpec(name)) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [("RSA-2048", "SHA-256"), ("P-256", "SHA-256"), ("P-384", "SHA-384"), ("P-521", "SHA-512")],
)
def test_the_default_hash_suits_the_key(name: str, expected: str) -> None:
    key = public_key(name)
    assert default_hash_name(key) == expected
    assert default_hash_name_of_spec(key_spec(key)) == expected
    with pytest.raises(InvalidValueError) as error:
        signature_algorithm(key, None)
    assert error.value.code == "algorithm.hash_missing"


def test_keys_that_are_not_supported_have_no_signature_algorithm() -> None:
    with pytest.raises(InvalidValueError) as error:
        signature_algorithm(x25519.X25519PrivateKey.generate().public_key(), "SHA-256")
    assert error.value.code == "key.unsupported_type"


# --- Signatures ----------------------------------------------------------------------------------

COMBINATIONS = [
    *((name, hash_name) for name in ("RSA-2048", "P-256", "P-521") for hash_name in HASHES),
    *((name, None) for name in WITHOUT_HASH),
]


@pytest.mark.parametrize(("name", "hash_name"), COMBINATIONS)
def test_every_algorithm_signs_and_verifies(name: str, hash_name: str | None) -> None:
    private = private_key(name)
    public = private.public_key()
    algorithm = signature_algorithm(public, hash_name)
    signature = private.sign(b"data", *algorithm.sign_arguments(public))

    assert algorithm.verify_signature(public, signature, b"data") is None
    with pytest.raises(InvalidSignature):
        algorithm.verify_signature(public, signature, b"other")
    with pytest.raises(InvalidSignature):
        algorithm.verify_signature(public, b"", b"data")
    assert algorithm.hash_name == hash_name


@pytest.mark.parametrize("name", ["RSA-2048", "P-256", "P-384", "P-521", "Ed25519", "Ed448"])
def test_signing_the_same_bytes_again_gives_the_same_signature(name: str) -> None:
    private = private_key(name)
    public = private.public_key()
    arguments = signature_algorithm(public, default_hash_name(public)).sign_arguments(public)

    assert private.sign(b"data", *arguments) == private.sign(b"data", *arguments)


@pytest.mark.parametrize(("name", "hash_name"), COMBINATIONS)
def test_identifiers_are_the_bytes_cryptography_writes(name: str, hash_name: str | None) -> None:
    key = private_key(name)
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    csr = builder.sign(key, HASHES[hash_name]() if hash_name else None)
    algorithm = signature_algorithm(key.public_key(), hash_name)

    assert algorithm.algorithm_identifier_der in csr.public_bytes(Encoding.DER)
    parameters = algorithm.algorithm_identifier_der[-2:] == b"\x05\x00"
    assert parameters is name.startswith("RSA")


def test_no_two_algorithms_share_an_identifier() -> None:
    identifiers = [a.algorithm_identifier_der for a in SIGNATURE_ALGORITHMS.values()]
    assert len(set(identifiers)) == len(identifiers) == 8 + 8 + 5


def test_a_signature_is_never_verified_with_the_wrong_type_of_key() -> None:
    algorithm = signature_algorithm(public_key("Ed25519"), None)
    with pytest.raises(InvalidValueError):
        algorithm.verify_signature(public_key("RSA-2048"), b"", b"")
    with pytest.raises(InvalidValueError):
        algorithm.verify_signature(public_key("P-256"), b"", b"")


@pytest.mark.parametrize("name", ["RSA-2048", "P-256", "Ed448"])
def test_openssl_names_the_algorithm_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "csr.der"
    path.write_bytes(make_csr(private_key(name)))
    key = public_key(name)

    shown = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-in", path, "-noout", "-text", "-verify"],
        check=True,
        capture_output=True,
        text=True,
    )

    assert "verify OK" in shown.stderr + shown.stdout
    expected = signature_algorithm(key, default_hash_name(key)).name.lower().removeprefix("id-")
    assert f"signature algorithm: {expected}" in shown.stdout.lower()


# --- Of certificates -----------------------------------------------------------------------------


def certificate(name: str, digest: hashes.HashAlgorithm | None) -> x509.Certificate:
    key = private_key(name)
    return (
        x509.CertificateBuilder(x509.Name([]), x509.Name([]), key.public_key(), 1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
        .sign(key, digest)
    )


@pytest.mark.parametrize(
    ("name", "digest", "expected"),
    [
        ("P-256", hashes.SHA384(), "SHA-384"),
        ("RSA-2048", hashes.SHA512(), "SHA-512"),
        ("P-256", hashes.SHA3_256(), "SHA3/256"),
        ("Ed25519", None, None),
        ("ML-DSA-65", None, None),
    ],
)
def test_the_hash_of_a_certificate_is_told(
    name: str, digest: hashes.HashAlgorithm | None, expected: str | None
) -> None:
    assert certificate_hash_name(certificate(name, digest)) == expected


def test_a_hash_that_is_not_signed_with_is_not_told(tmp_path: Path) -> None:
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            tmp_path / "key",
            "-sha1",
            "-subj",
            "/CN=x",
            "-out",
            tmp_path / "crt",
        ],
        check=True,
        capture_output=True,
    )
    old = x509.load_pem_x509_certificate((tmp_path / "crt").read_bytes())

    assert certificate_hash_name(old) is None


def test_a_public_key_is_the_same_however_it_was_loaded() -> None:
    key = public_key("P-256")
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    again = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    assert describe_key(again) == describe_key(key) == "P-256"
