"""Writing rows of the index, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, delete, insert, tuple_, update

from pki_as_code.model import CrlRecord
from pki_as_code.stores import tables
from pki_as_code.stores.certificates import Description
from pki_as_code.stores.entries import Blocked, Notified
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.postgres_engine import COPIED_FROM, POSTGRESQL, copy_rows
from pki_as_code.stores.rows import failure_row, indexed_text, object_key, revocation_row
from pki_as_code.stores.states import (
    CertificateKey,
    CertificateState,
    CrlProgress,
    ObjectState,
)

_OBJECT: Final = ("kind", "namespace", "name")
_CERTIFICATE: Final = ("issuer", "serial_number")


def insert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    if connection.dialect.name == POSTGRESQL and len(rows) >= COPIED_FROM:
        copy_rows(connection, table, rows)
    elif rows:
        connection.execute(insert(table), rows)


def replace_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows, in place of those with the same key."""
    columns = list(table.primary_key.columns)
    if rows:
        keys = [tuple(row[column.name] for column in columns) for row in rows]
        connection.execute(delete(table).where(tuple_(*columns).in_(keys)))
        connection.execute(insert(table), rows)


def delete_reservations(connection: Connection, keys: Iterable[CertificateKey]) -> None:
    table = tables.reservations
    rows = [_old(_CERTIFICATE, key) for key in sorted(keys)]
    if rows:
        connection.execute(delete(table).where(*_matches(table, _CERTIFICATE)), rows)


def state_row(state: CertificateState) -> dict[str, Any]:
    """Return the columns of a certificate that change after it was issued."""
    return revocation_row(state.revocation) | {
        "superseded_at": state.superseded_at,
        "deletion_policy": state.deletion_policy,
    }


def certificate_row(
    key: CertificateKey, state: CertificateState, description: Description, columns: dict[str, Any]
) -> dict[str, Any]:
    """Return the row of a new certificate; `columns` are those that are not in its bytes."""
    return (
        object_key(state.object_id)
        | {"issuer": key[0], "serial_number": key[1]}
        | columns
        | {
            "subject": description.subject,
            "common_name": description.common_name and indexed_text(description.common_name),
            "subject_alternative_names": list(description.subject_alternative_names),
            "not_before": description.not_before,
            "not_after": description.not_after,
            "public_key_sha256": description.public_key_sha256,
            "fingerprint_sha256": description.fingerprint_sha256,
            "crl_scope": state.crl_scope,
        }
        | state_row(state)
    )


def update_certificates(
    connection: Connection, states: dict[CertificateKey, CertificateState]
) -> None:
    table = tables.certificates
    rows = [_old(_CERTIFICATE, key) | state_row(state) for key, state in sorted(states.items())]
    if rows:
        columns: dict[str, Any] = {
            name: bindparam(name) for name in rows[0] if not name.startswith("old_")
        }
        connection.execute(
            update(table).where(*_matches(table, _CERTIFICATE)).values(columns), rows
        )


def update_objects(connection: Connection, states: Sequence[ObjectState]) -> None:
    table = tables.objects
    if states:
        rows = [object_row(state) for state in states]
        columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name not in _OBJECT}
        connection.execute(
            update(table).where(*_matches(table, _OBJECT)).values(columns),
            [
                # Any other name would be a column to set, and a key that is set costs every index.
                {name: row[name] for name in columns}
                | _old(_OBJECT, [row[name] for name in _OBJECT])
                for row in rows
            ],
        )


def object_row(state: ObjectState) -> dict[str, Any]:
    issuer, serial_number = state.current or (None, None)
    return (
        object_key(state.object_id)
        | {
            "current_issuer": issuer,
            "current_serial_number": serial_number,
            "current_not_after": state.current_not_after,
            "retired": state.retired,
            "renamed_from": state.renamed_from.to_json() if state.renamed_from else None,
        }
        | failure_row(state.failure)
    )


def notice_row(notice: Notified) -> dict[str, Any]:
    return object_key(notice.object_id) | {
        "issuer": notice.issuer,
        "serial_number": notice.serial_number,
        "event": notice.event,
        "threshold_seconds": notice.threshold_seconds,
        "address": notice.address,
    }


def crl_row(crl: CrlRecord) -> dict[str, Any]:
    return asdict(crl)


def crl_progress_row(key: CrlKey, progress: CrlProgress) -> dict[str, Any]:
    return {"issuer": key[0], "scope": key[1]} | asdict(progress)


def blocked_row(blocked: Blocked) -> dict[str, Any]:
    return {
        "public_key_sha256": blocked.spki_sha256,
        "reason": blocked.reason,
        "requested_by": blocked.requested_by.to_json(),
    }


def _matches(table: Table, columns: tuple[str, ...]) -> list[Any]:
    # A bound parameter must not have the name of a column that the statement sets.
    return [table.c[name] == bindparam(f"old_{name}") for name in columns]


def _old(columns: tuple[str, ...], values: Iterable[Any]) -> dict[str, Any]:
    return {f"old_{name}": value for name, value in zip(columns, values, strict=True)}
