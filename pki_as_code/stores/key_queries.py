"""Questions about keys, and about certificates that another one followed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, select

from pki_as_code.model import BlockedKey, CertificateRecord, ObjectId, format_time
from pki_as_code.stores.bulk_reads import CHUNK
from pki_as_code.stores.column_types import UtcTime
from pki_as_code.stores.index import certificates_with_contents
from pki_as_code.stores.rows import object_of, optional_object, record_of
from pki_as_code.stores.tables import blocked_keys, certificates
from pki_as_code.stores.unindexed import Unindexed

KEY_COMPROMISE = "keyCompromise"


def first_uses(connection: Connection, public_keys: Collection[str]) -> dict[str, datetime]:
    """Return when the first certificate with each key began to be valid, whoever had it."""
    key, begin = certificates.c.public_key_sha256, certificates.c.not_before
    first = func.min(begin, type_=UtcTime())
    found: dict[str, datetime] = {}
    for chunk in _chunks(public_keys):
        statement = select(key, first).where(key.in_(chunk)).group_by(key)
        rows = connection.execute(statement).all()
        found |= {row[0]: row[1] for row in rows}
    return found


def find_blocked(connection: Connection, public_keys: Collection[str]) -> dict[str, BlockedKey]:
    """
    Return which of these keys are never certified again.

    Those that were blocked by themselves, and those of certificates revoked for keyCompromise.
    """
    found: dict[str, BlockedKey] = {}
    for chunk in _chunks(public_keys):
        table: Any = blocked_keys
        for row in _rows(connection, select(table).where(table.c.public_key_sha256.in_(chunk))):
            digest = row["public_key_sha256"]
            found[digest] = BlockedKey(digest, None, optional_object(row["requested_by"]))
        table = certificates
        statement = (
            select(table)
            .where(
                table.c.public_key_sha256.in_(chunk), table.c.revocation_reason == KEY_COMPROMISE
            )
            .order_by(table.c.sequence.desc())
        )
        for row in _rows(connection, statement):
            digest = row["public_key_sha256"]
            asked_by = optional_object(row["requested_by"])
            found[digest] = BlockedKey(digest, object_of(row), asked_by)
    return found


def superseded(
    connection: Connection, object_ids: Collection[ObjectId], now: datetime
) -> Iterator[CertificateRecord]:
    """Yield what another certificate of its object followed, and is neither expired nor revoked."""
    names: dict[tuple[str, str], set[str]] = {}
    for object_id in object_ids:
        names.setdefault((object_id.kind, object_id.namespace), set()).add(object_id.name)
    for (kind, namespace), found in sorted(names.items()):
        for chunk in _chunks(found):
            statement = superseded_statement(kind, namespace, chunk, now)
            yield from map(record_of, _rows(connection, statement))


def superseded_statement(
    kind: str, namespace: str, names: Collection[str], now: datetime
) -> Select[Any]:
    """Return the query for objects of one namespace: `(kind, namespace, name) IN` has no index."""
    table = certificates.c
    # Nearly everything ends later than now: not by that index.
    return certificates_with_contents.where(
        table.kind == kind,
        table.namespace == namespace,
        table.name.in_(names),
        table.superseded_at.is_not(None),
        table.revocation_date.is_(None),
        Unindexed(table.not_after) > format_time(now.astimezone(UTC)),
    ).order_by(table.name, table.sequence)


def _rows(connection: Connection, statement: Any) -> Any:
    return connection.execute(statement).mappings().all()


def _chunks(values: Collection[str]) -> Iterator[list[str]]:
    unique = sorted(set(values))
    for start in range(0, len(unique), CHUNK):
        yield unique[start : start + CHUNK]
