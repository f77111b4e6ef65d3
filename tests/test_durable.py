"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from pki_as_code import durable
from pki_as_code.durable import make_directory_durably, write_file_atomically


def test_a_file_is_written_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    write_file_atomically(path, b"secret", mode=0o600)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_is_replaced_and_not_written_into(tmp_path: Path) -> None:
    path = tmp_path / "ca.crl"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_file_atomically(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_an_exclusive_write_never_replaces_a_file(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    path.write_bytes(b"the only copy")
    with pytest.raises(FileExistsError):
        write_file_atomically(path, b"another", exclusive=True)
    assert path.read_bytes() == b"the only copy"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exclusive_write_does_not_follow_a_dangling_link(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_file_atomically(path, b"secret", exclusive=True)
    assert not (tmp_path / "elsewhere").exists()


def test_an_exclusive_write_makes_a_new_file(tmp_path: Path) -> None:
    write_file_atomically(tmp_path / "ca.key", b"secret", mode=0o600, exclusive=True)
    (made,) = tmp_path.iterdir()
    assert made.read_bytes() == b"secret"
    assert made.stat().st_nlink == 1


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_failed_sync_surfaces_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, exclusive: bool
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(durable.os, "fsync", fail)
    with pytest.raises(OSError) as caught:
        write_file_atomically(tmp_path / "file", b"data", exclusive=exclusive)
    assert caught.value.errno == number
    assert list(tmp_path.iterdir()) == []


def test_file_and_directory_are_synced_in_that_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def watch(descriptor: int) -> None:
        is_directory = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        named = (tmp_path / "file").exists()
        synced.append(f"{'directory' if is_directory else 'file'}, named: {named}")
        real(descriptor)

    monkeypatch.setattr(durable.os, "fsync", watch)
    write_file_atomically(tmp_path / "file", b"data")
    assert synced == ["file, named: False", "directory, named: True"]


def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_file_atomically(tmp_path / "nowhere" / "file", b"data")


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    taken = tmp_path / "directory"
    taken.mkdir()
    (taken / "file").touch()
    for path, exclusive, kind in (
        (tmp_path / "nowhere" / "file", False, FileNotFoundError),
        (taken, False, IsADirectoryError),
        (taken, True, FileExistsError),
    ):
        with pytest.raises(kind) as caught:
            write_file_atomically(path, b"data", exclusive=exclusive)
        assert caught.value.filename == str(path)
        assert ".tmp" not in str(caught.value)


def test_directories_are_made_and_synced_up_to_one_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable, "fsync_directory", synced.append)
    make_directory_durably(tmp_path / "a" / "b")
    make_directory_durably(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    assert synced == [tmp_path, tmp_path / "a"]
