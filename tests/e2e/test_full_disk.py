"""
Disks without room: a run stops with an error that says so, and the next one goes on.

Each test starts with no room at all and gives a little more each time, so that the disk is full in
one step after the other; what a run left stays for the next.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.faults.signatures import read_signatures
from tests.faults.small_disk import NoMountError, small_disk

KIBIBYTES = 16 << 10
PAGE = os.sysconf("SC_PAGE_SIZE")
NAMES = [f"host-{number}" for number in range(12)]


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    try:
        with small_disk(place, KIBIBYTES) as mounted:
            yield mounted
    except NoMountError as error:
        pytest.skip(f"nothing can be mounted here: {error}")


@pytest.fixture
def database_disk(postgres_server) -> Iterator[Path]:
    """One that the user of the server can reach, with room for a database."""
    if postgres_server.data is None:
        pytest.skip("the server is somebody else's")
    place = postgres_server.socket.parent / "small"
    place.mkdir(exist_ok=True)
    try:
        with small_disk(place, KIBIBYTES) as mounted:
            mounted.chmod(0o755)
            space = mounted / "space"
            space.mkdir(mode=0o700)
            os.chown(space, postgres_server.data.stat().st_uid, -1)
            yield mounted
    except NoMountError as error:
        pytest.skip(f"nothing can be mounted here: {error}")


@contextmanager
def room_for(disk: Path, pages: int) -> Iterator[None]:
    """Leave so many pages of the disk free within the block."""
    ballast = disk / "ballast"
    status = os.statvfs(disk)
    free = status.f_bavail * status.f_bsize // PAGE
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - pages) * PAGE)
    try:
        yield
    finally:
        ballast.unlink()


def check_failed(done) -> str:
    """Return the code of an error that tells people what to do, and is no fault of the program."""
    assert done.code in {1, 5}, done.err
    assert "error[" in done.err
    assert "= help:" in done.err
    assert "error[internal]" not in done.err, done.err
    assert "Traceback" not in done.err, done.err
    return done.err.partition("error[")[2].partition("]")[0]


@dataclass(frozen=True)
class Failure:
    code: str
    signatures: int
    """How many were made by then."""

    said: str


def run_with_more_and_more_room(site, disk, steps, *options, env=None) -> list[Failure]:
    """Run until one comes through; return how those before it failed."""
    failures = []
    for pages in steps:
        with room_for(disk, pages):
            done = site.start("reconcile", *options, env=env).wait()
        if done.code == 0:
            return failures
        failures.append(Failure(check_failed(done), len(read_signatures(site.log)), done.err))
        site.check_sound()
    pytest.fail(f"no run came through: {failures[-1]}")


@pytest.mark.parametrize("kind", ["git", "sqlite"])
def test_a_full_disk_stops_a_run_and_the_next_one_goes_on(make_site, disk, kind):
    site = make_site(kind, disk)
    site.ask(NAMES)
    failures = run_with_more_and_more_room(site, disk, [0, 4, *range(8, 800, 16)])
    for failure in failures:
        assert failure.code in {"store.disk_full", "git.failed"}
        assert "= help: free some space" in failure.said
    # Full before the first signature, and full when there are some to be recorded.
    assert {failure.signatures for failure in failures} >= {0, len(NAMES)}
    site.check_issued_once(NAMES)
    site.check_nothing_to_do()


def test_a_database_without_room_stops_a_run_and_the_next_one_goes_on(
    make_site, postgres_server, database_disk
):
    site = make_site("postgresql")
    name = str(make_url(site.store).database)
    space = postgres_server.new_name()
    postgres_server.execute(
        f"CREATE TABLESPACE {space} LOCATION '{database_disk}/space'",
        f"ALTER DATABASE {name} SET TABLESPACE {space}",
    )
    try:
        site.ask(NAMES)
        failures = run_with_more_and_more_room(site, database_disk, range(0, 400, 4))
        assert {failure.code for failure in failures} == {"store.disk_full"}
        assert {failure.signatures for failure in failures} >= {0, len(NAMES)}
        site.check_issued_once(NAMES)
        site.check_nothing_to_do()
    finally:
        postgres_server.drop_database(name)
        postgres_server.execute(f"DROP TABLESPACE {space}")


def test_a_remote_without_room_is_no_push(make_site, disk):
    site = make_site("git with a remote")
    site.ask(NAMES)
    moved = disk / "remote.git"
    site.repository.git("clone", "--quiet", "--mirror", str(site.remote), str(moved))
    site.repository.git("remote", "set-url", "origin", str(moved))
    failures = run_with_more_and_more_room(site, disk, [0, 4, *range(8, 800, 16)])
    for failure in failures:
        assert failure.code == "store.push_failed"
        assert "No space left on device" in failure.said
    # Nothing is signed before its reservation is at the remote; the push of what was signed fails
    # just as well, and is made again by the next run.
    assert {failure.signatures for failure in failures} >= {0, len(NAMES)}
    site.check_issued_once(NAMES)
    site.check_nothing_to_do()


def test_a_crl_that_finds_no_room_is_made_by_the_next_run(make_site, disk):
    site = make_site("git")
    site.ask(NAMES)
    site.run("reconcile")
    for name in NAMES:
        site.revoke(name)
    limits = ["--allow-unsafe", f"revoke={len(NAMES)}"]
    failures = run_with_more_and_more_room(
        site, disk, range(1, 9), *limits, env={"TMPDIR": str(disk)}
    )
    assert failures
    for failure in failures:
        assert "No space left on device" in failure.said
        assert "= help: free some space" in failure.said
    entries = site.check_sound()
    crls = [e for e in entries if e["type"] == "crl" and e["issuer"] == "issuing"]
    assert crls[-1]["entryCount"] == len(NAMES)
    assert len([e for e in entries if e["type"] == "revoked"]) == len(NAMES)
    site.check_nothing_to_do()
