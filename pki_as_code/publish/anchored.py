"""
Files below one directory, reached through descriptors: no link is followed, nothing else touched.

Whoever can write in a directory that is served must not be able to have us write elsewhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

from pki_as_code.errors import PublishError
from pki_as_code.escape import quoted

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_LINKED: Final = frozenset({errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EXDEV})


class AnchoredDirectory:
    """
    A directory held open. Paths are relative to it, with `/` between their parts.

    Raises `PublishError` (`publish.foreign_content`) for a link or a device on the way, `OSError`
    for everything else that goes wrong. Close it after use.
    """

    def __init__(self, place: Path, descriptor: int) -> None:
        self.place = place
        self._descriptor = descriptor

    @classmethod
    def open(cls, place: Path) -> Self:
        """Open a directory that is no link itself; what is above it may be."""
        try:
            return cls(place, os.open(place, _DIRECTORY))
        except OSError as error:
            if error.errno == errno.ELOOP or place.is_symlink():
                raise _foreign(place) from None
            raise

    def close(self) -> None:
        os.close(self._descriptor)

    def below(self, name: str, *, create: bool = False) -> AnchoredDirectory:
        """Open a directory in this one; with `create` it must be new."""
        if create:
            os.mkdir(name, 0o755, dir_fd=self._descriptor)
        return AnchoredDirectory(self.place / name, self._enter(self._descriptor, name, name))

    # --- One file ---

    def read(self, path: str, limit: int) -> bytes | None:
        """Return the content of a regular file, None when there is none."""
        try:
            with self._parent(path) as (parent, name):
                descriptor = self._open_regular(parent, name, path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        with os.fdopen(descriptor, "rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise PublishError(
                f"{quoted(str(self.place / path))} has more than {limit} bytes",
                help="remove the file: it is not one that was published",
                code="publish.foreign_content",
            )
        return content

    def write_new(self, path: str, content: bytes) -> None:
        """Write a file that is not there yet, and the directories it needs; `sync` comes later."""
        with self._parent(path, create=True) as (parent, name):
            descriptor = os.open(name, _NEW, 0o644, dir_fd=parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)

    def move(self, path: str, to: AnchoredDirectory) -> None:
        """Put a file in place in another directory, over what has its name there."""
        with self._parent(path) as (parent, name), to._parent(path, create=True) as (target, _):
            os.replace(name, name, src_dir_fd=parent, dst_dir_fd=target)

    def link(self, path: str, to: AnchoredDirectory, limit: int) -> None:
        """Give a file the same name in another directory too; a copy where that cannot be."""
        with self._parent(path) as (parent, name), to._parent(path, create=True) as (target, _):
            try:
                os.link(name, name, src_dir_fd=parent, dst_dir_fd=target, follow_symlinks=False)
                return
            except OSError as error:
                if error.errno not in _NOT_LINKED:
                    raise
        to.write_new(path, self.read(path, limit) or b"")

    def remove(self, path: str) -> None:
        """Remove a file, and the directories that are empty then; none is no error."""
        try:
            with self._parent(path) as (parent, name):
                os.unlink(name, dir_fd=parent)
        except (FileNotFoundError, NotADirectoryError):
            return
        while "/" in path:
            path = path.rpartition("/")[0]
            try:
                with self._parent(path) as (parent, name):
                    os.rmdir(name, dir_fd=parent)
            except OSError:
                return

    # --- All of them ---

    def names(self) -> list[str]:
        """Return what is in the directory itself, files and directories alike."""
        return os.listdir(self._descriptor)

    def walk(self, ignored: Iterable[str] = ()) -> Iterator[str]:
        """Stream the paths of all files, but for those below names that are `ignored`."""
        yield from self._walk(self._descriptor, "", frozenset(ignored))

    def _walk(self, descriptor: int, prefix: str, ignored: frozenset[str]) -> Iterator[str]:
        with os.scandir(descriptor) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            if not prefix and entry.name in ignored:
                continue
            path = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                inner = self._enter(descriptor, entry.name, path)
                try:
                    yield from self._walk(inner, f"{path}/", ignored)
                finally:
                    os.close(inner)
            elif entry.is_file(follow_symlinks=False):
                yield path
            else:
                raise _foreign(self.place / path)

    def sync(self, paths: Iterable[str]) -> None:
        """Make files durable, and the names of them and of the directories above."""
        directories = {""}
        for path in paths:
            with self._parent(path) as (parent, name):
                descriptor = self._open_regular(parent, name, path)
                _sync_and_close(descriptor)
            while "/" in path:
                path = path.rpartition("/")[0]  # noqa: PLW2901
                directories.add(path)
        self.sync_directories(directories)

    def sync_directories(self, directories: Iterable[str]) -> None:
        """Make the names in directories durable, the deepest first; those that are gone, too."""
        for path in sorted(directories, key=len, reverse=True):
            if not path:
                os.fsync(self._descriptor)
                continue
            try:
                with self._parent(path) as (parent, name):
                    descriptor = self._enter(parent, name, path)
            except FileNotFoundError:
                continue
            _sync_and_close(descriptor)

    # --- The way there ---

    @contextmanager
    def _parent(self, path: str, *, create: bool = False) -> Iterator[tuple[int, str]]:
        """Open the directory of a file, part by part; yields its descriptor and the file's name."""
        *parts, name = path.split("/")
        if not {"", ".", ".."}.isdisjoint({*parts, name}):
            raise _foreign(self.place / path)
        descriptor = os.dup(self._descriptor)
        try:
            for part in parts:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, 0o755, dir_fd=descriptor)
                inner = self._enter(descriptor, part, path)
                os.close(descriptor)
                descriptor = inner
            yield descriptor, name
        finally:
            os.close(descriptor)

    def _enter(self, descriptor: int, name: str, path: str) -> int:
        try:
            return os.open(name, _DIRECTORY, dir_fd=descriptor)
        except OSError as error:
            # Linux says ENOTDIR for a link here, others ELOOP.
            if error.errno == errno.ELOOP or self._is_link(descriptor, name):
                raise _foreign(self.place / path) from None
            raise OSError(error.errno, error.strerror, str(self.place / path)) from error

    @staticmethod
    def _is_link(descriptor: int, name: str) -> bool:
        try:
            return stat.S_ISLNK(os.lstat(name, dir_fd=descriptor).st_mode)
        except OSError:
            return False

    def _open_regular(self, parent: int, name: str, path: str) -> int:
        try:
            descriptor = os.open(name, _READ, dir_fd=parent)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _foreign(self.place / path) from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _foreign(self.place / path)
        return descriptor


def _foreign(place: Path) -> PublishError:
    return PublishError(
        f"{quoted(str(place))} is a link or something else that is no file",
        help="nothing is published through it; find out who made it, and remove it",
        code="publish.foreign_content",
    )


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
