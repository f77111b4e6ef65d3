"""What all stores have in common: the index, and how entries come to be."""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection, Engine, select

from pki_as_code.errors import StoreError
from pki_as_code.model import (
    FULL_SCOPE,
    BlockedKey,
    CertificateRecord,
    CrlRecord,
    Failure,
    Finding,
    ObjectId,
    Observed,
    Reservation,
    Revocation,
    SerialStatus,
    Source,
    Status,
)
from pki_as_code.stores import codec, crl_queries, index, key_queries, status_queries, tables
from pki_as_code.stores.bulk_reads import load_crls, load_notices, read_head
from pki_as_code.stores.crl_rules import check_crl_files
from pki_as_code.stores.crl_states import CrlStates
from pki_as_code.stores.engine import reading, writing
from pki_as_code.stores.entries import Entry, Payload, Reserved
from pki_as_code.stores.extending import Step, extend
from pki_as_code.stores.interface import CertificateFilter, CrlKey, Head
from pki_as_code.stores.projection import Observer
from pki_as_code.stores.verification import verify_store


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as the ledger has it, where it stands, and the sequence number that place means."""

    sequence: int
    line: bytes
    source: Source | None = None


class LedgerStore(abc.ABC):
    """
    A store whose index is a database.

    A subclass says how the ledger is read (`raw_lines`) and how entries are made durable
    (`_append`), and brings the index up to date before the first question (`_ready`).
    """

    def __init__(self, uri: str, engine: Engine, place: str) -> None:
        self.uri = uri
        self.place = place
        """What errors call the database."""

        self._engine = engine

    # --- What a subclass is ---

    @abc.abstractmethod
    def raw_lines(self, first_sequence: int = 0) -> Iterator[RawLine]:
        """
        Stream the ledger's lines from `first_sequence` on, as they are.

        Raises `StoreError` (`store.corrupt`) where not even the place of a line can be trusted.
        """

    @abc.abstractmethod
    def _append(self, step: Step, message: str, crls: Mapping[CrlKey, Path]) -> None:
        """
        Make durable the entries of a step, and the files of CRLs: all of them or none.

        `step` is called once more when the attempt has to be repeated.
        """

    @abc.abstractmethod
    def open_crl(self, issuer: str, scope: str = FULL_SCOPE) -> BinaryIO: ...

    @abc.abstractmethod
    def _ready(self) -> None:
        """Bring the index up to date, once. Raises `StoreError` when it cannot be trusted."""

    @abc.abstractmethod
    def rebuild(self) -> int: ...

    def upgrade(self) -> bool:
        """Most stores are brought up to date whenever they are opened."""
        self._ready()
        return False

    def observer_for_verification(self) -> Observer | None:
        """Return what is to see every entry while it is verified, before `verify_projections`."""
        return None

    def verify_projections(self) -> Iterator[Finding]:
        """Yield what is wrong with copies of the ledger's content that a store keeps beside it."""
        return iter(())

    def verify_head(self) -> Iterator[Finding]:
        """Yield a finding when the store went back behind what was seen of it."""
        try:
            self._ready()
        except StoreError as error:
            yield Finding(error.code, error.message, help=error.help)

    # --- Questions ---

    def head(self) -> Head:
        with self._reading() as connection:
            return read_head(connection)

    def observe(self, object_ids: Collection[ObjectId]) -> Mapping[ObjectId, Observed]:
        with self._reading() as connection:
            return index.observe(connection, object_ids)

    def live_objects(self) -> Iterator[ObjectId]:
        with self._reading() as connection:
            yield from index.live_objects(connection)

    def count_live(self, kind: str) -> int:
        with self._reading() as connection:
            return index.count_live(connection, kind)

    def due(self, before: datetime) -> Iterator[ObjectId]:
        with self._reading() as connection:
            yield from index.due(connection, before)

    def find(self, wanted: CertificateFilter) -> Iterator[CertificateRecord]:
        with self._reading() as connection:
            yield from index.find(connection, wanted)

    def certificate_der(self, issuer: str, serial_number: int) -> bytes:
        with self._reading() as connection:
            return index.certificate_der(connection, issuer, serial_number)

    def authority_certificate(self, name: str) -> bytes | None:
        with self._reading() as connection:
            return index.authority_certificates(connection, name).get(name)

    def authorities(self) -> Mapping[str, bytes]:
        with self._reading() as connection:
            return index.authority_certificates(connection)

    def revoked(
        self, issuer: str, scope: str = FULL_SCOPE, *, not_after_from: datetime | None = None
    ) -> Iterator[tuple[int, Revocation, datetime]]:
        with self._reading() as connection:
            yield from crl_queries.revoked(connection, issuer, scope, not_after_from)

    def serial_status(self, issuer: str, serial_number: int) -> SerialStatus | None:
        with self._reading() as connection:
            return status_queries.serial_status(connection, issuer, serial_number)

    def serial_statuses(
        self, issuer: str, *, not_after_from: datetime | None = None
    ) -> Iterator[SerialStatus]:
        with self._reading() as connection:
            yield from status_queries.serial_statuses(connection, issuer, not_after_from)

    def count_certificates(self, now: datetime) -> Mapping[Status, int]:
        with self._reading() as connection:
            return status_queries.count_certificates(connection, now)

    def crls(self) -> tuple[CrlRecord, ...]:
        with self._reading() as connection:
            return tuple(load_crls(connection).values())

    def crl_changes(self) -> Mapping[CrlKey, int]:
        with self._reading() as connection:
            return crl_queries.crl_changes(connection)

    def highest_crl_number(self, issuer: str) -> int:
        with self._reading() as connection:
            return CrlStates(connection).highest_number(issuer)

    def superseded(
        self, object_ids: Collection[ObjectId], now: datetime
    ) -> Iterator[CertificateRecord]:
        with self._reading() as connection:
            yield from key_queries.superseded(connection, object_ids, now)

    def first_uses(self, public_keys: Collection[str]) -> Mapping[str, datetime]:
        with self._reading() as connection:
            return key_queries.first_uses(connection, public_keys)

    def blocked_keys(self, public_keys: Collection[str]) -> Mapping[str, BlockedKey]:
        with self._reading() as connection:
            return key_queries.find_blocked(connection, public_keys)

    def open_reservations(self) -> Iterator[Reservation]:
        with self._reading() as connection:
            yield from index.open_reservations(connection)

    def failures(self) -> Iterator[Failure]:
        with self._reading() as connection:
            yield from index.failures(connection)

    def notified(
        self, certificates: Collection[tuple[str, int]]
    ) -> Mapping[tuple[str, int], frozenset[tuple[str, int, str]]]:
        with self._reading() as connection:
            return load_notices(connection, certificates)

    def last_reconciled(self) -> str | None:
        with self._reading() as connection:
            statement = select(tables.meta.c.value).where(tables.meta.c.key == "reconciled")
            return connection.execute(statement).scalar()

    def last_reconciled_at(self) -> datetime | None:
        with self._reading() as connection:
            statement = select(tables.meta.c.value).where(tables.meta.c.key == "reconciled_at")
            at = connection.execute(statement).scalar()
        return datetime.fromisoformat(at) if at else None

    def entries(
        self, object_id: ObjectId | None = None, *, first_sequence: int = 0
    ) -> Iterator[Entry]:
        self._ready()
        if object_id is None:
            yield from parsed(self.raw_lines(first_sequence))
            return
        with self._reading() as connection:
            sequences = list(index.sequences_of(connection, object_id, first_sequence))
        yield from parsed(self._lines_at(sequences))

    def _lines_at(self, sequences: Sequence[int]) -> Iterator[RawLine]:
        """Stream the lines with these numbers, which are in order."""
        for sequence in sequences:
            found = next(self.raw_lines(sequence), None)
            if found is None:
                raise codec.corrupt(sequence, "the index has it, and the ledger does not")
            yield found

    def verify(self) -> Iterator[Finding]:
        return verify_store(self)

    # --- Changes ---

    def reserve(self, reservations: Sequence[Reserved], *, now: datetime, message: str) -> None:
        self._record(reservations, now, message, {})

    def record(
        self,
        payloads: Sequence[Payload],
        *,
        now: datetime,
        message: str,
        crls: Mapping[CrlKey, Path] | None = None,
    ) -> None:
        check_crl_files(payloads, crls or {})
        self._record(payloads, now, message, crls or {})

    def _record(
        self, payloads: Sequence[Payload], now: datetime, message: str, crls: Mapping[CrlKey, Path]
    ) -> None:
        if payloads:
            self._append(
                lambda connection, observe: [extend(connection, observe, payloads, now)],
                message,
                crls,
            )

    def append_entries(self, step: Step, message: str, crls: Mapping[CrlKey, Path]) -> None:
        """Append entries that exist already, as they are: those of another store."""
        self._append(step, message, crls)

    def export_lines(self) -> Iterator[bytes]:
        from pki_as_code.stores.transfer import export_lines

        return export_lines(self)

    def import_file(self, path: Path) -> Head:
        from pki_as_code.stores.transfer import import_file

        return import_file(self, path)

    def close(self) -> None:
        self._engine.dispose()

    def reading_index(self) -> AbstractContextManager[Connection]:
        """Open the index as it is, without bringing it up to date."""
        return reading(self._engine, self.place)

    # --- For subclasses ---

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        self._ready()
        with reading(self._engine, self.place) as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with writing(self._engine, self.place) as connection:
            yield connection


def parsed(lines: Iterator[RawLine]) -> Iterator[Entry]:
    """Stream the entries of lines. Raises `StoreError` where one is not what its place says."""
    previous: Entry | None = None
    for raw in lines:
        entry = codec.parse_line(raw.line, raw.sequence)
        if entry.sequence != raw.sequence:
            raise codec.corrupt(raw.sequence, f"the line there has sequence {entry.sequence}")
        if previous is not None and previous.sequence + 1 == entry.sequence:
            if entry.previous_digest != codec.digest(previous.line):
                raise codec.corrupt(
                    entry.sequence, "its `prev` is not the digest of the entry before"
                )
            if entry.at < previous.at:
                raise codec.corrupt(entry.sequence, "it is older than the entry before")
        previous = entry
        yield entry
