"""Killed at every step that changes a disk: who reads finds the old tree or the new one."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from pki_as_code.stores.entries import Retired
from tests.publish.conftest import files_below, open_site
from tests.stores.material import certificate_id

STEPS = {"os.rename", "os.link", "os.symlink", "os.mkdir", "os.remove", "os.rmdir"}


def publish_and_die(root: Path, place: Path, last: int) -> bool:
    """Publish in a process that is killed just before its step number `last`; tells if it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about threads of the test runner, which the child lacks
        child = os.fork()
    if child == 0:
        steps = count(1)
        site = open_site(root)

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            flags = arguments[2] if event == "open" else 0
            writes = isinstance(flags, int) and flags & os.O_CREAT
            if (event in STEPS or writes) and next(steps) == last:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        try:
            site.publish(place)
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def killed_at_every_step(root: Path, place: Path) -> Iterator[dict[str, bytes]]:
    """
    Yield what is at `place` after each death, each time begun from what is there now.

    Ends when a run came through.
    """
    beside = place.with_name(f"{place.name}.d")
    saved = root / "saved"
    for there in (place, beside):
        if there.exists():
            shutil.copytree(there, saved / there.name) if not there.is_symlink() else None
    link = os.readlink(place) if place.is_symlink() else ""
    for last in count(1):
        for there in (place, beside):
            if there.is_symlink():
                there.unlink()
            shutil.rmtree(there, ignore_errors=True)
            if (saved / there.name).exists():
                shutil.copytree(saved / there.name, there)
        if link:
            place.symlink_to(link)
        if not publish_and_die(root, place, last):
            assert last > 20, "there were few steps: is anything watched?"
            return
        found = files_below(place) if place.exists() else {}
        yield {path: content for path, content in found.items() if "pkictl" not in path}


@pytest.fixture
def trees(site, tmp_path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """The tree before, in both kinds of places, and after: with files new, changed and gone."""
    site.publish("public")
    site.issue("old", 0x2002)
    (tmp_path / "plain").mkdir()
    site.publish("plain")
    site.publish("public")
    old = files_below(tmp_path / "public")
    site.issue("api", 0x2003)
    site.crl(2)
    site.record(Retired(certificate_id("old"), "c"))
    site.publish("wanted")
    return old, files_below(tmp_path / "wanted")


def test_the_link_leads_to_a_whole_tree(site, tmp_path, trees):
    old, new = trees
    public = tmp_path / "public"
    seen = []
    nth = count()
    for found in killed_at_every_step(tmp_path, public):
        assert found in (old, new)
        seen.append(found == new)
        if next(nth) % 4 == 0:
            site.publish(public)
            assert files_below(public) == new
            assert not [p.name for p in (tmp_path / "public.d").iterdir() if "staging" in p.name]
    assert seen == sorted(seen) and len(set(seen)) == 2


def test_of_the_first_run_there_is_no_tree_or_a_whole_one(site, tmp_path):
    site.publish("wanted")
    new = files_below(tmp_path / "wanted")
    public = tmp_path / "public"
    nth = count()
    for found in killed_at_every_step(tmp_path, public):
        assert found in ({}, new)
        if next(nth) % 4 == 0:
            site.publish(public)
            assert files_below(public) == new


def test_a_directory_has_whole_files_in_a_safe_order(site, tmp_path, trees):
    old, new = trees
    public = tmp_path / "plain"
    changed: set[str] = set()
    nth = count()
    for found in killed_at_every_step(tmp_path, public):
        assert all(content in {old.get(p), new.get(p)} for p, content in found.items())
        is_new = {path for path in new if found.get(path) == new[path] != old.get(path)}
        assert changed <= is_new, "the order is not the same each time"
        changed = is_new
        if "crl/root.crl" in is_new:
            assert "certificates/default/api.pem" in is_new
        if "index.json" in is_new:
            assert {path: found[path] for path in new} == new
        else:
            assert set(found) >= set(old), "what the index lists is removed after it"
        if next(nth) % 4 == 0:
            site.publish(public)
            assert files_below(public) == new
    assert changed == {
        "certificates/default/api.pem", "crl/root.crl", "index.html", "index.json",
    }  # fmt: skip


def test_a_directory_that_was_empty_is_filled_by_the_next_run(site, tmp_path):
    site.publish("wanted")
    new = files_below(tmp_path / "wanted")
    public = tmp_path / "plain"
    public.mkdir()
    nth = count()
    for found in killed_at_every_step(tmp_path, public):
        assert found.items() <= new.items()
        assert "index.json" not in found or found == new
        if next(nth) % 4 == 0:
            site.publish(public)
            assert files_below(public) == new
            names = {name for name in os.listdir(public) if "pkictl" in name}
            assert names == {".pkictl-published"}
