"""CRLs of an offline authority: asked for, signed at the table, merged, and believed by openssl."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.stores import open_store
from tests.e2e.ceremony_site import (
    ROOT,
    QuickTable,
    Table,
    killed_sitting,
    make_online,
    make_table,
    manifest,
)
from tests.e2e.conftest import openssl
from tests.e2e.quick import Quick

NEEDED = "authority.crl_ceremony_needed"


@pytest.fixture(scope="module")
def started(tmp_path_factory) -> Path:
    """An offline root, an authority below it that is online, and a certificate of that."""
    place = tmp_path_factory.mktemp("crl")
    online, table = make_online(place / "online", Quick), make_table(place / "table").quick()
    root = {**ROOT, "crl": {"validity": "180d", "refreshBefore": "30d"}}
    online.write("authorities/root.yaml", manifest("CertificateAuthority", "root", **root))
    online.commit()
    for name in ("root", "issuing"):
        online.run("ceremony", "prepare", name, "--out", str(place / f"{name}.json"))
        table.sign(place / f"{name}.json", out=f"{name}.pem")
        online.run("ceremony", "accept", str(table.directory / f"{name}.pem"))
    online.run("reconcile")
    return place


@pytest.fixture
def site(started, tmp_path) -> Path:
    shutil.copytree(started, tmp_path / "site", symlinks=True)
    return tmp_path / "site"


@pytest.fixture
def online(site) -> Quick:
    return Quick(site / "online")


@pytest.fixture
def table(site) -> QuickTable:
    return Table(site / "table").quick()


def needed(online: Quick) -> list[str]:
    plan = online.run("plan", "--output", "json").json
    return [finding["summary"] for finding in plan["findings"] if finding["code"] == NEEDED]


def prepare(online: Quick, site: Path, name: str = "root.crl.json") -> Path:
    """The next CRL is of another second than the last."""
    time.sleep(1.1)
    online.run("ceremony", "prepare", "root", "--crl", "--out", str(site / name))
    return site / name


def revoke_intermediate(online: Quick, table: Table) -> str:
    pem = (table.directory / "issuing.pem").read_bytes()
    number = x509.load_pem_x509_certificate(pem).serial_number
    spec = {"issuer": "root", "serial": f"{number:X}", "reason": "cACompromise"}
    online.write("revocations/issuing.yaml", manifest("Revocation", "issuing", **spec))
    online.commit()
    online.run("reconcile")
    return f"{number:X}"


def test_a_crl_that_is_missing_is_a_ceremony_and_no_error(online):
    text = online.run("plan").out
    assert "pkictl ceremony prepare root --crl --out root.crl.json" in text
    assert "pkictl ceremony accept root.crl --branch ceremony-root-crl" in text
    [told] = needed(online)
    assert "there is no such CRL yet" in told
    online.run("reconcile")


def test_openssl_believes_the_crl_and_rejects_a_revoked_intermediate(online, table, site):
    table.sign(prepare(online, site), out="root.crl")
    done = online.run("ceremony", "accept", str(table.directory / "root.crl"))
    assert "published the CRL of root" in done.err
    assert needed(online) == []
    assert "file: root.crl" in online.git("show", "HEAD:authorities/root.yaml").replace('"', "")
    assert "OK" in verify(online, table, site)

    revoke_intermediate(online, table)
    [told] = needed(online)
    assert "what it lists is not what is revoked" in told
    shown = table.sign(prepare(online, site, "second.json"), out="second.crl").out
    assert "1 revoked certificate:" in shown
    assert "cACompromise" in shown
    branch = ("--branch", "ceremony-root-crl")
    online.run("ceremony", "accept", str(table.directory / "second.crl"), *branch)
    online.git("merge", "--quiet", "ceremony-root-crl")
    text = online.run("plan").out
    assert "CrlGiven" in text
    assert "authorities/root.crl" in text
    assert "published CRL" in online.run("reconcile").err
    assert needed(online) == []
    assert "certificate revoked" in verify(online, table, site, expect=2)
    online.run("store", "verify")
    assert not list(online.root.rglob("root.key"))


def verify(online: Quick, table: Table, site: Path, *, expect: int = 0) -> str:
    """Let openssl judge the web server's certificate with the published CRLs of both."""
    for name in ("root", "issuing"):
        online.run("dump_crl", name, str(site / f"{name}.out.crl"))
    online.run("dump_cert", "web", str(site / "web.pem"))
    chain = [table.directory / f"{name}.pem" for name in ("root", "issuing")]
    crls = site / "crls.pem"
    crls.write_bytes(b"".join((site / f"{n}.out.crl").read_bytes() for n in ("root", "issuing")))
    return openssl(
        "verify", "-crl_check_all", "-CAfile", str(chain[0]), "-untrusted", str(chain[1]),
        "-CRLfile", str(crls), str(site / "web.pem"), expect=expect,
    )  # fmt: skip


def test_numbers_grow_over_sittings_whatever_the_bundle_says(online, table, site):
    first, second = prepare(online, site), prepare(online, site, "second.json")
    table.sign(first, out="first.crl")
    again = table.sign(first, out="again.crl")
    assert "signed before" in again.err
    table.sign(second, out="second.crl")
    numbers = [
        number_of(table.directory / name) for name in ("first.crl", "again.crl", "second.crl")
    ]
    assert numbers[0] == numbers[1] < numbers[2]
    err = table.sign(first, out="old.crl", expect=1).err
    assert "error[ceremony.bundle_overtaken]" in err


def number_of(path: Path) -> int:
    crl = x509.load_pem_x509_crl(path.read_bytes())
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


@pytest.mark.parametrize("at", [1, 2])
def test_a_sitting_that_is_killed_never_uses_a_number_twice(online, table, site, at):
    """1: before the number is reserved; 2: when the CRL was signed and is not recorded."""
    table.sign(prepare(online, site), out="first.crl")
    bundle = prepare(online, site, "second.json")
    killed_sitting(table, bundle, "record", before=True, at=at)
    table.sign(bundle, out="second.crl")
    first, second = (number_of(table.directory / name) for name in ("first.crl", "second.crl"))
    assert second == first + at
    store = open_store("sqlite:///ceremonies.db", None, root=table.directory, read_only=True)
    assert [str(finding) for finding in store.verify()] == []
    store.close()


def test_a_crl_that_takes_something_back_is_refused(online, table, site):
    stale = prepare(online, site)
    revoke_intermediate(online, table)
    table.sign(prepare(online, site, "second.json"), out="second.crl")
    online.run("ceremony", "accept", str(table.directory / "second.crl"))
    # Another journal knows nothing of the second one; its number would be fine.
    value = json.loads(stale.read_text())
    value["lastNumber"] = 1000
    changed = site / "changed.json"
    changed.write_text(json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n")
    table.sign(changed, "--journal", "sqlite:///other.db", out="stale.crl")
    done = online.run("ceremony", "accept", str(table.directory / "stale.crl"), expect=1)
    assert "error[authority.crl_unfit]" in done.err
    assert "before the last one" in done.err


def test_a_crl_that_leaves_out_what_was_revoked_before_it_is_refused(online, table, site):
    number = revoke_intermediate(online, table)
    value = json.loads(prepare(online, site).read_text())
    value["revoked"] = []
    changed = site / "changed.json"
    changed.write_text(json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n")
    table.sign(changed, out="empty.crl")
    before = online.git("rev-parse", "HEAD")
    done = online.run("ceremony", "accept", str(table.directory / "empty.crl"), expect=1)
    assert "error[authority.crl_unfit]" in done.err
    assert number in done.err.replace(":", "")
    assert online.git("rev-parse", "HEAD") == before
    # Merged by hand it stops neither the plan nor anybody else.
    shutil.copy(table.directory / "empty.crl", online.root / "authorities/root.crl")
    root = {**ROOT, "crl": {"validity": "180d", "refreshBefore": "30d", "file": "root.crl"},
            "certificate": (table.directory / "root.pem").read_text()}  # fmt: skip
    online.write("authorities/root.yaml", manifest("CertificateAuthority", "root", **root))
    online.manifest("other", "csrFile: other.csr\nsubjectAltNames: [b.example.com]")
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", "/dev/null",
         "-subj", "/CN=b", "-out", str(online.root / "certificates/other.csr")],
        check=True, capture_output=True,
    )  # fmt: skip
    online.commit()
    done = online.run("reconcile", expect=None)
    assert done.code in {1, 5}
    assert "authority.crl_unfit" in done.out


def test_what_is_revoked_after_the_bundle_waits_for_the_next_crl(online, table, site):
    bundle = prepare(online, site)
    table.sign(bundle, out="root.crl")
    time.sleep(1.1)
    revoke_intermediate(online, table)
    done = online.run("ceremony", "accept", str(table.directory / "root.crl"))
    assert "published the CRL of root" in done.err
    [told] = needed(online)
    assert "what it lists is not what is revoked" in told


def test_a_crl_of_somebody_else_is_refused(online, table, site):
    table.sign(prepare(online, site), out="root.crl")
    genuine = x509.load_pem_x509_crl((table.directory / "root.crl").read_bytes())
    forged = x509.CertificateRevocationListBuilder(
        issuer_name=genuine.issuer,
        last_update=genuine.last_update_utc,
        next_update=genuine.next_update_utc,
    )
    for extension in genuine.extensions:
        forged = forged.add_extension(extension.value, extension.critical)
    made = forged.sign(ec.generate_private_key(ec.SECP384R1()), hashes.SHA384())
    (site / "forged.crl").write_bytes(made.public_bytes(Encoding.DER))
    done = online.run("ceremony", "accept", str(site / "forged.crl"), expect=1)
    assert "error[authority.crl_unfit]" in done.err
    assert "signature" in done.err


def test_only_an_offline_authority_is_given_a_crl(online, site):
    done = online.run("ceremony", "prepare", "issuing", "--crl", "--out", str(site / "x"), expect=1)
    assert "error[ceremony.not_needed]" in done.err
    spec = {"subject": "CN=x", "key": {"uri": "file:keys/x.pem"}, "crl": {"file": "x.crl"}}
    online.write("authorities/x.yaml", manifest("CertificateAuthority", "x", **spec))
    online.write("authorities/x.crl", "")
    done = online.run("validate", expect=1)
    assert "error[authority.crl_file_online]" in done.out + done.err


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "crl.missing"),
        (b"-----BEGIN EC PRIVATE KEY-----\n", "crl.private_key"),
        (b"x" * ((1 << 20) + 1), "path.too_large"),
    ],
)
def test_a_crl_file_that_cannot_be_used_is_found_by_validate(online, table, site, content, code):
    table.sign(prepare(online, site), out="root.crl")
    online.run("ceremony", "accept", str(table.directory / "root.crl"))
    place = online.root / "authorities/root.crl"
    place.unlink()
    if content is not None:
        place.write_bytes(content)
    done = online.run("validate", expect=1)
    assert f"error[{code}]" in done.out + done.err


def test_publishing_says_nothing_of_a_responder_that_an_offline_authority_never_gets(
    online, tmp_path
):
    done = online.run("publish", "--out", str(tmp_path / "public"))
    assert "publish.ocsp_unsigned" not in done.err
    assert (tmp_path / "public/ocsp/issuing").is_dir()
