"""New repositories."""

from __future__ import annotations

from pathlib import Path

from pki_as_code.gitplumbing import process


def make_repository(directory: Path) -> None:
    """
    Make a git repository of a directory that is there, with `main` as its branch.

    Raises `RepositoryError`.
    """
    process.run(directory, ["init", "--quiet", "--initial-branch=main"])
