"""A store in one SQLite file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.stores import tables
from pki_as_code.stores.database import DatabaseStore
from pki_as_code.stores.engine import (
    create_index,
    open_sqlite,
    reading,
    stored_schema_version,
)
from pki_as_code.stores.position import SQLITE, Position, read_seen
from pki_as_code.stores.seen import SeenHead


class SqlStore(DatabaseStore):
    """`sqlite:///issued.db` (below the repository's root) or `sqlite:////srv/pki/issued.db`."""

    @classmethod
    def open(
        cls,
        uri: str,
        repository: GitRepository | None,
        *,
        root: Path,
        push: bool = True,  # noqa: ARG003 (what every store is given)
        read_only: bool = False,
    ) -> Self:
        """Open the database that `uri` names. Raises `StoreError`."""
        path = root / _sqlite_path(uri)
        if not path.parent.is_dir():
            raise StoreError(
                f"there is no directory {str(path.parent)!r} for the store",
                help="make it, mount it, or name another place in spec.store of pki.yaml",
                code="store.cannot_open",
            )
        seen = SeenHead.of_database(repository, str(path))
        if not read_only:
            return cls(uri, open_sqlite(path), str(path), seen=seen)
        known = seen and seen.unless_new()  # before it is looked for: another run may make it now
        if not path.exists():
            # Nothing was issued yet, and reading must not make the file.
            temporary = TemporaryDirectory(prefix="pki-as-code-")
            engine = open_sqlite(Path(temporary.name) / "empty.db")
            return cls(uri, engine, str(path), read_only=True, seen=known, temporary=temporary)
        return cls(uri, _open_for_reading(path), str(path), read_only=True, seen=seen)

    def _prepare(self, version: int | None) -> None:  # noqa: ARG002 (looked up again, locked)
        """Make the tables of a new store, or make the index of an older version anew."""
        if self._read_only and self._temporary is None:
            raise StoreError(
                f"the store {self.uri} has tables of another version and is opened for reading",
                help="run a command that writes to it, `pkictl store upgrade` for example",
                code="store.older_schema",
            )
        with self._writing() as connection:
            if stored_schema_version(connection) != tables.SCHEMA_VERSION:
                self._rebuild_index(connection)  # else another process was faster

    def position(self) -> Position | None:
        if self._seen is None or self._temporary is not None:
            return None
        head = self.head()
        return {
            "kind": SQLITE,
            "path": str(Path(self.place).resolve()),
            "sequence": head.sequence,
            "digest": head.digest,
            "seen_path": str(self._seen.path),
            "seen": read_seen(str(self._seen.path)),
        }

    def _empty_index(self, connection: Connection) -> None:
        tables.LEDGER_METADATA.create_all(connection)
        create_index(connection)


def _sqlite_path(uri: str) -> Path:
    try:
        url: URL = make_url(uri)
    except ArgumentError:
        raise _bad_uri(uri) from None
    unwanted = url.query or url.host or url.username or url.port
    if url.drivername != "sqlite" or unwanted or not url.database or url.database == ":memory:":
        raise _bad_uri(uri)
    return Path(url.database)


def _bad_uri(uri: str) -> StoreError:
    return StoreError(
        f"{quoted(uri)} does not name a SQLite file",
        help="write sqlite:///issued.db (below the repository's root) or "
        "sqlite:////srv/pki/issued.db",
        code="store.bad_uri",
    )


def _open_for_reading(path: Path) -> Engine:
    """A file in WAL mode needs a writable directory, unless nobody is writing to it."""
    engine = open_sqlite(path, read_only=True)
    try:
        with reading(engine, str(path)) as connection:
            stored_schema_version(connection)
    except StoreError as error:
        engine.dispose()
        needs_a_log = error.code in {"store.cannot_open", "store.read_only"}
        if not needs_a_log or path.with_name(f"{path.name}-wal").exists():
            raise
        return open_sqlite(path, read_only=True, immutable=True)
    return engine
