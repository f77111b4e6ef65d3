"""Rows of the index from and to the frozen data of the model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pki_as_code.model import (
    CertificateRecord,
    Failure,
    JsonValue,
    ObjectId,
    Reservation,
    Revocation,
)
from pki_as_code.stores.interface import EMPTY_DIGEST, Head

LONGEST_INDEXED_BYTES: Final = 1000

Row = Mapping[str, Any]
"""Values by the name of their column."""


def indexed_text(text: str) -> str:
    """Return what stands for a text in an index: PostgreSQL takes at most 2,704 bytes there."""
    encoded = text.encode(errors="surrogatepass")
    if len(encoded) <= LONGEST_INDEXED_BYTES:
        return text
    return f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def object_key(object_id: ObjectId) -> dict[str, Any]:
    return {"kind": object_id.kind, "namespace": object_id.namespace, "name": object_id.name}


def object_of(row: Row) -> ObjectId:
    return ObjectId(row["kind"], row["namespace"], row["name"])


def reservation_row(reservation: Reservation, sequence: int) -> dict[str, Any]:
    return object_key(reservation.object_id) | {
        "issuer": reservation.issuer,
        "serial_number": reservation.serial_number,
        "sequence": sequence,
        "tbs_certificate": reservation.tbs_certificate,
        "request": dict(reservation.request),
        "request_digest": reservation.request_digest,
        "intent": dict(reservation.intent),
        "reason": reservation.reason,
        "replaces": reservation.replaces,
        "commit_id": reservation.commit,
        "path": reservation.path,
        "deletion_policy": reservation.deletion_policy,
    }


def reservation_of(row: Row) -> Reservation:
    return Reservation(
        object_id=object_of(row),
        issuer=row["issuer"],
        serial_number=row["serial_number"],
        tbs_certificate=row["tbs_certificate"],
        request=row["request"],
        request_digest=row["request_digest"],
        intent=row["intent"],
        reason=row["reason"],
        replaces=row["replaces"],
        commit=row["commit_id"],
        path=row["path"],
        deletion_policy=row["deletion_policy"],
    )


def revocation_row(revocation: Revocation | None) -> dict[str, Any]:
    asked_by = revocation.requested_by if revocation else None
    return {
        "revocation_reason": revocation.reason if revocation else None,
        "revocation_date": revocation.revocation_date if revocation else None,
        "invalidity_date": revocation.invalidity_date if revocation else None,
        "requested_by": asked_by.to_json() if asked_by else None,
    }


def revocation_of(row: Row) -> Revocation | None:
    if row["revocation_date"] is None:
        return None
    asked_by = row["requested_by"]
    return Revocation(
        reason=row["revocation_reason"],
        revocation_date=row["revocation_date"],
        invalidity_date=row["invalidity_date"],
        requested_by=ObjectId.from_json(asked_by) if asked_by else None,
    )


def record_of(row: Row, object_id: ObjectId | None = None) -> CertificateRecord:
    """Return the record of a row, with the identity that the caller has of it already."""
    return CertificateRecord(
        object_id=object_id or object_of(row),
        issuer=row["issuer"],
        serial_number=row["serial_number"],
        subject=row["subject"],
        subject_alternative_names=tuple(row["subject_alternative_names"]),
        profile=row["profile"],
        not_before=row["not_before"],
        not_after=row["not_after"],
        public_key_sha256=row["public_key_sha256"],
        fingerprint_sha256=row["fingerprint_sha256"],
        request=row["request"],
        request_digest=row["request_digest"],
        intent_digest=row["intent_digest"],
        intent=row["intent"],
        issued_at=row["issued_at"],
        commit=row["commit_id"],
        path=row["path"],
        deletion_policy=row["deletion_policy"],
        revocation=revocation_of(row),
        superseded_at=row["superseded_at"],
        provenance=row["provenance"],
    )


def failure_row(failure: Failure | None) -> dict[str, Any]:
    return {
        "failure_message": failure.message if failure else None,
        "failure_attempts": failure.attempts if failure else None,
        "failed_at": failure.failed_at if failure else None,
        "failure_request_digest": failure.request_digest if failure else None,
        "retry_at": failure.retry_at if failure else None,
    }


def failure_of(row: Row) -> Failure | None:
    if row["retry_at"] is None:
        return None
    return Failure(
        object_id=object_of(row),
        message=row["failure_message"],
        attempts=row["failure_attempts"],
        failed_at=row["failed_at"],
        retry_at=row["retry_at"],
        request_digest=row["failure_request_digest"],
    )


def optional_object(value: Mapping[str, JsonValue] | None) -> ObjectId | None:
    return ObjectId.from_json(value) if value else None


def head_of(meta: dict[str, str]) -> Head:
    """Return the position that the rows of `meta` describe."""
    at = meta.get("at")
    return Head(
        sequence=int(meta.get("sequence", "-1")),
        digest=meta.get("digest", EMPTY_DIGEST),
        at=datetime.fromisoformat(at) if at else None,
    )
