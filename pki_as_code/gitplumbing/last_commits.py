"""Which commit made files what they are, on whatever line of history that was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from typing import Final

from pki_as_code.gitplumbing.process import AS_STORED
from pki_as_code.gitplumbing.repository import GitRepository, object_id
from pki_as_code.gitplumbing.signatures import (
    CommitChange,
    changes_between,
    common_ancestor,
    takes_back,
)

_PATHS_NAMED: Final = 500
_SIDES: Final = 2
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
        *AS_STORED, "log", "--format=//%H", "--topo-order", "--full-history",
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


def versions_of(repository: GitRepository, commit: str, path: str) -> list[str]:
    """Return a commit for each content that a file had, on any line of history, newest first."""
    found: dict[str, str] = {}
    records = repository.stream(
        *AS_STORED, "log", "--format=//%H", "--topo-order", "--full-history", "--raw",
        "--no-abbrev", "--no-renames", "-c", "--root", "-z", "--end-of-options",
        object_id(commit), "--", path,
    )  # fmt: skip
    with closing(records):
        for id, _, blob in _changes(records):
            if blob.strip("0"):  # else it was removed
                found.setdefault(blob, id)
    return list(found.values())


def disputed_paths(
    repository: GitRepository, commit: str, last: Mapping[str, str]
) -> frozenset[str]:
    """
    Return the paths that are as their `last` commits made them because a merge decided so.

    Other commits that `commit` stands on had changed them, and a merge took that back: what is
    there is what the merge wants, whoever wrote it once.
    """
    if not last:
        return frozenset()
    base = common_ancestor(repository, sorted(set(last.values())))
    places = sorted(last)
    if len(places) > _PATHS_NAMED:
        places = sorted({path.partition("/")[0] for path in places})
    changes = changes_between(repository, base, commit, places)
    others = {p for c in changes for p in c.own_paths if last.get(p, c.commit) != c.commit}
    found: set[str] = set()
    for change in changes:
        if len(change.parents) > 1 and (doubtful := change.paths & others - found):
            taken = doubtful & _taken(repository, change)
            found |= {p for p in taken if not repository.is_ancestor(change.commit, last[p])}
    return frozenset(found)


def _taken(repository: GitRepository, change: CommitChange) -> frozenset[str]:
    """Return what a merge decides; one of three sides and more could decide all it touches."""
    return takes_back(repository, change) if len(change.parents) == _SIDES else change.paths


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
