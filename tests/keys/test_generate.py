from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from pki_as_code.keys.encryption import format_private_key, parse_private_key
from pki_as_code.keys.generate import generate_key
from pki_as_code.pkix.algorithms import KeySpec, matches_key_spec

SPECS = [
    KeySpec("RSA", size=2048),
    KeySpec("RSA", size=3072),
    KeySpec("EC", curve="P-256"),
    KeySpec("EC", curve="P-384"),
    KeySpec("EC", curve="P-521"),
    KeySpec("Ed25519"),
    KeySpec("Ed448"),
    KeySpec("ML-DSA-44"),
    KeySpec("ML-DSA-65"),
    KeySpec("ML-DSA-87"),
]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_key_is_what_was_asked_for_and_survives_its_file(spec):
    key = generate_key(spec)
    assert matches_key_spec(key.public_key(), spec)
    for passphrase in (None, b"correct horse"):
        pem = format_private_key(key, passphrase)
        again = parse_private_key(pem, passphrase, where="x", name="issuing")
        assert again.public_key() == key.public_key()
        assert (b"BEGIN ENCRYPTED PRIVATE KEY" in pem) == (passphrase is not None)


def test_an_rsa_key_has_the_usual_exponent():
    key = generate_key(KeySpec("RSA", size=2048))
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.public_key().public_numbers().e == 65537


@pytest.mark.slow
def test_the_largest_rsa_key_is_made():
    assert generate_key(KeySpec("RSA", size=4096)).public_key().key_size == 4096


def test_two_keys_differ():
    spec = KeySpec("Ed25519")
    assert generate_key(spec).public_key() != generate_key(spec).public_key()
