"""What the last plan found about each file: one SQLite database in the git directory."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

from pki_as_code import __version__
from pki_as_code.durable import make_directory_durably
from pki_as_code.errors import StoreError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.stores.seen import DIRECTORY, refuse_links

FORMAT: Final = 1

_FILE: Final = "plan.memo.db"
_CHUNK: Final = 500
_WAIT_SECONDS: Final = 2
"""Another run that writes is waited for so long; then this one goes on without the memo."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS state (content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
  path BLOB PRIMARY KEY, due_at INTEGER, certificates INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_due ON files (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS keys (
  key BLOB, path BLOB, declares INTEGER NOT NULL, PRIMARY KEY (key, path)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS keys_of_file ON keys (path);
CREATE TABLE IF NOT EXISTS pending (key BLOB PRIMARY KEY) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class State:
    """What the memo is about."""

    commit: str
    sequence: int
    """Of the last entry of the ledger that the plan took account of."""

    digest: str
    """Of that entry: what makes this ledger that one."""

    store: str
    planned_at: int
    full_at: int
    """When everything was looked at; both in seconds since 1970."""

    default_issuers: tuple[str, ...]
    """Authorities that could be the one that signs where nothing names one."""

    certificates: int = 0
    """How many Certificates there are. Counted when it is written."""

    token: str = field(default_factory=lambda: os.urandom(16).hex())
    """Another one whenever the memo is written."""


@dataclass(slots=True)
class Row:
    """What is known of one file."""

    due_at: int | None = None
    """When a plan may find something to do without anything being changed; seconds since 1970."""

    certificates: int = 0
    declares: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Memo:
    """
    One open memo, read in one transaction.

    Everything raises `sqlite3.Error` for a file that is damaged, or that another run holds.
    """

    connection: sqlite3.Connection
    state: State

    @classmethod
    @contextmanager
    def open(cls, repository: GitRepository) -> Iterator[Self | None]:
        """Open the memo, to be read; None where there is none that this version wrote."""
        path = _safe_path(repository)
        if path is None or not path.exists():
            yield None
            return
        connection = _connect(path)
        try:
            connection.execute("BEGIN")
            state = _read_state(connection)
            yield None if state is None else cls(connection, state)
        finally:
            connection.close()

    def pending(self) -> set[str]:
        """Return the keys of what was left to do, or to say."""
        return {_text(row[0]) for row in self.connection.execute("SELECT key FROM pending")}

    def due(self, seconds: int) -> set[str]:
        """Return the files about which something came due by then."""
        rows = self.connection.execute("SELECT path FROM files WHERE due_at <= ?", (seconds,))
        return {_text(row[0]) for row in rows}

    def paths_of(self, keys: Collection[str], *, declared: bool = False) -> set[str]:
        """Return the files that declare or name one of the keys, or only those that declare it."""
        condition = " AND declares" if declared else ""
        statement = f"SELECT path FROM keys WHERE key IN (%s){condition}"  # noqa: S608
        return {_text(row[0]) for row in self._among(statement, keys)}

    def keys_of(self, paths: Collection[str], *, declares: bool) -> set[str]:
        """Return the keys that the files declare, or those that they name."""
        statement = f"SELECT key FROM keys WHERE path IN (%s) AND declares = {int(declares)}"  # noqa: S608
        return {_text(row[0]) for row in self._among(statement, paths)}

    def below(self, directory: str) -> set[str]:
        """Return the known files in a directory, and below it."""
        first, last = _blob(f"{directory}/"), _blob(f"{directory}0")  # `0` follows `/`
        rows = self.connection.execute(
            "SELECT path FROM files WHERE path > ? AND path < ?", (first, last)
        )
        return {_text(row[0]) for row in rows}

    def certificates_in(self, paths: Collection[str]) -> int:
        """Return how many Certificates the files had."""
        statement = "SELECT certificates FROM files WHERE path IN (%s)"
        return sum(row[0] for row in self._among(statement, paths))

    def _among(self, statement: str, values: Collection[str]) -> Iterator[tuple[Any, ...]]:
        listed = [_blob(value) for value in values]
        for start in range(0, len(listed), _CHUNK):
            chunk = listed[start : start + _CHUNK]
            yield from self.connection.execute(statement % ",".join("?" * len(chunk)), chunk)


def write_memo(
    repository: GitRepository,
    state: State,
    rows: Iterable[tuple[str, Row]],
    pending: Iterable[str],
    *,
    after: tuple[str, Collection[str]] | None,
) -> bool:
    """
    Replace the memo; or with `after`, the token of the memo it follows and the files that were
    looked at, only what it says about these.

    `rows` gives each file once. Returns False, and writes nothing, when the memo is no longer that
    one or another run holds it. What is damaged is thrown away, for the next plan of everything to
    begin anew.
    """
    path = _safe_path(repository)
    if path is None:
        return False
    try:
        make_directory_durably(path.parent)
        if after is None:
            _make_private(path)
        connection = _connect(path)
    except (OSError, sqlite3.Error):
        return False
    try:
        return _write(connection, state, rows, pending, after)
    except sqlite3.OperationalError:
        return False  # held by another run, or no room: the old one stays
    except sqlite3.DatabaseError:
        with suppress(OSError):
            path.unlink()
        return False
    finally:
        connection.close()


def _write(
    connection: sqlite3.Connection,
    state: State,
    rows: Iterable[tuple[str, Row]],
    pending: Iterable[str],
    after: tuple[str, Collection[str]] | None,
) -> bool:
    connection.execute("BEGIN IMMEDIATE")
    known = _read_state(connection)
    if after is not None and (known is None or known.token != after[0]):
        return False
    if after is None or known is None:
        for table in ("state", "files", "keys", "pending"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        count = 0
    else:
        rows = list(rows)
        paths = {*after[1], *(path for path, _ in rows)}
        count = known.certificates - Memo(connection, known).certificates_in(paths)
        gone = [(_blob(path),) for path in paths]
        connection.executemany("DELETE FROM files WHERE path = ?", gone)
        connection.executemany("DELETE FROM keys WHERE path = ?", gone)
    # Those of a plan of everything are made while they are written, and never there all at once.
    remaining = iter(rows)
    while chunk := list(islice(remaining, _CHUNK)):
        count += sum(row.certificates for _, row in chunk)
        connection.executemany(
            "INSERT INTO files VALUES (?, ?, ?)",
            ((_blob(path), row.due_at, row.certificates) for path, row in chunk),
        )
        connection.executemany("INSERT INTO keys VALUES (?, ?, ?)", _key_rows(chunk))
    connection.execute("DELETE FROM pending")
    connection.executemany(
        "INSERT OR IGNORE INTO pending VALUES (?)", ((_blob(k),) for k in pending)
    )
    connection.execute("DELETE FROM state")
    content = {
        "format": FORMAT,
        "program": __version__,
        **asdict(replace(state, certificates=count)),
    }
    connection.execute("INSERT INTO state VALUES (?)", (json.dumps(content),))
    connection.execute("COMMIT")
    return True


def _key_rows(rows: Iterable[tuple[str, Row]]) -> Iterator[tuple[bytes, bytes, int]]:
    for path, row in rows:
        where = _blob(path)
        yield from ((_blob(key), where, 1) for key in row.declares)
        yield from ((_blob(key), where, 0) for key in row.names - row.declares)


def _read_state(connection: sqlite3.Connection) -> State | None:
    """Return what the memo is about; None when another version of the program wrote it."""
    try:
        found = connection.execute("SELECT content FROM state").fetchone()
    except sqlite3.OperationalError:
        return None  # no such table
    try:
        content = dict(json.loads(found[0])) if found else {}
        if (content.pop("format", None), content.pop("program", None)) != (FORMAT, __version__):
            return None
        return State(**{**content, "default_issuers": tuple(content["default_issuers"])})
    except (ValueError, TypeError, KeyError):
        return None


# --- The file -------------------------------------------------------------------------------------


def _safe_path(repository: GitRepository) -> Path | None:
    """Return where the memo is; None when something else than a private file of ours is there."""
    directory = repository.git_dir / DIRECTORY
    path = directory / _FILE
    try:
        refuse_links(directory, path, Path(f"{path}-journal"))
        status = path.lstat()
    except FileNotFoundError:
        return path
    except (OSError, StoreError):
        return None
    private = stat.S_ISREG(status.st_mode) and not stat.S_IMODE(status.st_mode) & 0o077
    return path if private and status.st_uid == os.geteuid() else None


def _make_private(path: Path) -> None:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _connect(path: Path) -> sqlite3.Connection:
    # Durable as SQLite is by itself: half of what a memo says would be worse than none.
    return sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)


def _blob(text: str) -> bytes:
    """Paths of git are bytes, and need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _text(blob: bytes) -> str:
    return blob.decode("utf-8", "surrogateescape")
