"""
The tables of the index, and of the ledger where it is kept in a database.

Only what SQLite and PostgreSQL have in common. Serial numbers are lower-case hex with an even
number of digits, so that they sort and are searched by prefix as text; times are RFC 3339 in UTC
with whole seconds, which sort as text too.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from pki_as_code.stores.column_types import NUMBER, TEXT, Json, SerialNumber, UnparsedJson, UtcTime

SCHEMA_VERSION: Final = 4

LEDGER_METADATA: Final = MetaData()
INDEX_METADATA: Final = MetaData()

ledger: Final = Table(
    "ledger",
    LEDGER_METADATA,
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("line", LargeBinary, nullable=False),
)

# CRLs as they were signed. No index can make them anew: they stand beside the ledger.
crl_files: Final = Table(
    "crl_files",
    LEDGER_METADATA,
    Column("issuer", TEXT, primary_key=True),
    Column("scope", TEXT, primary_key=True),
    Column("der", LargeBinary, nullable=False),
)

meta: Final = Table(
    "meta",
    INDEX_METADATA,
    Column("key", TEXT, primary_key=True),
    Column("value", TEXT, nullable=False),
)


def _object_columns(*, primary_key: bool = False) -> list[Column[str]]:
    return [
        Column(part, TEXT, primary_key=primary_key, nullable=False)
        for part in ("kind", "namespace", "name")
    ]


def _certificate_key() -> list[Column[Any]]:
    return [
        Column("issuer", TEXT, primary_key=True),
        Column("serial_number", SerialNumber, primary_key=True),
    ]


objects: Final = Table(
    "objects",
    INDEX_METADATA,
    *_object_columns(primary_key=True),
    Column("current_issuer", TEXT),
    Column("current_serial_number", SerialNumber),
    Column("current_not_after", UtcTime),
    Column("retired", Boolean, nullable=False),
    Column("failure_message", TEXT),
    Column("failure_attempts", NUMBER),
    Column("failed_at", UtcTime),
    Column("failure_request_digest", TEXT),
    Column("retry_at", UtcTime),
    Column("renamed_from", Json),
)
_looked_after = objects.c.current_not_after.is_not(None) & ~objects.c.retired
Index(
    "objects_due",
    objects.c.current_not_after,
    sqlite_where=_looked_after,
)
_to_be_retried = objects.c.retry_at.is_not(None)
Index(
    "objects_retry",
    objects.c.retry_at,
    sqlite_where=_to_be_retried,
)

reservations: Final = Table(
    "reservations",
    INDEX_METADATA,
    *_certificate_key(),
    *_object_columns(),
    Column("sequence", NUMBER, nullable=False),
    Column("tbs_certificate", LargeBinary, nullable=False),
    Column("request", UnparsedJson, nullable=False),
    Column("request_digest", TEXT, nullable=False),
    Column("intent", UnparsedJson, nullable=False),
    Column("reason", TEXT, nullable=False),
    Column("replaces", SerialNumber),
    Column("commit_id", TEXT, nullable=False),
    Column("path", TEXT, nullable=False),
    Column("deletion_policy", TEXT, nullable=False),
    UniqueConstraint("kind", "namespace", "name", name="one_open_reservation_per_object"),
)

certificates: Final = Table(
    "certificates",
    INDEX_METADATA,
    *_certificate_key(),
    *_object_columns(),
    Column("sequence", NUMBER, nullable=False),
    Column("subject", TEXT, nullable=False),
    Column("common_name", TEXT),
    Column("subject_alternative_names", Json, nullable=False),
    Column("profile", TEXT, nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("not_after", UtcTime, nullable=False),
    Column("public_key_sha256", TEXT, nullable=False),
    Column("fingerprint_sha256", TEXT, nullable=False),
    Column("request_digest", TEXT, nullable=False),
    Column("intent_digest", TEXT, nullable=False),
    Column("issued_at", UtcTime, nullable=False),
    Column("commit_id", TEXT, nullable=False),
    Column("path", TEXT, nullable=False),
    Column("deletion_policy", TEXT, nullable=False),
    Column("crl_scope", TEXT),
    Column("revocation_reason", TEXT),
    Column("revocation_date", UtcTime),
    Column("invalidity_date", UtcTime),
    Column("requested_by", Json),
    Column("superseded_at", UtcTime),
)
Index(
    "certificates_by_not_after",
    certificates.c.not_after,
    certificates.c.serial_number,
    certificates.c.issuer,
)
Index("certificates_by_name", certificates.c.namespace, certificates.c.name)
Index("certificates_by_kind", certificates.c.kind)
Index("certificates_by_serial_number", certificates.c.serial_number)
Index("certificates_by_common_name", certificates.c.common_name)
Index("certificates_by_public_key", certificates.c.public_key_sha256, certificates.c.not_before)
Index("certificates_by_fingerprint", certificates.c.fingerprint_sha256)
_revoked = certificates.c.revocation_date.is_not(None)
Index(
    "certificates_revoked",
    certificates.c.issuer,
    certificates.c.serial_number,
    sqlite_where=_revoked,
)

_superseded = certificates.c.superseded_at.is_not(None) & certificates.c.revocation_date.is_(None)
Index(
    "certificates_superseded",
    certificates.c.kind,
    certificates.c.namespace,
    certificates.c.name,
    certificates.c.not_after,
    sqlite_where=_superseded,
)

_of_certificate = (
    ["issuer", "serial_number"],
    ["certificates.issuer", "certificates.serial_number"],
)

# What is large, and not looked at to find something.
certificate_contents: Final = Table(
    "certificate_contents",
    INDEX_METADATA,
    *_certificate_key(),
    Column("der", LargeBinary, nullable=False),
    Column("request", UnparsedJson, nullable=False),
    Column("intent", UnparsedJson, nullable=False),
    Column("provenance", UnparsedJson, nullable=False),
    ForeignKeyConstraint(*_of_certificate),
)

certificate_names: Final = Table(
    "certificate_names",
    INDEX_METADATA,
    Column("subject_alternative_name", TEXT, primary_key=True),
    *_certificate_key(),
    ForeignKeyConstraint(*_of_certificate),
)

authorities: Final = Table(
    "authorities",
    INDEX_METADATA,
    Column("name", TEXT, primary_key=True),
    Column("certificate_der", LargeBinary, nullable=False),
)

notices: Final = Table(
    "notices",
    INDEX_METADATA,
    *_object_columns(primary_key=True),
    *_certificate_key(),
    Column("event", TEXT, primary_key=True),
    Column("threshold_seconds", NUMBER, primary_key=True, autoincrement=False),
    Column("address", TEXT, primary_key=True),
)
# A certificate keeps its notices when its object is renamed.
Index("notices_by_certificate", notices.c.issuer, notices.c.serial_number)

# Keys that are never certified again; those of certificates revoked for keyCompromise are not here.
blocked_keys: Final = Table(
    "blocked_keys",
    INDEX_METADATA,
    Column("public_key_sha256", TEXT, primary_key=True),
    Column("reason", TEXT, nullable=False),
    Column("requested_by", Json, nullable=False),
)

# Serial numbers that may stand on a signature nobody recorded; they count as revoked.
abandoned: Final = Table(
    "abandoned",
    INDEX_METADATA,
    *_certificate_key(),
    Column("kind", TEXT, nullable=False),
    Column("crl_scope", TEXT),
    Column("not_after", UtcTime, nullable=False),
    Column("abandoned_at", UtcTime, nullable=False),
)

# The last CRL of each authority and scope.
crls: Final = Table(
    "crls",
    INDEX_METADATA,
    Column("issuer", TEXT, primary_key=True),
    Column("scope", TEXT, primary_key=True),
    Column("number", SerialNumber, nullable=False),
    Column("this_update", UtcTime, nullable=False),
    Column("next_update", UtcTime, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("entry_count", NUMBER, nullable=False),
    Column("as_of", NUMBER, nullable=False),
)

# What stands for the next CRL: the number reserved last, and when something changed last.
crl_progress: Final = Table(
    "crl_progress",
    INDEX_METADATA,
    Column("issuer", TEXT, primary_key=True),
    Column("scope", TEXT, primary_key=True),
    Column("reserved_number", SerialNumber),
    Column("reserved_as_of", NUMBER),
    Column("reserved_this_update", UtcTime),
    Column("changed_at", NUMBER),
)

# Which entries concern an object.
mentions: Final = Table(
    "mentions",
    INDEX_METADATA,
    *_object_columns(primary_key=True),
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
)

PROJECTED: Final = tuple(table for table in INDEX_METADATA.sorted_tables if table is not meta)
"""Every table that follows from the ledger alone, the referred-to before the referring."""


def share_conditions(dialect: str) -> None:
    """
    Give the partial indexes the conditions that they have in SQLite, in another dialect.

    Named where they are defined, every command would import the dialect of PostgreSQL.
    """
    for table in INDEX_METADATA.sorted_tables:
        for index in table.indexes:
            index.dialect_options[dialect]["where"] = index.dialect_options["sqlite"]["where"]


def same_object(table: Table, kind: str, namespace: str, name: str) -> Any:
    """Return the condition that a row is about that object."""
    return (table.c.kind == kind) & (table.c.namespace == namespace) & (table.c.name == name)
