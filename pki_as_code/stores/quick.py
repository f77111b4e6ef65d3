"""
A store that is read only, and answers the questions of nearly every command at once.

It reads the index with the driver alone, where that is up to date and there is nothing to make,
follow or note. At the first doubt, and for every other question, it opens the store itself, which
then answers everything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from pki_as_code.errors import StoreError
from pki_as_code.model import (
    FULL_SCOPE,
    CertificateRecord,
    CrlRecord,
    ObjectId,
    Observed,
    Reservation,
)
from pki_as_code.stores import quick_sql, sqlite_driver
from pki_as_code.stores.interface import CertificateFilter, CrlKey, Head
from pki_as_code.stores.quick_reads import crl_progress, load_crls, observe, read_meta
from pki_as_code.stores.rows import head_of, object_of, record_of, reservation_of

if TYPE_CHECKING:
    from pki_as_code.stores.interface import Store


class QuickIndex(Protocol):
    """The database with the index of one store."""

    @property
    def path(self) -> Path: ...

    @property
    def mode(self) -> str:
        """How it is opened, as `sqlite_driver.connect` has it."""
        ...

    def is_current(self, connection: sqlite3.Connection) -> bool:
        """
        Tell whether the index can be read as it is, since nothing would be done to it first.

        Raises `StoreError` as the store itself would.
        """
        ...

    def open_crl(self, connection: sqlite3.Connection, issuer: str, scope: str) -> BinaryIO | None:
        """Open a CRL as the store itself would; None where only that can."""
        ...

    def open_store(self) -> Store:
        """Open the store itself."""
        ...


class QuickStore:
    """What it has no method for is asked of the store itself."""

    def __init__(self, uri: str, index: QuickIndex) -> None:
        self.uri = uri
        self._index = index
        self._store: Store | None = None
        self._is_ready = False
        self._idle: list[sqlite3.Connection] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._whole(), name)

    def head(self) -> Head:
        if not self._is_quick():
            return self._whole().head()
        with self._reading() as connection:
            return head_of(read_meta(connection))

    def last_reconciled(self) -> str | None:
        if not self._is_quick():
            return self._whole().last_reconciled()
        with self._reading() as connection:
            return read_meta(connection).get("reconciled")

    def observe(self, object_ids: Collection[ObjectId]) -> Mapping[ObjectId, Observed]:
        if not self._is_quick():
            return self._whole().observe(object_ids)
        with self._reading() as connection:
            return observe(connection, object_ids)

    def live_objects(self) -> Iterator[ObjectId]:
        if not self._is_quick():
            yield from self._whole().live_objects()
            return
        with self._reading() as connection:
            yield from map(object_of, quick_sql.rows(connection, quick_sql.LIVE_OBJECTS))

    def count_live(self, kind: str) -> int:
        if not self._is_quick():
            return self._whole().count_live(kind)
        with self._reading() as connection:
            (row,) = quick_sql.rows(connection, *quick_sql.count_live(kind))
            return int(row["count_1"])

    def find(self, wanted: CertificateFilter) -> Iterator[CertificateRecord]:
        if not self._is_quick() or not quick_sql.ORDERED.issuperset(wanted.order):
            yield from self._whole().find(wanted)
            return
        with self._reading() as connection:
            found = quick_sql.rows(connection, *quick_sql.find_statement(wanted))
            yield from map(record_of, found)

    def certificate_der(self, issuer: str, serial_number: int) -> bytes:
        if self._is_quick():
            with self._reading() as connection:
                wanted = quick_sql.certificate_der(issuer, serial_number)
                for row in quick_sql.rows(connection, *wanted):
                    return bytes(row["der"])
        return self._whole().certificate_der(issuer, serial_number)  # or its error

    def authorities(self) -> Mapping[str, bytes]:
        if not self._is_quick():
            return self._whole().authorities()
        with self._reading() as connection:
            found = quick_sql.rows(connection, quick_sql.AUTHORITIES)
            return {row["name"]: bytes(row["certificate_der"]) for row in found}

    def crls(self) -> tuple[CrlRecord, ...]:
        if not self._is_quick():
            return self._whole().crls()
        with self._reading() as connection:
            return tuple(load_crls(connection).values())

    def crl_changes(self) -> Mapping[CrlKey, int]:
        if not self._is_quick():
            return self._whole().crl_changes()
        with self._reading() as connection:
            progress = crl_progress(connection)
            return {key: p.changed_at for key, p in progress.items() if p.changed_at is not None}

    def open_crl(self, issuer: str, scope: str = FULL_SCOPE) -> BinaryIO:
        if self._is_quick():
            with self._reading() as connection:
                found = self._index.open_crl(connection, issuer, scope)
            if found is not None:
                return found
        return self._whole().open_crl(issuer, scope)

    def open_reservations(self) -> Iterator[Reservation]:
        if not self._is_quick():
            yield from self._whole().open_reservations()
            return
        with self._reading() as connection:
            found = quick_sql.rows(connection, quick_sql.OPEN_RESERVATIONS)
            yield from map(reservation_of, found)

    # Of no keys at all, as most plans ask, there is nothing to be known.

    def first_uses(self, public_keys: Collection[str]) -> Mapping[str, Any]:
        return self._whole().first_uses(public_keys) if public_keys else {}

    def blocked_keys(self, public_keys: Collection[str]) -> Mapping[str, Any]:
        return self._whole().blocked_keys(public_keys) if public_keys else {}

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()
        if self._store is not None:
            self._store.close()

    # --- Which of the two it is ---

    def _is_quick(self) -> bool:
        if self._store is None and not self._is_ready:
            try:
                with self._reading() as connection:
                    self._is_ready = self._index.is_current(connection)
            except sqlite3.Error:
                pass  # the store itself tells what is wrong, or mends it
            if not self._is_ready:
                self._whole()
        return self._store is None

    def _whole(self) -> Store:
        if self._store is None:
            self._store = self._index.open_store()
        return self._store

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state; each stream that is being read has its own."""
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            connection.execute("BEGIN").close()
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK").close()
                self._idle.append(connection)
        except sqlite3.Error as error:
            if not self._is_ready:
                raise
            raise self._meaning(error) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite_driver.connect(self._index.path, self._index.mode)
        sqlite_driver.set_up(connection)
        return connection

    def _meaning(self, error: sqlite3.Error) -> StoreError:
        return sqlite_driver.store_error(error, str(self._index.path))
