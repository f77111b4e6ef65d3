"""Places that cannot be written, stores that were put back or cut off: refused, nothing signed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import environment
from tests.e2e.moved_clock import later, needs_moved_clock
from tests.faults.forked import Forked
from tests.faults.signatures import read_signatures
from tests.faults.small_disk import NoMountError, small_disk

NAMES = ["web", "api"]
NOBODY = 65534


def check_refused(site, code: str, *arguments: str, **options) -> str:
    """Run what must be refused with this code, having signed nothing; return what it said."""
    before = len(read_signatures(site.log))
    done = site.start(*(arguments or ("reconcile",)), **options).wait()
    assert done.code in {1, 4}, (done.code, done.out, done.err)
    assert f"error[{code}]" in done.err, done.err
    assert "= help:" in done.err
    assert "Traceback" not in done.err
    assert len(read_signatures(site.log)) == before
    return done.err


# --- Places that cannot be written ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["git", "sqlite"])
def test_a_read_only_disk_is_read_and_not_written(make_site, tmp_path, kind):
    place = tmp_path / "disk"
    place.mkdir()
    try:
        with small_disk(place, 16 << 10) as disk:
            site = make_site(kind, disk)
            site.run("reconcile")
            site.ask(NAMES)
            remount(disk, "ro")
            # SQLite cannot even open a file beside which it may make none.
            check_refused(site, "store.read_only" if kind == "git" else "store.cannot_open")
            for command in (["plan"], ["store", "verify"], ["list_certs"], ["status"]):
                done = site.start(*command).wait()
                assert done.code == 0, done.err
            remount(disk, "rw")
            site.run("reconcile")
            site.check_issued_once(NAMES)
    except NoMountError as error:
        pytest.skip(f"nothing can be mounted here: {error}")


def remount(disk: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", disk], check=True, capture_output=True)


@pytest.mark.parametrize("name", ["objects", "refs/heads", "pki-as-code"])
def test_a_git_directory_of_which_a_part_cannot_be_written(make_site, name):
    """Whoever runs it may not; root may everything, and becomes somebody else for this."""
    site = make_site("git")
    site.ask(NAMES)
    user = NOBODY if os.geteuid() == 0 else None
    if user is not None:
        site.directory.parent.chmod(0o755)
        for directory, _, files in os.walk(site.directory):
            os.chown(directory, user, user)
            for file in files:
                os.chown(os.path.join(directory, file), user, user)
    closed = site.root / ".git" / name
    closed.chmod(0o500)
    for below in closed.rglob("*"):
        if below.is_dir():
            below.chmod(0o500)
    try:
        done = Forked(site.root, "reconcile", user=user).wait()
        assert done.code == 1
        assert "error[internal]" not in done.err
        assert "ermission denied" in done.err or "cannot be written" in done.err, done.err
        assert "= help:" in done.err
    finally:
        for place in (closed, *closed.rglob("*")):
            if place.is_dir():
                place.chmod(0o755)
    done = Forked(site.root, "reconcile", user=user).wait()
    assert done.code == 0, done.err
    if user is None:
        site.check_issued_once(NAMES)


# --- Stores that went back -----------------------------------------------------------------------


def test_a_branch_that_was_put_back_is_refused(make_site):
    site = make_site("git")
    old = site.repository.store_head()
    site.ask(NAMES)
    site.run("reconcile")
    new = site.repository.store_head()
    site.ask([*NAMES, "more"])
    site.repository.git("update-ref", "refs/heads/pki-issued", old)
    said = check_refused(site, "store.rolled_back")
    assert "git reflog" in said
    site.repository.git("update-ref", "refs/heads/pki-issued", new)
    site.run("reconcile")
    site.check_issued_once([*NAMES, "more"])


def test_a_backup_that_was_put_back_is_refused(make_site, tmp_path):
    site = make_site("sqlite")
    site.run("reconcile")
    database = site.root / "issued.db"
    backup(database, tmp_path / "old.db")
    site.ask(NAMES)
    site.run("reconcile")
    backup(database, tmp_path / "new.db")
    put_back(tmp_path / "old.db", database)
    check_refused(site, "store.rolled_back")
    put_back(tmp_path / "new.db", database)
    site.run("reconcile")
    site.check_issued_once(NAMES)


def backup(database: Path, place: Path) -> None:
    with sqlite3.connect(database) as source, sqlite3.connect(place) as target:
        source.backup(target)
    source.close()
    target.close()


def put_back(backup: Path, database: Path) -> None:
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    shutil.copy(backup, database)


def test_a_database_without_the_log_that_is_part_of_it_has_gone_back(make_site, tmp_path):
    """Somebody copied the file alone, while the last transactions were beside it."""
    site = make_site("sqlite")
    site.ask(NAMES)
    database = site.root / "issued.db"
    with sqlite3.connect(database) as reader:  # keeps the log from being taken into the file
        reader.execute("SELECT count(*) FROM ledger").fetchall()
        site.run("reconcile")
        alone = tmp_path / "alone.db"
        shutil.copy(database, alone)
        whole = tmp_path / "whole.db"
        backup(database, whole)
    reader.close()
    put_back(alone, database)
    check_refused(site, "store.rolled_back")
    put_back(whole, database)
    site.check_issued_once(NAMES)


@pytest.mark.parametrize("kind", ["git", "sqlite"])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_database_that_was_cut_off_is_damaged_and_not_empty(make_site, kind, part):
    site = make_site(kind)
    site.ask(NAMES)
    site.run("reconcile")
    index = site.root / ".git/pki-as-code/pki-issued.index.db"
    database = index if kind == "git" else site.root / "issued.db"
    for end in ("-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
    whole = database.read_bytes()
    os.truncate(database, int(len(whole) * part))
    for command in (["reconcile"], ["list_certs"], ["plan"]):
        check_refused(site, "store.damaged_database", *command)
    if kind == "git":
        site.run("store", "rebuild")
    else:
        database.write_bytes(whole)
    site.check_issued_once(NAMES)
    site.check_nothing_to_do()


def test_a_ledger_whose_last_line_is_torn_is_refused(make_site):
    """As a disk would leave it that lost the end of a file, with a commit that says it is whole."""
    site = make_site("git")
    site.ask(NAMES)
    site.run("reconcile")
    repository, head = site.repository, site.repository.store_head()
    [segment] = repository.git("ls-tree", "--name-only", head, "ledger/").splitlines()
    line = len(repository.git("show", f"{head}:{segment}").splitlines())
    content = subprocess.run(
        ["git", "show", f"{head}:{segment}"], cwd=site.root, capture_output=True, check=True
    ).stdout
    for torn in (content[:-20], content[:-1]):
        blob = subprocess.run(
            ["git", "hash-object", "-w", "--stdin"], cwd=site.root, input=torn,
            capture_output=True, check=True,
        ).stdout.decode().strip()  # fmt: skip
        index = {**environment(), "GIT_INDEX_FILE": str(site.directory / "index")}
        for call in (
            ["read-tree", head],
            ["update-index", "--cacheinfo", f"100644,{blob},{segment}"],
        ):
            subprocess.run(["git", *call], cwd=site.root, env=index, check=True)
        tree = subprocess.run(
            ["git", "write-tree"], cwd=site.root, env=index, check=True, capture_output=True
        ).stdout.decode().strip()  # fmt: skip
        commit = repository.git("commit-tree", "-p", head, "-m", "torn", tree)
        repository.git("update-ref", "refs/heads/pki-issued", commit)
        done = site.start("reconcile").wait()
        assert done.code == 1
        assert "error[store." in done.err, done.err
        assert "= help:" in done.err
        shutil.rmtree(site.root / ".git/pki-as-code")  # a clone that has never seen it whole
        done = site.start("store", "verify").wait()
        assert done.code == 1
        assert f"entry {line - 1}: {segment} is cut off" in done.err
    repository.git("update-ref", "refs/heads/pki-issued", head)
    site.check_issued_once(NAMES)


# --- Time ----------------------------------------------------------------------------------------


@needs_moved_clock
def test_a_clock_that_jumped_back_signs_nothing(make_site):
    site = make_site("git")
    site.ask(NAMES)
    before = site.repository.store_head()
    for days in (-1, -400):
        done = later(site.repository, days).run("reconcile", expect=None)
        assert done.code == 1, done.err
        assert "error[store." in done.err
        assert "clock" in done.err
        assert site.repository.store_head() == before
    site.run("reconcile")
    site.check_issued_once(NAMES)
    entries = site.entries()
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)


# --- Clones --------------------------------------------------------------------------------------


def test_a_shallow_clone_issues_like_any_other(make_site):
    """As CI has it: one commit deep, one branch, and the keys."""
    site = make_site("git with a remote")
    site.ask(["web"])
    site.run("reconcile")
    site.ask(["api"])
    clone = site.directory / "shallow"
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{site.remote}", str(clone)],
        env=environment(), check=True, capture_output=True,
    )  # fmt: skip
    shutil.copytree(site.root / "keys", clone / "keys")
    done = site.start("reconcile", at=clone).wait()
    assert done.code == 0, done.err
    site.check_issued_once(["web", "api"])
    site.check_nothing_to_do()
