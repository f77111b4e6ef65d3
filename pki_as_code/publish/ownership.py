"""Whose a directory is: its marker, the lock on that, and what runs that died left."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from pki_as_code.durable import write_file_atomically
from pki_as_code.errors import PublishContentionError, PublishError
from pki_as_code.escape import quoted
from pki_as_code.publish.anchored import AnchoredDirectory
from pki_as_code.publish.layout import MARKER, MARKER_CONTENT

LOCK_PATIENCE_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.1
STAGING: Final = ".pkictl-staging-"
_UNFINISHED_MARKER: Final = f".{MARKER}."
"""What `write_file_atomically` leaves of the marker when it is killed."""

NOT_OURS: Final = frozenset({"lost+found"})
"""What a file system puts in an empty directory by itself."""


def lock_directory(place: Path, directory: AnchoredDirectory) -> int:
    """
    Take the lock of a directory that is ours; an empty one becomes ours.

    The lock is on the marker, and goes with the process. Raises `PublishError`
    (`publish.foreign_content`), `PublishContentionError` after a minute.
    """
    content = directory.read(MARKER, 1000)
    if content is None:
        others = [
            name
            for name in directory.names()
            if name not in NOT_OURS and not name.startswith((STAGING, _UNFINISHED_MARKER))
        ]
        if others:
            raise foreign_content(place)
        with suppress(FileExistsError):  # another publisher, just now
            write_file_atomically(place / MARKER, MARKER_CONTENT, exclusive=True)
    elif content != MARKER_CONTENT:
        raise PublishError(
            f"{quoted(str(place / MARKER))} is of another version of this program",
            help="publish with the newer version, or to an empty directory",
            code="publish.foreign_content",
        )
    lock = os.open(place / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        wait_for_lock(lock, str(place))
    except BaseException:
        os.close(lock)
        raise
    return lock


def wait_for_lock(descriptor: int, description: str) -> None:
    """Lock a file for this process. Raises `PublishContentionError` after a minute."""
    deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise PublishContentionError(
                    f"another run has been publishing to {description} for a minute",
                    help="run the command again when it is done",
                ) from None
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def remove_staging(home: AnchoredDirectory) -> None:
    """Remove what a run that died left; the lock is ours, so nobody works in it."""
    for name in home.names():
        path = home.place / name
        if name.startswith(_UNFINISHED_MARKER) or (name.startswith(STAGING) and path.is_symlink()):
            path.unlink(missing_ok=True)
        elif name.startswith(STAGING):
            shutil.rmtree(path, ignore_errors=True)


def foreign_content(place: Path) -> PublishError:
    return PublishError(
        f"{quoted(str(place))} has content that was not published by this program",
        help="name an empty directory, or a path where nothing is yet",
        code="publish.foreign_content",
    )
