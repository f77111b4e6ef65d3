from __future__ import annotations

import shutil
import subprocess
import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import KeyBackendError
from pki_as_code.keys.encryption import (
    PBKDF2_ITERATIONS,
    format_private_key,
    is_encrypted,
    parse_private_key,
)

KEY = ec.generate_private_key(ec.SECP256R1())
PASSPHRASE = b"correct horse battery staple"
PLAIN = format_private_key(KEY, None)
ENCRYPTED = format_private_key(KEY, PASSPHRASE)


def refusal(pem: bytes, passphrase: bytes | None) -> KeyBackendError:
    with pytest.raises(KeyBackendError) as caught:
        parse_private_key(pem, passphrase, where="keys/issuing.pem", name="issuing")
    return caught.value


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_opens_an_encrypted_key_and_sees_the_cost(tmp_path: Path):
    path = tmp_path / "key.pem"
    path.write_bytes(ENCRYPTED)
    command = ["openssl", "pkey", "-in", str(path), "-passin", f"pass:{PASSPHRASE.decode()}"]
    public = subprocess.run([*command, "-pubout"], check=True, capture_output=True).stdout
    assert public == KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shown = subprocess.run(
        ["openssl", "asn1parse", "-in", str(path)], check=True, capture_output=True
    ).stdout.decode()
    assert f"INTEGER           :{PBKDF2_ITERATIONS:06X}" in shown
    assert "hmacWithSHA256" in shown
    assert "aes-256-cbc" in shown


def test_two_encryptions_of_one_key_share_nothing():
    first, second = (format_private_key(KEY, PASSPHRASE).splitlines()[1:-1] for _ in range(2))
    assert not set(first[1:]) & set(second[1:])


def test_the_pem_has_64_characters_a_line():
    assert all(len(line) <= 64 for line in ENCRYPTED.splitlines())
    assert ENCRYPTED.endswith(b"-----END ENCRYPTED PRIVATE KEY-----\n")


@pytest.mark.parametrize("passphrase", [b"x", b"\x00\xff", "päß".encode(), b"a" * 1000])
def test_any_octets_are_a_passphrase(passphrase):
    pem = format_private_key(KEY, passphrase)
    assert (
        parse_private_key(pem, passphrase, where="x", name="issuing").public_key()
        == KEY.public_key()
    )


def test_traditional_and_foreign_encodings_are_read():
    traditional = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    weak = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE))
    assert (
        parse_private_key(traditional, None, where="x", name="issuing").public_key()
        == KEY.public_key()
    )
    assert (
        parse_private_key(weak, PASSPHRASE, where="x", name="issuing").public_key()
        == KEY.public_key()
    )


def test_the_traditional_encryption_is_recognised():
    pem = KEY.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(PASSPHRASE)
    )
    assert is_encrypted(pem)
    assert refusal(pem, None).code == "key.passphrase_needed"


def test_a_wrong_passphrase_is_refused():
    assert refusal(ENCRYPTED, b"wrong horse").code == "key.wrong_passphrase"


@pytest.mark.parametrize("passphrase", [None, b""])
def test_a_missing_passphrase_is_refused(passphrase):
    assert refusal(ENCRYPTED, passphrase).code == "key.passphrase_needed"


def test_a_superfluous_passphrase_is_refused():
    assert refusal(PLAIN, PASSPHRASE).code == "key.passphrase_superfluous"


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"no key at all",
        KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        PLAIN + PLAIN,
        PLAIN + ENCRYPTED.replace(b"ENCRYPTED ", b""),
        PLAIN.replace(PLAIN.splitlines()[1], b"AAAA"),
        PLAIN[: len(PLAIN) // 2],
        b"\x30\x82\x00\x00",
    ],
    ids=["empty", "text", "public", "twice", "two", "damaged", "cut", "der"],
)
def test_what_is_not_one_private_key_is_refused(pem):
    assert refusal(pem, None).code == "key.not_a_key"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", [x25519.X25519PrivateKey.generate, lambda: DSA], ids=["dh", "dsa"])
def test_a_key_that_cannot_sign_certificates_is_refused(make):
    pem = make().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert refusal(pem, None).code == "key.unsupported_type"


DSA = dsa.generate_private_key(1024)  # noqa: S505 (quick to make, and refused)


@pytest.mark.parametrize(
    ("pem", "passphrase"),
    [(ENCRYPTED, b"wrong horse"), (ENCRYPTED, None), (PLAIN, PASSPHRASE), (PLAIN + PLAIN, None)],
)
def test_no_error_shows_a_key_or_a_passphrase(pem, passphrase):
    error = refusal(pem, passphrase)
    told = "".join(traceback.format_exception(error)) + error.help
    assert error.__cause__ is None
    assert "wrong horse" not in told
    assert PASSPHRASE.decode() not in told
    body = [line.decode() for line in pem.splitlines() if not line.startswith(b"-")]
    assert not any(line in told for line in body)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200), st.integers(0, len(PLAIN)))
def test_damage_never_escapes_as_another_exception(noise, at):
    try:
        parse_private_key(PLAIN[:at] + noise + PLAIN[at:], None, where="x", name="issuing")
    except KeyBackendError as error:
        assert error.code.startswith("key.")
