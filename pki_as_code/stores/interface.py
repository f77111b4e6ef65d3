"""What a store is: an append-only ledger, and an index over it that answers queries."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

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
    Status,
)
from pki_as_code.stores.position import Position

if TYPE_CHECKING:  # a class for each type of entry takes a while to make
    from pki_as_code.stores.entries import Entry, Payload, Reserved

EMPTY_DIGEST: Final = "0" * 64
"""What stands for the digest of the last entry of an empty ledger."""

CrlKey = tuple[str, str]
"""Issuer and scope of a CRL."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the ledger: `sequence` is -1 and `digest` 64 zeros when it is empty."""

    sequence: int
    digest: str
    """Hex SHA-256 of the bytes of the last entry."""

    at: datetime | None


@dataclass(frozen=True, slots=True)
class CertificateFilter:
    """What `find` returns; every condition given must hold."""

    issuer: str | None = None
    namespace: str | None = None
    name: str | None = None
    profile: str | None = None
    serial_number: int | None = None
    serial_prefix: str | None = None
    """Lower-case hex digits, no colons, leading zeros of the first octet kept."""

    common_name: str | None = None
    public_key_sha256: str | None = None
    fingerprint_sha256: str | None = None
    subject_alternative_name: str | None = None
    """Exact, as `pkix.names.format_general_name` writes it."""

    called: str | None = None
    """Common name, object name or `namespace/name`, in any case; `*` and `?` stand for others."""

    name_prefix: str | None = None
    """How the object name begins."""

    excluded_profiles: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ("Certificate",)
    not_after_before: datetime | None = None
    not_after_from: datetime | None = None
    """`expired at T` is not_after_before=T, `not expired at T` is not_after_from=T."""

    revoked: bool | None = None
    current_only: bool = False
    """Only the certificate issued last under each object."""

    order: tuple[str, ...] = field(default=("not_after", "serial_number"))
    descending: bool = False
    limit: int | None = None


class Store(Protocol):
    """
    The record of what was asked, issued and revoked.

    `reserve` and `record` are durable when they return: one transaction, or one commit (and push).
    Both raise `ContentionError`, and write nothing, when what they stand on is no longer so; the
    caller plans again. Reading never guesses: a store that cannot be read, or does not agree with
    itself, raises `StoreError`, never gives an empty answer.
    """

    uri: str

    def head(self) -> Head: ...

    def position(self) -> Position | None:
        """Return what `stores.position` compares; None where only the open store can tell."""
        ...

    def observe(self, object_ids: Collection[ObjectId]) -> Mapping[ObjectId, Observed]:
        """Return what is known of each; objects never heard of are absent."""
        ...

    def live_objects(self) -> Iterator[ObjectId]:
        """Every object that has a certificate and was not retired, in order."""
        ...

    def count_live(self, kind: str) -> int:
        """Return how many of those there are of one kind."""
        ...

    def due(self, before: datetime) -> Iterator[ObjectId]:
        """Objects whose current certificate ends before that time, and those to be retried."""
        ...

    def find(self, wanted: CertificateFilter) -> Iterator[CertificateRecord]:
        """Stream the certificates that fit, in the order asked for; never holds them all."""
        ...

    def certificate_der(self, issuer: str, serial_number: int) -> bytes:
        """Return one certificate. Raises `NotFoundError`."""
        ...

    def authority_certificate(self, name: str) -> bytes | None:
        """Return the DER of an authority's current certificate, None when it has none yet."""
        ...

    def authorities(self) -> Mapping[str, bytes]:
        """Every authority's current certificate, DER by name."""
        ...

    def revoked(
        self, issuer: str, scope: str = FULL_SCOPE, *, not_after_from: datetime | None = None
    ) -> Iterator[tuple[int, Revocation, datetime]]:
        """
        Stream (serial number, revocation, notAfter) of what an authority revoked, by serial.

        Only what a CRL of that scope lists, and only what does not end before `not_after_from`.
        Serial numbers whose reservation was given up count as revoked.
        """
        ...

    def serial_status(self, issuer: str, serial_number: int) -> SerialStatus | None:
        """Return what became of a serial number, None for one that was never on a certificate."""
        ...

    def serial_statuses(
        self, issuer: str, *, not_after_from: datetime | None = None
    ) -> Iterator[SerialStatus]:
        """
        Stream the serial numbers an authority used, by serial number.

        Only of certificates that do not end before `not_after_from`.
        """
        ...

    def count_certificates(self, now: datetime) -> Mapping[Status, int]:
        """Return how many certificates of each status there are, of all kinds."""
        ...

    def crls(self) -> tuple[CrlRecord, ...]:
        """Return the last CRL of each authority and scope."""
        ...

    def crl_changes(self) -> Mapping[CrlKey, int]:
        """
        Return when that which a CRL lists changed last, by authority and scope.

        A sequence number; a CRL with an `as_of` before it is out of date.
        """
        ...

    def highest_crl_number(self, issuer: str) -> int:
        """Return the highest CRL number that the authority used or reserved, 0 for none."""
        ...

    def open_crl(self, issuer: str, scope: str = FULL_SCOPE) -> BinaryIO:
        """
        Open the last CRL (DER) of an authority, to be read.

        Raises `NotFoundError`; `StoreError` (`store.projection_differs`) when the file is not the
        CRL of the ledger: an older one may be genuine, and lack what was revoked since.
        """
        ...

    def superseded(
        self, object_ids: Collection[ObjectId], now: datetime
    ) -> Iterator[CertificateRecord]:
        """Stream those objects' certificates that have a successor and could still be used."""
        ...

    def first_uses(self, public_keys: Collection[str]) -> Mapping[str, datetime]:
        """
        Return when the first certificate with each key (hex SHA-256 of it) began to be valid.

        Keys that were never certified are absent.
        """
        ...

    def blocked_keys(self, public_keys: Collection[str]) -> Mapping[str, BlockedKey]:
        """Return those of these keys (hex SHA-256) that are never certified again, and why."""
        ...

    def open_reservations(self) -> Iterator[Reservation]: ...

    def failures(self) -> Iterator[Failure]: ...

    def notified(
        self, certificates: Collection[tuple[str, int]]
    ) -> Mapping[tuple[str, int], frozenset[tuple[str, int, str]]]:
        """
        Return what was told of each certificate (issuer, serial number), under whatever name.

        Each item is (event, threshold in seconds, address); certificates nobody was told about are
        absent.
        """
        ...

    def last_reconciled(self) -> str | None:
        """The commit of the last `reconciled` entry."""
        ...

    def last_reconciled_at(self) -> datetime | None:
        """When that entry was written."""
        ...

    def entries(
        self, object_id: ObjectId | None = None, *, first_sequence: int = 0
    ) -> Iterator[Entry]:
        """Stream the ledger in order: all of it, or what concerns one object."""
        ...

    def reserve(self, reservations: Sequence[Reserved], *, now: datetime, message: str) -> None:
        """
        Make durable what is about to be signed.

        Refused as a whole with `ContentionError` when one of the objects has an open reservation or
        another current certificate than the reservation `replaces`; with `StoreError` when a serial
        number was ever used by that issuer.
        """
        ...

    def record(
        self,
        payloads: Sequence[Payload],
        *,
        now: datetime,
        message: str,
        crls: Mapping[CrlKey, Path] | None = None,
    ) -> None:
        """
        Make durable what happened.

        `crls` names the files (DER) of the CRLs among `payloads`; they are copied.

        Recording once more what is already recorded (a reservation that another run finished, a
        revocation already in force) writes nothing for that item.
        """
        ...

    def verify(self) -> Iterator[Finding]:
        """Recompute everything: chain, sequence, signatures, index, projections. Yields faults."""
        ...

    def rebuild(self) -> int:
        """Make the index anew from the ledger; returns the number of entries read."""
        ...

    def upgrade(self) -> bool:
        """Bring tables of an older version up to this one's; tells whether that was needed."""
        ...

    def export_lines(self) -> Iterator[bytes]:
        """Stream the lines of a file that holds all of the store, the ledger byte for byte."""
        ...

    def import_file(self, path: Path) -> Head:
        """Fill an empty store from such a file: all of it or nothing."""
        ...

    def close(self) -> None: ...
