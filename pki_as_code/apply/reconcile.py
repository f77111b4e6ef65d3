"""The loop around one plan: finish what is open, plan, guard, apply, and again when overtaken."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from pki_as_code.apply.outcome import Outcome, Settings
from pki_as_code.apply.run import apply_plan, record_reconciled
from pki_as_code.errors import ContentionError, UnsafePlanError
from pki_as_code.keys import key_exists
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.model import (
    AbandonReservation,
    AdoptCertificate,
    Change,
    FinishReservation,
    ObjectId,
    Plan,
    RenameObject,
    Severity,
)
from pki_as_code.plan.guards import guard_plan
from pki_as_code.workspace import Workspace

ATTEMPTS = 8
"""How often a plan is made anew when other runners write to the same store."""

_FIRST_PAUSE_SECONDS = 0.05


def reconcile(
    workspace: Workspace, settings: Settings, on_plan: Callable[[Plan], None]
) -> Iterator[Outcome]:
    """
    Bring the store to what the manifests ask for, and yield what was done.

    What an earlier run left open is finished first, and the plan then made on what is so. A plan
    that another runner overtook is forgotten and made anew; what it had done stands.

    Raises:
        ManifestError, UnsafePlanError: nothing was changed.
        StoreError: the store cannot be read or written.
        ContentionError: other runners were faster `ATTEMPTS` times.
    """
    check_run(workspace, settings)
    failed: set[ObjectId] = set()
    overtaken, did_something = 0, False
    while True:
        plan = workspace.plan(settings.now, settings.only)
        on_plan(plan)
        guard_plan(plan, workspace.loaded.manifests, settings.allowed)
        pending = tuple(change for change in plan.changes if change.object_id not in failed)
        try:
            for outcome in apply_plan(replace(plan, changes=pending), workspace, settings):
                if outcome.error is not None:
                    failed.add(outcome.change.object_id)
                did_something |= outcome.error is None
                yield outcome
            if any(map(_leads_on, pending)):
                continue  # what those objects need beyond that is in the next plan
            complete = not failed and not settings.only and not has_errors(plan)
            if did_something and plan.commit and complete:
                record_reconciled(workspace, settings, plan.commit)
        except ContentionError:
            overtaken += 1
            if overtaken == ATTEMPTS:
                raise
            # Jitter, not a secret: two runners must not meet again at the same moment.
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**overtaken))  # noqa: S311
            continue
        return


def has_errors(plan: Plan) -> bool:
    """Tell whether an error keeps an object out of this plan."""
    return any(finding.severity is Severity.ERROR for finding in plan.findings)


def check_run(workspace: Workspace, settings: Settings) -> None:
    """
    Check that this commit and this store are the ones to go on from.

    Raises:
        UnsafePlanError: the commit is older than, or beside, the one reconciled last; it is not on
            the protected branch; or the store is empty while authorities have keys.
    """
    if "replay" not in settings.allowed:
        _check_not_replayed(workspace)
    if "new-store" not in settings.allowed:
        _check_store_is_known(workspace)


def _check_not_replayed(workspace: Workspace) -> None:
    repository, commit = workspace.repository, workspace.commit
    last = workspace.store.last_reconciled()
    if last and commit and last != commit:
        known = repository.has_commit(last)
        if not known or not repository.is_ancestor(last, commit):
            raise UnsafePlanError(
                f"commit {commit[:12]} does not stand on {last[:12]}, which was reconciled last",
                help="reconcile the newest commit; in a shallow clone, `git fetch --unshallow` "
                "first. If going back is meant: --allow-unsafe replay=1",
                code="plan.replay",
            )
    project = workspace.loaded.manifests.project
    protected = project.manifest.spec.trust.protected_ref if project else None
    if protected and commit:
        tip = repository.ref_value(f"refs/heads/{protected}")
        tip = tip or repository.ref_value(f"refs/remotes/origin/{protected}")
        if tip is None or not (tip == commit or repository.is_ancestor(commit, tip)):
            raise UnsafePlanError(
                f"commit {commit[:12]} is not on {protected}, the protected branch",
                help="merge it first; if it is meant: --allow-unsafe replay=1",
                code="plan.unprotected",
            )


def _check_store_is_known(workspace: Workspace) -> None:
    """An empty store beside keys that exist is a lost store, or a misspelt name of one."""
    if workspace.store.head().sequence >= 0:
        return
    for object_id, authority in workspace.loaded.manifests.of(CertificateAuthority).items():
        key = authority.manifest.spec.key
        if key is not None and key_exists(key.uri, root=workspace.root):
            raise UnsafePlanError(
                f"the store {workspace.store.uri} is empty, and authority {object_id.name} has a "
                "key already",
                help="check the name of the store, and fetch its branch. If it is really new: "
                "--allow-unsafe new-store=1",
                code="plan.new_store",
            )


def _leads_on(change: Change) -> bool:
    """Tell whether the same object may need something else once this change is recorded."""
    return isinstance(change, FinishReservation | AbandonReservation | RenameObject) or (
        isinstance(change, AdoptCertificate) and change.has_csr
    )
