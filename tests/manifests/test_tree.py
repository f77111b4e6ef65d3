from __future__ import annotations

import os
import socket

import pytest

from pki_as_code.errors import InvalidValueError, NotFoundError, PkiAsCodeError
from pki_as_code.manifests.tree import MAX_FILE_SIZE, WorkingTree
from tests.manifests.repositories import write


def test_only_places_of_manifests_and_the_top_are_walked(tmp_path):
    tree = write(
        tmp_path,
        dict.fromkeys(
            [
                "pki.yaml",
                "certificates/a/b/c.yaml",
                "policies/p.yaml",
                "other/x.yaml",
                "other/deep/y.yaml",
                "nested/pki.yaml",
                "nested/x.yaml",
                ".hidden/x.yaml",
                ".git/x.yaml",
                "certificates/.git/x.yaml",
                "certificates/.kept/x.yaml",
            ],
            "x",
        ),
    )
    assert [file.path for file in tree.files()] == [
        "certificates/.kept/x.yaml",
        "certificates/a/b/c.yaml",
        "other/x.yaml",
        "pki.yaml",
        "policies/p.yaml",
    ]
    assert tree.description == "working tree"


def test_links_pipes_and_sockets_are_shown_for_what_they_are(tmp_path):
    (tmp_path / "watchers").mkdir()
    os.symlink("/etc", tmp_path / "watchers/a")
    os.mkfifo(tmp_path / "watchers/b.yaml")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "watchers/c.yaml"))
    server.close()
    (tmp_path / "watchers/d.yaml").write_text("x")
    (tmp_path / "watchers/e.yaml").write_text("xy")
    (tmp_path / "watchers/e.yaml").chmod(0o755)
    modes = {file.path[9:]: file.mode for file in WorkingTree(tmp_path).files()}
    assert modes == {
        "a": "120000",
        "b.yaml": "010000",
        "c.yaml": "140000",
        "d.yaml": "100644",
        "e.yaml": "100755",
    }


@pytest.mark.parametrize("path", ["b.yaml", "c.yaml"])
def test_special_files_are_never_opened(tmp_path, path):
    os.mkfifo(tmp_path / "b.yaml")
    os.symlink("b.yaml", tmp_path / "c.yaml")
    with pytest.raises(InvalidValueError) as error:
        WorkingTree(tmp_path).read(path)
    assert error.value.code in {"path.special", "path.symlink"}


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "a/",
        "./a",
        ".git/config",
        "a\x00b",
    ],
)
def test_a_path_that_is_not_plain_and_below_the_root_is_refused(tmp_path, path):
    with pytest.raises(InvalidValueError) as error:
        WorkingTree(tmp_path).read(path)
    assert error.value.code == "path.outside"


def test_what_is_not_there_is_not_found(tmp_path):
    for path in ("a.yaml", "b/a.yaml"):
        with pytest.raises(NotFoundError) as error:
            WorkingTree(tmp_path).read(path)
        assert error.value.code == "path.not_found"


def test_reading_is_bounded(tmp_path):
    tree = write(tmp_path, {"a": b"x" * MAX_FILE_SIZE, "b": b"x" * (MAX_FILE_SIZE + 1)})
    assert len(tree.read("a")) == MAX_FILE_SIZE
    with pytest.raises(InvalidValueError) as error:
        tree.read("b")
    assert error.value.code == "path.too_large"


def test_a_root_that_is_a_link_may_be_one(tmp_path):
    write(tmp_path / "real", {"pki.yaml": "x"})
    os.symlink("real", tmp_path / "root")
    tree = WorkingTree(tmp_path / "root")
    assert [file.path for file in tree.files()] == ["pki.yaml"]
    assert tree.read("pki.yaml") == b"x"


def test_a_file_that_may_not_be_read_is_an_error_without_its_absolute_path(tmp_path):
    tree = write(tmp_path, {"a.yaml": "x"})
    (tmp_path / "a.yaml").chmod(0)
    if os.access(tmp_path / "a.yaml", os.R_OK):
        pytest.skip("nothing is unreadable to root")
    with pytest.raises(PkiAsCodeError) as error:
        tree.read("a.yaml")
    assert error.value.code == "path.unreadable"
    assert str(tmp_path) not in error.value.message
