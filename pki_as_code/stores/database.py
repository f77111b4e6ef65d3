"""What stores in a database have in common: the ledger is a table, and the index is beside it."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from sqlalchemy import Connection, Engine, select

from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted
from pki_as_code.model import FULL_SCOPE, Finding
from pki_as_code.stores import codec, tables
from pki_as_code.stores.bulk_reads import CHUNK, load_crls, read_head
from pki_as_code.stores.bulk_writes import insert_rows, replace_rows
from pki_as_code.stores.engine import check_schema_version, reading, stored_schema_version
from pki_as_code.stores.entries import Entry
from pki_as_code.stores.extending import Step
from pki_as_code.stores.index import ROWS_AT_A_TIME
from pki_as_code.stores.interface import CrlKey, Head
from pki_as_code.stores.ledger_store import LedgerStore, RawLine, parsed
from pki_as_code.stores.position import Position
from pki_as_code.stores.projection import project
from pki_as_code.stores.refusals import crl_differs, no_crl, read_only_error
from pki_as_code.stores.seen import NOTHING_SEEN, SeenHead


class DatabaseStore(LedgerStore):
    """
    A store of which an append is one transaction that nobody writes beside.

    A subclass opens the database, and says how its tables are made (`_prepare`) and how the index
    is emptied. `temporary` is the directory of an empty database that stands for one that is not
    there yet.
    """

    def __init__(
        self,
        uri: str,
        engine: Engine,
        place: str,
        *,
        read_only: bool = False,
        seen: SeenHead | None = None,
        temporary: TemporaryDirectory[str] | None = None,
    ) -> None:
        super().__init__(uri, engine, place)
        self._seen = seen
        self._read_only = read_only
        self._temporary = temporary
        self._is_ready = False

    @abc.abstractmethod
    def _prepare(self, version: int | None) -> None:
        """Bring the tables, which are of another version (None: not there), to this one's."""

    @abc.abstractmethod
    def _empty_index(self, connection: Connection) -> None:
        """Leave nothing in the index but its version."""

    def position(self) -> Position | None:
        """Most databases cannot be looked at without being opened."""
        return None

    # --- The ledger ---

    def raw_lines(self, first_sequence: int = 0) -> Iterator[RawLine]:
        statement = (
            select(tables.ledger)
            .where(tables.ledger.c.sequence >= first_sequence)
            .order_by(tables.ledger.c.sequence)
            .execution_options(yield_per=ROWS_AT_A_TIME)
        )
        expected = first_sequence
        with (
            reading(self._engine, self.place) as connection,
            connection.execute(statement) as rows,
        ):
            for row in rows:
                if row.sequence != expected:
                    raise codec.corrupt(expected, "it is missing")
                yield RawLine(expected, bytes(row.line))
                expected += 1

    def _lines_at(self, sequences: Sequence[int]) -> Iterator[RawLine]:
        table = tables.ledger
        with reading(self._engine, self.place) as connection:
            for start in range(0, len(sequences), CHUNK):
                wanted = sequences[start : start + CHUNK]
                rows = connection.execute(select(table).where(table.c.sequence.in_(wanted)))
                found = {row.sequence: bytes(row.line) for row in rows}
                for sequence in wanted:
                    if sequence not in found:
                        raise codec.corrupt(sequence, "the index has it, and the ledger does not")
                    yield RawLine(sequence, found[sequence])

    def _append(
        self,
        step: Step,
        message: str,  # noqa: ARG002 (a database keeps none)
        crls: Mapping[CrlKey, Path],
    ) -> None:
        if self._read_only:
            raise read_only_error(self.uri)
        self._ready()
        with self._writing() as connection:
            last = self._write(connection, step, crls)
        self._note(last)

    def _write(
        self, connection: Connection, step: Step, crls: Mapping[CrlKey, Path]
    ) -> Entry | None:
        """Write what a step yields; return the last entry, None when there is none."""
        last: Entry | None = None
        for entries in step(connection, None):
            rows = [{"sequence": entry.sequence, "line": entry.line} for entry in entries]
            insert_rows(connection, tables.ledger, rows)
            last = entries[-1] if entries else last
        if last is not None:
            for (issuer, scope), path in crls.items():
                row = {"issuer": issuer, "scope": scope, "der": path.read_bytes()}
                replace_rows(connection, tables.crl_files, [row])
        return last

    def open_crl(self, issuer: str, scope: str = FULL_SCOPE) -> BinaryIO:
        files, crls = tables.crl_files, tables.crls
        same = (files.c.issuer == crls.c.issuer) & (files.c.scope == crls.c.scope)
        statement = select(files.c.der, crls.c.digest).join_from(files, crls, same)
        statement = statement.where(files.c.issuer == issuer, files.c.scope == scope)
        with self._reading() as connection:
            found = connection.execute(statement).first()
        if found is None:
            raise no_crl(issuer, scope)
        if codec.digest(found.der) != found.digest:
            raise crl_differs(issuer, scope)
        return BytesIO(found.der)

    def verify_projections(self) -> Iterator[Finding]:
        """The CRLs are those of the ledger."""
        with self.reading_index() as connection:
            files = select(tables.crl_files).execution_options(yield_per=1)
            with connection.execute(files) as rows:
                found = {(row.issuer, row.scope): codec.digest(row.der) for row in rows}
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
            count = self._rebuild_index(connection)
            head = read_head(connection)
        self._note_head(head)
        return count

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
            self._prepare(version)
        # Read before the state that is looked at: it is noted after what it tells of is there.
        seen = self._seen.read() if self._seen else NOTHING_SEEN
        with reading(self._engine, self.place) as connection:
            check_position(connection)
            head = self._check_seen(connection, seen)
        if self._temporary is None:
            self._note_head(head)
        self._is_ready = True

    # --- What was seen ---

    def _check_seen(self, connection: Connection, seen: Head) -> Head:
        """Return the head. Raises `StoreError` (`store.rolled_back`) when it went back."""
        head = read_head(connection)
        if seen.sequence < 0 or (seen.sequence, seen.digest) == (head.sequence, head.digest):
            return head
        table = tables.ledger
        line = connection.execute(
            select(table.c.line).where(table.c.sequence == seen.sequence)
        ).scalar()
        if line is None or codec.digest(bytes(line)) != seen.digest:
            raise StoreError(
                f"the store {self.uri} went back: entry {seen.sequence}, which was there, is not "
                "there or is another one",
                help="an old backup was put in its place, or another database: serial numbers that "
                "were used are unknown to it. Put back the newest backup there is (or what "
                "`pkictl store export` wrote). Only if this is meant: `pkictl store rebuild` "
                "believes the store as it is",
                code="store.rolled_back",
            )
        return head

    def _note(self, last: Entry | None) -> None:
        if last is not None:
            self._note_head(Head(last.sequence, codec.digest(last.line), last.at))

    def _note_head(self, head: Head) -> None:
        """Note the end of the ledger; it is durable without that, and the next run notes it too."""
        if self._seen is not None and head.sequence >= 0:
            with suppress(OSError):
                self._seen.note(head)

    def _rebuild_index(self, connection: Connection) -> int:
        self._empty_index(connection)
        statement = (
            select(tables.ledger)
            .order_by(tables.ledger.c.sequence)
            .execution_options(yield_per=ROWS_AT_A_TIME)
        )
        with connection.execute(statement) as rows:
            raw = (RawLine(row.sequence, bytes(row.line)) for row in rows)
            return project(connection, parsed(raw))


def check_position(connection: Connection) -> None:
    """Raise `StoreError` (`store.rolled_back`) unless the index ends where the ledger ends."""
    head = read_head(connection)
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
