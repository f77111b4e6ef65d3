"""Files that are whole, and still there after the power went out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def write_file_atomically(
    path: Path, data: bytes | Iterable[bytes], *, mode: int = 0o644, exclusive: bool = False
) -> None:
    """
    Make `path` hold exactly `data`, durable when this returns.

    What is too large for the memory comes in parts. Whatever is raised in making them is passed on,
    and `path` is what it was.

    1. A temporary file in the same directory gets the data, and its own fsync.
    2. It takes the name: by rename, or with `exclusive` by link, which never replaces a file.
    3. The directory gets its fsync, without which the name could be lost.

    Raises `FileExistsError` with `exclusive` when the name is taken, and any `OSError` (ENOSPC,
    EIO, EROFS), which names `path` and not the temporary file. Then `path` is what it was, and no
    temporary file is left. An EIO of step 3 is the exception: the file is in place, and whether it
    survives is not known. Nothing is retried: the kernel reports a lost write once.
    """
    temporary = path.parent / f".{path.name[:100]}.{os.urandom(8).hex()}.tmp"
    try:
        try:
            _write_new_file(temporary, data, mode)
            if exclusive:
                os.link(temporary, path, follow_symlinks=False)
            else:
                temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_directory(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def make_directory_durably(path: Path) -> None:
    """Make `path` and the parents it lacks, and make their names durable. Raises `OSError`."""
    if path.is_dir():
        return
    make_directory_durably(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def fsync_directory(path: Path) -> None:
    """Make the names in `path` durable. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_new_file(path: Path, data: bytes | Iterable[bytes], mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.writelines((data,) if isinstance(data, bytes) else data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
