"""Which commit made files what they are, on whatever line of history that was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Final

from pki_as_code.gitplumbing.repository import GitRepository, object_id

_PATHS_NAMED: Final = 500
_OF_COMMIT: Final = b"//"
"""Begins what no path of a tree begins with."""


def commits_of_content(
    repository: GitRepository, commit: str, blobs: Mapping[str, str]
) -> dict[str, str]:
    """
    Return, for each path, the last commit that gave it the content it has (`blobs`).

    Not the merge that brought it, unless that has made it what it is. One git process.
    """
    found: dict[str, str] = {}
    if not blobs:
        return found
    named = sorted(blobs) if len(blobs) <= _PATHS_NAMED else []
    records = repository.stream(
        "-c", "core.commitGraph=false", "log", "--format=//%H", "--topo-order", "--full-history",
        "--raw", "--no-abbrev", "--no-renames", "-c", "--root", "-z", "--end-of-options",
        object_id(commit), "--", *named,
    )  # fmt: skip
    with closing(records):
        for id, path, blob in _changes(records):
            if blobs.get(path) == blob:
                found.setdefault(path, id)
                if len(found) == len(blobs):
                    break
    return found


def _changes(records: Iterable[bytes]) -> Iterator[tuple[str, str, str]]:
    """Yield commit, path and the blob it then has; of a merge what it shares with no parent."""
    commit, blob = "", ""
    for record in records:
        field = record.lstrip(b"\n")
        if field.startswith(_OF_COMMIT):
            commit, blob = field.removeprefix(_OF_COMMIT).decode("ascii"), ""
        elif blob:
            yield commit, record.decode("utf-8", "surrogateescape"), blob
            blob = ""
        elif field.startswith(b":"):
            blob = field.split(b" ")[-2].decode("ascii")
