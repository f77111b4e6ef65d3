"""Reading states of many objects and certificates with few statements."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, Connection, Table, bindparam, func, select, tuple_

from pki_as_code.model import CrlRecord, ObjectId, Reservation
from pki_as_code.stores import tables
from pki_as_code.stores.interface import CrlKey, Head
from pki_as_code.stores.postgres_engine import POSTGRESQL
from pki_as_code.stores.rows import (
    failure_of,
    head_of,
    object_of,
    optional_object,
    reservation_of,
    revocation_of,
)
from pki_as_code.stores.states import (
    CertificateKey,
    CertificateState,
    CrlProgress,
    ObjectState,
)

CHUNK: Final = 400
"""Keys in one query."""

_OBJECT: Final = ("kind", "namespace", "name")
_CERTIFICATE: Final = ("issuer", "serial_number")


def load_objects(
    connection: Connection, object_ids: Iterable[ObjectId]
) -> dict[ObjectId, ObjectState]:
    """Return the objects that the index knows."""
    keys = [(o.kind, o.namespace, o.name) for o in object_ids]
    found: dict[ObjectId, ObjectState] = {}
    for row in _rows(connection, tables.objects, _OBJECT, keys):
        object_id = object_of(row)
        issuer = row["current_issuer"]
        found[object_id] = ObjectState(
            object_id,
            current=(issuer, row["current_serial_number"]) if issuer is not None else None,
            current_not_after=row["current_not_after"],
            retired=row["retired"],
            failure=failure_of(row),
            renamed_from=optional_object(row["renamed_from"]),
        )
    for row in _rows(connection, tables.reservations, _OBJECT, keys):
        found[object_of(row)].open_reservation = (row["issuer"], row["serial_number"])
    return found


def load_certificates(
    connection: Connection, keys: Iterable[CertificateKey]
) -> dict[CertificateKey, CertificateState]:
    """Return the certificates that the index knows."""
    return {
        (row["issuer"], row["serial_number"]): CertificateState(
            object_of(row),
            row["fingerprint_sha256"],
            row["not_after"],
            row["deletion_policy"],
            revocation_of(row),
            row["superseded_at"],
            row["crl_scope"],
        )
        for row in _rows(connection, tables.certificates, _CERTIFICATE, list(keys))
    }


def load_reservations(
    connection: Connection, keys: Iterable[CertificateKey]
) -> dict[CertificateKey, Reservation]:
    """Return the reservations that are open."""
    return {
        (row["issuer"], row["serial_number"]): reservation_of(row)
        for row in _rows(connection, tables.reservations, _CERTIFICATE, list(keys))
    }


def load_abandoned(connection: Connection, keys: Iterable[CertificateKey]) -> set[CertificateKey]:
    """Return those of the keys whose reservations were given up."""
    rows = _rows(connection, tables.abandoned, _CERTIFICATE, list(keys))
    return {(row["issuer"], row["serial_number"]) for row in rows}


def load_meta(connection: Connection) -> dict[str, str]:
    return {row.key: row.value for row in connection.execute(select(tables.meta))}


def read_head(connection: Connection) -> Head:
    """Return how far the index is."""
    return head_of(load_meta(connection))


def load_authorities(connection: Connection) -> dict[str, bytes]:
    rows = connection.execute(select(tables.authorities))
    return {row.name: bytes(row.certificate_der) for row in rows}


def load_crls(connection: Connection) -> dict[CrlKey, CrlRecord]:
    """Return the last CRL of each authority and scope."""
    rows = connection.execute(select(tables.crls).order_by(*tables.crls.primary_key.columns))
    return {(row.issuer, row.scope): CrlRecord(**row._mapping) for row in rows}


def load_crl_progress(connection: Connection) -> dict[CrlKey, CrlProgress]:
    """Return what stands for the next CRL, by issuer and scope."""
    found = {}
    for row in connection.execute(select(tables.crl_progress)).mappings():
        values = dict(row)
        key = (values.pop("issuer"), values.pop("scope"))
        found[key] = CrlProgress(**values)
    return found


def load_notices(
    connection: Connection, keys: Iterable[CertificateKey]
) -> dict[CertificateKey, frozenset[tuple[str, int, str]]]:
    """Return (event, threshold in seconds, address) of what was told of each certificate."""
    found: dict[CertificateKey, set[tuple[str, int, str]]] = {}
    for row in _rows(connection, tables.notices, _CERTIFICATE, list(dict.fromkeys(keys))):
        told = (row["event"], row["threshold_seconds"], row["address"])
        found.setdefault((row["issuer"], row["serial_number"]), set()).add(told)
    return {key: frozenset(told) for key, told in found.items()}


def among(connection: Connection, columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]) -> Any:
    """
    Return the condition that a row has one of the keys, which an index finds.

    PostgreSQL plans a list of hundreds of keys for longer than it looks for them, and SQLite looks
    through the whole table for it: both get one value that holds all keys, and so one statement
    for any number.
    """
    key = tuple_(*columns)
    if connection.dialect.name != POSTGRESQL:
        return key.in_(_from_json(connection, columns, keys))
    if not keys:
        return key.in_([])
    arrays = (
        bindparam(None, list(values), ARRAY(column.type))
        for column, values in zip(columns, zip(*keys, strict=True), strict=True)
    )
    names = [column.name for column in columns]
    given = func.unnest(*arrays).table_valued(*names).render_derived("given")
    return key.in_(select(*(given.c[name] for name in names)))


def _from_json(
    connection: Connection, columns: Sequence[Any], keys: Sequence[tuple[Any, ...]]
) -> Any:
    """Return the SELECT of keys that are one JSON text, each value as its column holds it."""
    dialect = connection.dialect
    processors = [c.type.dialect_impl(dialect).bind_processor(dialect) or _same for c in columns]
    stored = [[f(value) for f, value in zip(processors, key, strict=True)] for key in keys]
    each = func.json_each(json.dumps(stored)).table_valued("value").alias("given")
    places = range(len(columns))
    return select(*(func.json_extract(each.c.value, f"$[{place}]") for place in places))


def _same(value: Any) -> Any:
    return value


def _rows(
    connection: Connection, table: Table, columns: tuple[str, ...], keys: list[tuple[Any, ...]]
) -> Iterator[Any]:
    for start in range(0, len(keys), CHUNK):
        wanted = among(connection, [table.c[name] for name in columns], keys[start : start + CHUNK])
        yield from connection.execute(select(table).where(wanted)).mappings().all()
