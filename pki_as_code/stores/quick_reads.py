"""What the statements of `quick_sql` find, in the words of the model; as `index.py` has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from pki_as_code.model import CrlRecord, ObjectId, Observed
from pki_as_code.stores import quick_sql
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.rows import Row, failure_of, object_of, record_of, reservation_of

if TYPE_CHECKING:
    from pki_as_code.stores.states import CrlProgress

CHUNK = 400
"""Objects in one query."""


def read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    return {row["key"]: row["value"] for row in quick_sql.rows(connection, quick_sql.META)}


def load_crls(connection: sqlite3.Connection) -> dict[CrlKey, CrlRecord]:
    found = quick_sql.rows(connection, quick_sql.CRLS)
    return {(row["issuer"], row["scope"]): CrlRecord(**row) for row in found}


def crl_progress(connection: sqlite3.Connection) -> dict[CrlKey, CrlProgress]:
    from pki_as_code.stores.states import CrlProgress

    found = {}
    for row in quick_sql.rows(connection, quick_sql.CRL_PROGRESS):
        key = (row.pop("issuer"), row.pop("scope"))
        found[key] = CrlProgress(**row)
    return found


def observe(
    connection: sqlite3.Connection, object_ids: Collection[ObjectId]
) -> dict[ObjectId, Observed]:
    """Return what is known of each object, in the order asked."""
    found: dict[ObjectId, Observed] = {}
    unique = list(dict.fromkeys(object_ids))
    for start in range(0, len(unique), CHUNK):
        chunk = unique[start : start + CHUNK]
        queries = quick_sql.among_objects([(o.kind, o.namespace, o.name) for o in chunk])
        objects, current, reservations = (_by_object(connection, query) for query in queries)
        for object_id in chunk:
            if (known := objects.get(object_id)) is None:
                continue
            record, reservation = current.get(object_id), reservations.get(object_id)
            found[object_id] = Observed(
                object_id,
                current=record_of(record, object_id) if record else None,
                reservation=reservation_of(reservation) if reservation else None,
                failure=failure_of(known),
                retired=known["retired"],
            )
    return found


def _by_object(connection: sqlite3.Connection, query: quick_sql.Statement) -> dict[ObjectId, Row]:
    return dict(_keyed(quick_sql.rows(connection, *query)))


def _keyed(rows: Iterator[Row]) -> Iterator[tuple[ObjectId, Row]]:
    return ((object_of(row), row) for row in rows)
