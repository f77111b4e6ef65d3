"""A repository that somebody else prepared: nothing that it brings along is run or followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository, make_csr
from tests.e2e.in_process import in_process


@pytest.fixture
def clone(repository: Repository, csr: bytes) -> Repository:
    (repository.root.parent / "web.csr").write_bytes(csr)
    return in_process(repository.root)


@pytest.fixture
def evil(clone: Repository) -> Path:
    """A program that notes that it was run; the note is the file `ran` beside it."""
    program = clone.root.parent / "evil"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{program.parent}/ran'\ncat\n")
    program.chmod(0o755)
    return program


def ran(evil: Path) -> str:
    note = evil.parent / "ran"
    return note.read_text() if note.exists() else ""


def sign(clone: Repository, name: str, *options: str, expect: int = 0):
    csr = str(clone.root.parent / "web.csr")
    return clone.run("sign_cert", "--csr", csr, "--alt", name, *options, expect=expect)


def test_filters_and_signing_programs_are_not_run_and_the_working_tree_is_clean(clone, evil):
    for key, value in {
        "filter.x.clean": str(evil), "filter.x.smudge": str(evil), "filter.x.required": "true",
        "commit.gpgSign": "true", "gpg.program": str(evil), "user.signingKey": "x",
        "log.showSignature": "true", "diff.external": str(evil), "core.fsmonitor": str(evil),
        "core.hooksPath": str(evil.parent),
    }.items():  # fmt: skip
        clone.git("config", key, value)
    for hook in ("reference-transaction", "pre-commit", "post-commit", "post-index-change"):
        (evil.parent / hook).symlink_to(evil)
    clone.write(".git/info/attributes", "* filter=x diff=x\n")
    clone.write("README.md", "not mine to commit\n")
    sign(clone, "web")
    clone.run("revoke_cert", "web", "--yes")
    clone.run("show", "web")
    clone.run("reconcile")
    assert ran(evil) == ""
    for key in ("filter.x.clean", "filter.x.smudge", "filter.x.required", "core.fsmonitor"):
        clone.git("config", "--unset", key)
    clone.git("config", "core.hooksPath", os.devnull)
    assert clone.git("status", "--porcelain").splitlines() in (["M README.md"], ["?? README.md"])


def test_what_is_staged_stays_staged(clone):
    clone.write("notes", "staged\n")
    clone.git("add", "notes")
    sign(clone, "web")
    assert clone.git("show", "--name-only", "--format=", "HEAD").splitlines() == [
        "certificates/web.csr", "certificates/web.yaml",
    ]  # fmt: skip
    assert clone.git("diff", "--cached", "--name-only") == "notes"
    assert clone.git("status", "--porcelain") == "A  notes"


def test_a_directory_that_is_a_link_is_not_written_through(clone):
    outside = clone.root.parent / "outside"
    outside.mkdir()
    (clone.root / "certificates/team").symlink_to(outside)
    before = clone.git("rev-parse", "HEAD"), clone.store_head()
    done = sign(clone, "web", "--namespace", "team", expect=1)
    assert "path.symlink" in done.err
    assert list(outside.iterdir()) == []
    (clone.root / "certificates/team").unlink()
    (clone.root / "certificates/web.csr").symlink_to(outside / "web.csr")
    done = sign(clone, "web", expect=1)
    assert "path.symlink" in done.err
    assert list(outside.iterdir()) == []
    assert not (clone.root / "certificates/web.yaml").exists()
    assert (clone.git("rev-parse", "HEAD"), clone.store_head()) == before


def test_init_does_not_write_through_a_link(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "new"
    outside.mkdir()
    root.mkdir()
    (root / "authorities").symlink_to(outside)
    done = in_process(root).run("init", expect=1)
    assert "path.symlink" in done.err
    assert list(outside.iterdir()) == []
    assert not (root / "pki.yaml").exists()


def test_passphrases_do_not_reach_the_hooks_of_a_remote(clone, tmp_path):
    remote = tmp_path / "remote.git"
    clone.git("init", "--quiet", "--bare", str(remote))
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nenv > '{tmp_path}/seen'\n")
    hook.chmod(0o755)
    clone.git("remote", "add", "origin", str(remote))
    clone.manifest(
        "web",
        "subjectAltNames: [www.example.com]\ncsrFile: web.csr\nvalidity: 10d\nprofile: server",
    )
    make_csr(clone.root / "certificates/web.csr")
    clone.commit()
    done = clone.run("reconcile", env={"PKI_PASSPHRASE_NOBODY": "hunter2"}, expect=None)
    assert (tmp_path / "seen").exists(), done
    assert "PKI_" not in (tmp_path / "seen").read_text()


def test_a_working_tree_of_the_repositorys_choice_is_refused(clone, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    clone.git("config", "core.worktree", str(outside))
    for command in (["list_certs"], ["plan"], ["reconcile"]):
        assert "error[git.unsafe_config]" in clone.run(*command, expect=1).err
    assert "error[git.unsafe_config]" in sign(clone, "web", expect=1).err
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["pki-issued.index.db", "pki-issued.index.db-wal", "pki-issued.head", ""]
)
def test_the_store_is_not_written_through_a_link(clone, tmp_path, name):
    place = clone.root / ".git/pki-as-code" / name
    outside = tmp_path / "outside"
    if name:
        outside.write_bytes(b"")
        place.unlink(missing_ok=True)
    else:
        place.rename(outside)
    place.symlink_to(outside)
    done = clone.run("list_certs", expect=1)
    assert "error[store.unsafe_path]" in done.err
    assert "Traceback" not in done.err
    assert sign(clone, "web", expect=1).err.startswith("error[store.unsafe_path]")
    assert not name or outside.read_bytes() == b""


def test_a_key_inside_the_repository_is_named_by_a_relative_path(clone):
    place = clone.root / "elsewhere/new.pem"
    uri = f"file:{place}"
    clone.write(
        "authorities/new.yaml",
        "apiVersion: pki-as-code/v1\nkind: CertificateAuthority\nmetadata: {name: new}\nspec:\n"
        f"  subject: CN=New\n  key: {{type: Ed25519, uri: '{uri}'}}\n  validity: 3650d\n",
    )
    clone.commit()
    done = clone.run("reconcile", expect=None)
    assert done.code != 0
    assert "key.bad_location" in done.err
    assert "file:elsewhere/new.pem" in done.err
    assert not place.parent.exists()


def test_a_look_at_the_working_tree_that_fails_does_not_stop_reconcile(clone):
    sign(clone, "web")
    (clone.root / ".git/index").write_bytes(b"damaged")
    done = clone.run("reconcile")
    assert "what is not committed cannot be told" in done.err


# --- Without the network -------------------------------------------------------------------------


def test_offline_works_with_what_is_here(clone, tmp_path):
    sign(clone, "web")
    clone.git("remote", "add", "origin", str(tmp_path / "nowhere.git"))
    for command in (["list_certs"], ["status"], ["dump_cert", "web"], ["list_certs", "-o", "wide"]):
        done = clone.run(*command, expect=1)
        assert "error[store.fetch_failed]" in done.err
        assert "--offline" in done.err
        assert "--no-push" not in done.err
        online = clone.run("--offline", *command)
        assert clone.run(*command, env={"PKI_OFFLINE": "1"}).out == online.out
    head = clone.store_head()
    assert clone.run("reconcile", expect=1).err.startswith("error[store.fetch_failed]")
    clone.run("--offline", "reconcile")
    clone.run("--offline", "revoke_cert", "web", "--yes")
    assert clone.store_head() != head
