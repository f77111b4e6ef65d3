"""
The tables as PostgreSQL stores began with them.

Written out, so that what this revision makes stays the same when `stores/tables.py` goes on. TEXT
stands for text that is ordered by bytes.
"""

from __future__ import annotations

from typing import Final

from alembic import op

revision = "0003"
down_revision = None

_TABLES: Final = """
CREATE TABLE crl_files (
    issuer TEXT NOT NULL,
    scope TEXT NOT NULL,
    der BYTEA NOT NULL,
    PRIMARY KEY (issuer, scope)
);

CREATE TABLE ledger (
    sequence BIGINT NOT NULL,
    line BYTEA NOT NULL,
    PRIMARY KEY (sequence)
);

CREATE TABLE abandoned (
    issuer TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    kind TEXT NOT NULL,
    crl_scope TEXT,
    not_after TEXT NOT NULL,
    abandoned_at TEXT NOT NULL,
    PRIMARY KEY (issuer, serial_number)
);

CREATE TABLE authorities (
    name TEXT NOT NULL,
    certificate_der BYTEA NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE blocked_keys (
    public_key_sha256 TEXT NOT NULL,
    reason TEXT NOT NULL,
    requested_by TEXT NOT NULL,
    PRIMARY KEY (public_key_sha256)
);

CREATE TABLE certificates (
    issuer TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    subject TEXT NOT NULL,
    common_name TEXT,
    subject_alternative_names TEXT NOT NULL,
    profile TEXT NOT NULL,
    not_before TEXT NOT NULL,
    not_after TEXT NOT NULL,
    public_key_sha256 TEXT NOT NULL,
    fingerprint_sha256 TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    intent_digest TEXT NOT NULL,
    issued_at TEXT NOT NULL,
    commit_id TEXT NOT NULL,
    path TEXT NOT NULL,
    deletion_policy TEXT NOT NULL,
    crl_scope TEXT,
    revocation_reason TEXT,
    revocation_date TEXT,
    invalidity_date TEXT,
    requested_by TEXT,
    superseded_at TEXT,
    PRIMARY KEY (issuer, serial_number)
);
CREATE INDEX certificates_by_common_name ON certificates (common_name);
CREATE INDEX certificates_by_fingerprint ON certificates (fingerprint_sha256);
CREATE INDEX certificates_by_kind ON certificates (kind);
CREATE INDEX certificates_by_name ON certificates (namespace, name);
CREATE INDEX certificates_by_not_after ON certificates (not_after, serial_number, issuer);
CREATE INDEX certificates_by_public_key ON certificates (public_key_sha256, not_before);
CREATE INDEX certificates_by_serial_number ON certificates (serial_number);
CREATE INDEX certificates_revoked ON certificates (issuer, serial_number)
    WHERE revocation_date IS NOT NULL;
CREATE INDEX certificates_superseded ON certificates (kind, namespace, name, not_after)
    WHERE superseded_at IS NOT NULL AND revocation_date IS NULL;

CREATE TABLE crl_progress (
    issuer TEXT NOT NULL,
    scope TEXT NOT NULL,
    reserved_number TEXT,
    reserved_as_of BIGINT,
    reserved_this_update TEXT,
    changed_at BIGINT,
    PRIMARY KEY (issuer, scope)
);

CREATE TABLE crls (
    issuer TEXT NOT NULL,
    scope TEXT NOT NULL,
    number TEXT NOT NULL,
    this_update TEXT NOT NULL,
    next_update TEXT NOT NULL,
    digest TEXT NOT NULL,
    entry_count BIGINT NOT NULL,
    as_of BIGINT NOT NULL,
    PRIMARY KEY (issuer, scope)
);

CREATE TABLE mentions (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (kind, namespace, name, sequence)
);

CREATE TABLE meta (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (key)
);

CREATE TABLE notices (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    event TEXT NOT NULL,
    threshold_seconds BIGINT NOT NULL,
    address TEXT NOT NULL,
    PRIMARY KEY (kind, namespace, name, issuer, serial_number, event, threshold_seconds, address)
);
CREATE INDEX notices_by_certificate ON notices (issuer, serial_number);

CREATE TABLE objects (
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    current_issuer TEXT,
    current_serial_number TEXT,
    current_not_after TEXT,
    retired BOOLEAN NOT NULL,
    failure_message TEXT,
    failure_attempts BIGINT,
    failed_at TEXT,
    failure_request_digest TEXT,
    retry_at TEXT,
    renamed_from TEXT,
    PRIMARY KEY (kind, namespace, name)
);
CREATE INDEX objects_due ON objects (current_not_after)
    WHERE current_not_after IS NOT NULL AND NOT retired;
CREATE INDEX objects_retry ON objects (retry_at) WHERE retry_at IS NOT NULL;

CREATE TABLE reservations (
    issuer TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    tbs_certificate BYTEA NOT NULL,
    request TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    intent TEXT NOT NULL,
    reason TEXT NOT NULL,
    replaces TEXT,
    commit_id TEXT NOT NULL,
    path TEXT NOT NULL,
    deletion_policy TEXT NOT NULL,
    PRIMARY KEY (issuer, serial_number),
    CONSTRAINT one_open_reservation_per_object UNIQUE (kind, namespace, name)
);

CREATE TABLE certificate_contents (
    issuer TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    der BYTEA NOT NULL,
    request TEXT NOT NULL,
    intent TEXT NOT NULL,
    PRIMARY KEY (issuer, serial_number),
    FOREIGN KEY(issuer, serial_number) REFERENCES certificates (issuer, serial_number)
);

CREATE TABLE certificate_names (
    subject_alternative_name TEXT NOT NULL,
    issuer TEXT NOT NULL,
    serial_number TEXT NOT NULL,
    PRIMARY KEY (subject_alternative_name, issuer, serial_number),
    FOREIGN KEY(issuer, serial_number) REFERENCES certificates (issuer, serial_number)
);
"""


def upgrade() -> None:
    for statement in _TABLES.replace(" TEXT", ' VARCHAR COLLATE "C"').split(";"):
        if statement.strip():
            op.execute(statement)
