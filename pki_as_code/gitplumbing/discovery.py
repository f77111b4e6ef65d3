"""Finding the repository that a directory is in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final, NamedTuple

from pki_as_code.errors import RepositoryError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import process

_OUTPUT_OF_BARE: Final = 3
_OUTPUT_OF_WORKING_TREE: Final = 4
_LONGEST_LINK: Final = 8192


class Places(NamedTuple):
    """Where the parts of a repository are; `root` is the git directory where it is bare."""

    root: Path
    git_dir: Path
    common_dir: Path
    bare: bool


def find_places(start: Path) -> Places:
    """
    Find the repository that `start` is in.

    Raises `RepositoryError`: `git.no_repository`, `git.failed` when there is one and git refuses it
    (`safe.directory`), `git.unsafe_config` when its working tree is said to be somewhere else.
    """
    done = process.run(
        start,
        ["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir",
         "--is-bare-repository", "--show-toplevel"],
        accept=(0, 128),
    )  # fmt: skip
    lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    bare = len(lines) >= _OUTPUT_OF_BARE and lines[2] == "true"
    if bare and len(lines) == _OUTPUT_OF_BARE:
        return Places(Path(lines[0]), Path(lines[0]), Path(lines[1]), bare=True)
    if done.returncode == 0 and len(lines) == _OUTPUT_OF_WORKING_TREE:
        root, git_dir = Path(lines[3]), Path(lines[0])
        _check_root(root, git_dir)
        return Places(root, git_dir, Path(lines[1]), bare=False)
    if _looks_like_repository(start):
        raise process.failed("rev-parse", done.returncode, done.stderr)
    raise RepositoryError(
        f"no git repository at {str(start)!r} or above it",
        help="change to a repository, give one with -C, or make one with `pkictl init`",
        code="git.no_repository",
    )


def _check_root(root: Path, git_dir: Path) -> None:
    """
    Refuse a working tree that is not where its `.git` is (`core.worktree`).

    A repository must not be able to have files read and written in a directory of its choice.
    """
    try:
        if _git_dir_of(root) == git_dir.resolve():
            return
    except (OSError, RuntimeError):
        pass  # there is none, or it cannot be told: it is not this one's
    raise RepositoryError(
        f"the repository's own configuration (core.worktree) says that its files are in "
        f"{quoted(str(root), 200)}",
        help="undo it: git config --unset core.worktree",
        code="git.unsafe_config",
    )


def _git_dir_of(root: Path) -> Path:
    """Return what `.git` in `root` is or, in a submodule or a linked working tree, names."""
    link = root / ".git"
    if link.is_dir():
        return link.resolve()
    with link.open("rb") as file:
        text = os.fsdecode(file.read(_LONGEST_LINK)).removesuffix("\n")
    return (root / text.removeprefix("gitdir: ")).resolve()


def _looks_like_repository(start: Path) -> bool:
    """Tell whether there is something at or above `start` that git could take for a repository."""
    place = start.absolute()
    return any(
        (directory / ".git").exists()
        or ((directory / "HEAD").exists() and (directory / "objects").is_dir())
        for directory in (place, *place.parents)
    )
