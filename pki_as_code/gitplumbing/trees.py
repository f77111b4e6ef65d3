"""The files of a commit, read as blobs: nothing is checked out and no link is followed."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, Self

from pki_as_code.errors import InvalidValueError, NotFoundError, RepositoryError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing.blobs import MOST_AT_ONCE, BlobReader
from pki_as_code.gitplumbing.repository import GitRepository, object_id

MAX_FILE_SIZE: Final = 1 << 20
"""Bytes of one file that are read; a manifest or a CSR has a few thousand."""

REGULAR_MODES: Final = frozenset({"100644", "100755"})
_SYMLINK: Final = "120000"
_SUBMODULE: Final = "160000"
_SHORT_ID: Final = 7
_PATHS_AT_A_TIME: Final = 200
"""On one command line."""

_MOST_AHEAD: Final = 1 << 15
"""Bytes of a file that is read before anybody asks for it."""

_PATH: Final = attrgetter("path")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """
    One file of a commit.

    `mode` is git's, in octal. `size` is in bytes; 0 for a submodule, and where not asked for.
    """

    path: str
    mode: str
    size: int
    blob_id: str


def list_tree(
    repository: GitRepository, commit: str, *prefixes: str, sizes: bool = True
) -> Iterator[TreeEntry]:
    """
    Stream the files of a commit in the order of their paths, or those below `prefixes`.

    Without `sizes` no blob is looked at, which is several times as fast.
    """
    long = ["-l"] if sizes else []
    records = repository.stream(
        "ls-tree", "-r", "-z", *long, "--full-tree", object_id(commit), "--", *prefixes
    )
    for record in records:
        header, _, path = record.partition(b"\t")
        mode, _, blob_id, *size = header.decode("ascii").split()
        name = path.decode("utf-8", "surrogateescape")
        mode = sys.intern(mode)
        yield TreeEntry(name, mode, int(size[0]) if size and size[0] != "-" else 0, blob_id)


def list_paths(
    repository: GitRepository, commit: str, paths: Collection[str], *, sizes: bool = True
) -> Iterator[TreeEntry]:
    """
    Stream the files among `paths`, and those below the directories among them, once each.

    However many paths there are; nothing when there are none.
    """
    wanted = sorted(paths, key=_as_bytes)
    seen: set[str] = set()
    for start in range(0, len(wanted), _PATHS_AT_A_TIME):
        chunk = wanted[start : start + _PATHS_AT_A_TIME]
        for entry in list_tree(repository, commit, *chunk, sizes=sizes):
            if entry.path not in seen:
                seen.add(entry.path)
                yield entry


class RevisionTree:
    """
    The files of one commit. Close it after use, or use it in a `with`.

    Only regular files are read. Links and submodules are listed, so that their presence can be
    reported, and refused by `read`.
    """

    def __init__(
        self, repository: GitRepository, commit: str, *, max_file_size: int = MAX_FILE_SIZE
    ) -> None:
        self.commit = object_id(commit)
        self.max_file_size = max_file_size
        self._repository = repository
        self._blobs = BlobReader(repository)
        self._listed: list[TreeEntry] = []
        self._others: dict[str, TreeEntry] = {}
        self._begin([])

    @property
    def description(self) -> str:
        """The short id of the commit."""
        return self.commit[:_SHORT_ID]

    def files(self, prefix: str = "") -> Iterator[TreeEntry]:
        """Stream every file, or those below `prefix`, in the order of their paths."""
        if prefix:
            yield from list_tree(self._repository, self.commit, prefix)
            return
        if not self._listed:
            listed = list(list_tree(self._repository, self.commit))
            self._listed = sorted(listed, key=_PATH)  # git's order is of octets
        self._begin(self._listed)
        yield from self._listed

    def select(self, paths: Collection[str]) -> Iterator[TreeEntry]:
        """Return the files among `paths`, and those below the directories among them, once each."""
        if not all(map(_is_plain, paths)):
            raise ValueError("a path that git would not take as it is")
        selected = sorted(list_paths(self._repository, self.commit, paths), key=_PATH)
        self._others.update((entry.path, entry) for entry in selected)
        self._begin(selected)
        return iter(selected)

    def _begin(self, entries: list[TreeEntry]) -> None:
        """Expect that of these files, sorted by path, many are going to be read."""
        self._expected = entries
        self._ahead: dict[str, bytes] = {}
        self._ahead_until = ""
        self._window = 1

    def read(self, path: str) -> bytes:
        """
        Return the content of a regular file.

        Raises `NotFoundError` (`path.not_found`), or `InvalidValueError`: `path.outside` for an
        absolute path or one with `..`, `path.symlink`, `path.submodule`, `path.too_large`.
        """
        entry = self._entry(path)
        check_regular(entry)
        if entry.size > self.max_file_size:
            raise InvalidValueError(
                f"{quoted(path)} has {entry.size} bytes, over the limit of {self.max_file_size}",
                help="a manifest or a CSR has a few thousand bytes; remove the file",
                code="path.too_large",
            )
        data = self._ahead.pop(path, None)
        return self._read_ahead(entry) if data is None else data

    def _read_ahead(self, entry: TreeEntry) -> bytes:
        """
        Read a file, and those that follow it when it is beyond the last that was read ahead.

        Who reads many reads them roughly in their order. Where that is not so, or many are left
        out, no more is read than is asked for.
        """
        if entry.path < self._ahead_until:
            return self._blobs.read(entry.blob_id, limit=self.max_file_size)
        was_used = 2 * len(self._ahead) <= self._window
        self._window = min(2 * self._window, MOST_AT_ONCE) if was_used else 1
        start = bisect_left(self._expected, entry.path, key=_PATH) + 1
        following = [
            other
            for other in self._expected[start : start + self._window - 1]
            if other.mode in REGULAR_MODES and other.size <= _MOST_AHEAD
        ]
        wanted = [entry, *following]
        try:
            blobs = self._blobs.read_many([e.blob_id for e in wanted], limit=self.max_file_size)
        except RepositoryError:  # about one that nobody may ever ask for, or about this one
            return self._blobs.read(entry.blob_id, limit=self.max_file_size)
        self._ahead = {e.path: data for e, data in zip(following, blobs[1:], strict=True)}
        self._ahead_until = wanted[-1].path
        return blobs[0]

    def _entry(self, path: str) -> TreeEntry:
        start = bisect_left(self._listed, path, key=_PATH)
        if start < len(self._listed) and self._listed[start].path == path:
            return self._listed[start]
        return self._others.get(path) or self._find(path)

    def close(self) -> None:
        self._blobs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find(self, path: str) -> TreeEntry:
        if not _is_plain(path):
            raise InvalidValueError(
                f"{quoted(path)} is not a path inside the repository",
                help="name a file below the repository's root, without `..`",
                code="path.outside",
            )
        for entry in list_tree(self._repository, self.commit, path):
            if entry.path == path:
                self._others[path] = entry
                return entry
        raise NotFoundError(
            f"{self.description} has no file {quoted(path)}",
            help="see that the file is committed",
            code="path.not_found",
        )


def _is_plain(path: str) -> bool:
    return "\x00" not in path and {"", ".", ".."}.isdisjoint(path.split("/"))


def _as_bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def check_regular(entry: TreeEntry) -> None:
    """Raise `InvalidValueError` unless the entry is a regular file."""
    if entry.mode in REGULAR_MODES:
        return
    what = {_SYMLINK: "symlink", _SUBMODULE: "submodule"}.get(entry.mode, "special")
    raise InvalidValueError(
        f"{quoted(entry.path)} is a {what}, not a regular file",
        help="commit the file itself",
        code=f"path.{what}",
    )
