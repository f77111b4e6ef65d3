"""Changes that need no signature, as entries of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from pki_as_code.model import (
    AbandonReservation,
    AdoptAuthority,
    AdoptCertificate,
    AdoptCrl,
    BlockKey,
    Change,
    FinishReservation,
    IssueCertificate,
    PublishCrl,
    ReleaseHold,
    RenameObject,
    RetireObject,
    RevokeCertificate,
    UpdateObject,
)
from pki_as_code.plan.blocked_keys import KEY_COMPROMISE
from pki_as_code.stores.entries import (
    Abandoned,
    Blocked,
    Payload,
    Released,
    Renamed,
    Retired,
    Revoked,
    Updated,
)

WITH_ASKER = (RevokeCertificate, ReleaseHold, RenameObject, UpdateObject, BlockKey)
"""Changes that the author of a manifest asked for."""

_OfObject = RenameObject | RetireObject | UpdateObject | AbandonReservation


def make_decision(
    change: Change, commits: Mapping[str, str], commit: str, now: datetime
) -> Payload | None:
    """
    Return the entry that records a change, None for one that is signed.

    `commits` are the last changes of manifests, by path; `commit` is the one that is reconciled.
    """
    asked_at = commits.get(getattr(change, "path", ""), commit)
    payload: Payload | None = None
    match change:
        case RevokeCertificate(certificate=record):
            payload = Revoked(
                object_id=record.object_id,
                issuer=record.issuer,
                serial_number=record.serial_number,
                reason=change.revocation_reason,
                revocation_date=now,
                invalidity_date=change.invalidity_date,
                commit=asked_at,
                path=change.path,
                requested_by=change.object_id,
            )
        case ReleaseHold(certificate=record):
            payload = Released(
                object_id=record.object_id,
                issuer=record.issuer,
                serial_number=record.serial_number,
                commit=asked_at,
                path=change.path,
            )
        case BlockKey(spki_sha256=digest):
            payload = Blocked(digest, KEY_COMPROMISE, asked_at, change.path, change.object_id)
        case RenameObject() | RetireObject() | UpdateObject() | AbandonReservation():
            payload = _decision_about_object(change, asked_at, commit)
        case (
            IssueCertificate()
            | FinishReservation()
            | AdoptAuthority()
            | AdoptCertificate()
            | PublishCrl()
            | AdoptCrl()
        ):
            pass
        case _:
            assert_never(change)
    return payload


def _decision_about_object(change: _OfObject, asked_at: str, commit: str) -> Payload:
    match change:
        case RenameObject():
            return Renamed(change.object_id, change.previous, asked_at, change.path)
        case UpdateObject(deletion_policy=policy):
            return Updated(change.object_id, policy, asked_at, change.path)
        case RetireObject():
            return Retired(change.object_id, commit)
        case AbandonReservation(reservation=reservation):
            return Abandoned(
                object_id=reservation.object_id,
                issuer=reservation.issuer,
                serial_number=reservation.serial_number,
                reason=change.reasons[0].code,
                commit=commit,
            )
        case _:
            assert_never(change)
