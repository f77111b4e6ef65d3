"""
A tree of files to load manifests from: the working tree here, a commit in `gitplumbing`.

Both are read in the same way: regular files only, bounded, no link followed, nothing outside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from pki_as_code.errors import InvalidValueError, ManifestError, NotFoundError, PkiAsCodeError
from pki_as_code.escape import quoted

MAX_FILE_SIZE: Final = 1 << 20

REGULAR_MODES: Final = frozenset({"100644", "100755"})
SYMLINK_MODE: Final = "120000"
SUBMODULE_MODE: Final = "160000"

PROJECT_FILE: Final = "pki.yaml"

_FOLLOW_NOTHING: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
PLACES: Final = (
    "authorities",
    "profiles",
    "policies",
    "revocations",
    "watchers",
    "certificates",
)
"""The directories that hold manifests, and nothing else does beside `pki.yaml`."""


class TreeFile(Protocol):
    """One file of a tree. `path` is relative, with slashes; `mode` is git's, in octal digits."""

    @property
    def path(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def size(self) -> int | None: ...
    @property
    def blob_id(self) -> str | None: ...


class Tree(Protocol):
    @property
    def description(self) -> str:
        """What the tree is: the short id of a commit, `working tree`."""
        ...

    def files(self) -> Iterator[TreeFile]:
        """Yield every file that may be a manifest, links and special files included."""
        ...

    def select(self, paths: Collection[str]) -> Iterator[TreeFile]:
        """Yield those of the files that are among `paths`, or below one of them."""
        ...

    def read(self, path: str) -> bytes:
        """
        Return the content of a regular file, also of one that `files` does not yield.

        Raises `PkiAsCodeError` with a code `path.…`: `not_found`, `outside`, `symlink`,
        `submodule`, `special`, `too_large`.
        """
        ...


class WorkingFile(NamedTuple):
    path: str
    mode: str
    size: int | None
    blob_id: str | None = None


class WorkingTree(NamedTuple):
    """
    The files below `root` as they are on disk now.

    Of all directories only those that hold manifests are walked, and of the others at the top the
    files directly in them, so that a manifest in a misspelt directory is found.
    """

    root: Path
    max_file_size: int = MAX_FILE_SIZE

    @property
    def description(self) -> str:
        return "working tree"

    def files(self) -> Iterator[WorkingFile]:
        """
        Yield files in the order of their paths, directory by directory.

        Raises `ManifestError` (`path.unreadable`) for a directory that cannot be listed: what is in
        it must not look as if it were gone.
        """
        yield from self._walk("", depth=0)

    def select(self, paths: Collection[str]) -> Iterator[WorkingFile]:
        at_the_top = {path.partition("/")[0] for path in paths}
        for entry in self._entries(""):
            if entry.name in at_the_top:
                found = self._visit(entry, entry.name, depth=0)
                yield from (file for file in found if is_among(file.path, paths))

    def _walk(self, directory: str, depth: int) -> Iterator[WorkingFile]:
        for entry in self._entries(directory):
            path = f"{directory}/{entry.name}" if directory else entry.name
            yield from self._visit(entry, path, depth)

    def _visit(self, entry: os.DirEntry[str], path: str, depth: int) -> Iterator[WorkingFile]:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            raise _unreadable(path, error) from None
        if not stat.S_ISDIR(status.st_mode):
            yield WorkingFile(path, git_mode(status.st_mode), status.st_size)
            return
        in_a_place = path.partition("/")[0] in PLACES
        if entry.name != ".git" and (in_a_place or (depth == 0 and entry.name[:1] != ".")):
            yield from self._below(path, depth)

    def _below(self, path: str, depth: int) -> Iterator[WorkingFile]:
        if path.partition("/")[0] in PLACES:
            yield from self._walk(path, depth + 1)
            return
        try:
            found = list(self._walk(path, depth + 1))
        except ManifestError:  # no manifest is read from there, whatever it holds
            return
        if not any(file.path == f"{path}/pki.yaml" for file in found):
            yield from found

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.root / directory) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise _unreadable(directory or ".", error) from None

    def read(self, path: str) -> bytes:
        check_relative(path)
        try:
            return self._read(path)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.ENOTDIR}:
                raise NotFoundError(
                    f"there is no file {quoted(path)}",
                    help="see that it is there, and spelt as on disk",
                    code="path.not_found",
                ) from None
            raise _unreadable(path, error) from None

    def _read(self, path: str) -> bytes:
        directory, _, name = path.rpartition("/")
        descriptor = self.open_directory(directory, path)
        try:
            return self.read_in(descriptor, name, path)
        finally:
            os.close(descriptor)

    def open_directory(self, directory: str, path: str) -> int:
        """
        Return the descriptor of the directory (of the root when it is empty) that holds `path`.

        Each directory on the way is opened by itself, so that no link can be swapped in between.
        Raises `OSError`, or `InvalidValueError` for what is no directory.
        """
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        for part in directory.split("/") if directory else ():
            try:
                following = self._open_below(descriptor, part, path)
            finally:
                os.close(descriptor)
            descriptor = following
        return descriptor

    def read_in(self, directory: int, name: str, path: str) -> bytes:
        """Return the content of the file `name` in an open directory; errors are about `path`."""
        self._check_mode(directory, name, path, directory=False)
        file = os.open(name, _FOLLOW_NOTHING | os.O_NONBLOCK, dir_fd=directory)
        try:
            data = self._content(file, path)
        finally:
            os.close(file)
        if len(data) > self.max_file_size:
            raise InvalidValueError(
                f"{quoted(path)} is over the limit of {self.max_file_size} bytes",
                help="a manifest or a CSR has a few thousand bytes; remove the file",
                code="path.too_large",
            )
        return data

    def _open_below(self, descriptor: int, directory: str, path: str) -> int:
        try:
            return os.open(directory, _FOLLOW_NOTHING | os.O_DIRECTORY, dir_fd=descriptor)
        except OSError:
            self._check_mode(descriptor, directory, path, directory=True)
            raise

    def _content(self, file: int, path: str) -> bytes:
        """Return what is in an open file; of one that is too large more than the limit."""
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise not_regular(path, git_mode(status.st_mode))
        data = os.read(file, min(status.st_size, self.max_file_size) + 1)
        if len(data) == status.st_size:
            return data  # what nearly all are: it ends where it should
        chunks = [data]
        size = len(data)
        while data and size <= self.max_file_size:  # it grew just now, or came in pieces
            data = os.read(file, self.max_file_size + 1 - size)
            chunks.append(data)
            size += len(data)
        return b"".join(chunks)

    def _check_mode(self, descriptor: int, name: str, path: str, *, directory: bool) -> None:
        mode = os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode) or not (stat.S_ISDIR(mode) if directory else stat.S_ISREG(mode)):
            raise not_regular(path, git_mode(mode))


def is_among(path: str, paths: Collection[str]) -> bool:
    """Tell whether `paths` have this path, or a directory that it is in."""
    while path and path not in paths:
        path = path.rpartition("/")[0]
    return bool(path)


def git_mode(mode: int) -> str:
    """Return the mode of a file as git writes it, for what git has no mode the kernel's type."""
    if stat.S_ISREG(mode):
        return "100755" if mode & stat.S_IXUSR else "100644"
    return f"{stat.S_IFMT(mode):06o}"


def not_regular(path: str, mode: str) -> InvalidValueError:
    """Return the error about a file that is none."""
    what = {SYMLINK_MODE: "symlink", SUBMODULE_MODE: "submodule"}.get(mode, "special")
    noun = {"special": "directory" if mode == "040000" else "special file"}.get(what, what)
    return InvalidValueError(
        f"{quoted(path)} is, or lies behind, a {noun}, which is not read",
        help="put the file itself there",
        code=f"path.{what}",
    )


def check_relative(path: str) -> None:
    """Raise `InvalidValueError` (`path.outside`) unless `path` is relative, plain and below."""
    parts = path.split("/")
    if "\x00" in path or not {"", ".", ".."}.isdisjoint(parts) or is_git_directory(parts):
        raise InvalidValueError(
            f"{quoted(path)} is not a path inside the repository",
            help="name a file below the repository's root, without `..`",
            code="path.outside",
        )


def is_git_directory(parts: list[str]) -> bool:
    """Tell whether a path leads into `.git`, also as file systems that fold names would see it."""
    return any(part.rstrip(". ").lower() in {".git", "git~1"} for part in parts)


def _unreadable(path: str, error: OSError) -> PkiAsCodeError:
    return ManifestError(
        f"{quoted(path)} cannot be read: {os.strerror(error.errno or 0)}",
        help="see that it is there and may be read",
        code="path.unreadable",
    )
