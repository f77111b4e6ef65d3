"""Which commit asked for what."""

from __future__ import annotations

import pytest

from pki_as_code.stores.entries import Issued, Reserved, Revoked
from tests.apply.site import Site
from tests.people import People
from tests.plan.worlds import revocation


@pytest.fixture
def people(tmp_path) -> People:
    return People(tmp_path)


def reserved_commit(site: Site) -> str:
    return [p for p in site.payloads() if isinstance(p, Reserved)][-1].reservation.commit


def test_the_commit_of_a_certificate_is_the_one_that_last_changed_its_manifest(site):
    site.certificate("a")
    asked = site.commit("ask")
    site.write("README.md", "something else")
    reconciled = site.commit("later")
    site.run()
    assert reserved_commit(site) == site.record("a").commit == asked
    assert site.record("a").path == "certificates/a.yaml"
    [issued] = [p for p in site.payloads() if isinstance(p, Issued)][-1:]
    assert issued.provenance["reconciledCommit"] == reconciled
    assert issued.provenance["reasons"] == ["DoesNotExist"]


def test_an_entry_leads_from_the_serial_number_to_whoever_asked(site, people):
    site.write("allowed_signers", people.allowed("alice", "bob"))
    site.certificate("before", key="P-256/3")
    people.commit(site.root)
    site.run()
    site.certificate("a")
    asked = people.commit(site.root, by="bob")
    site.certificate("b", key="P-256/2")
    unsigned = people.commit_unsigned(site.root, author="carol")
    plans = []
    site.run(on_plan=plans.append)
    entries = {p.object_id.name: p for p in site.payloads() if isinstance(p, Issued)}
    # Whoever is listed by the change that asks is not believed by it yet.
    assert entries["before"].provenance["signers"] == []
    assert entries["a"].provenance == {
        "reconciledCommit": unsigned,
        "reasons": ["DoesNotExist"],
        "commit": asked,
        "path": "certificates/a.yaml",
        "blobId": site.git("rev-parse", "HEAD:certificates/a.yaml"),
        "csrPath": "certificates/a.csr",
        "csrBlobId": site.git("rev-parse", "HEAD:certificates/a.csr"),
        "author": "Bob <bob@example.com>",
        "signers": ["bob@example.com"],
        "planDigest": plans[0].digest,
        "policies": [],
    }
    assert entries["b"].provenance["author"] == "Carol <carol@example.com>"
    assert entries["b"].provenance["signers"] == []
    assert site.record("a").provenance == entries["a"].provenance


def test_an_author_of_any_length_and_kind_fits_into_an_entry(site):
    site.certificate("a")
    name = "\x1b[31m::error::" + "x" * 5000
    site.git("add", "-A")
    site.git("-c", f"user.name={name}", "commit", "-q", "-m", "ask")
    site.run()
    author = site.record("a").provenance["author"]
    assert len(author) == 200
    site.verify()


def test_a_new_csr_alone_is_a_change_of_its_own(site):
    site.certificate("a")
    site.commit("ask")
    site.run()
    site.certificate("a", key="P-256/2")
    rekeyed = site.commit("new key")
    site.write("README.md", "something else")
    site.commit("later")
    site.run()
    assert site.record("a").commit == rekeyed


def test_the_later_change_of_manifest_and_csr_counts(site):
    site.certificate("a")
    first = site.commit("ask")
    manifest = (site.root / "certificates/a.yaml").read_text()
    site.write("certificates/a.yaml", manifest.replace("a.example.com", "b.example.com"))
    second = site.commit("other names")
    assert first != second
    site.run()
    assert site.record("a").commit == second


def test_each_certificate_of_a_batch_has_its_own_commit(site):
    commits = {}
    for name in ("a", "b", "c"):
        site.certificate(name)
        commits[name] = site.commit(name)
    site.run()
    assert {name: site.record(name).commit for name in commits} == commits


def test_a_revocation_names_the_commit_that_asked_for_it(site):
    site.certificate("a")
    site.commit()
    site.run()
    site.add(revocation("inc", certificate="a", reason="superseded"))
    asked = site.commit("revoke")
    site.write("README.md", "something else")
    site.commit("later")
    site.run()
    [revoked] = [p for p in site.payloads() if isinstance(p, Revoked)]
    assert (revoked.commit, revoked.path) == (asked, "revocations/inc.yaml")


def test_the_commits_of_the_store_name_the_commit_they_come_from(site):
    site.certificate("a")
    asked = site.commit("ask")
    site.run()
    messages = site.git("log", "-3", "--format=%B", "pki-issued")
    assert messages.count(f"Source-Commit: {asked}") == 3
