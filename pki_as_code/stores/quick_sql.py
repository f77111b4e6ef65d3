"""
The statements that nearly every command needs, as the text that SQLite gets.

SQLAlchemy takes longer to import than such a command is to take. It defines tables and statements
all the same: `tests/stores/test_quick_sql.py` compares what stands here with what SQLAlchemy makes
of `tables.py` and `index.py`, word for word, and shows what to write when they differ.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from pki_as_code.model import CERTIFICATE, format_time
from pki_as_code.pkix.serial_numbers import serial_number_hex
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.stores.json_object import JsonObject
from pki_as_code.stores.rows import indexed_text

SCHEMA_VERSION: Final = "4"
"""The tables that this is for."""

Statement = tuple[str, Sequence[Any]]
"""A text and its parameters."""

META: Final = 'SELECT meta."key", meta.value \nFROM meta'
LAST_LINE: Final = (
    "SELECT ledger.sequence, ledger.line \nFROM ledger ORDER BY ledger.sequence DESC\n"
    " LIMIT ? OFFSET ?"
)
AUTHORITIES: Final = (
    "SELECT authorities.name, authorities.certificate_der \nFROM authorities ORDER BY "
    "authorities.name"
)
CRLS: Final = (
    "SELECT crls.issuer, crls.scope, crls.number, crls.this_update, crls.next_update, crls.digest, "
    "crls.entry_count, crls.as_of \nFROM crls ORDER BY crls.issuer, crls.scope"
)
CRL_PROGRESS: Final = (
    "SELECT crl_progress.issuer, crl_progress.scope, crl_progress.reserved_number, "
    "crl_progress.reserved_as_of, crl_progress.reserved_this_update, crl_progress.changed_at \n"
    "FROM crl_progress"
)
LIVE_OBJECTS: Final = (
    "SELECT objects.kind, objects.namespace, objects.name \nFROM objects \nWHERE "
    "objects.current_issuer IS NOT NULL AND objects.retired = 0 ORDER BY objects.kind, "
    "objects.namespace, objects.name"
)
_COUNT_LIVE: Final = (
    "SELECT count(*) AS count_1 \nFROM objects \nWHERE objects.kind = ? AND "
    "objects.current_issuer IS NOT NULL AND objects.retired = 0"
)
_OBJECTS: Final = (
    "SELECT objects.kind, objects.namespace, objects.name, objects.current_issuer, "
    "objects.current_serial_number, objects.current_not_after, objects.retired, "
    "objects.failure_message, objects.failure_attempts, objects.failed_at, "
    "objects.failure_request_digest, objects.retry_at, objects.renamed_from \nFROM objects"
)
_RESERVATIONS: Final = (
    "SELECT reservations.issuer, reservations.serial_number, reservations.kind, "
    "reservations.namespace, reservations.name, reservations.sequence, "
    "reservations.tbs_certificate, reservations.request, reservations.request_digest, "
    "reservations.intent, reservations.reason, reservations.replaces, reservations.commit_id, "
    "reservations.path, reservations.deletion_policy \nFROM reservations"
)
_CERTIFICATES: Final = (
    "SELECT certificates.issuer, certificates.serial_number, certificates.kind, "
    "certificates.namespace, certificates.name, certificates.sequence, certificates.subject, "
    "certificates.common_name, certificates.subject_alternative_names, certificates.profile, "
    "certificates.not_before, certificates.not_after, certificates.public_key_sha256, "
    "certificates.fingerprint_sha256, certificates.request_digest, certificates.intent_digest, "
    "certificates.issued_at, certificates.commit_id, certificates.path, "
    "certificates.deletion_policy, certificates.crl_scope, certificates.revocation_reason, "
    "certificates.revocation_date, certificates.invalidity_date, certificates.requested_by, "
    "certificates.superseded_at, certificate_contents.request, certificate_contents.intent, "
    "certificate_contents.provenance \n"
    "FROM certificates JOIN certificate_contents ON certificate_contents.issuer = "
    "certificates.issuer AND certificate_contents.serial_number = certificates.serial_number"
)
_CURRENT: Final = (
    " JOIN objects ON objects.kind = certificates.kind AND objects.namespace = "
    "certificates.namespace AND objects.name = certificates.name AND objects.current_issuer = "
    "certificates.issuer AND objects.current_serial_number = certificates.serial_number"
)
_AMONG: Final = (
    " \nWHERE ({table}.kind, {table}.namespace, {table}.name) IN (SELECT "
    "json_extract(given.value, ?) AS json_extract_1, json_extract(given.value, ?) AS "
    "json_extract_3, json_extract(given.value, ?) AS json_extract_5 \nFROM json_each(?) AS given)"
)
OPEN_RESERVATIONS: Final = _RESERVATIONS + " ORDER BY reservations.sequence"
_CERTIFICATE_DER: Final = (
    "SELECT certificate_contents.der \nFROM certificate_contents \nWHERE "
    "certificate_contents.issuer = ? AND certificate_contents.serial_number = ?"
)

# --- Certificates by what is asked for -----------------------------------------------------------

_COLUMNS: Final = {
    "issuer": "(certificates.issuer || '') = ?",
    "namespace": "certificates.namespace = ?",
    "name": "certificates.name = ?",
    "profile": "certificates.profile = ?",
    "serial_number": "certificates.serial_number = ?",
    "common_name": "certificates.common_name = ?",
    "public_key_sha256": "certificates.public_key_sha256 = ?",
    "fingerprint_sha256": "certificates.fingerprint_sha256 = ?",
}
_CALLED: Final = (
    "lower(certificates.common_name) LIKE lower(?) ESCAPE '\\' OR lower(certificates.name) LIKE "
    "lower(?) ESCAPE '\\' OR lower((certificates.namespace || ? || certificates.name)) LIKE "
    "lower(?) ESCAPE '\\'"
)
_HAS_NAME: Final = (
    "(certificates.issuer, certificates.serial_number) IN (SELECT certificate_names.issuer, "
    "certificate_names.serial_number \nFROM certificate_names \nWHERE "
    "certificate_names.subject_alternative_name = ?)"
)
_LIKE: Final = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_", "*": "%", "?": "_"})

ORDERED: Final = frozenset(
    {"common_name", "fingerprint_sha256", "issued_at", "issuer", "kind", "name", "namespace",
     "not_after", "not_before", "path", "profile", "serial_number", "subject"}
)  # fmt: skip
"""What `CertificateFilter.order` may name."""


def find_statement(wanted: CertificateFilter) -> Statement:
    """Return the query for a filter whose order is among `ORDERED`."""
    conditions = list(_conditions(wanted))
    text = _CERTIFICATES + (_CURRENT if wanted.current_only else "")
    if conditions:
        texts = [condition for condition, _ in conditions]
        text += f" \nWHERE {' AND '.join(map(_grouped, texts) if len(texts) > 1 else texts)}"
    order = dict.fromkeys((*wanted.order, "issuer", "serial_number"))
    text += f" ORDER BY {', '.join(_ordered(name, wanted.descending) for name in order)}"
    parameters = [value for _, values in conditions for value in values]
    if wanted.limit is not None:
        return f"{text}\n LIMIT ? OFFSET ?", [*parameters, wanted.limit, 0]
    return text, parameters


def _grouped(condition: str) -> str:
    return f"({condition})" if condition == _CALLED or " NOT IN " in condition else condition


def _ordered(name: str, descending: bool) -> str:
    nulls = (" NULLS LAST" if descending else " NULLS FIRST") if name == "common_name" else ""
    return f"certificates.{name} {'DESC' if descending else 'ASC'}{nulls}"


def _conditions(wanted: CertificateFilter) -> Iterator[Statement]:
    for name, condition in _COLUMNS.items():
        value = getattr(wanted, name)
        if value is not None:
            if name == "serial_number":
                value = serial_number_hex(value)
            elif name == "common_name":
                value = indexed_text(value)
            yield condition, [value]
    yield from _name_conditions(wanted)
    if wanted.excluded_profiles:
        marks = _marks(wanted.excluded_profiles)
        yield f"certificates.profile NOT IN ({marks})", wanted.excluded_profiles
    if wanted.kinds:
        column = "certificates.kind"
        column = f"({column} || '')" if CERTIFICATE in wanted.kinds else column
        yield f"{column} IN ({_marks(wanted.kinds)})", wanted.kinds
    if wanted.not_after_before is not None:
        yield "certificates.not_after < ?", [_time(wanted.not_after_before)]
    if wanted.not_after_from is not None:
        yield "certificates.not_after >= ?", [_time(wanted.not_after_from)]
    if wanted.revoked is not None:
        yield f"certificates.revocation_date IS {'NOT ' if wanted.revoked else ''}NULL", []


def _name_conditions(wanted: CertificateFilter) -> Iterator[Statement]:
    if wanted.serial_prefix is not None:
        yield "certificates.serial_number >= ?", [wanted.serial_prefix]
        yield "certificates.serial_number < ?", [wanted.serial_prefix + "g"]
    if wanted.called is not None:
        like = wanted.called.translate(_LIKE)
        yield _CALLED, [like, like, "/", like]
    if wanted.name_prefix is not None:
        yield "certificates.name >= ?", [wanted.name_prefix]
        yield "certificates.name < ?", [wanted.name_prefix + "\U0010ffff"]
    if wanted.subject_alternative_name is not None:
        yield _HAS_NAME, [indexed_text(wanted.subject_alternative_name)]


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _time(value: datetime) -> str:
    return format_time(value.astimezone(UTC))


def count_live(kind: str) -> Statement:
    return _COUNT_LIVE, [kind]


def certificate_der(issuer: str, serial_number: int) -> Statement:
    return _CERTIFICATE_DER, [issuer, serial_number_hex(serial_number)]


def among_objects(keys: Sequence[tuple[str, str, str]]) -> tuple[Statement, Statement, Statement]:
    """Return the queries for objects, their current certificates and their reservations."""
    parameters = ["$[0]", "$[1]", "$[2]", json.dumps([list(key) for key in keys])]
    return (
        (_OBJECTS + _AMONG.format(table="objects"), parameters),
        (_CERTIFICATES + _CURRENT + _AMONG.format(table="objects"), parameters),
        (_RESERVATIONS + _AMONG.format(table="reservations"), parameters),
    )


# --- Rows ----------------------------------------------------------------------------------------


def _time_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _serial_number_of(text: str) -> int:
    return int(text, 16)


VALUES: Final[Mapping[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        ("abandoned_at", "current_not_after", "failed_at", "invalidity_date", "issued_at",
         "next_update", "not_after", "not_before", "reserved_this_update", "retry_at",
         "revocation_date", "superseded_at", "this_update"),
        _time_of,
    ),
    **dict.fromkeys(
        ("current_serial_number", "number", "replaces", "reserved_number", "serial_number"),
        _serial_number_of,
    ),
    **dict.fromkeys(
        ("renamed_from", "requested_by", "subject_alternative_names"),
        json.loads,
    ),
    **dict.fromkeys(("intent", "provenance", "request"), JsonObject),
    "retired": bool,
}  # fmt: skip
"""What stands in columns that are not what they hold, by their name in whatever table."""

_ALIKE: Final = frozenset(
    {"kind", "namespace", "issuer", "profile", "commit_id", "deletion_policy"}
)
"""Columns in which very many rows have the same text, which is kept once."""


def rows(
    connection: sqlite3.Connection, text: str, parameters: Sequence[Any] = ()
) -> Iterator[dict[str, Any]]:
    """Yield rows as they are read, never all of them at once."""
    cursor = connection.execute(text, parameters)
    try:
        names = [column[0] for column in cursor.description]
        changed = [(name, VALUES[name]) for name in names if name in VALUES]
        changed += [(name, sys.intern) for name in names if name in _ALIKE]
        for values in cursor:
            row = dict(zip(names, values, strict=True))
            for name, value_of in changed:
                if row[name] is not None:
                    row[name] = value_of(row[name])
            yield row
    finally:
        cursor.close()
