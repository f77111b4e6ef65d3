"""What is not committed, told by a git that runs no filter of the repository's."""

from __future__ import annotations

from collections.abc import Sequence

from pki_as_code.gitplumbing.repository import GitRepository


def uncommitted_paths(repository: GitRepository, pathspecs: Sequence[str] = ()) -> list[str]:
    """
    Return the paths, below `pathspecs`, whose working-tree content is not that of HEAD.

    Submodules are left alone: git would run, in them, what their own configuration names.
    """
    output = repository.run(
        "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all",
        "--ignore-submodules=all", "--", *pathspecs,
    )  # fmt: skip
    return sorted(
        entry[3:].decode("utf-8", "surrogateescape") for entry in output.split(b"\x00") if entry
    )
