"""
A store in a PostgreSQL database, in a schema of its own.

    postgresql://user@host/database?schema=pki_as_code&sslmode=verify-full

An append is one transaction under the lock of the store. When the connection is lost, and be it at
COMMIT, the next one waits for that lock and then looks whether its entries are there: the lock is
held until the server has decided.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from sqlalchemy import Connection, Engine, delete, insert, select, text

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.stores import tables
from pki_as_code.stores.database import DatabaseStore, check_position
from pki_as_code.stores.engine import (
    check_schema_version,
    create_index,
    open_sqlite,
    reading,
    stored_schema_version,
)
from pki_as_code.stores.entries import Entry
from pki_as_code.stores.extending import Step
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.postgres_engine import open_postgres
from pki_as_code.stores.postgres_errors import (
    CONFLICT,
    CONNECTION_LOST,
    TOO_MANY_CONNECTIONS,
    UNAVAILABLE,
    UNREACHABLE,
)
from pki_as_code.stores.postgres_uri import parse_postgres_uri
from pki_as_code.stores.refusals import read_only_error
from pki_as_code.stores.seen import SeenHead

ATTEMPTS: Final = 12
"""Of one append, with pauses that add up to half a minute: a server restarts in that time."""

_LONGEST_PAUSE_SECONDS: Final = 5.0
_PASSING: Final = frozenset(
    {CONNECTION_LOST, CONFLICT, TOO_MANY_CONNECTIONS, UNAVAILABLE, UNREACHABLE}
)
"""What a server that answered a moment ago may get over."""

_random = secrets.SystemRandom()


class PostgresStore(DatabaseStore):
    """What the ledger and its index are in one database, for many runners."""

    def __init__(
        self,
        uri: str,
        engine: Engine,
        schema: str,
        *,
        read_only: bool = False,
        seen: SeenHead | None = None,
        temporary: TemporaryDirectory[str] | None = None,
    ) -> None:
        super().__init__(uri, engine, uri, read_only=read_only, seen=seen, temporary=temporary)
        self._schema = schema

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
        address = parse_postgres_uri(uri, root)
        engine = open_postgres(address)
        seen = SeenHead.of_database(repository, address.place)
        store = cls(address.uri, engine, address.schema, read_only=read_only, seen=seen)
        # Before it is looked for: another run may make it now.
        known = seen.unless_new() if seen and read_only else None
        try:
            with reading(engine, address.uri) as connection:
                store._check_access(connection)
                is_new = stored_schema_version(connection) is None
        except BaseException:
            engine.dispose()
            raise
        if not (is_new and read_only):
            return store
        # Nothing was issued yet, and reading must not make the tables.
        engine.dispose()
        temporary = TemporaryDirectory(prefix="pki-as-code-")
        empty = open_sqlite(Path(temporary.name) / "empty.db")
        return cls(
            address.uri, empty, address.schema, read_only=True, seen=known, temporary=temporary
        )

    def _check_access(self, connection: Connection) -> None:
        """
        Raise `StoreError` where a schema is there and may not be looked into.

        PostgreSQL passes over such a schema in silence, and the store would seem to be empty.
        """
        encoding, usage = connection.execute(
            text(
                "SELECT current_setting('server_encoding'), (SELECT has_schema_privilege(oid, "
                "'USAGE') FROM pg_catalog.pg_namespace WHERE nspname = :schema)"
            ),
            {"schema": self._schema},
        ).one()
        if usage is False:
            raise StoreError(
                f"the role may not use the schema {self._schema} of {self.uri}",
                help="docs/store.md lists the privileges of each role",
                code="store.permission_denied",
            )
        if encoding != "UTF8":
            raise StoreError(
                f"the database {self.uri} has the encoding {encoding}",
                help="make it with ENCODING 'UTF8' TEMPLATE template0",
                code="store.bad_encoding",
            )

    # --- Tables ---

    def _prepare(self, version: int | None) -> None:
        """Make the tables of a new store. Raises `StoreError` for those of an older version."""
        if self._temporary is not None:
            with self._writing() as connection:
                tables.LEDGER_METADATA.create_all(connection)
                create_index(connection)
            return
        if version is not None:
            raise self._older(version)
        with self._writing() as connection:
            if stored_schema_version(connection) is None:  # else another process was faster
                self._create_schema(connection)
                tables.LEDGER_METADATA.create_all(connection)
                create_index(connection)

    def _create_schema(self, connection: Connection) -> None:
        # Asked first: IF NOT EXISTS alone needs the privilege to create even when it is there.
        found = connection.execute(
            text("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = :schema"),
            {"schema": self._schema},
        )
        if found.first() is None:
            connection.exec_driver_sql(f'CREATE SCHEMA "{self._schema}"')

    def _older(self, version: int) -> StoreError:
        return StoreError(
            f"the tables of {self.uri} have version {version}, and this program needs "
            f"{tables.SCHEMA_VERSION}",
            help="stop the other runs, make a backup, and have the tables' owner run "
            "`pkictl store upgrade`",
            code="store.older_schema",
        )

    def upgrade(self) -> bool:
        if self._read_only:
            raise read_only_error(self.uri)
        from pki_as_code.stores.migrations import migrate

        with self._writing() as connection:
            version = stored_schema_version(connection)
            if version is not None:
                check_schema_version(version, self.place)
            if version == tables.SCHEMA_VERSION:
                return False
            if version is None:
                self._create_schema(connection)
            migrate(connection, version)
            self._rebuild_index(connection)
        return True

    def _empty_index(self, connection: Connection) -> None:
        """
        Delete the rows, and leave the tables.

        Nobody who reads has to wait, privileges stay as they were granted, and any role that
        writes can do it.
        """
        for table in (*reversed(tables.PROJECTED), tables.meta):
            connection.execute(delete(table))
        version = {"key": "schema_version", "value": str(tables.SCHEMA_VERSION)}
        connection.execute(insert(tables.meta), version)

    # --- Writing ---

    def _append(
        self,
        step: Step,
        message: str,  # noqa: ARG002 (a database keeps none)
        crls: Mapping[CrlKey, Path],
    ) -> None:
        if self._read_only:
            raise read_only_error(self.uri)
        self._ready()
        undecided: Entry | None = None
        lost: StoreError | None = None
        for pause in _pauses():
            try:
                with self._writing() as connection:
                    # Else it was the answer alone that got lost.
                    if undecided is None or not _has(connection, undecided):
                        self._check_unchanged(connection)
                        undecided = self._write(connection, step, crls)
            except StoreError as error:
                if error.code not in _PASSING:
                    raise
                if pause is None and lost is not None:
                    raise lost from error  # that the outcome is unknown says more than the last try
                if pause is None:
                    raise
                if error.code == CONNECTION_LOST:
                    lost = error
                time.sleep(pause)
            else:
                self._note(undecided)
                return

    def _check_unchanged(self, connection: Connection) -> None:
        """Look, under the lock, whether the tables were upgraded or put back since they opened."""
        version = stored_schema_version(connection)
        if version is None:
            raise ContentionError(
                f"the tables of {self.uri} were removed while they were in use",
                help="find out who did it, and put back a backup",
                code="store.rolled_back",
            )
        check_schema_version(version, self.place)
        if version != tables.SCHEMA_VERSION:
            raise self._older(version)
        check_position(connection)


def _pauses() -> Iterator[float | None]:
    """Yield the seconds to wait after each attempt that fails, None after the last."""
    for attempt in range(ATTEMPTS - 1):
        yield _random.uniform(0.5, 1) * min(_LONGEST_PAUSE_SECONDS, 0.05 * 2**attempt)
    yield None


def _has(connection: Connection, entry: Entry) -> bool:
    """Tell whether the ledger has that entry, byte for byte."""
    statement = select(tables.ledger.c.line).where(tables.ledger.c.sequence == entry.sequence)
    found = connection.execute(statement).scalar()
    return found is not None and bytes(found) == entry.line
