"""An offline root, from the plan that asks for a ceremony to a certificate of a web server."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.stores import open_store
from tests.e2e.ceremony_site import (
    ISSUING,
    SECRET,
    Table,
    files_with,
    killed_sitting,
    make_online,
    make_table,
    manifest,
)
from tests.e2e.conftest import Repository, environment, openssl
from tests.e2e.quick import Quick


def codes(repository: Repository) -> list[str]:
    plan = repository.run("plan", "--output", "json").json
    return sorted(finding["code"] for finding in plan["findings"])


def merge(repository: Repository, branch: str) -> None:
    repository.git("merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", branch)


def test_a_hierarchy_with_an_offline_root(tmp_path):
    origin = tmp_path / "origin.git"
    ci = make_online(tmp_path / "ci")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(origin)], check=True)
    ci.git("remote", "add", "origin", str(origin))
    ci.git("push", "--quiet", "origin", "main")
    subprocess.run(
        ["git", "clone", "-q", str(origin), str(tmp_path / "reviewer")],
        check=True, env=environment(),
    )  # fmt: skip
    reviewer, table = Repository(tmp_path / "reviewer"), make_table(tmp_path / "table")

    # The plan prints the ceremony, and nothing fails.
    text = ci.run("plan").out
    for step in ("ceremony prepare root", "ceremony sign root.bundle", "--key file:/media/root.key",
                 "ceremony accept root.pem", "ceremony prepare issuing"):  # fmt: skip
        assert step in text
    assert codes(ci) == [
        "authority.ceremony_needed", "authority.ceremony_needed", "authority.waits_for_ceremony",
    ]  # fmt: skip
    ci.run("reconcile")
    assert ci.run("plan", "--detailed-exitcode").code == 0

    # The root signs itself where its key is made.
    ci.run("ceremony", "prepare", "root", "--out", str(tmp_path / "root.bundle.json"))
    shown = table.sign(tmp_path / "root.bundle.json", out="root.pem").out
    assert "Example Offline Root" in shown
    assert (table.directory / "media/root.key").read_bytes().startswith(b"-----BEGIN ENCRYPTED")
    accept(reviewer, table, "root", tmp_path / "root.bundle.json")
    pull(ci)
    assert "adopt authority root" in ci.run("reconcile").err

    # CI makes the key of the intermediate; its certificate comes by pull request.
    prepared = ci.run("ceremony", "prepare", "issuing", "--out", str(tmp_path / "i.bundle.json"))
    digest = prepared.out.split("SHA-256 ")[1].splitlines()[0]
    table.sign(tmp_path / "i.bundle.json", "--sha256", digest, out="issuing.pem")
    accept(reviewer, table, "issuing", tmp_path / "i.bundle.json")
    assert (
        "# What is written by hand stays."
        in (reviewer.root / "authorities/issuing.yaml").read_text()
    )
    pull(ci)
    done = ci.run("reconcile")
    assert "adopt authority issuing" in done.err
    if "issued certificate web" not in done.err:
        assert "issued certificate web" in ci.run("reconcile").err
    assert "No changes." in ci.run("plan", "--detailed-exitcode").out
    ci.run("store", "verify")

    chain = table.directory / "chain.pem"
    ci.run("dump_cert", "web", str(tmp_path / "web.pem"))
    chain.write_bytes((table.directory / "issuing.pem").read_bytes())
    assert "OK" in openssl(
        "verify", "-CAfile", str(table.directory / "root.pem"), "-untrusted", str(chain),
        str(tmp_path / "web.pem"),
    )  # fmt: skip

    # The key of the root was never where CI runs, nor in what is shared.
    key = (table.directory / "media/root.key").read_bytes().splitlines()[1]
    for place in (ci.root, reviewer.root, origin):
        assert not list(place.rglob("root.key"))
        assert not files_with(place, key)
    assert all(path.name.startswith("issuing.") for path in (ci.root / "keys").iterdir())


def accept(reviewer: Repository, table: Table, name: str, bundle: Path) -> None:
    """As a reviewer does it: on a machine without keys, by a branch that is merged."""
    response = str(table.directory / f"{name}.pem")
    reviewer.run(
        "ceremony", "accept", response, "--bundle", str(bundle), "--branch", f"ceremony-{name}"
    )
    merge(reviewer, f"ceremony-{name}")
    reviewer.git("push", "--quiet", "origin", "main")


def pull(repository: Repository) -> None:
    repository.git("pull", "--quiet", "--ff-only", "origin", "main")


# --- Variations, each from the state in which the root has its certificate -----------------------


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Path:
    """`online` has a root and a bundle for the intermediate; `table` has the root's key."""
    place = tmp_path_factory.mktemp("ceremony")
    online, table = make_online(place / "online", Quick), make_table(place / "table").quick()
    online.run("ceremony", "prepare", "root", "--out", str(place / "root.json"))
    table.sign(place / "root.json", out="root.pem")
    online.run("ceremony", "accept", str(table.directory / "root.pem"))
    online.run("ceremony", "prepare", "issuing", "--out", str(place / "issuing.json"))
    return place


@pytest.fixture
def site(started, tmp_path) -> Path:
    shutil.copytree(started, tmp_path / "site", symlinks=True)
    return tmp_path / "site"


@pytest.fixture
def online(site) -> Quick:
    return Quick(site / "online")


@pytest.fixture
def table(site) -> Table:
    return Table(site / "table").quick()


def change(site: Path, **fields) -> Path:
    """Return a bundle whose request was changed, in canonical form."""
    value = json.loads((site / "issuing.json").read_text())
    for field, new in fields.items():
        part, _, name = field.rpartition("__")
        (value[part] if part else value)[name] = new
    changed = site / "changed.json"
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    changed.write_text(text + "\n")
    return changed


def refused(table: Table, bundle: Path, *more: str) -> str:
    """Return why a bundle is not signed; nothing was written."""
    before = (table.directory / "ceremonies.db").read_bytes()
    err = table.sign(bundle, *more, out="response.pem", expect=1).err
    assert not (table.directory / "response.pem").exists()
    assert (table.directory / "ceremonies.db").read_bytes() == before
    return err


def test_accept_alone_adopts_the_certificate_at_once(online, table, site):
    table.sign(site / "issuing.json", out="issuing.pem")
    done = online.run("ceremony", "accept", str(table.directory / "issuing.pem"))
    assert "adopted authority issuing" in done.err
    assert "issued certificate web" in online.run("reconcile").err
    again = online.run("ceremony", "accept", str(table.directory / "issuing.pem"), expect=1)
    assert "error[ceremony.accepted_before]" in again.err


def test_root_and_intermediate_in_one_sitting(tmp_path):
    online, table = make_online(tmp_path / "online", Quick), make_table(tmp_path / "table").quick()
    for name in ("root", "issuing"):
        online.run("ceremony", "prepare", name, "--out", str(tmp_path / f"{name}.json"))
    err = table.sign(tmp_path / "issuing.json", out="early.pem", expect=1).err
    assert "error[ceremony.no_certificate]" in err
    for name in ("root", "issuing"):
        table.sign(tmp_path / f"{name}.json", out=f"{name}.pem")
    err = online.run("ceremony", "accept", str(table.directory / "issuing.pem"), expect=1).err
    assert "error[ceremony.parent_unknown]" in err
    for name in ("root", "issuing"):
        online.run("ceremony", "accept", str(table.directory / f"{name}.pem"))
    assert "issued certificate web" in online.run("reconcile").err


def test_an_authority_whose_own_key_is_offline_too(tmp_path):
    """A policy authority: root and it are kept on the same table, an online one below it."""
    online = make_online(tmp_path / "online", Quick, parent="policy")
    table = make_table(tmp_path / "table").quick()
    policy = {**ISSUING, "subject": "CN=Policy", "mode": "offline", "pathLength": 1,
              "key": {"uri": "file:/media/policy.key"}}  # fmt: skip
    root = json.loads((online.root / "authorities/root.yaml").read_text())
    root["spec"]["pathLength"] = 2
    online.write("authorities/root.yaml", json.dumps(root))
    online.write("authorities/policy.yaml", manifest("CertificateAuthority", "policy", **policy))
    online.commit()
    own = ("--own-key", "file:media/policy.key")
    for name, keys in (("root", ()), ("policy", own)):
        online.run("ceremony", "prepare", name, "--out", str(tmp_path / f"{name}.json"))
        if keys:
            err = table.sign(tmp_path / f"{name}.json", out=f"{name}.pem", expect=1).err
            assert "error[ceremony.no_own_key]" in err
        table.sign(tmp_path / f"{name}.json", *keys, out=f"{name}.pem")
        online.run("ceremony", "accept", str(table.directory / f"{name}.pem"))
    online.run("ceremony", "prepare", "issuing", "--out", str(tmp_path / "issuing.json"))
    table.run(
        "ceremony", "sign", str(tmp_path / "issuing.json"), "--key", "file:media/policy.key",
        "--out", "issuing.pem", "--yes",
    )  # fmt: skip
    online.run("ceremony", "accept", str(table.directory / "issuing.pem"))
    online.run("reconcile")
    assert "No changes." in online.run("plan", "--detailed-exitcode").out


# --- The table -----------------------------------------------------------------------------------


def test_the_same_bundle_gives_the_same_certificate(table, site):
    table.sign(site / "issuing.json", out="first.pem")
    again = table.sign(site / "issuing.json", out="second.pem")
    assert "signed before" in again.err
    first, second = (table.directory / name for name in ("first.pem", "second.pem"))
    assert first.read_bytes() == second.read_bytes()


def test_another_request_for_the_same_object_must_be_meant(table, site):
    table.sign(site / "issuing.json", out="first.pem")
    other = change(site, request__validitySeconds=86400 * 30)
    assert "error[ceremony.signed_before]" in refused(table, other)
    table.sign(other, "--again", out="second.pem")
    numbers = {
        x509.load_pem_x509_certificate((table.directory / name).read_bytes()).serial_number
        for name in ("first.pem", "second.pem")
    }
    assert len(numbers) == 2


def test_nothing_is_signed_unless_somebody_can_be_asked_or_said_yes(table, site):
    done = table.run(
        "ceremony", "sign", str(site / "issuing.json"), "--key", "file:media/root.key",
        "--out", "issuing.pem", expect=64,
    )  # fmt: skip
    assert "--yes" in done.err


def test_the_response_never_replaces_a_file(table, site):
    key = (table.directory / "media/root.key").read_bytes()
    err = table.sign(site / "issuing.json", out="media/root.key", expect=1).err
    assert "error[file.exists]" in err
    assert (table.directory / "media/root.key").read_bytes() == key
    table.sign(site / "issuing.json", out="issuing.pem")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"request__pathLength": 5}, "rfc5280.path_length_too_long"),
        ({"request__isCa": False}, "ceremony.bundle_malformed"),
        ({"request__issuer": "issuing"}, "ceremony.bundle_malformed"),
        ({"request__publicKeySha256": "0" * 64}, "ceremony.bundle_malformed"),
        ({"request__hashAlgorithm": "SHA-1"}, "algorithm.broken"),
        ({"request__validitySeconds": -1}, "ceremony.bundle_malformed"),
        ({"request__extensions": {"keyUsage": {"critical": True, "value": 7}}}, "extension."),
        ({"request__surprise": 1}, "ceremony.bundle_malformed"),
        ({"object__kind": "Certificate"}, "ceremony.bundle_malformed"),
        ({"object__name": "../../etc"}, "ceremony.bundle_malformed"),
        ({"key__type": "RSA"}, "ceremony.bundle_malformed"),
        ({"kind": "certificates"}, "ceremony.bundle_kind"),
        ({"schemaVersion": 2}, "ceremony.bundle_version"),
        ({"preparedAt": "2999-01-01T00:00:00Z"}, "ceremony.clock_behind"),
        ({"preparedAt": "2026-02-30T00:00:00Z"}, "ceremony.bundle_malformed"),
        ({"chain": ["AAAA"]}, "ceremony."),
    ],
)
def test_a_bundle_that_was_tampered_with_is_refused(table, site, fields, code):
    assert f"error[{code}" in refused(table, change(site, **fields))


def test_a_csr_of_another_key_is_refused(table, site, csr):
    der = x509.load_pem_x509_csr(csr)
    spki = der.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b64encode(der.public_bytes(Encoding.DER)).decode()
    assert "error[ceremony.bundle_malformed]" in refused(table, change(site, csr=text))
    # Changed in both places it is a request like any other, which only the digest tells apart.
    other = change(site, csr=text, request__publicKeySha256=hashlib.sha256(spki).hexdigest())
    digest = hashlib.sha256((site / "issuing.json").read_bytes()).hexdigest()
    assert "error[ceremony.other_bundle]" in refused(table, other, "--sha256", digest)


def test_a_csr_without_the_proof_of_its_key_is_refused(table, site):
    value = json.loads((site / "issuing.json").read_text())
    broken = bytearray(base64.b64decode(value["csr"]))
    broken[-1] ^= 1
    text = base64.b64encode(bytes(broken)).decode()
    assert "error[csr.signature_invalid]" in refused(table, change(site, csr=text))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "ceremony.bundle_malformed"),
        (b"{}", "ceremony.bundle_malformed"),
        (b"[" * 100_000, "ceremony.bundle_malformed"),
        (b'{"kind":"crl","kind":"certificate"}\n', "ceremony.bundle_malformed"),
        (b"\xff\xfe", "ceremony.bundle_malformed"),
        (b" " * ((16 << 20) + 1), "ceremony.no_file"),
    ],
)
def test_what_is_no_bundle_is_refused(table, site, content, code):
    (site / "no.json").write_bytes(content)
    assert f"error[{code}]" in refused(table, site / "no.json")


def test_another_key_than_the_one_in_the_certificate_is_refused(table, site):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384",
            "-out", str(table.directory / "media/other.key"))  # fmt: skip
    (table.directory / "media/other.key").chmod(0o600)
    done = table.run(
        "ceremony", "sign", str(site / "issuing.json"), "--key", "file:media/other.key",
        "--out", "issuing.pem", "--yes", expect=1, PKI_PASSPHRASE_ROOT="",
    )  # fmt: skip
    assert "error[key." in done.err
    missing = table.run(
        "ceremony", "sign", str(site / "issuing.json"), "--key", "file:media/none.key",
        "--out", "issuing.pem", "--yes", expect=1,
    )  # fmt: skip
    assert "error[key.missing]" in missing.err
    assert not (table.directory / "media/none.key").exists()


def test_a_signers_certificate_other_than_the_one_known_is_refused(table, site):
    made = site / "impostor.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes",
            "-keyout", "/dev/null", "-subj", "/C=AT/O=Example/CN=Example Offline Root",
            "-out", str(made))  # fmt: skip
    err = refused(table, site / "issuing.json", "--certificate", str(made))
    assert "error[ceremony.other_certificate]" in err


# --- Crashes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "before", "resumed"),
    [
        ("reserve", True, None),
        ("reserve", False, "reserved this"),
        ("record", True, "reserved this"),
        ("record", False, "signed before"),
    ],
)
def test_a_sitting_that_is_killed_goes_on_with_the_same_bytes(table, site, method, before, resumed):
    """Power is lost before or after each of the two writes to the journal."""
    killed_sitting(table, site / "issuing.json", method, before=before)
    reserved = [entry for entry in journal(table) if entry["type"] == "reserved"]
    done = table.sign(site / "issuing.json", out="issuing.pem")
    assert resumed is None or resumed in done.err
    again = [entry for entry in journal(table) if entry["type"] == "reserved"]
    certificate = x509.load_pem_x509_certificate((table.directory / "issuing.pem").read_bytes())
    [number] = [e["serialNumber"] for e in again if e["object"]["name"] == "issuing"]
    assert int(number.replace(":", ""), 16) == certificate.serial_number
    if resumed:
        assert reserved == again
    assert faults(table) == []


def journal(table: Table) -> list[dict]:
    with sqlite3.connect(table.directory / "ceremonies.db") as database:
        return [json.loads(row[0]) for row in database.execute("select line from ledger")]


def faults(table: Table) -> list[str]:
    store = open_store("sqlite:///ceremonies.db", None, root=table.directory, read_only=True)
    try:
        return [str(finding) for finding in store.verify()]
    finally:
        store.close()


# --- What comes back -----------------------------------------------------------------------------


def test_a_certificate_of_another_request_is_not_accepted(online, table, site):
    other = change(site, request__validitySeconds=86400 * 30)
    table.sign(other, out="issuing.pem")
    done = online.run("ceremony", "accept", str(table.directory / "issuing.pem"), expect=1)
    assert "error[ceremony.response_differs]" in done.err
    assert "validity ends at" in done.err
    assert "certificate:" not in (online.root / "authorities/issuing.yaml").read_text()


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("pathLength", 1, "pathLength is 0, the manifest says 1"),
        ("validity", "30d", "validity is 1825d, the manifest says 30d"),
        ("nameConstraints", {"permitted": ["DNS:example.org"]}, "nameConstraints"),
        ("subjectAltNames", ["email:pki@example.com"], "subjectAltNames are none"),
        ("key", {"uri": "file:keys/issuing.pem", "type": "RSA"}, "key is P-256"),
        ("subject", "CN=Other", "the subject"),
        ("algorithm", "SHA-512", "algorithm is SHA-384"),
        ("extensions", {"keyUsage": {"value": ["keyCertSign", "cRLSign", "digitalSignature"]}},
         "extensions.keyUsage"),
    ],
)  # fmt: skip
def test_what_the_manifest_says_by_now_is_compared_field_by_field(
    online, table, site, field, value, told
):
    table.sign(site / "issuing.json", out="issuing.pem")
    changed = {**ISSUING, field: value}
    online.write("authorities/issuing.yaml", manifest("CertificateAuthority", "issuing", **changed))
    online.commit()
    done = online.run("ceremony", "accept", str(table.directory / "issuing.pem"), expect=1)
    assert told in done.err


def test_a_wrong_certificate_that_was_merged_by_mistake_is_refused_with_its_fields(
    online, table, site
):
    other = change(site, request__subject="CN=Other", request__pathLength=0)
    table.sign(other, out="issuing.pem")
    pem = (table.directory / "issuing.pem").read_text()
    merged = manifest("CertificateAuthority", "issuing", **{**ISSUING, "certificate": pem})
    online.write("authorities/issuing.yaml", merged)
    online.commit()
    for command in ("validate", "reconcile"):
        done = online.run(command, expect=1)
        assert "authority.certificate_differs" in done.out + done.err
        assert "subject is 'CN=Other'" in done.out + done.err


def test_an_extension_that_nobody_asked_for_is_not_accepted(online, table, site):
    wider = {"keyUsage": {"critical": True, "value": ["keyCertSign", "cRLSign"]},
             "extendedKeyUsage": {"critical": False, "value": ["serverAuth"]}}  # fmt: skip
    value = json.loads((site / "issuing.json").read_text())["request"]["extensions"]
    table.sign(change(site, request__extensions={**value, **wider}), out="issuing.pem")
    done = online.run("ceremony", "accept", str(table.directory / "issuing.pem"), expect=1)
    assert "extendedKeyUsage is otherwise" in done.err


def test_a_root_key_is_not_certified_under_another_name(table, site):
    forged = change(
        site, request__issuer="issuing", csr=None, chain=[], key={"type": "EC", "size": None,
        "curve": "P-384"}, request__hashAlgorithm="SHA-384",
        request__publicKeySha256=hashlib.sha256(b"").hexdigest(),
    )  # fmt: skip
    before = (table.directory / "ceremonies.db").read_bytes()
    done = table.run(
        "ceremony", "sign", str(forged), "--key", "file:media/root.key", "--out", "x.pem",
        "--yes", expect=1, PKI_PASSPHRASE_ISSUING=SECRET["PKI_PASSPHRASE_ROOT"],
    )  # fmt: skip
    assert "error[key.shared]" in done.err
    assert (table.directory / "ceremonies.db").read_bytes() == before


def test_a_certificate_for_another_key_is_not_accepted(online, table, site):
    """The key was made anew online after the bundle was carried away."""
    table.sign(site / "issuing.json", out="issuing.pem")
    (online.root / "keys/issuing.pem").unlink()
    online.run("ceremony", "prepare", "issuing", "--out", str(site / "newer.json"))
    response = str(table.directory / "issuing.pem")
    done = online.run("ceremony", "accept", response, expect=1)
    assert "error[key.mismatch]" in done.err
    bundle = str(site / "newer.json")
    done = online.run("ceremony", "accept", response, "--bundle", bundle, expect=1)
    assert "key is another one than in the bundle" in done.err


def test_a_certificate_that_somebody_else_signed_is_not_accepted(online, site):
    made = site / "own.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", "/dev/null", "-subj", "/C=AT/O=Example/CN=Example Issuing CA",
            "-out", str(made))  # fmt: skip
    done = online.run("ceremony", "accept", str(made), expect=1)
    assert "error[ceremony.response_unsigned]" in done.err


def test_prepare_makes_no_key_for_what_a_ceremony_does_not_sign(online, site):
    online.write("authorities/alone.yaml", manifest(
        "CertificateAuthority", "alone", subject="CN=Alone", key={"uri": "file:keys/alone.pem"}
    ))  # fmt: skip
    online.commit()
    for name, code in (("alone", "ceremony.not_needed"), ("root", "ceremony.not_needed"),
                       ("nobody", "ceremony.no_authority")):  # fmt: skip
        done = online.run("ceremony", "prepare", name, "--out", str(site / "x.json"), expect=1)
        assert f"error[{code}]" in done.err
    assert sorted(path.name for path in (online.root / "keys").iterdir()) == ["issuing.pem"]
    assert not (site / "x.json").exists()


def test_prepare_refuses_what_would_not_be_signed(online, site):
    changed = {**ISSUING, "pathLength": 3}
    online.write("authorities/issuing.yaml", manifest("CertificateAuthority", "issuing", **changed))
    online.commit()
    done = online.run("ceremony", "prepare", "issuing", "--out", str(site / "x.json"), expect=1)
    assert "error[rfc5280.path_length_too_long]" in done.err


def test_a_certificate_of_an_end_entity_is_not_asked_of_an_offline_authority(online):
    online.manifest("direct", "csrFile: web.csr\nissuer: root\nsubjectAltNames: [a.example.com]")
    online.commit()
    done = online.run("reconcile", expect=1)
    assert "error[authority.offline_issuer]" in done.out + done.err


def test_an_authority_made_by_a_command_below_an_offline_one_prints_its_ceremony(online):
    done = online.run("init_ca", "second", "CN=Second", "--parent", "root", "--key-type", "EC")
    assert "pkictl ceremony prepare second" in done.err
    assert (online.root / "authorities/second.yaml").exists()
    online.run("ceremony", "prepare", "second", "--out", "../second.json")


def test_a_certificate_asked_for_by_a_command_says_that_it_waits(online):
    done = online.run("sign_cert", "--as", "new", "--alt", "b.example.com", "--csr",
                      "certificates/web.csr", expect=1)  # fmt: skip
    assert "error[authority.waits_for_ceremony]" in done.err
    assert not (online.root / "certificates/new.yaml").exists()
