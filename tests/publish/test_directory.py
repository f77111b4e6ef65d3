"""A destination on disk: what is there is whole, ours, and reached through no link."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from pki_as_code.errors import PublishContentionError, PublishError
from pki_as_code.publish import open_destination, ownership
from tests.publish.conftest import files_below
from tests.stores.material import NOW

MARK = ".pkictl-published"


def refused(site, place, code="publish.foreign_content"):
    with pytest.raises(PublishError) as caught:
        site.publish(place)
    assert caught.value.code == code


@pytest.fixture
def victim(tmp_path) -> Path:
    """What a link of an attacker leads to; it must stay as it is."""
    place = tmp_path / "victim"
    place.mkdir()
    (place / "root.crl").write_text("precious")
    return place


def test_a_new_destination_is_a_link_that_is_replaced_in_one_step(site, tmp_path):
    public = tmp_path / "public"
    site.publish(public)
    first = os.readlink(public)
    assert first.startswith("public.d/")
    site.issue("api", 0x2002)
    site.publish(public)
    second = os.readlink(public)
    assert second != first
    assert (tmp_path / first).is_dir(), "who reads the old tree can go on"
    site.issue("db", 0x2003)
    site.publish(public)
    assert not (tmp_path / first).exists()
    assert (tmp_path / second).is_dir()
    assert len(list((tmp_path / "public.d").iterdir())) == 3


def test_a_directory_stays_the_same_directory(site, tmp_path):
    public = tmp_path / "public"
    public.mkdir()
    inode = public.stat().st_ino
    site.publish(public)
    site.issue("api", 0x2002)
    site.publish(public)
    assert public.stat().st_ino == inode
    assert not public.is_symlink()
    assert not [name for name in os.listdir(public) if "staging" in name]
    assert (public / "certificates/default/api.pem").is_file()


def test_both_kinds_hold_the_same_tree(site, tmp_path):
    (tmp_path / "plain").mkdir()
    site.publish("plain")
    site.publish("linked")
    assert files_below(tmp_path / "plain") == files_below(tmp_path / "linked")


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_files_of_others_beside_the_tree_stay(site, tmp_path, kind):
    public = tmp_path / "public"
    if kind == "directory":
        public.mkdir()
    site.publish(public)
    (public / "CNAME").write_text("pki.example.com")
    (public / "docs").mkdir()
    (public / "docs/cps.html").write_text("policy")
    site.issue("api", 0x2002)
    report = site.publish(public)
    assert report.removed == ()
    assert (public / "CNAME").read_text() == "pki.example.com"
    assert (public / "docs/cps.html").read_text() == "policy"


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_a_file_that_was_altered_is_put_right(site, tmp_path, kind):
    public = tmp_path / "public"
    if kind == "directory":
        public.mkdir()
    site.publish(public)
    before = files_below(public)
    (public / "ca/root.pem").write_text("altered")
    (public / "ca/mallory.cer").write_text("added")
    report = site.publish(public)
    assert report.written == ("ca/root.pem",)
    assert report.removed == ("ca/mallory.cer",)
    assert files_below(public) == before


def test_a_directory_with_content_of_others_is_refused(site, tmp_path, victim):
    refused(site, victim)
    assert os.listdir(victim) == ["root.crl"]
    (tmp_path / "file").write_text("x")
    refused(site, tmp_path / "file")
    (tmp_path / "new.d").mkdir()
    (tmp_path / "new.d/x").write_text("x")
    refused(site, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_tree_of_another_version_is_refused(site, tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / MARK).write_text("pki-as-code 2\n")
    refused(site, "public")


def test_an_empty_file_system_is_empty_in_spite_of_lost_found(site, tmp_path):
    (tmp_path / "public/lost+found").mkdir(parents=True)
    assert site.publish("public").written


# --- Links ---------------------------------------------------------------------------------------


def test_a_link_of_others_as_destination_is_refused(site, tmp_path, victim):
    for number, target in enumerate(("victim", "victim/none", "/", ".", "x.d/../victim")):
        link = tmp_path / f"link-{number}"
        link.symlink_to(target)
        refused(site, link)
        assert os.readlink(link) == target
    assert (victim / "root.crl").read_text() == "precious"
    assert os.listdir(victim) == ["root.crl"]


@pytest.mark.parametrize("kind", ["link", "directory"])
@pytest.mark.parametrize(
    "at", ["crl", "crl/root.crl", "ca/root.cer", "certificates/default", "new"]
)
def test_no_link_inside_a_destination_is_followed(site, tmp_path, victim, kind, at):
    public = tmp_path / "public"
    if kind == "directory":
        public.mkdir()
    site.publish(public)
    place = public / at
    if place.is_dir():
        for inner in sorted(place.rglob("*"), reverse=True):
            inner.unlink() if inner.is_file() else inner.rmdir()
        place.rmdir()
        place.symlink_to(victim)
    else:
        place.unlink(missing_ok=True)
        place.symlink_to(victim / "root.crl")
    site.crl(2)
    refused(site, public)
    assert (victim / "root.crl").read_text() == "precious"
    assert os.listdir(victim) == ["root.crl"]


@pytest.mark.parametrize("name", [MARK, "public.d"])
def test_no_link_in_the_place_of_trees_is_followed(site, tmp_path, victim, name):
    if name == MARK:
        (tmp_path / "public.d").mkdir()
        (tmp_path / "public.d" / MARK).symlink_to(victim / "root.crl")
    else:
        (tmp_path / "public.d").symlink_to(victim)
    refused(site, "public")
    assert (victim / "root.crl").read_text() == "precious"
    assert os.listdir(victim) == ["root.crl"]


def test_a_staging_directory_that_is_a_link_is_removed_and_not_followed(site, tmp_path, victim):
    site.publish("public")
    (tmp_path / "public.d/.pkictl-staging-0000").symlink_to(victim)
    site.crl(2)
    site.publish("public")
    assert not (tmp_path / "public.d/.pkictl-staging-0000").is_symlink()
    assert (victim / "root.crl").read_text() == "precious"


def test_a_device_or_a_pipe_is_not_opened(site, tmp_path):
    (tmp_path / "public").mkdir()
    site.publish("public")
    (tmp_path / "public/ca/root.cer").unlink()
    os.mkfifo(tmp_path / "public/ca/root.cer")
    refused(site, "public")


# --- Others at work ------------------------------------------------------------------------------


def test_a_publisher_waits_for_another_and_in_the_end_gives_up(site, tmp_path, monkeypatch):
    site.publish("public")
    site.crl(2)
    held = open_destination("public", root=tmp_path).open()
    monkeypatch.setattr(ownership, "LOCK_PATIENCE_SECONDS", 0.2)
    with pytest.raises(PublishContentionError) as caught:
        site.publish("public")
    assert caught.value.exit_code == 6
    monkeypatch.undo()
    threading.Timer(0.3, held.close).start()
    assert site.publish("public").written == ("crl/root.crl", "index.html", "index.json")


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_what_a_run_that_died_left_is_cleared_away(site, tmp_path, kind):
    public = tmp_path / "public"
    home = tmp_path / ("public.d" if kind == "link" else "public")
    if kind == "directory":
        public.mkdir()
    site.publish(public)
    left = home / ".pkictl-staging-dead"
    (left / "crl").mkdir(parents=True)
    (left / "crl/root.crl").write_text("half")
    (home / f".{MARK}.0123.tmp").write_text("")
    site.publish(public, NOW)
    assert not left.exists()


def test_a_disk_that_fails_leaves_the_old_tree(site, tmp_path, monkeypatch):
    site.publish("public")
    before = files_below(tmp_path / "public")
    site.crl(2)

    def fsync(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="No space"):
        site.publish("public")
    monkeypatch.undo()
    assert files_below(tmp_path / "public") == before
    assert site.publish("public").written
