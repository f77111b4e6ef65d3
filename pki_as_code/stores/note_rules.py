"""Rules of entries that neither make a certificate nor revoke one."""

from __future__ import annotations

import re
from typing import Final

from pki_as_code.errors import StoreError
from pki_as_code.model import Failure, format_time
from pki_as_code.stores.entries import Blocked, Entry, Failed, Notified, Reconciled, Updated
from pki_as_code.stores.refusals import contention
from pki_as_code.stores.working_set import WorkingSet

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def apply_updated(working: WorkingSet, entry: Entry, payload: Updated) -> None:
    state = working.object(payload.object_id)
    current = state.in_force if state is not None else None
    if current is None:
        raise contention(payload.object_id, "has no certificate that could be kept or revoked")
    working.touch_certificate(current).deletion_policy = payload.deletion_policy
    working.mention(payload.object_id, entry.sequence)


def apply_blocked(working: WorkingSet, entry: Entry, payload: Blocked) -> None:
    if _SHA256.fullmatch(payload.spki_sha256) is None:
        raise StoreError(
            f"the key that {payload.requested_by} blocks is named by no SHA-256",
            code="store.entry_mismatch",
        )
    if working.is_blocked(payload.spki_sha256):
        raise contention(payload.requested_by, "blocks a key that is blocked already")
    working.add_blocked(payload)
    working.mention(payload.requested_by, entry.sequence)


def apply_notified(working: WorkingSet, entry: Entry, payload: Notified) -> None:
    if working.was_notified(payload):
        raise contention(payload.object_id, "was told about already")
    working.add_notice(payload)
    working.mention(payload.object_id, entry.sequence)


def apply_failed(working: WorkingSet, entry: Entry, payload: Failed) -> None:
    working.touch_object(payload.object_id).failure = Failure(
        payload.object_id,
        payload.message,
        payload.attempts,
        entry.at,
        payload.retry_at,
        payload.request_digest,
    )
    working.mention(payload.object_id, entry.sequence)


def apply_reconciled(working: WorkingSet, entry: Entry, payload: Reconciled) -> None:
    working.set_meta("reconciled", payload.commit)
    working.set_meta("reconciled_at", format_time(entry.at))
