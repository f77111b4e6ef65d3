"""Files that a command is told to write."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pki_as_code.durable import write_file_atomically
from pki_as_code.errors import PkiAsCodeError
from pki_as_code.escape import quoted


def check_new_output(path: Path) -> None:
    """
    Raise `PkiAsCodeError` (`file.exists`) when a file is there: it may be a key.

    A device or a pipe may be there, it is written to.
    """
    if path.is_symlink() or (path.exists() and not _is_stream(path)):
        raise PkiAsCodeError(
            f"{quoted(str(path), 200)} is there already",
            help="name another file; nothing is replaced here, since it might be a key",
            code="file.exists",
        )


def write_new_output(path: Path, data: bytes) -> None:
    """
    Write `data` to a file that is not there yet. Raises `PkiAsCodeError` as `check_new_output`.

    One that holds just that is left alone.
    """
    if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
        return
    check_new_output(path)
    if _is_stream(path):
        write_output_file(path, data)
        return
    try:
        write_file_atomically(path, data, exclusive=True)
    except FileExistsError:
        check_new_output(path)
        raise
    except OSError as error:
        raise PkiAsCodeError(
            f"cannot write {quoted(str(path), 200)}: {error.strerror}",
            help="name a file in a directory that is there and can be written",
            code="file.cannot_write",
        ) from None


def _is_stream(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def write_output_file(path: Path, data: bytes | Iterable[bytes]) -> None:
    """
    Make `path` hold `data`, in the place of what was there; a device or a pipe is written to.

    What is too large for the memory comes in parts.

    Raises:
        PkiAsCodeError: `file.cannot_write`, with the system's reason.
    """
    try:
        target = path.resolve()  # a link goes on leading to the file
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as opened:
                opened.writelines((data,) if isinstance(data, bytes) else data)
            return
        if target.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        write_file_atomically(target, data)
    except (OSError, RuntimeError) as error:  # the latter for links that lead in a circle
        reason = getattr(error, "strerror", None) or os.strerror(getattr(error, "errno", 0) or 0)
        raise PkiAsCodeError(
            f"cannot write {quoted(str(path), 200)}: {reason}",
            help="name a file in a directory that is there and can be written, or - for stdout",
            code="file.cannot_write",
        ) from None
