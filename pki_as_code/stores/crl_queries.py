"""Questions to the index about what authorities revoked, and about their CRLs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from heapq import merge
from typing import Any

from sqlalchemy import Connection, Table, select

from pki_as_code.model import AUTHORITY, CA_SCOPE, FULL_SCOPE, USER_SCOPE, Revocation
from pki_as_code.pkix.serial_numbers import serial_number_hex
from pki_as_code.stores.bulk_reads import load_crl_progress
from pki_as_code.stores.index import stream
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.rows import revocation_of
from pki_as_code.stores.tables import abandoned, certificates


def revoked(
    connection: Connection, issuer: str, scope: str, not_after_from: datetime | None
) -> Iterator[tuple[int, Revocation, datetime]]:
    """Stream by serial number, as its hex sorts."""
    statement = (
        select(
            certificates.c.serial_number,
            certificates.c.not_after,
            certificates.c.revocation_reason,
            certificates.c.revocation_date,
            certificates.c.invalidity_date,
            certificates.c.requested_by,
        )
        .where(
            certificates.c.issuer == issuer,
            certificates.c.revocation_date.is_not(None),
            *_in_scope(certificates, scope, not_after_from),
        )
        .order_by(certificates.c.serial_number)
    )
    recorded = (
        (row["serial_number"], revocation, row["not_after"])
        for row in stream(connection, statement)
        if (revocation := revocation_of(row)) is not None
    )
    given_up = select(abandoned).where(
        abandoned.c.issuer == issuer, *_in_scope(abandoned, scope, not_after_from)
    )
    unrecorded = (
        (row["serial_number"], Revocation("unspecified", row["abandoned_at"]), row["not_after"])
        for row in stream(connection, given_up.order_by(abandoned.c.serial_number))
    )
    yield from merge(recorded, unrecorded, key=lambda item: serial_number_hex(item[0]))


def crl_changes(connection: Connection) -> dict[CrlKey, int]:
    """Return the sequence number of the last change, by issuer and scope."""
    progress = load_crl_progress(connection)
    return {key: p.changed_at for key, p in progress.items() if p.changed_at is not None}


def _in_scope(table: Table, scope: str, not_after_from: datetime | None) -> Iterator[Any]:
    if not_after_from is not None:
        yield table.c.not_after >= not_after_from
    if scope == USER_SCOPE:
        yield table.c.kind != AUTHORITY
    elif scope == CA_SCOPE:
        yield table.c.kind == AUTHORITY
    elif scope != FULL_SCOPE:
        yield table.c.crl_scope == scope
