"""When the key is touched, what it signs would survive a power cut: as the system calls tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import environment
from tests.faults import traced
from tests.faults.traced import Event

pytestmark = pytest.mark.skipif(bool(traced.why_not()), reason=traced.why_not())

NAMES = ["web", "api"]


def reconcile(site, tmp_path) -> tuple[list[Event], list[Event]]:
    """Return what happened before the first signature, and from it on."""
    site.ask(NAMES)
    events = traced.trace(
        site.root, site.log, "reconcile", env=environment(**site.env), place=tmp_path / "trace"
    )
    first = next(n for n, event in enumerate(events) if event.path == site.log)
    return events[:first], events[first:]


def check_durable(events: list[Event], place: Path) -> int:
    """
    Return how many files got their names below `place`, all of them durably.

    The content is synced before it gets its name, and the directory of the name afterwards.
    """
    named = [n for n, e in enumerate(events) if e.what == "name" and e.path.is_relative_to(place)]
    for number in named:
        event = events[number]
        assert Event("sync", event.source) in events[:number], event
        assert Event("sync", event.path.parent) in events[number:], event
    return len(named)


def test_a_reservation_in_git_is_on_the_disk_before_the_first_signature(make_site, tmp_path):
    site = make_site("git")
    old = site.repository.store_head()
    before, after = reconcile(site, tmp_path)
    git = site.root / ".git"
    branch = git / "refs/heads/pki-issued"
    written = check_durable(before, git / "objects")
    moved = [n for n, e in enumerate(before) if e.what == "name" and e.path == branch]
    assert len(moved) == 1
    check_durable(before, branch)
    check_durable(before, git / "pki-as-code")
    # All that the reservation's commit is made of was there when the branch was moved to it.
    commits = site.repository.git("rev-list", "--reverse", f"{old}..pki-issued").splitlines()
    new = site.repository.git(
        "rev-list", "--objects", "--no-object-names", commits[0], "--not", old
    ).splitlines()
    names = {f"{e.path.parent.name}{e.path.name}" for e in before[: moved[0]] if e.what == "name"}
    assert set(new) <= names
    assert written >= len(new) == 4  # commit, two trees, segment
    # And what was signed is as durable when it is said to be issued.
    assert check_durable(after, git / "objects") > 0
    assert check_durable(after, branch) > 0


def test_a_reservation_in_sqlite_is_on_the_disk_before_the_first_signature(make_site, tmp_path):
    site = make_site("sqlite")
    before, after = reconcile(site, tmp_path)
    log = site.root / "issued.db-wal"
    for events in (before, after):
        own = [event.what for event in events if event.path in {log, log.with_name("issued.db")}]
        assert "write" in own
        assert own[-1] == "sync"
