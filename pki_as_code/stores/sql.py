"""A store in one database: the ledger is a table, and the index is beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Self

from sqlalchemy import Connection, Engine, insert, make_url, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.model import FULL_SCOPE, Finding
from pki_as_code.stores import codec, tables
from pki_as_code.stores.bulk_reads import load_crls
from pki_as_code.stores.bulk_writes import replace_rows
from pki_as_code.stores.engine import (
    check_schema_version,
    create_index,
    open_sqlite,
    reading,
    stored_schema_version,
    translated,
)
from pki_as_code.stores.entries import Payload
from pki_as_code.stores.extending import extend
from pki_as_code.stores.index import ROWS_AT_A_TIME
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.ledger_store import (
    LedgerStore,
    RawLine,
    parsed,
    read_only_error,
)
from pki_as_code.stores.projection import project
from pki_as_code.stores.refusals import no_crl
from pki_as_code.stores.states import head_of


class SqlStore(LedgerStore):
    """
    `sqlite:///issued.db` (below the repository's root) or `sqlite:////srv/pki/issued.db`.

    An append is one transaction that nobody writes beside. Another dialect needs its engine in
    `_open_engine`, and a transaction as strict as `BEGIN IMMEDIATE` in `engine.writing`.
    """

    def __init__(
        self,
        uri: str,
        engine: Engine,
        place: str,
        *,
        read_only: bool = False,
        temporary: TemporaryDirectory[str] | None = None,
    ) -> None:
        super().__init__(uri, engine, place)
        self._read_only = read_only
        self._temporary = temporary
        self._is_ready = False

    @classmethod
    def open(
        cls,
        uri: str,
        repository: GitRepository | None,  # noqa: ARG003 (what every store is given)
        *,
        root: Path,
        push: bool = True,  # noqa: ARG003
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
        if not read_only:
            return cls(uri, open_sqlite(path), str(path))
        if not path.exists():
            # Nothing was issued yet, and reading must not make the file.
            temporary = TemporaryDirectory(prefix="pki-as-code-")
            engine = open_sqlite(Path(temporary.name) / "empty.db")
            return cls(uri, engine, str(path), read_only=True, temporary=temporary)
        return cls(uri, _open_for_reading(path), str(path), read_only=True)

    # --- The ledger ---

    def raw_lines(self, first_sequence: int = 0) -> Iterator[RawLine]:
        statement = (
            select(tables.ledger)
            .where(tables.ledger.c.sequence >= first_sequence)
            .order_by(tables.ledger.c.sequence)
            .execution_options(yield_per=ROWS_AT_A_TIME)
        )
        expected = first_sequence
        with translated(self.place), self._engine.connect() as connection, connection.begin():
            for row in connection.execute(statement):
                if row.sequence != expected:
                    raise codec.corrupt(expected, "it is missing")
                yield RawLine(expected, bytes(row.line))
                expected += 1

    def _append(
        self,
        payloads: Sequence[Payload],
        now: datetime,
        message: str,  # noqa: ARG002 (a database keeps none)
        crls: Mapping[CrlKey, Path],
    ) -> None:
        if not payloads:
            return
        if self._read_only:
            raise read_only_error(self.uri)
        self._ready()
        with self._writing() as connection:
            entries = extend(connection, payloads, now)
            if entries:
                connection.execute(
                    insert(tables.ledger),
                    [{"sequence": entry.sequence, "line": entry.line} for entry in entries],
                )
                for (issuer, scope), path in crls.items():
                    row = {"issuer": issuer, "scope": scope, "der": path.read_bytes()}
                    replace_rows(connection, tables.crl_files, [row])

    def open_crl(self, issuer: str, scope: str = FULL_SCOPE) -> BinaryIO:
        table = tables.crl_files
        statement = select(table.c.der).where(table.c.issuer == issuer, table.c.scope == scope)
        with self._reading() as connection:
            found = connection.execute(statement).scalar()
        if found is None:
            raise no_crl(issuer, scope)
        return BytesIO(found)

    def verify_projections(self) -> Iterator[Finding]:
        """The CRLs are those of the ledger."""
        with self.reading_index() as connection:
            files = select(tables.crl_files).execution_options(yield_per=1)
            found = {(r.issuer, r.scope): codec.digest(r.der) for r in connection.execute(files)}
            expected = load_crls(connection)
        for issuer, scope in sorted(found.keys() | expected.keys()):
            crl = expected.get((issuer, scope))
            if crl is None or found.get((issuer, scope)) != crl.digest:
                yield Finding(
                    "store.projection_differs",
                    f"the {scope} CRL of {quoted(issuer)} is not the one in the ledger",
                    help="do not use it; `pkictl reconcile` makes the next one",
                )

    def rebuild(self) -> int:
        if self._read_only:
            raise read_only_error(self.uri)
        with self._writing() as connection:
            tables.LEDGER_METADATA.create_all(connection)
            return self._rebuild_index(connection)

    def close(self) -> None:
        super().close()
        if self._temporary is not None:
            self._temporary.cleanup()

    # --- The index ---

    def _ready(self) -> None:
        """Make, upgrade or check the tables; the index must stand where the ledger ends."""
        if self._is_ready:
            return
        with reading(self._engine, self.place) as connection:
            version = stored_schema_version(connection)
            if version is not None:
                check_schema_version(version, self.place)
        if version != tables.SCHEMA_VERSION:
            self._prepare()
        with reading(self._engine, self.place) as connection:
            _check_position(connection)
        self._is_ready = True

    def _prepare(self) -> None:
        """Make the tables of a new store, or make the index of an older version anew."""
        if self._read_only and self._temporary is None:
            raise StoreError(
                f"the store {self.uri} has tables of another version and is opened for reading",
                help="run a command that writes to it, `pkictl store rebuild` for example",
                code="store.older_schema",
            )
        with self._writing() as connection:
            version = stored_schema_version(connection)
            if version == tables.SCHEMA_VERSION:
                return  # another process was faster
            tables.LEDGER_METADATA.create_all(connection)
            self._rebuild_index(connection)

    def _rebuild_index(self, connection: Connection) -> int:
        create_index(connection)
        lines = connection.execute(
            select(tables.ledger)
            .order_by(tables.ledger.c.sequence)
            .execution_options(yield_per=ROWS_AT_A_TIME)
        )
        raw = (RawLine(row.sequence, bytes(row.line)) for row in lines)
        return project(connection, parsed(raw))


def _check_position(connection: Connection) -> None:
    """Raise `StoreError` (`store.rolled_back`) unless the index ends where the ledger ends."""
    head = head_of({row.key: row.value for row in connection.execute(select(tables.meta))})
    last = connection.execute(
        select(tables.ledger).order_by(tables.ledger.c.sequence.desc()).limit(1)
    ).first()
    ledger_end = (last.sequence, codec.digest(bytes(last.line))) if last else (-1, head.digest)
    if ledger_end == (head.sequence, head.digest):
        return
    raise StoreError(
        f"the index stands at entry {head.sequence}, and the ledger ends with {ledger_end[0]} "
        "or another entry of that number",
        help="the ledger was changed by hand or put back: find out who did it. "
        "`pkictl store verify` shows what differs, `pkictl store rebuild` believes the ledger",
        code="store.rolled_back",
    )


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
