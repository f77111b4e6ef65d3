"""What is no plain file inside the repository is never read: in the working tree, in a revision."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.bounded import run_bounded
from tests.e2e.conftest import Repository

SECRET = "not in this repository"


def link(place: Path) -> None:
    outside = place.parents[2] / "outside"
    outside.write_text(f"{SECRET}\n")
    place.symlink_to(outside)


def pipe(place: Path) -> None:
    os.mkfifo(place)


def device(place: Path) -> None:
    try:
        os.mknod(place, 0o20644, os.makedev(1, 5))  # /dev/zero, which never ends
    except PermissionError:
        pytest.skip("only root makes devices")


def listener(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server, pytest.MonkeyPatch.context() as patch:
        patch.chdir(place.parent)  # the path of a socket is short
        server.bind(place.name)


def huge(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(3 << 30)


def large(place: Path) -> None:
    place.write_bytes(b"x" * (3 << 20))


STRANGE: dict[str, tuple[Callable[[Path], None], str]] = {
    "link": (link, "path.symlink"),
    "pipe": (pipe, "path.special"),
    "device": (device, "path.special"),
    "socket": (listener, "path.special"),
    "huge": (huge, "path.too_large"),
    "large": (large, "path.too_large"),
    "directory": (Path.mkdir, "path.special"),
}


def check_refused(repository: Repository, code: str, *commands: tuple[str, ...]) -> None:
    head = repository.store_head()
    for command in commands:
        done = run_bounded(repository.root, *command)
        told = done.out + done.err
        assert f"error[{code}]" in told, told
        assert "certificates/web" in told
        assert SECRET not in told
    assert repository.store_head() == head


HERE = (("plan",),)
REVISION = (("plan", "--ref", "HEAD"), ("reconcile",))


@pytest.mark.parametrize("what", ["manifest", "csr"])
@pytest.mark.parametrize("name", STRANGE)
def test_what_is_no_file_is_not_read_as_one(repository, csr, name, what):
    make, code = STRANGE[name]
    if what == "manifest":
        repository.write("certificates/web.csr", csr)
        make(repository.root / "certificates/web.yaml")
    else:
        repository.manifest("web", "csrFile: web.csr\nsubjectAltNames: [web.example.com]")
        make(repository.root / "certificates/web.csr")
    if name == "directory" and what == "manifest":
        run_bounded(repository.root, "validate", expect=0)  # as any other without manifests
        return
    check_refused(repository, code, *HERE)


@pytest.mark.parametrize("what", ["manifest", "csr"])
@pytest.mark.parametrize("name", ["link", "large", "submodule"])
def test_neither_is_it_in_a_revision(repository, csr, name, what):
    path = "certificates/web.yaml" if what == "manifest" else "certificates/web.csr"
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", "csrFile: web.csr\nsubjectAltNames: [web.example.com]")
    (repository.root / path).unlink()
    if name == "submodule":
        repository.git("add", "-A")
        repository.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},{path}")
        repository.git("commit", "--quiet", "-m", "a submodule")
        code = "path.submodule"
    else:
        make, code = STRANGE[name]
        make(repository.root / path)
        repository.commit()
    check_refused(repository, code, *REVISION)


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("../../outside", "path.outside"),
        ("../../../../../../../../etc/hostname", "path.outside"),
        ("/etc/hostname", "path.outside"),
        ("./../../outside", "path.outside"),
        ("../.git/config", "path.git_directory"),
        ("../.GIT/config", "path.git_directory"),
        ("linked/outside", "path.symlink"),
        ("../certificates", "path.special"),
    ],
)
def test_a_csr_file_leads_nowhere_else(repository, reference, code):
    (repository.root.parent / "outside").write_text(f"{SECRET}\n")
    (repository.root / "certificates/linked").symlink_to(repository.root.parent)
    repository.manifest("web", f"csrFile: {reference}\nsubjectAltNames: [web.example.com]")
    repository.commit()
    in_git = "csr.missing" if reference == "../certificates" else code
    check_refused(repository, code, *HERE)
    check_refused(repository, in_git, *REVISION)


def test_a_working_tree_that_is_gone_is_no_reason_to_read_another_one(repository, csr):
    """A revision is read from git's objects, whatever lies in the working tree by now."""
    repository.write("certificates/web.csr", csr)
    repository.manifest("web", "csrFile: web.csr\nsubjectAltNames: [web.example.com]")
    repository.commit()
    shutil.rmtree(repository.root / "certificates")
    (repository.root / "certificates").symlink_to("/etc")
    plan = run_bounded(repository.root, "plan", "--ref", "HEAD", "--output", "json", expect=0).json
    assert "web" in {change["name"] for change in plan["changes"]}
