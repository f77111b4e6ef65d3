"""How SQLite is connected to, with SQLAlchemy or without, and what its errors mean for the user."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote

from pki_as_code.errors import ContentionError, StoreError

BUSY_TIMEOUT_SECONDS: Final = 30

_SET_UP: Final = (
    # The first, so that the others wait for a process that has the database.
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)

_ERROR_CODE: Final = 0xFF


def connect(path: Path, mode: str, options: str = "") -> sqlite3.Connection:
    """
    Connect to a file, in a mode of SQLite's URIs: `ro`, `rw`, or `rwc` that makes it.

    The driver begins no transactions: it would begin them late.
    """
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}{options}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_SECONDS,
    )


def set_up(connection: sqlite3.Connection) -> None:
    for pragma in _SET_UP:
        connection.execute(pragma).close()


def store_error(error: BaseException | None, place: str) -> StoreError:
    """Return what an error of the driver means for the user."""
    code = getattr(error, "sqlite_errorcode", 0) & _ERROR_CODE
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return ContentionError(
            f"{place} was in use for more than {BUSY_TIMEOUT_SECONDS} seconds",
            help="another run is writing to it; run the command again when that is done",
            code="store.busy",
        )
    if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHMSIZE:
        code = sqlite3.SQLITE_FULL  # no room for the file beside a database in WAL mode
    message, way_out, name = _MEANINGS.get(
        code, ("failed", "`pkictl store verify` checks the store", "store.failed")
    )
    reason = getattr(error, "sqlite_errorname", type(error).__name__)
    return StoreError(f"the database {place} {message} ({reason})", help=way_out, code=name)


_MEANINGS: Final = {
    sqlite3.SQLITE_FULL: (
        "cannot grow",
        "free some space; nothing of this step was written",
        "store.disk_full",
    ),
    sqlite3.SQLITE_IOERR: (
        "could not be written or read by the system",
        "check the disk before anything else; a write that failed is not tried again",
        "store.io_error",
    ),
    sqlite3.SQLITE_READONLY: (
        "cannot be written",
        "check the permissions of the file and its directory",
        "store.read_only",
    ),
    sqlite3.SQLITE_CANTOPEN: (
        "cannot be opened",
        "check the path, and the permissions of the file and its directory",
        "store.cannot_open",
    ),
    sqlite3.SQLITE_CORRUPT: (
        "is damaged",
        "put back a backup; of a git store only the index is damaged, and `pkictl store rebuild` "
        "makes it anew",
        "store.damaged_database",
    ),
    sqlite3.SQLITE_NOTADB: (
        "is not a SQLite database",
        "check the path; of a git store the index is meant, and `pkictl store rebuild` makes it "
        "anew",
        "store.damaged_database",
    ),
}
