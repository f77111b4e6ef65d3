"""Opening a database, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from pki_as_code.errors import StoreError
from pki_as_code.stores import postgres_errors, sqlite_driver, tables

WRITES: Final = "pki_writes"
"""The option of a connection whose transactions write."""


def open_sqlite(path: Path, *, read_only: bool = False, immutable: bool = False) -> Engine:
    """
    Return an engine for a SQLite file: WAL, every commit synced.

    `immutable` reads a file that nobody writes, in a directory that cannot be written.
    """

    def connect() -> sqlite3.Connection:  # whose transactions `_begin` begins
        options = "&immutable=1" if immutable else ""
        return sqlite_driver.connect(path, "ro" if read_only else "rwc", options)

    # No limit: each stream that is being read holds a connection.
    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=2, max_overflow=-1
    )
    event.listen(engine, "connect", _set_up if not read_only else _set_up_reading)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def reading(engine: Engine, place: str) -> Iterator[Connection]:
    """A transaction that sees one state. Raises `StoreError`."""
    with translated(place), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, place: str) -> Iterator[Connection]:
    """
    A transaction that nobody else writes beside.

    Committed, and durable, when the block ends without an error; else nothing of it remains.
    """
    with (
        translated(place),
        engine.connect().execution_options(**{WRITES: True}) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn errors of the database at `place` into `StoreError`."""
    try:
        yield
    except DBAPIError as error:
        raise store_error(error.orig, place) from error
    except SQLAlchemyError as error:
        raise StoreError(f"the database {place} failed: {type(error).__name__}") from error
    except sqlite3.Error as error:
        raise store_error(error, place) from error


def store_error(error: BaseException | None, place: str) -> StoreError:
    """Return what an error of a database means for the user."""
    if postgres_errors.is_postgres_error(error):
        return postgres_errors.store_error(error, place)
    return sqlite_driver.store_error(error, place)


def stored_schema_version(connection: Connection) -> int | None:
    """Return the version of the tables, None when there are none yet."""
    if not inspect(connection).has_table(tables.meta.name):
        return None
    statement = select(tables.meta.c.value).where(tables.meta.c.key == "schema_version")
    version = connection.execute(statement).scalar()
    if version is None or not version.isdigit():
        raise StoreError(
            "the database has tables of the store without their version",
            help="it is not a store, or was changed by hand; name another file",
            code="store.damaged_database",
        )
    return int(version)


def check_schema_version(version: int, place: str) -> None:
    """Raise `StoreError` (`store.newer_schema`) for tables that a newer version made."""
    if version > tables.SCHEMA_VERSION:
        raise StoreError(
            f"{place} has schema {version}, and this version knows up to {tables.SCHEMA_VERSION}",
            help="use the newer version of this program that wrote it",
            code="store.newer_schema",
        )


def create_index(connection: Connection) -> None:
    """Make the tables of an empty index, in place of those of an older version."""
    tables.share_conditions(connection.dialect.name)
    tables.INDEX_METADATA.drop_all(connection)
    tables.INDEX_METADATA.create_all(connection)
    connection.execute(
        tables.meta.insert(), {"key": "schema_version", "value": str(tables.SCHEMA_VERSION)}
    )


def _set_up(connection: sqlite3.Connection, record: Any) -> None:
    _set_up_reading(connection, record)
    connection.execute("PRAGMA journal_mode = WAL").close()


def _set_up_reading(connection: sqlite3.Connection, _: Any) -> None:
    sqlite_driver.set_up(connection)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
