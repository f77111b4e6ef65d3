"""What the commands say and do where commits have to be signed."""

from __future__ import annotations

import hashlib
import json

import pytest

from tests.e2e.conftest import Repository, environment, make_csr
from tests.e2e.in_process import in_process
from tests.people import People


@pytest.fixture
def people(tmp_path_factory, monkeypatch) -> People:
    for name, value in environment().items():
        if name.startswith("GIT_CONFIG"):
            monkeypatch.setenv(name, value)
    return People(tmp_path_factory.mktemp("people"))


@pytest.fixture
def signed(repository: Repository, people: People) -> Repository:
    """A repository that was reconciled since it requires signatures."""
    here = in_process(repository.root)
    text = (here.root / "pki.yaml").read_text()
    here.write(
        "pki.yaml", text.replace("spec:\n", "spec:\n  trust: {requireSignedCommits: true}\n")
    )
    here.write("allowed_signers", people.allowed("alice", "bob"))
    people.commit(here.root, "require signatures")
    done = here.run("plan", "--ref", "HEAD")
    assert "trust.begins" in done.out
    here.run("reconcile")
    return here


def test_a_commit_that_nobody_signed_is_refused_by_each_command(signed, people):
    signed.ask("web")
    commit = people.commit_unsigned(signed.root, author="bob")
    before = signed.store_head()
    for command in (
        ["plan"], ["plan", "--ref", "HEAD"], ["plan", "-o", "json"], ["reconcile", "--dry-run"],
        ["reconcile"],
    ):  # fmt: skip
        done = signed.run(*command, expect=4)
        said = done.out + done.err
        assert "trust.commit_not_signed" in said, command
        assert commit[:12] in said
        assert "bob@example.com" in said
    assert signed.store_head() == before
    signed.run("reconcile", "--allow-unsafe", "unsigned=1")
    assert signed.store_head() != before


def test_who_signed_is_shown(signed, people):
    signed.ask("web")
    commit = people.commit(signed.root, by="bob")
    signed.run("reconcile")
    text = signed.run("show", "web").out
    assert "signed by" in text
    assert "bob@example.com" in text
    [listed] = signed.run("list_certs", "-o", "json").json
    blob = signed.git("rev-parse", f"{commit}:certificates/web.yaml")
    assert listed["provenance"]["signers"] == ["bob@example.com"]
    assert (listed["provenance"]["commit"], listed["provenance"]["blobId"]) == (commit, blob)
    shown = signed.run("show", "web", "-o", "json").json["provenance"]
    assert (shown["blobId"], shown["signers"]) == (blob, ["bob@example.com"])


def test_a_command_makes_no_commit_that_would_not_be_reconciled(signed, people):
    make_csr(signed.root.parent / "new.csr")
    sign = ["sign_cert", "--csr", str(signed.root.parent / "new.csr"), "--alt", "new.example.com"]
    before = signed.git("rev-parse", "HEAD")
    done = signed.run(*sign, expect=4)
    assert "trust.commit_not_signed" in done.err
    assert "--no-commit" in done.err
    assert signed.git("rev-parse", "HEAD") == before
    assert signed.git("status", "--porcelain") == ""
    signed.run(*sign, "--no-commit")
    people.commit(signed.root)
    signed.run("reconcile")


def test_programs_and_names_of_a_hostile_clone_do_nothing(signed, people, tmp_path):
    evil = tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\ntouch '{tmp_path}/ran'\n")
    evil.chmod(0o755)
    signed.ask("web")
    commit = people.commit(signed.root, by="mallory", author="alice")
    text = signed.git("cat-file", "commit", commit)
    text = text.replace("author Alice", "author \x1b[31m::error::Alice")
    signed.write(".git/forged", f"{text}\n")
    forged = signed.git("hash-object", "-t", "commit", "-w", "--literally", ".git/forged")
    signed.git("reset", "--quiet", "--hard", forged)
    mine = signed.write(".git/mine", people.line("mallory", principals="alice@example.com"))
    for key, value in {
        "gpg.program": evil, "gpg.ssh.program": evil, "gpg.x509.program": evil,
        "gpg.openpgp.program": evil, "gpg.ssh.allowedSignersFile": mine,
    }.items():  # fmt: skip
        signed.git("config", key, str(value))
    done = signed.run("reconcile", expect=4)
    plan = signed.run("plan", expect=4)
    for said in (done.err, plan.out):
        assert "\x1b[31m" not in said
        assert "trust.signature_" in said
    assert not (tmp_path / "ran").exists()


def forge_store(signed: Repository, commit: str, branch: str) -> None:
    """Make a store, as anybody could in a branch of his own, in which `commit` was reconciled."""
    name = "ledger/000000000000.jsonl"
    lines = signed.git("show", f"pki-issued:{name}").splitlines()
    entry = {**json.loads(lines[-1]), "type": "reconciled", "commit": commit}
    entry |= {"seq": len(lines), "prev": hashlib.sha256(lines[-1].encode()).hexdigest()}
    lines.append(json.dumps(entry, sort_keys=True, separators=(",", ":")))
    path = signed.write(".git/forged-ledger", "\n".join(lines) + "\n")
    blob = signed.git("hash-object", "-w", str(path))
    index = ["-c", "core.sparseCheckout=false", "worktree", "add", "-q", "--no-checkout"]
    place = signed.root.parent / "forged-store"
    signed.git(*index, "-b", branch, str(place), "pki-issued")
    for command in (
        ["read-tree", "pki-issued"], ["update-index", "--cacheinfo", f"100644,{blob},{name}"],
        ["commit", "-q", "--amend", "--no-edit"],
    ):  # fmt: skip
        signed.git("-C", str(place), *command)


@pytest.mark.parametrize("also", ["", "the end of the rule"])
def test_a_change_does_not_bring_along_the_store_that_says_who_is_believed(signed, people, also):
    signed.ask("web")
    people.commit(signed.root)
    signed.run("reconcile")
    signed.ask("evil")
    text = (signed.root / "pki.yaml").read_text().replace("spec:\n", "spec:\n  store: git:evil\n")
    if also:
        text = text.replace("requireSignedCommits: true", "requireSignedCommits: false")
    signed.write("pki.yaml", text)
    commit = people.commit_unsigned(signed.root, author="mallory")
    forge_store(signed, commit, "evil")
    before = signed.git("rev-parse", "evil")
    for command in (["plan"], ["plan", "--ref", "HEAD"], ["reconcile"]):
        done = signed.run(*command, expect=4)
        assert "trust.store_moved" in done.out + done.err, command
    assert signed.git("rev-parse", "evil") == before
    done = signed.run("--store", "git:pki-issued", "reconcile", expect=4)
    assert "trust.commit_not_signed" in done.err


def test_a_store_that_was_moved_is_named_by_whoever_reconciles(signed, people):
    signed.git("branch", "moved", "pki-issued")
    text = (signed.root / "pki.yaml").read_text()
    signed.write("pki.yaml", text.replace("spec:\n", "spec:\n  store: git:moved\n"))
    signed.ask("web")
    people.commit(signed.root)
    assert "PKI_STORE" in signed.run("reconcile", expect=4).err
    signed.run("reconcile", env={"PKI_STORE": "git:moved"})
    assert signed.run("plan", env={"PKI_STORE": "git:moved"}).code == 0


def test_what_is_signed_for_a_manifest_is_printed(signed):
    signed.ask("web")
    lines = signed.run("sign_manifest", "certificates/web.yaml").out.splitlines()
    assert lines[0] == "pki-as-code manifest v1"
    assert [line.rpartition(" ")[2] for line in lines[1:]] == [
        '"certificates/web.yaml"', '"certificates/web.csr"',
    ]  # fmt: skip
    done = signed.run("sign_manifest", "certificates/none.yaml", expect=1)
    assert "certificates/none.yaml" in done.err
    done = signed.run("sign_manifest", "certificates/web.yaml", "--key", "/nowhere", expect=1)
    assert "trust.not_signed" in done.err
    assert not (signed.root / "certificates/web.yaml.sig").exists()
