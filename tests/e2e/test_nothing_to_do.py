"""Whole processes with nothing to do: the same words as ever, and nothing started for them."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.e2e.conftest import Repository, environment
from tests.test_architecture import HEAVY

FORMS = (
    ("reconcile",),
    ("reconcile", "--no-push"),
    ("reconcile", "--ref", "main"),
    ("--offline", "reconcile"),
    ("-q", "reconcile"),
    ("plan", "--ref", "HEAD"),
    ("plan", "--ref", "HEAD", "--detailed-exitcode"),
)


@pytest.fixture
def noted(repository: Repository) -> Repository:
    """A repository in which a run found nothing to do and left its note."""
    repository.git("branch", "-M", "main")
    repository.run("reconcile")
    note = repository.root / ".git" / "pki-as-code" / "quiet.json"
    for _ in range(60):
        if note.exists():
            return repository
        time.sleep(0.5)  # the key files must be older than a moment
        repository.run("reconcile")
    raise AssertionError("no run left a note")


def imported(repository: Repository, *arguments: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pki_as_code", *arguments],
        cwd=repository.root,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    return {line.rsplit("|", 1)[-1].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_the_quick_answer_is_the_long_one_byte_for_byte(noted, form):
    assert "click" not in imported(noted, *form)
    assert not imported(noted, *form) & set(HEAVY)
    quick = noted.run(*form)
    long = noted.run(*form, "--full")
    assert (quick.code, quick.out, quick.err) == (long.code, long.out, long.err)
    assert "No changes" in quick.out


def test_a_full_disk_and_a_reader_that_went_are_told_as_ever(noted):
    for form in (["reconcile"], ["reconcile", "--full"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "pki_as_code", *form],
                cwd=noted.root, env=environment(), stdout=full, stderr=subprocess.PIPE, check=False,
            )  # fmt: skip
        assert done.returncode == 1
        assert b"No space left" in done.stderr
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-m", "pki_as_code", *form],
            cwd=noted.root, env=environment(), stdout=write, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
        os.close(write)
        assert (done.returncode, done.stderr) == (0, b"")


def test_what_is_not_committed_is_said_as_ever(noted):
    noted.write("certificates/draft.yaml", "kind: Certificate\n")
    quick, long = noted.run("reconcile"), noted.run("reconcile", "--full")
    assert (quick.out, quick.err) == (long.out, long.err)
    assert "not committed" in quick.err


def test_a_new_manifest_is_seen_at_once(noted, csr):
    noted.write("certificates/web.csr", csr)
    noted.manifest("web", "csrFile: web.csr\nsubjectAltNames: [www.example.com]")
    noted.commit()
    assert "1 to issue" in noted.run("plan", "--ref", "HEAD").out
    assert "1 to issue" in noted.run("reconcile").out
