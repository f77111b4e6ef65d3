"""What is in a published tree, and what is never published."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from datetime import timedelta
from hashlib import sha256

import pytest
from cryptography import x509

from pki_as_code.errors import PublishError
from pki_as_code.model import FULL_SCOPE, Severity
from pki_as_code.pkix.variables import crl_path, issuer_path
from pki_as_code.publish.interface import Material, PublishedFile
from pki_as_code.publish.page import format_page
from pki_as_code.publish.sections import SECTIONS, crl_section, format_pem
from pki_as_code.publish.verify import check_chain
from pki_as_code.stores.entries import Crl, CrlReserved, Retired
from tests.publish.conftest import WEEK, files_below, make_crl, open_site
from tests.stores.material import NOW, ROOT, certificate_id, issue, reservation


def codes(report):
    return [(finding.code, finding.severity) for finding in report.findings]


def test_the_tree_is_where_urls_in_certificates_point(site, tmp_path):
    crl = site.crl(2, {})
    report = site.publish("public")
    found = files_below(tmp_path / "public")
    assert not report.findings
    assert set(found) == {
        ".nojekyll", "ca/issuing.cer", "ca/issuing.chain.pem", "ca/issuing.pem", "ca/root.cer",
        "ca/root.chain.pem", "ca/root.pem", "certificates/default/web.pem", "crl/root.crl",
        "index.html", "index.json",
    }  # fmt: skip
    assert found[issuer_path("issuing")] == site.store.authority_certificate("issuing")
    assert found[crl_path("root", FULL_SCOPE)] == crl
    chain = x509.load_pem_x509_certificates(found["ca/issuing.chain.pem"])
    assert [certificate.serial_number for certificate in chain] == [0x1002, 0x1001]
    leaf = x509.load_pem_x509_certificates(found["certificates/default/web.pem"])
    assert [certificate.serial_number for certificate in leaf] == [0x2001, 0x1001]


def test_the_index_has_the_digest_of_every_file_and_the_end_of_the_ledger(site, tmp_path):
    site.publish("public")
    found = files_below(tmp_path / "public")
    index = json.loads(found.pop("index.json"))
    digests = {path: {"sha256": sha256(content).hexdigest()} for path, content in found.items()}
    own = {".nojekyll", "index.html"}
    assert index["files"] == {path: d for path, d in digests.items() if path not in own}
    head = site.store.head()
    assert index["ledger"] == {"sequence": head.sequence, "digest": head.digest}
    (crl,) = index["authorities"][1]["crls"]
    assert (crl["path"], crl["number"]) == ("crl/root.crl", 1)


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_publishing_again_writes_nothing(site, tmp_path, kind):
    place = tmp_path / "public"
    if kind == "directory":
        place.mkdir()
    site.publish(place)
    before = [(p, p.lstat().st_ino, p.lstat().st_mtime_ns) for p in sorted(tmp_path.rglob("p*/*"))]
    report = site.publish(place, NOW + timedelta(days=1))
    assert (report.written, report.removed, report.unchanged) == ((), (), 11)
    after = [(p, p.lstat().st_ino, p.lstat().st_mtime_ns) for p in sorted(tmp_path.rglob("p*/*"))]
    assert [entry[:2] for entry in after] == [entry[:2] for entry in before]
    changed = {path for path, *_ in set(after) - set(before)}
    assert not [path for path in changed if path.is_file()]


def test_only_what_changed_is_written_and_what_is_gone_is_removed(site, tmp_path):
    site.issue("payments/api", 0x2002)
    site.publish("public")
    site.crl(2)
    report = site.publish("public", sections=[SECTIONS["ca"], SECTIONS["crl"]])
    assert report.written == ("crl/root.crl", "index.html", "index.json")
    assert report.removed == (
        "certificates/default/web.pem", "certificates/payments/api.pem",
    )  # fmt: skip
    assert not (tmp_path / "public" / "certificates").exists()


def test_a_retired_object_is_not_published(site, tmp_path):
    site.publish("public")
    site.record(Retired(certificate_id("web"), "c"))
    assert "certificates/default/web.pem" in site.publish("public").removed


def test_crls_of_other_scopes_are_published_beside_the_full_one(site, tmp_path):
    shard = site.crl(2, scope="shard-0")
    site.publish("public")
    assert (tmp_path / "public/crl/root/shard-0.crl").read_bytes() == shard


def test_openssl_refuses_what_the_published_crl_revokes(site, tmp_path):
    site.issue("api", 0x2002)
    site.revoke("api", 0x2002)
    site.crl(2, {0x2002: "superseded"})
    site.publish("public")
    public = tmp_path / "public"
    crl = tmp_path / "root.crl.pem"
    convert = ["openssl", "crl", "-inform", "DER", "-in", public / "crl/root.crl", "-out", crl]
    subprocess.run(convert, check=True)
    said = {}
    for name in ("web", "api"):
        verify = [
            "openssl", "verify", "-attime", str(int(NOW.timestamp())), "-crl_check",
            "-CAfile", public / "ca/root.pem", "-CRLfile", crl,
            public / f"certificates/default/{name}.pem",
        ]  # fmt: skip
        done = subprocess.run(verify, capture_output=True, text=True)
        said[name] = (done.returncode, done.stdout + done.stderr)
    assert said["web"][0] == 0, said
    assert said["api"][0] != 0 and "certificate revoked" in said["api"][1]


# --- CRLs ----------------------------------------------------------------------------------------


def test_a_crl_that_has_ended_is_not_published_and_all_else_is(site, tmp_path):
    report = site.publish("public", NOW + timedelta(days=8))
    assert codes(report) == [("publish.crl_expired", Severity.ERROR)]
    assert report.failed
    found = files_below(tmp_path / "public")
    assert "crl/root.crl" not in found
    assert "certificates/default/web.pem" in found


def test_a_crl_that_ended_after_it_was_published_stays_and_is_told(site, tmp_path):
    site.publish("public")
    report = site.publish("public", NOW + timedelta(days=8))
    assert codes(report) == [("publish.crl_expired", Severity.ERROR)]
    assert (report.written, report.removed) == ((), ())
    assert (tmp_path / "public/crl/root.crl").exists()


def test_a_crl_that_is_not_the_ledgers_stays_out_and_all_else_is_published(site, tmp_path):
    """One that was put back is signed by its authority, and lacks what was revoked since."""
    older = site.crl(2)
    site.revoke("web", 0x2001)
    site.crl(3, {0x2001: "superseded"})
    with sqlite3.connect(tmp_path / "store.db") as connection:
        connection.execute("UPDATE crl_files SET der = ?", (older,))
    connection.close()
    report = site.publish("public")
    assert codes(report) == [("store.projection_differs", Severity.ERROR)]
    found = files_below(tmp_path / "public")
    assert "crl/root.crl" not in found
    assert "ca/root.cer" in found


def test_a_genuine_crl_under_a_forged_entry_stays_out(site, tmp_path):
    """Who can write to the store can give an older CRL a new number in the ledger, not its own."""
    older = site.crl(2)
    site.revoke("web", 0x2001)
    site.crl(3, {0x2001: "superseded"})
    later = NOW + timedelta(minutes=1)
    as_of = site.store.head().sequence
    site.record(CrlReserved("root", "full", 9, later, later + WEEK, as_of, "0" * 64))
    forged = Crl("root", "full", 9, later, later + WEEK, sha256(older).hexdigest(), 0)
    (tmp_path / "older.crl").write_bytes(older)
    site.record(forged, crls={("root", "full"): tmp_path / "older.crl"})
    report = site.publish("public")
    assert codes(report) == [("publish.crl_unlike_ledger", Severity.ERROR)]
    assert "crl/root.crl" not in files_below(tmp_path / "public")
    assert [finding.code for finding in site.store.verify()] == ["store.crl_invalid"]


def test_the_last_crl_of_a_kind_that_is_signed_no_more_stays_and_is_no_error(site, tmp_path):
    site.crl(2, scope="user")
    sections = [SECTIONS["ca"], crl_section(lambda crl: crl.scope != "user")]
    site.publish("public", sections=sections)
    site.crl(3, this_update=NOW + timedelta(days=6))
    report = site.publish("public", NOW + timedelta(days=8), sections=sections)
    assert codes(report) == [("publish.crl_discontinued", Severity.INFO)]
    assert not report.failed
    assert (tmp_path / "public/crl/root/user.crl").exists()
    # While it is good it is published like any other.
    other = site.publish("other", sections=sections)
    assert "crl/root/user.crl" in other.written


def test_an_authority_that_has_ended_is_no_error_for_ever(site, tmp_path):
    site.publish("public")
    report = site.publish("public", NOW + timedelta(days=4000))
    assert codes(report) == [("publish.crl_discontinued", Severity.INFO)]
    assert (tmp_path / "public/crl/root.crl").exists()


def publish_before(site, tmp_path, content):
    """Publish, as if an earlier run had published `content` as the CRL."""
    public = tmp_path / "plain"
    public.mkdir()
    site.publish(public)
    (public / "crl/root.crl").write_bytes(content)
    return public


@pytest.mark.parametrize("number", [2, 3])
def test_a_crl_with_no_higher_number_does_not_replace_the_published_one(site, tmp_path, number):
    published = make_crl(number, {}, this_update=NOW - timedelta(hours=1))
    public = publish_before(site, tmp_path, published)
    site.crl(2)
    report = site.publish(public)
    assert codes(report) == [("publish.crl_number", Severity.ERROR)]
    assert (public / "crl/root.crl").read_bytes() == published


def test_a_crl_of_an_earlier_time_does_not_replace_the_published_one(site, tmp_path):
    published = make_crl(1, {}, this_update=NOW + timedelta(hours=1))
    public = publish_before(site, tmp_path, published)
    site.crl(2)
    assert codes(site.publish(public)) == [("publish.crl_went_back", Severity.ERROR)]


def test_an_entry_does_not_leave_the_crl_while_it_may_not(site, tmp_path):
    site.revoke("web", 0x2001)
    public = publish_before(site, tmp_path, make_crl(1, {0x2001: "superseded"}))
    site.crl(2)
    report = site.publish(public)
    assert codes(report) == [("publish.crl_entry_lost", Severity.ERROR)]
    assert "20:01" in report.findings[0].message


def test_an_entry_that_the_store_never_heard_of_does_not_leave_either(site, tmp_path):
    public = publish_before(site, tmp_path, make_crl(1, {0x7777: "keyCompromise"}))
    site.crl(2)
    assert codes(site.publish(public)) == [("publish.crl_entry_lost", Severity.ERROR)]


def test_a_hold_leaves_the_crl_once_it_is_released_and_not_before(site, tmp_path):
    site.revoke("web", 0x2001, "certificateHold")
    public = publish_before(site, tmp_path, make_crl(1, {0x2001: "certificateHold"}))
    site.crl(2)
    assert codes(site.publish(public)) == [("publish.crl_entry_lost", Severity.ERROR)]
    site.release("web", 0x2001)
    site.crl(3)
    assert codes(site.publish(public)) == []


def test_an_entry_leaves_when_its_certificate_has_ended_and_not_before(site, tmp_path):
    site.issue("short", 0x2003, not_after=NOW + timedelta(days=2))
    site.revoke("short", 0x2003)
    public = publish_before(site, tmp_path, make_crl(1, {0x2003: "superseded"}))
    site.crl(2, this_update=NOW + timedelta(days=1))
    early = site.publish(public, NOW + timedelta(days=1))
    assert codes(early) == [("publish.crl_entry_lost", Severity.ERROR)]
    # Number 3 had it once more, after it ended, and was not published.
    site.crl(3, {0x2003: "superseded"}, this_update=NOW + timedelta(days=3))
    site.crl(4, this_update=NOW + timedelta(days=4))
    assert codes(site.publish(public, NOW + timedelta(days=4))) == []


@pytest.mark.parametrize("content", [b"", b"garbage", "other key"])
def test_what_is_no_crl_of_the_authority_is_replaced_and_told(site, tmp_path, content):
    if content == "other key":
        content = make_crl(2**150, {0x2001: "superseded"}, signer="mallory")
    public = publish_before(site, tmp_path, content)
    report = site.publish(public)
    assert codes(report) == [("publish.foreign_crl", Severity.WARNING)]
    assert report.written == ("crl/root.crl",)


def test_a_crl_that_another_key_signed_is_not_published(site, tmp_path):
    site.crl(2, signer="mallory")
    assert codes(site.publish("public")) == [("publish.bad_signature", Severity.ERROR)]
    assert not (tmp_path / "public/crl").exists()


def test_a_published_crl_that_the_store_does_not_know_stays(site, tmp_path):
    public = publish_before(site, tmp_path, make_crl(1, {}))
    (public / "crl/root").mkdir()
    (public / "crl/root/shard-7.crl").write_bytes(make_crl(7, {}))
    site.crl(2)
    report = site.publish(public)
    assert codes(report) == [("publish.crl_unknown", Severity.WARNING)]
    assert (public / "crl/root/shard-7.crl").exists()
    assert "crl/root/shard-7.crl" in json.loads((public / "index.json").read_text())["files"]


# --- The ledger ----------------------------------------------------------------------------------


def test_a_store_that_is_behind_what_is_published_is_refused(site, tmp_path):
    shutil.copy(tmp_path / "store.db", tmp_path / "old.db")
    site.issue("api", 0x2002)
    site.publish("public")
    before = files_below(tmp_path / "public")
    old = open_site(tmp_path, "old.db")
    with pytest.raises(PublishError) as caught:
        old.publish("public")
    old.store.close()
    assert caught.value.code == "publish.behind"
    assert files_below(tmp_path / "public") == before


def test_another_ledger_is_refused(site, tmp_path):
    site.publish("public")
    other = open_site(tmp_path, "other.db")
    issue(other.store, reservation(ROOT, 0x1001))
    for number in range(6):
        other.issue(f"web-{number}", 0x3001 + number)
    with pytest.raises(PublishError) as caught:
        other.publish("public")
    other.store.close()
    assert caught.value.code == "publish.other_ledger"


@pytest.mark.parametrize(
    "index", [b"", b"[" * 100_000, b"[]", b'{"ledger": {"sequence": -5, "digest": 1}}', b"\xff"]
)
def test_an_index_that_is_none_is_replaced(site, tmp_path, index):
    public = publish_before(site, tmp_path, site.crl(2))
    (public / "index.json").write_bytes(index)
    assert "index.json" in site.publish(public).written


# --- Names and pages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["../x", "ca/../../x", "/etc/passwd", "ca//x", "ca/.", "ca/.htaccess", "ca/a\nb", "x.php", "",
     "ca", "crl/é.crl", ".git/config", "ocsp/root/" + "a" * 300],
)  # fmt: skip
def test_nothing_is_published_under_other_paths(site, tmp_path, path):
    report = site.publish("public", sections=[lambda _: iter([PublishedFile(path, b"x")])])
    assert codes(report) == [("publish.bad_path", Severity.ERROR)]
    assert set(files_below(tmp_path / "public")) == {".nojekyll", "index.html", "index.json"}


def test_two_files_of_one_path_are_told_and_the_first_is_published(site, tmp_path):
    def twice(_: Material):
        yield PublishedFile("ca/a.chain.pem", b"first")
        yield PublishedFile("ca/a.chain.pem", b"second")

    report = site.publish("public", sections=[twice])
    assert codes(report) == [("publish.path_taken", Severity.ERROR)]
    assert (tmp_path / "public/ca/a.chain.pem").read_bytes() == b"first"


def test_a_page_shows_hostile_names_as_text():
    hostile = "</td><script>alert(1)</script>\"'&\u202e\x1b[31m"
    page = format_page(
        [
            {
                "name": "root", "commonName": hostile, "subject": f"CN={hostile}",
                "serialNumber": "01", "notBefore": "", "notAfter": "", "certificate": "ca/root.cer",
                "crls": [{"path": "crl/root.crl"}],
            }
        ],
        {},
    )  # fmt: skip
    assert "<script" not in page
    assert "\u202e" not in page and "\x1b" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_page_has_no_scripts_and_nothing_from_elsewhere(site, tmp_path):
    site.publish("public")
    page = (tmp_path / "public/index.html").read_text()
    assert "default-src &#x27;none&#x27;" in page
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert links and all((tmp_path / "public" / link).is_file() for link in links)
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_a_section_that_fails_changes_nothing(site, tmp_path):
    def failing(_: Material):
        yield PublishedFile("ca/x.pem", b"x")
        raise RuntimeError("broken")

    site.publish("public")
    before = files_below(tmp_path / "public")
    with pytest.raises(RuntimeError):
        site.publish("public", sections=[failing])
    assert files_below(tmp_path / "public") == before
    assert len(list((tmp_path / "public.d").iterdir())) == 2


def test_a_chain_whose_certificates_did_not_sign_each_other_is_found(site):
    authorities = site.store.authorities()
    wrong = format_pem(authorities["root"]) + format_pem(authorities["issuing"])
    right = format_pem(authorities["issuing"]) + format_pem(authorities["root"])
    assert [f.code for f in check_chain("x", wrong, pem=True)] == ["publish.bad_signature"]
    assert [f.code for f in check_chain("x", right, pem=True)] == []
    for pem in (True, False):
        found = [f.code for f in check_chain("x", b"nothing", pem=pem)]
        assert found == ["publish.unreadable"]
