"""How things stand: what is pending, what is due, what failed."""

from __future__ import annotations

from datetime import datetime, timedelta

from pki_as_code.model import StatusReport
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.workspace.view import Workspace

SOON = timedelta(days=14)
_MOST_LISTED = 20


def read_status(workspace: Workspace, now: datetime) -> StatusReport:
    """
    Read the store and plan; changes nothing.

    Raises:
        ManifestError, StoreError: the manifests or the store cannot be read.
    """
    store = workspace.store
    soon = CertificateFilter(
        kinds=("Certificate", "CertificateAuthority"),
        not_after_from=now,
        not_after_before=now + SOON,
        revoked=False,
        current_only=True,
        limit=_MOST_LISTED,
    )
    plan = workspace.plan(now)
    # The store remembers a failure until the object is signed, even if nobody asks for it any more.
    pending = {*plan.waiting, *(change.object_id for change in plan.changes)}
    return StatusReport(
        plan=plan,
        last_reconciled=store.last_reconciled() or "",
        entries=store.head().sequence + 1,
        expiring=tuple(store.find(soon)),
        reservations=tuple(store.open_reservations()),
        failures=tuple(f for f in store.failures() if f.object_id in pending),
        crls=store.crls(),
        checked_at=now,
    )
