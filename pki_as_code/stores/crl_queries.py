"""Questions to the index about what authorities revoked, and about their CRLs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from heapq import merge
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Executable, String, Table, literal, null, select, type_coerce

from pki_as_code.model import AUTHORITY, CA_SCOPE, FULL_SCOPE, USER_SCOPE, ObjectId, Revocation
from pki_as_code.stores.bulk_reads import load_crl_progress
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.tables import abandoned, certificates

_ROWS_AT_A_TIME: Final = 2000


def revoked(
    connection: Connection, issuer: str, scope: str, not_after_from: datetime | None
) -> Iterator[tuple[int, Revocation, datetime]]:
    """
    Stream by serial number, as its hex sorts.

    There may be a million: values are taken as the text that the columns hold, and each time of day
    is read once.
    """
    table = certificates.c
    statement = (
        select(
            type_coerce(table.serial_number, String),
            type_coerce(table.not_after, String),
            table.revocation_reason,
            type_coerce(table.revocation_date, String),
            type_coerce(table.invalidity_date, String),
            type_coerce(table.requested_by, String),
        )
        .where(
            table.issuer == issuer,
            table.revocation_date.is_not(None),
            *_in_scope(certificates, scope, not_after_from),
        )
        .order_by(table.serial_number)
    )
    given_up = (
        select(
            type_coerce(abandoned.c.serial_number, String),
            type_coerce(abandoned.c.not_after, String),
            literal("unspecified"),
            type_coerce(abandoned.c.abandoned_at, String),
            null(),
            null(),
        )
        .where(abandoned.c.issuer == issuer, *_in_scope(abandoned, scope, not_after_from))
        .order_by(abandoned.c.serial_number)
    )
    both = merge(_rows(connection, statement), _rows(connection, given_up), key=itemgetter(0))
    for serial_number, not_after, reason, date, invalidity_date, asked_by in both:
        revocation = Revocation(
            reason,
            _time(date),
            _time(invalidity_date) if invalidity_date else None,
            ObjectId.from_json(json.loads(asked_by)) if asked_by else None,
        )
        yield int(serial_number, 16), revocation, _time(not_after)


def _rows(connection: Connection, statement: Executable) -> Iterator[Any]:
    with connection.execute(statement.execution_options(yield_per=_ROWS_AT_A_TIME)) as result:
        yield from result


@lru_cache(maxsize=1 << 14)
def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


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
