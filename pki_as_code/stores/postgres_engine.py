"""Opening a PostgreSQL database: how transactions begin there, and rows in bulk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    Boolean,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    Table,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError

from pki_as_code.errors import StoreError
from pki_as_code.stores.engine import WRITES
from pki_as_code.stores.sqlite_driver import BUSY_TIMEOUT_SECONDS

if TYPE_CHECKING:
    import psycopg

    from pki_as_code.stores.postgres_uri import DatabaseAddress

POSTGRESQL: Final = "postgresql"

COPIED_FROM: Final = 20
"""Rows; fewer are inserted."""

STALLED_SECONDS: Final = 60
"""A writer that does nothing for so long in mid-transaction is cut off, for others to write."""

_CONNECT_SECONDS: Final = "15"
_DEFAULTS: Final = {
    "application_name": "pkictl",
    "connect_timeout": _CONNECT_SECONDS,
    # A peer that is gone is noticed after about a minute.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


def open_postgres(address: DatabaseAddress) -> Engine:
    """
    Return an engine for the database. Raises `StoreError` when psycopg is not installed.

    Reading sees one state and waits for nobody. Writing holds the lock of the store from its first
    moment to its end, as SQLite's BEGIN IMMEDIATE does: what it reads under READ COMMITTED is then
    what all the writers before it left.
    """
    _check_installed()
    engine = create_engine(
        "postgresql+psycopg://",
        connect_args={**_DEFAULTS, **address.parameters, "autocommit": True},
        pool_size=2,
        max_overflow=-1,
        pool_pre_ping=True,
        use_native_hstore=False,
        hide_parameters=True,
    )
    path = f'SET LOCAL search_path TO "{address.schema}"'
    begin_reading = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {path}"
    begin_writing = "; ".join(
        [
            "BEGIN ISOLATION LEVEL READ COMMITTED",
            path,
            f"SET LOCAL lock_timeout = '{BUSY_TIMEOUT_SECONDS}s'",
            f"SET LOCAL idle_in_transaction_session_timeout = '{STALLED_SECONDS}s'",
            # Whatever the server or the role has by default, but for stricter ones.
            "SELECT set_config('synchronous_commit', 'on', true) "
            "WHERE current_setting('synchronous_commit') = 'off'",
            f"SELECT pg_advisory_xact_lock({lock_number(address.schema)})",
        ]
    )

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITES, False)
        text = begin_writing if writes else begin_reading
        with driver(connection, "BEGIN") as raw:
            # The driver itself begins none: it does not know of these.
            raw.execute(text, prepare=False)

    event.listen(engine, "begin", begin)
    return engine


def lock_number(schema: str) -> int:
    """Return the number of the advisory lock of a store; they are per database."""
    digest = hashlib.sha256(f"pki-as-code/{schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def driver(connection: Connection, what: str) -> Iterator[psycopg.Connection[Any]]:
    """Use the connection of psycopg itself; its errors come out as those of SQLAlchemy do."""
    import psycopg

    raw: Any = connection.connection.driver_connection
    try:
        yield raw
    except psycopg.Error as error:
        if raw.closed:
            connection.invalidate(error)
        raise DBAPIError(what, None, error, hide_parameters=True) from error


def copy_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns, by binary COPY: one round trip, however many."""
    dialect = connection.dialect
    columns = [table.columns[name] for name in rows[0]]
    names = ", ".join(dialect.identifier_preparer.format_column(column) for column in columns)
    target = dialect.identifier_preparer.format_table(table)
    converters = [
        (column.name, column.type.dialect_impl(dialect).bind_processor(dialect))
        for column in columns
    ]
    text = f"COPY {target} ({names}) FROM STDIN (FORMAT BINARY)"
    with (
        driver(connection, text) as raw,
        raw.cursor() as cursor,
        cursor.copy(text.encode()) as copy,
    ):
        copy.set_types([_copied_as(column.type) for column in columns])
        for row in rows:
            copy.write_row(
                [convert(row[name]) if convert else row[name] for name, convert in converters]
            )


def _copied_as(kind: Any) -> str:
    impl = getattr(kind, "impl", kind)
    for known, name in ((Boolean, "bool"), (Integer, "int8"), (LargeBinary, "bytea")):
        if isinstance(impl, known):
            return name
    return "text"


def _check_installed() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise StoreError(
            "a store in PostgreSQL needs psycopg 3, which cannot be loaded here",
            help="install it: pip install 'pki-as-code[postgres]'",
            code="store.no_driver",
        ) from error
