"""CRLs: what is signed is what was linted, with every type of key, and everything refused."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import IssuanceError
from pki_as_code.issuance import (
    Issuer,
    PreparedCrl,
    open_issuer,
    prepare_certificate,
    prepare_crl,
    sign_certificate,
    sign_crl,
)
from pki_as_code.issuance.spool import Spool
from pki_as_code.model import IssuedCrl, RequestedExtension, Revocation
from pki_as_code.pkix.algorithms import HASHES, default_hash_name
from pki_as_code.pkix.crl import (
    REASON_NUMBERS,
    CrlFrame,
    IssuingDistributionPoint,
    lint_crl,
    read_crl,
)
from tests.pkix.csr_maker import private_key
from tests.test_issuance import KEYS, NOW, ORIGIN, ca_request, loaded, prepared_web, root

DAY = timedelta(days=1)
REVOKED = Revocation("keyCompromise", NOW - DAY, NOW - 2 * DAY)
ENTRIES = [
    (number, Revocation(name, NOW - DAY, NOW - 2 * DAY if number % 2 else None))
    for number, name in enumerate(REASON_NUMBERS, 0x49BC00)
]

OPENSSL_KEYS = ("RSA-2048", "P-256", "P-384", "P-521", "Ed25519", "Ed448")
"""Those that the openssl of the machine knows; ML-DSA came with 3.5."""


def prepared(issuer: Issuer, directory: Path, entries: Any = (), **changes: Any) -> PreparedCrl:
    fields: dict[str, Any] = {
        "scope": "full",
        "number": 7,
        "this_update": NOW,
        "next_update": NOW + 7 * DAY,
        "hash_name": default_hash_name(issuer.key.public_key()),
    }
    return prepare_crl(issuer, entries, directory, **{**fields, **changes})


def issued(issuer: Issuer, directory: Path, entries: Any = (), **changes: Any) -> IssuedCrl:
    with prepared(issuer, directory, entries, **changes) as crl:
        return sign_crl(crl, issuer, directory / "out.crl")


def refusal(*arguments: Any, **changes: Any) -> IssuanceError:
    with pytest.raises(IssuanceError) as caught:
        prepared(*arguments, **changes)
    return caught.value


# --- What is signed ------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [ENTRIES, []], ids=["some", "none"])
@pytest.mark.parametrize("key_name", KEYS)
def test_every_type_of_authority_key_signs_a_crl(key_name, entries, tmp_path):
    issuer = root(key_name)
    crl = issued(issuer, tmp_path, entries)
    data = crl.path.read_bytes()
    parsed = x509.load_der_x509_crl(data)
    assert parsed.is_signature_valid(issuer.certificate.public_key())
    assert lint_crl(data, issuer.certificate) == []
    assert [(e.serial_number, e.reason, e.invalidity_date) for e in read_crl(data)[1]] == [
        (number, said.reason, said.invalidity_date) for number, said in entries
    ]
    assert crl == IssuedCrl(
        issuer="root",
        scope="full",
        number=7,
        this_update=NOW,
        next_update=NOW + 7 * DAY,
        digest=hashlib.sha256(data).hexdigest(),
        entry_count=len(entries),
        path=tmp_path / "out.crl",
    )


@pytest.mark.parametrize("hash_name", HASHES)
@pytest.mark.parametrize("key_name", ["RSA-2048", "P-256"])
def test_every_hash_signs_what_signing_the_whole_would(key_name, hash_name, tmp_path):
    issuer = root(key_name)
    crl = issued(issuer, tmp_path, ENTRIES, hash_name=hash_name)
    parsed = x509.load_der_x509_crl(crl.path.read_bytes())
    assert parsed.is_signature_valid(issuer.certificate.public_key())
    assert lint_crl(crl.path.read_bytes(), issuer.certificate) == []


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first = issued(root(), tmp_path, ENTRIES)
    assert issued(root(), tmp_path, ENTRIES) == first
    assert issued(root(), tmp_path, ENTRIES, number=8).digest != first.digest


def test_what_is_prepared_is_what_is_signed(tmp_path):
    with prepared(root(), tmp_path, ENTRIES) as crl:
        assert (crl.number, crl.scope, crl.entry_count) == (7, "full", len(ENTRIES))
        signed = sign_crl(crl, root(), tmp_path / "out.crl")
    parsed = x509.load_der_x509_crl(signed.path.read_bytes())
    assert crl.tbs_digest == hashlib.sha256(parsed.tbs_certlist_bytes).hexdigest()


@pytest.mark.parametrize(
    ("scope", "point"),
    [
        ("user", IssuingDistributionPoint(only_contains_user_certs=True)),
        ("ca", IssuingDistributionPoint(("http://x.example/a.crl",), only_contains_ca_certs=True)),
        ("shard-12", IssuingDistributionPoint(("http://x.example/12.crl",))),
        ("full", IssuingDistributionPoint(("http://x.example/all.crl",))),
    ],
)
def test_a_partial_crl_says_so(scope, point, tmp_path):
    crl = issued(root(), tmp_path, ENTRIES, scope=scope, issuing_distribution_point=point)
    assert crl.scope == scope
    description, _ = read_crl(crl.path.read_bytes())
    assert description.issuing_distribution_point == point
    parsed = x509.load_der_x509_crl(crl.path.read_bytes())
    assert parsed.extensions.get_extension_for_class(x509.IssuingDistributionPoint).critical


def test_without_a_destination_it_is_beside_where_it_was_prepared(tmp_path):
    with prepared(root(), tmp_path) as crl:
        signed = sign_crl(crl, root())
    assert signed.path.parent == tmp_path
    assert hashlib.sha256(signed.path.read_bytes()).hexdigest() == signed.digest
    assert list(tmp_path.iterdir()) == [signed.path]


def test_entries_are_read_one_after_the_other(tmp_path):
    def endless() -> Iterator[tuple[int, Revocation]]:
        yield from ENTRIES
        raise RuntimeError("the store went away")

    with pytest.raises(RuntimeError, match="went away"):
        prepared(root(), tmp_path, endless())
    assert list(tmp_path.iterdir()) == []


# --- Other programs ------------------------------------------------------------------------------


@pytest.mark.parametrize("key_name", OPENSSL_KEYS)
def test_openssl_verifies_and_shows_it(key_name, tmp_path):
    issuer = root(key_name)
    crl = issued(issuer, tmp_path, ENTRIES)
    (tmp_path / "ca.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    done = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-in", crl.path, "-noout", "-text",
         "-CAfile", tmp_path / "ca.pem"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "verify OK" in done.stderr
    assert "X509v3 CRL Number: \n                7\n" in done.stdout
    assert done.stdout.count("Serial Number:") == len(ENTRIES)
    for text in ("Key Compromise", "Certificate Hold", "Privilege Withdrawn", "AA Compromise"):
        assert text in done.stdout


@pytest.mark.parametrize("key_name", OPENSSL_KEYS)
@pytest.mark.parametrize("revoked", [True, False], ids=["revoked", "good"])
def test_openssl_refuses_the_revoked_and_takes_the_others(key_name, revoked, tmp_path):
    issuer = root(key_name)
    leaf = sign_certificate(prepared_web(issuer), issuer)
    number = leaf.serial_number + (0 if revoked else 1)
    crl = issued(issuer, tmp_path, [(number, REVOKED)])
    for name, certificate in (("ca", issuer.certificate), ("leaf", loaded(leaf.certificate_der))):
        (tmp_path / f"{name}.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    parsed = x509.load_der_x509_crl(crl.path.read_bytes())
    (tmp_path / "crl.pem").write_bytes(parsed.public_bytes(Encoding.PEM))
    at = str(int((NOW + timedelta(hours=1)).timestamp()))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-attime", at, "-crl_check", "-CAfile", "ca.pem",
         "-CRLfile", "crl.pem", "leaf.pem"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    if revoked:
        assert done.returncode != 0
        assert "certificate revoked" in done.stderr
    else:
        assert done.stdout == "leaf.pem: OK\n"


@pytest.mark.parametrize(
    ("key_name", "scope", "point"),
    [
        ("RSA-2048", "full", None),
        ("P-256", "full", None),
        ("Ed25519", "full", None),
        ("P-256", "user", IssuingDistributionPoint(only_contains_user_certs=True)),
        ("P-256", "ca", IssuingDistributionPoint(only_contains_ca_certs=True)),
        ("P-256", "shard-0", IssuingDistributionPoint(("http://x.example/0.crl",))),
    ],
)
@pytest.mark.parametrize("entries", [ENTRIES, []], ids=["some", "none"])
def test_pkilint_finds_no_error(key_name, scope, point, entries, tmp_path):
    crl = issued(root(key_name), tmp_path, entries, scope=scope, issuing_distribution_point=point)
    program = Path(sys.executable).parent / "lint_crl"
    kind = "ARL" if scope == "ca" else "CRL"
    done = subprocess.run(
        [program, "lint", "-t", kind, "-p", "PKIX", "-s", "ERROR", "-f", "JSON",
         "--document-format", "DER", crl.path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    assert json.loads(done.stdout)["results"] == []


# --- What is refused -----------------------------------------------------------------------------


def without_crl_sign() -> Issuer:
    key = private_key("P-256")
    alone = open_issuer("root", key, [])
    usage = RequestedExtension("keyUsage", True, ["keyCertSign"])
    request = ca_request("root", key, key, extensions=(usage,))
    signed = sign_certificate(prepare_certificate(request, alone, ORIGIN, NOW), alone)
    return open_issuer("root", key, [loaded(signed.certificate_der)])


def test_an_authority_that_may_not_sign_crls_does_not(tmp_path):
    error = refusal(without_crl_sign(), tmp_path)
    assert error.code == "rfc5280.crl_signer_may_not_sign"
    assert "cRLSign" in error.message
    assert list(tmp_path.iterdir()) == []


def test_an_authority_without_a_certificate_has_no_crl(tmp_path):
    alone = open_issuer("root", private_key("P-256"), [])
    assert refusal(alone, tmp_path).code == "issuance.issuer_not_issued"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": -1}, "crl.bad_number"),
        ({"number": 2**159}, "crl.bad_number"),
        ({"next_update": NOW}, "crl.bad_time"),
        ({"next_update": NOW - DAY}, "crl.bad_time"),
        ({"this_update": NOW.replace(microsecond=5)}, "der.bad_time"),
        ({"hash_name": None}, "algorithm.hash_missing"),
        ({"hash_name": "SHA-1"}, "algorithm.broken_hash"),
        ({"entries": [(0, REVOKED)]}, "crl.bad_entry"),
        ({"entries": [(1, Revocation("removeFromCRL", NOW))]}, "crl.bad_entry"),
        ({"entries": [(5, REVOKED), (5, REVOKED)]}, "rfc5280.crl_duplicate_serial"),
        ({"entries": [(6, REVOKED), (5, REVOKED), (6, REVOKED)]}, "rfc5280.crl_duplicate_serial"),
        (
            {"entries": [(5, Revocation("superseded", NOW + timedelta(seconds=1)))]},
            "rfc5280.crl_revocation_date",
        ),
        ({"scope": "all"}, "issuance.crl_scope"),
        ({"scope": "user"}, "issuance.crl_scope"),
        ({"scope": "shard-1"}, "issuance.crl_scope"),
        ({"scope": "shard-01"}, "issuance.crl_scope"),
        (
            {
                "scope": "shard-1",
                "issuing_distribution_point": IssuingDistributionPoint((), True),
            },
            "issuance.crl_scope",
        ),
        (
            {"scope": "full", "issuing_distribution_point": IssuingDistributionPoint((), True)},
            "issuance.crl_scope",
        ),
        (
            {"scope": "ca", "issuing_distribution_point": IssuingDistributionPoint((), True)},
            "issuance.crl_scope",
        ),
    ],
)
def test_a_crl_that_cannot_be_is_not_prepared(changes, code, tmp_path):
    entries = changes.pop("entries", ENTRIES)
    error = refusal(root(), tmp_path, entries, **changes)
    assert error.code == code
    assert list(tmp_path.iterdir()) == []


def test_a_hash_for_a_key_that_takes_none_is_refused(tmp_path):
    error = refusal(root("Ed25519"), tmp_path, hash_name="SHA-256")
    assert error.code == "algorithm.hash_not_allowed"


def test_a_crl_is_signed_once(tmp_path):
    with prepared(root(), tmp_path) as crl:
        sign_crl(crl, root(), tmp_path / "one.crl")
        with pytest.raises(IssuanceError) as caught:
            sign_crl(crl, root(), tmp_path / "two.crl")
    assert caught.value.code == "issuance.spent"
    assert not (tmp_path / "two.crl").exists()


def test_only_prepare_makes_one(tmp_path):
    key = root().key.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    with prepared(root(), tmp_path) as crl, pytest.raises(TypeError):
        PreparedCrl("root", "full", crl.frame, crl.spool, 0, object())
    assert isinstance(crl.frame, CrlFrame)


def test_another_authority_does_not_sign_it(tmp_path):
    other = root("P-384")
    for issuer in (other, Issuer("other", root().key, root().chain)):
        with prepared(root(), tmp_path) as crl, pytest.raises(IssuanceError) as caught:
            sign_crl(crl, issuer, tmp_path / "out.crl")
        assert caught.value.code == "issuance.reservation_unfit"
    assert list(tmp_path.iterdir()) == []


class WrongKey:
    """A key service that signs something else."""

    def __init__(self, key: Any, signature: Any = None) -> None:
        self.key, self.signature = key, signature

    def public_key(self) -> Any:
        return self.key.public_key()

    def sign(self, data: bytes, *arguments: Any) -> Any:
        return self.signature or self.key.sign(bytes(len(data)), *arguments)


@pytest.mark.parametrize("key_name", KEYS)
def test_a_signature_that_does_not_verify_is_thrown_away(key_name, tmp_path):
    good = root(key_name)
    (tmp_path / "out.crl").write_bytes(b"the one before")
    for key in (WrongKey(good.key), WrongKey(good.key, b"nonsense"), WrongKey(good.key, "text")):
        broken = Issuer("root", key, good.chain)  # type: ignore[arg-type]
        with prepared(broken, tmp_path) as crl, pytest.raises(IssuanceError) as caught:
            sign_crl(crl, broken, tmp_path / "out.crl")
        assert caught.value.code == "issuance.signature_invalid"
    assert (tmp_path / "out.crl").read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [tmp_path / "out.crl"]


class Meddler:
    """A key whose use changes the bytes that are being signed."""

    def __init__(self, key: Any) -> None:
        self.key, self.spool = key, None

    def public_key(self) -> Any:
        return self.key.public_key()

    def sign(self, data: bytes, *arguments: Any) -> bytes:
        os.pwrite(self.spool.file.fileno(), b"\x00", len(self.spool) - 1)
        return self.key.sign(data, *arguments)


def test_bytes_that_change_under_the_signature_are_not_published(tmp_path):
    key = Meddler(root().key)
    issuer = Issuer("root", key, root().chain)  # type: ignore[arg-type]
    with prepared(issuer, tmp_path, ENTRIES) as crl:
        key.spool = crl.spool
        with pytest.raises(IssuanceError) as caught:
            sign_crl(crl, issuer, tmp_path / "out.crl")
    assert caught.value.code == "issuance.bytes_differ"
    assert list(tmp_path.iterdir()) == []


class Recorder:
    """A key that remembers what it was given to sign."""

    def __init__(self, key: Any) -> None:
        self.key, self.given = key, []

    def public_key(self) -> Any:
        return self.key.public_key()

    def sign(self, data: bytes, *arguments: Any) -> bytes:
        self.given.append((len(data), arguments))
        return self.key.sign(data, *arguments)


@pytest.mark.parametrize("key_name", ["RSA-2048", "P-256"])
def test_a_key_that_takes_a_hash_is_given_no_more(key_name, tmp_path):
    """A key service takes 4 KiB; a CRL may have fifty megabytes."""
    key = Recorder(root(key_name).key)
    issuer = Issuer("root", key, root(key_name).chain)  # type: ignore[arg-type]
    issued(issuer, tmp_path, ENTRIES)
    ((size, arguments),) = key.given
    assert size == 32
    if isinstance(key.public_key(), rsa.RSAPublicKey):
        assert isinstance(arguments[1], Prehashed)
    else:
        assert isinstance(arguments[0].algorithm, Prehashed)


# --- Files ---------------------------------------------------------------------------------------


def test_what_is_prepared_has_no_name_and_nobody_else_reads_it(tmp_path):
    with prepared(root(), tmp_path, ENTRIES) as crl:
        assert list(tmp_path.iterdir()) == []
        status = os.fstat(crl.spool.file.fileno())
        assert stat.S_IMODE(status.st_mode) == 0o600
        assert status.st_nlink == 0
    assert crl.spool.file.closed


def test_a_spool_gives_out_parts_like_bytes(tmp_path):
    data = os.urandom(3_000_000)
    spool = Spool(tmp_path)
    spool.file.write(data)
    spool.seal()
    assert len(spool) == len(data)
    for part in (slice(0, 5), slice(5, 5), slice(2_999_990, 4_000_000), slice(None, None)):
        assert spool[part] == data[part]
    assert b"".join(spool.chunks()) == data
    with spool.mapped() as view:
        assert bytes(view) == data
    spool.close()


FULL_DISK = """
import resource, sys
from pathlib import Path
from tests.test_issuance_crls import ENTRIES, prepared, root, sign_crl
directory, limit = Path(sys.argv[1]), int(sys.argv[2])
issuer = root()
crl = prepared(issuer, directory, ENTRIES) if sys.argv[3] == "sign" else None
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    sign_crl(crl, issuer, directory / "out.crl") if crl else prepared(issuer, directory, ENTRIES)
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("step", ["prepare", "sign"])
def test_a_disk_that_is_full_leaves_nothing_half(step, tmp_path):
    (tmp_path / "out.crl").write_bytes(b"the one before")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path), "100", step],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip().isdigit(), done.stderr
    assert (tmp_path / "out.crl").read_bytes() == b"the one before"
    assert list(tmp_path.iterdir()) == [tmp_path / "out.crl"]


def test_a_directory_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No such file"):
        prepared(root(), tmp_path / "missing")


# --- Large ---------------------------------------------------------------------------------------

MANY = int(os.environ.get("PKI_TEST_CRL_ENTRIES", "100000"))
"""A million with PKI_TEST_CRL_ENTRIES=1000000."""

MEASURE = """
import sys, time
from pathlib import Path
import resource
from tests.test_issuance_crls import REVOKED, issued, root
count, directory, key = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
issuer = root(key)
start = time.monotonic()
crl = issued(issuer, directory, ((2**151 + n * 2**100, REVOKED) for n in range(count)))
assert crl.entry_count == count
seconds = time.monotonic() - start
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, seconds)
"""


def test_memory_does_not_grow_with_the_number_of_entries(tmp_path):
    def peak(count: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(count), str(tmp_path), "P-256"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return int(done.stdout.split()[0])

    few, many = peak(10), peak(MANY)
    assert many - few < 16 * 1024  # KiB
    data = (tmp_path / "out.crl").read_bytes()
    assert len(data) > 70 * MANY
    assert len(x509.load_der_x509_crl(data)) == MANY


def test_a_key_without_a_hash_signs_a_large_crl(tmp_path):
    issuer = root("Ed25519")
    entries = ((2**151 + n * 2**100, REVOKED) for n in range(20_000))
    crl = issued(issuer, tmp_path, entries)
    parsed = x509.load_der_x509_crl(crl.path.read_bytes())
    assert parsed.is_signature_valid(issuer.certificate.public_key())
    assert len(parsed) == crl.entry_count == 20_000
