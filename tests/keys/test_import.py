"""Keys that were made elsewhere: read in the forms they come in, and kept as ours are."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from pki_as_code.errors import KeyBackendError
from pki_as_code.keys import check_new_key, import_key, open_key
from pki_as_code.keys.foreign import parse_foreign_key
from tests.keys.conftest import NO_SECRETS, GivenSecrets

KEY = ec.generate_private_key(ec.SECP256R1())
PLAIN = NoEncryption()
LOCKED = BestAvailableEncryption(b"sesame")

FORMS = [
    (Encoding.PEM, PrivateFormat.PKCS8),
    (Encoding.DER, PrivateFormat.PKCS8),
    (Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    (Encoding.DER, PrivateFormat.TraditionalOpenSSL),
]


def refuse_to_tell() -> bytes | None:
    raise AssertionError("nobody needs a passphrase for this key")


def read(data: bytes, passphrase: bytes | None = None):
    return parse_foreign_key(data, lambda: passphrase, where="old.pem", name="old")


def same(private_key) -> bool:
    return private_key.public_key() == KEY.public_key()


@pytest.mark.parametrize(("encoding", "form"), FORMS)
def test_a_key_is_read_in_every_form(encoding, form):
    data = KEY.private_bytes(encoding, form, PLAIN)
    private_key, passphrase = parse_foreign_key(data, refuse_to_tell, where="old", name="old")
    assert (same(private_key), passphrase) == (True, None)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_locked_key_needs_its_passphrase(encoding):
    data = KEY.private_bytes(encoding, PrivateFormat.PKCS8, LOCKED)
    private_key, passphrase = read(data, b"sesame")
    assert (same(private_key), passphrase) == (True, b"sesame")
    for given, code in (
        (None, "key.passphrase_needed"),
        (b"", "key.passphrase_needed"),
        (b"barley", "key.wrong_passphrase"),
    ):
        with pytest.raises(KeyBackendError) as caught:
            read(data, given)
        assert caught.value.code == code
        assert "barley" not in str(caught.value) + caught.value.help


@pytest.mark.parametrize(
    "data", [b"", b"0", b"0\x00", b"\x00" * 100, b"-----BEGIN", b"0\x82garbage"]
)
def test_what_is_no_key_is_refused(data):
    with pytest.raises(KeyBackendError) as caught:
        read(data, b"x")
    assert caught.value.code == "key.not_a_key"


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_key_that_signs_no_certificates_is_refused(encoding):
    key = dsa.generate_private_key(2048)
    with pytest.raises(KeyBackendError) as caught:
        read(key.private_bytes(encoding, PrivateFormat.PKCS8, PLAIN))
    assert caught.value.code == "key.unsupported_type"


@pytest.mark.parametrize("passphrase", [None, b"new"])
def test_an_imported_key_is_kept_like_one_of_ours(root, passphrase):
    secrets = GivenSecrets(**({"old": passphrase} if passphrase else {}))
    check_new_key("file:keys/old.pem", root=root, name="old", secrets=secrets)
    import_key("file:keys/old.pem", KEY, root=root, name="old", secrets=secrets)
    place = root / "keys/old.pem"
    assert place.stat().st_mode & 0o777 == 0o600
    assert (b"ENCRYPTED" in place.read_bytes()) is (passphrase is not None)
    assert same(open_key("file:keys/old.pem", root=root, name="old", secrets=secrets))


def test_no_key_is_ever_replaced(root):
    import_key("file:keys/old.pem", KEY, root=root, name="old", secrets=NO_SECRETS)
    before = (root / "keys/old.pem").read_bytes()
    other = ed25519.Ed25519PrivateKey.generate()
    for attempt in (
        lambda: import_key("file:keys/old.pem", other, root=root, name="old", secrets=NO_SECRETS),
        lambda: check_new_key("file:keys/old.pem", root=root, name="old", secrets=NO_SECRETS),
    ):
        with pytest.raises(KeyBackendError) as caught:
            attempt()
        assert caught.value.code == "key.exists"
    assert (root / "keys/old.pem").read_bytes() == before


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("file:../old.pem", "key.outside_repository"),
        ("file:.git/old.pem", "key.inside_git"),
        ("file:keys/", "key.exists"),
        ("file:taken/old.pem", "key.unwritable"),
        ("teleport:old", "key.unknown_scheme"),
    ],
)
def test_a_place_that_cannot_be_is_known_before(root, uri, code):
    (root / "keys").mkdir()
    (root / "taken").write_text("a file where a directory should be")
    with pytest.raises(KeyBackendError) as caught:
        check_new_key(uri, root=root, name="old", secrets=NO_SECRETS)
    assert caught.value.code == code
    assert sorted(path.name for path in root.iterdir()) == ["keys", "taken"]
