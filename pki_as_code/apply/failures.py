"""What failed in a run, as the ledger remembers it: how often, why, and when it is tried again."""

from __future__ import annotations

from collections.abc import Mapping

from pki_as_code.apply.outcome import Outcome, Settings
from pki_as_code.errors import PkiAsCodeError
from pki_as_code.escape import safe
from pki_as_code.model import FinishReservation, IssueCertificate, ObjectId
from pki_as_code.plan.waiting import asked_digest, retry_time
from pki_as_code.stores.entries import Failed
from pki_as_code.workspace import Workspace

LONGEST_MESSAGE = 500
"""Characters; the whole of it was shown when it happened."""

OF_ANOTHER = frozenset({"issuance.issuer_not_issued"})
"""The object's authority failed, and is what waits; the object is tried as soon as there is one."""


def record_failures(
    workspace: Workspace, settings: Settings, failed: Mapping[ObjectId, Outcome]
) -> None:
    """
    Remember what failed, in one batch.

    Raises:
        ContentionError, StoreError: as `store.record`.
    """
    if not failed:
        return
    known = workspace.store.observe(failed)
    entries: list[Failed] = []
    for object_id, outcome in failed.items():
        change, error = outcome.change, outcome.error
        if error is None or error.code in OF_ANOTHER:
            continue
        if not isinstance(change, IssueCertificate | FinishReservation):
            continue
        digest = asked_digest(change.request)
        before = known[object_id].failure if object_id in known else None
        # Something else that fails is a first attempt of its own.
        again = before is not None and before.request_digest == digest
        attempts = before.attempts + 1 if before is not None and again else 1
        retry_at = retry_time(object_id, attempts, settings.now)
        entries.append(Failed(object_id, _told(error), attempts, retry_at, digest))
    if entries:
        things = "1 object" if len(entries) == 1 else f"{len(entries)} objects"
        message = f"{things} failed\n\nSource-Commit: {workspace.commit}\n"
        workspace.store.record(entries, now=settings.now, message=message)


def _told(error: PkiAsCodeError) -> str:
    """Return what went wrong, in one line that any ledger can hold."""
    first = next((f.message for f in error.findings if f.message not in error.message), "")
    told = safe(f"{error.message}: {first}" if first else error.message)
    return told if len(told) <= LONGEST_MESSAGE else f"{told[: LONGEST_MESSAGE - 1]}…"
