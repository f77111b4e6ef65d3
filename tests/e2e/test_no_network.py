"""
`plan` as a pull request of a stranger runs it: no key, no environment, no network, no foreign code.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Done, Repository

PROGRAM = Path(sys.executable).parent / "pkictl"


def can_unshare() -> bool:
    done = subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False)
    return done.returncode == 0


needs_namespaces = pytest.mark.skipif(
    shutil.which("unshare") is None or not can_unshare(),
    reason="a network of its own needs user namespaces, which are not permitted here",
)


@pytest.fixture
def stranger(repository: Repository, csr: bytes, tmp_path: Path) -> Repository:
    """A fork with a new certificate, cloned as a runner does; nobody left a key in it."""
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", "csrFile: web.csr\nsubjectAltNames: [web.example.com]")
    repository.commit()
    place = tmp_path / "clone"
    repository.git("clone", "--quiet", "--no-local", ".", str(place))
    clone = Repository(place)
    clone.git("fetch", "--quiet", "origin", "pki-issued:pki-issued")
    clone.git("remote", "remove", "origin")
    assert not (place / "keys").exists()
    return clone


def run_alone(root: Path, *arguments: str) -> Done:
    """Run the installed program with nothing at all in its environment, and no network."""
    done = subprocess.run(
        ["unshare", "-rn", str(PROGRAM), *arguments],
        cwd=root,
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
        executable=shutil.which("unshare"),
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@needs_namespaces
def test_it_needs_no_key_no_environment_and_no_network(stranger):
    for command in (
        ["plan"], ["plan", "--ref", "HEAD"], ["plan", "--ref", "HEAD", "--base", "HEAD~1"],
        ["validate"], ["plan", "--output", "sarif"],
    ):  # fmt: skip
        done = run_alone(stranger.root, *command)
        assert done.code == 0, done
    assert "issue    certificate web" in run_alone(stranger.root, "plan", "--ref", "HEAD").out


@needs_namespaces
def test_the_network_is_really_gone(stranger):
    stranger.git("remote", "add", "origin", "https://198.51.100.1/x.git")
    done = run_alone(stranger.root, "list_certs")
    assert done.code == 1
    assert "error[store.fetch_failed]" in done.err


@pytest.fixture
def ran(stranger: Repository, tmp_path: Path) -> Path:
    """The file that exists once anything of the clone's choice was run."""
    trace, evil = tmp_path / "it was run", tmp_path / "evil"
    evil.write_text(f"#!/bin/sh\n: > '{trace}'\ncat\n")
    evil.chmod(0o755)
    run = str(evil)
    for key in (
        "core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "core.askPass",
        "core.alternateRefsCommand", "core.gitProxy", "diff.external", "diff.d.textconv",
        "diff.d.command", "filter.f.clean", "filter.f.smudge", "filter.f.process",
        "merge.m.driver", "gpg.program", "gpg.ssh.program", "gpg.x509.program",
        "gpg.ssh.defaultKeyCommand", "credential.helper", "sequence.editor", "pager.log",
        "uploadpack.packObjectsHook", "trailer.t.command", "interactive.diffFilter",
    ):  # fmt: skip
        stranger.git("config", key, run)
    for name in ("log", "status", "cat-file", "ls-tree", "rev-parse", "diff", "config", "show"):
        stranger.git("config", f"alias.{name}", f"!{run}")
    stranger.git("config", "filter.f.required", "true")
    stranger.git("config", "commit.gpgSign", "true")
    stranger.git("config", "log.showSignature", "true")
    stranger.git("config", "core.hooksPath", str(tmp_path / "hooks"))
    hooks = ("pre-commit", "post-checkout", "post-index-change", "reference-transaction",
             "post-merge", "fsmonitor-watchman", "pre-auto-gc", "query-watchman")  # fmt: skip
    for place in (tmp_path / "hooks", stranger.root / ".git/hooks"):
        place.mkdir(exist_ok=True)
        for name in hooks:
            (place / name).unlink(missing_ok=True)
            (place / name).symlink_to(evil)
    (stranger.root / ".git/info").mkdir(exist_ok=True)
    (stranger.root / ".git/info/attributes").write_text("* filter=f diff=d merge=m\n")
    stranger.write(".gitattributes", "* filter=f diff=d merge=m\n")
    stranger.write(
        ".gitmodules", f'[submodule "x"]\n path = x\n url = ext::{run}\n update = !{run}\n'
    )
    python = f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n"
    for name in ("sitecustomize.py", "usercustomize.py", "pki_as_code/__init__.py", "yaml.py",
                 "click.py", "conftest.py", "site.py", "json.py"):  # fmt: skip
        stranger.write(name, python)
    stranger.write(".env", f"GIT_SSH_COMMAND={run}\nPYTHONSTARTUP=yaml.py\n")
    for tool in ("git", "ssh", "ssh-keygen", "gpg", "openssl", "sh"):
        shutil.copy(evil, stranger.root / tool)
    return trace


@needs_namespaces
def test_nothing_of_the_clone_is_run(stranger, ran):
    (stranger.root / "certificates/web.csr").touch()  # the index has to look at it again
    for command in (
        ["plan"], ["plan", "--ref", "HEAD"], ["plan", "--ref", "HEAD", "--base", "HEAD~1"],
        ["validate"], ["validate", "--ref", "HEAD"], ["status"], ["show", "root"],
        ["policy", "impact", "--base", "HEAD~1"], ["plan", "--output", "json"],
    ):  # fmt: skip
        done = run_alone(stranger.root, *command)
        assert done.code == 0, done
        assert not ran.exists(), command


@needs_namespaces
def test_with_a_remote_the_clone_does_not_choose_who_fetches(stranger, ran):
    for url in (f"ext::{ran.parent}/evil", "ssh://198.51.100.1/x", "git@198.51.100.1:x.git"):
        stranger.git("config", "remote.origin.url", url)
        stranger.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        done = run_alone(stranger.root, "plan")
        assert done.code == 1
        assert "error[git.unsafe_" in done.err, done
        assert run_alone(stranger.root, "--offline", "plan").code == 0
        assert not ran.exists(), url


@needs_namespaces
def test_the_trace_is_left_by_whoever_does_run_it(stranger, ran):
    """Else the tests above would hold for nothing."""
    subprocess.run(["git", "status"], cwd=stranger.root, env={**os.environ}, check=False,
                   capture_output=True)  # fmt: skip
    assert ran.exists()
