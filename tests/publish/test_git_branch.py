"""A branch as destination: only that branch changes, and pushes never overwrite."""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from pki_as_code.errors import PublishError
from pki_as_code.publish import open_destination
from pki_as_code.publish.publishing import publish
from tests.publish.conftest import files_below, open_site
from tests.stores.material import NOW

BRANCH = "git:gh-pages"


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=directory, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def here(site, tmp_path, monkeypatch) -> Path:
    """The directory of the site as a repository with a commit."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return make_repository(tmp_path)


def make_repository(place: Path) -> Path:
    git(place, "init", "--quiet", "--initial-branch=main")
    git(place, "config", "user.name", "Alice")
    git(place, "config", "user.email", "alice@example.com")
    (place / "pki.yaml").write_text("x")
    git(place, "add", "pki.yaml")
    git(place, "commit", "--quiet", "-m", "start")
    return place


@pytest.fixture
def remote(here, tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("remote") / "remote.git"
    git(here, "init", "--quiet", "--bare", str(place))
    git(here, "remote", "add", "origin", str(place))
    return place


def count(place: Path, ref: str = "gh-pages") -> int:
    return int(git(place, "rev-list", "--count", ref))


def test_the_branch_has_the_tree_and_nothing_else_changes(site, here, tmp_path):
    before = git(here, "status", "--porcelain"), git(here, "rev-parse", "main")
    site.publish(BRANCH)
    site.publish("plain")
    assert (git(here, "rev-parse", "main"), git(here, "symbolic-ref", "HEAD")) == (
        before[1], "refs/heads/main",
    )  # fmt: skip
    place = tmp_path / "checkout"
    git(here, "clone", "--quiet", "--branch", "gh-pages", ".", str(place))
    (place / ".git").rename(tmp_path / "git-directory")
    assert files_below(place) == files_below(tmp_path / "plain")
    assert git(here, "log", "-1", "--format=%an %s", "gh-pages").startswith("Alice Publish entry")


def test_there_is_a_commit_only_when_something_changed(site, here):
    site.publish(BRANCH)
    tip = git(here, "rev-parse", "gh-pages")
    assert site.publish(BRANCH).written == ()
    assert git(here, "rev-parse", "gh-pages") == tip
    site.crl(2)
    assert site.publish(BRANCH).written == ("crl/root.crl", "index.html", "index.json")
    assert count(here) == 2


def test_the_branch_is_pushed_and_not_with_no_push(site, here, remote):
    site.publish(BRANCH)
    assert git(remote, "rev-parse", "gh-pages") == git(here, "rev-parse", "gh-pages")
    site.crl(2)
    local = open_destination(BRANCH, root=here, push=False)
    publish(site.store, local, NOW)
    assert (count(here), count(remote)) == (2, 1)
    assert site.publish(BRANCH).written == ()
    assert count(remote) == 2, "what --no-push left is pushed by the next run"


def test_the_remote_tree_is_what_counts(site, here, remote, tmp_path_factory):
    """A fresh clone has no such branch, and yet no CRL goes back."""
    site.publish(BRANCH)
    clone = tmp_path_factory.mktemp("clone") / "clone"
    git(here, "clone", "--quiet", str(remote), str(clone))
    site.crl(2)
    publish(site.store, open_destination(BRANCH, root=clone), NOW)
    assert count(remote) == 2
    git(clone, "merge-base", "--is-ancestor", git(here, "rev-parse", "gh-pages"), "gh-pages")
    assert site.publish(BRANCH).written == ()
    assert git(here, "rev-parse", "gh-pages") == git(remote, "rev-parse", "gh-pages")


def test_two_publishers_at_once_both_end_well(site, here, remote, tmp_path_factory):
    site.publish(BRANCH)
    clones = []
    for number in range(2):
        clone = tmp_path_factory.mktemp("clone") / f"clone-{number}"
        git(here, "clone", "--quiet", str(remote), str(clone))
        clones.append(clone)
    site.crl(2)
    results, start = [], threading.Barrier(2)

    def run(clone: Path, seconds: int) -> None:
        own = open_site(site.root)
        start.wait()
        try:
            when = NOW + timedelta(seconds=seconds)  # else both make the very same commit
            results.append(publish(own.store, open_destination(BRANCH, root=clone), when))
        finally:
            own.store.close()

    threads = [threading.Thread(target=run, args=(c, n)) for n, c in enumerate(clones)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert count(remote) == 2, "the slower one found that all was there"
    assert sorted(len(result.written) for result in results) == [0, 3]


def test_who_loses_the_race_compares_with_what_the_winner_left(
    site, here, remote, tmp_path_factory
):
    """The loser is behind by then: it must not put the older state on top."""
    clone = tmp_path_factory.mktemp("clone") / "clone"
    site.publish(BRANCH)
    git(here, "clone", "--quiet", str(remote), str(clone))
    destination = open_destination(BRANCH, root=here)
    sessions = []

    class Overtaken:
        """The session of a run that was overtaken between its look and its push."""

        description = destination.description

        def open(self):
            session = destination.open()
            if not sessions:
                site.crl(3)
                publish(site.store, open_destination(BRANCH, root=clone), NOW)
            sessions.append(session)
            return session

    site.crl(2)
    report = publish(site.store, Overtaken(), NOW)
    assert len(sessions) == 2
    assert report.written == ()
    assert count(remote) == 2


def test_a_branch_with_content_of_others_is_refused(site, here):
    for name in ("main", "work"):
        if name == "work":
            git(here, "branch", "work")
        with pytest.raises(PublishError) as caught:
            site.publish(f"git:{name}")
        expected = "publish.bad_destination" if name == "main" else "publish.foreign_content"
        assert caught.value.code == expected
    assert count(here, "work") == 1


@pytest.mark.parametrize("name", ["", "-x", "a..b", "a b", "x.lock", "a\nb"])
def test_what_is_no_branch_is_refused(site, here, name):
    with pytest.raises(PublishError) as caught:
        site.publish(f"git:{name}")
    assert caught.value.code == "publish.bad_destination"


def test_branches_that_went_apart_are_told(site, here, remote, tmp_path_factory):
    site.publish(BRANCH)
    clone = tmp_path_factory.mktemp("clone") / "clone"
    git(here, "clone", "--quiet", str(remote), str(clone))
    site.crl(2)
    publish(site.store, open_destination(BRANCH, root=clone), NOW)
    site.crl(3)
    publish(site.store, open_destination(BRANCH, root=here, push=False), NOW)
    before = git(remote, "rev-parse", "gh-pages")
    with pytest.raises(PublishError) as caught:
        site.publish(BRANCH)
    assert caught.value.code == "publish.diverged"
    assert git(remote, "rev-parse", "gh-pages") == before


def test_a_remote_that_refuses_leaves_the_branch_here(site, here, remote):
    hook = remote / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho no pages today\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(PublishError) as caught:
        site.publish(BRANCH)
    assert caught.value.code == "publish.push_failed"
    assert not git(here, "branch", "--list", "gh-pages")


def test_a_link_in_the_branch_is_replaced_and_not_followed(site, here):
    site.publish(BRANCH)
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=here, input=b"/etc/passwd",
        capture_output=True, check=True,
    ).stdout.decode().strip()  # fmt: skip
    git(here, "read-tree", "gh-pages")
    git(here, "update-index", "--cacheinfo", f"120000,{blob},ca/root.cer")
    tree = git(here, "write-tree")
    commit = git(here, "commit-tree", "-p", "gh-pages", "-m", "link", tree)
    git(here, "update-ref", "refs/heads/gh-pages", commit)
    assert site.publish(BRANCH).written == ("ca/root.cer",)
    assert git(here, "ls-tree", "gh-pages", "ca/root.cer").startswith("100644 blob")
