"""The loop around one plan: finish what is open, plan, guard, apply, and again when overtaken."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from pki_as_code.apply.failures import record_failures
from pki_as_code.apply.noting import note_if_quiet
from pki_as_code.apply.outcome import Outcome, Settings
from pki_as_code.apply.run import apply_plan, record_reconciled
from pki_as_code.apply.signed import check_signed
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
from pki_as_code.plan.ceremonies import is_signed_by_ceremony
from pki_as_code.plan.guards import guard_plan
from pki_as_code.stores.extending import entry_time
from pki_as_code.workspace import Workspace
from pki_as_code.workspace.trust import moves_trust

ATTEMPTS = 8
"""How often a plan is made anew when other runners write to the same store."""

_FIRST_PAUSE_SECONDS = 0.05


@dataclass
class Progress:
    """What became of the changes of a run so far."""

    done: list[Change] = field(default_factory=list)
    failed: dict[ObjectId, Outcome] = field(default_factory=dict)

    def follow(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass on each outcome, and remember it."""
        for outcome in outcomes:
            if outcome.error is None:
                self.done.append(outcome.change)
            else:
                self.failed[outcome.change.object_id] = outcome
            yield outcome


def reconcile(
    workspace: Workspace, settings: Settings, on_plan: Callable[[Plan], None]
) -> Iterator[Outcome]:
    """
    Bring the store to what the manifests ask for, and yield what was done.

    What an earlier run left open is finished first, and the plan then made on what is so. A plan
    that another runner overtook is forgotten and made anew; what it had done stands, and counts
    for the guards. What fails is remembered, and left out of other runs for a while.

    Raises:
        ManifestError, UnsafePlanError: nothing was changed.
        StoreError: the store cannot be read or written.
        ContentionError: other runners were faster `ATTEMPTS` times.
    """
    check_run(workspace, settings)
    told = tuple(check_signed(workspace, settings))
    progress = Progress()
    overtaken = 0
    while True:
        before = workspace.store.head()
        lost_keys = settings.issuers.lost_responder_keys()
        plan = workspace.plan(
            settings.now, settings.only, lost_keys, retry=settings.retry, remember=True
        )
        plan = replace(plan, findings=plan.findings + told)
        on_plan(plan)
        guard_plan(plan, workspace.loaded.manifests, settings.allowed, progress.done)
        pending = tuple(c for c in plan.changes if c.object_id not in progress.failed)
        try:
            todo = replace(plan, changes=pending)
            yield from progress.follow(apply_plan(todo, workspace, settings))
            if any(map(leads_on, pending)):
                continue  # what those objects need beyond that is in the next plan
            record_failures(workspace, settings, progress.failed)
            record_when_complete(workspace, settings, plan, progress)
            if not (progress.done or progress.failed):
                note_if_quiet(workspace, settings, plan, before)
        except ContentionError:
            overtaken += 1
            if overtaken == ATTEMPTS:
                raise
            # Jitter, not a secret: two runners must not meet again at the same moment.
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**overtaken))  # noqa: S311
            continue
        return


def record_when_complete(
    workspace: Workspace, settings: Settings, plan: Plan, progress: Progress
) -> None:
    """
    Note that all that the plan's commit asks for is done, if it is, and if that makes a
    difference.

    Raises:
        ContentionError, StoreError: as `apply_plan`.
    """
    open_ends = progress.failed or plan.waiting or settings.only or has_errors(plan)
    # By whom the next commits may be is said by the one reconciled last: such a change counts.
    moved = bool(progress.done) or moves_trust(workspace)
    if moved and plan.commit and not open_ends:
        record_reconciled(workspace, settings, plan.commit)


def has_errors(plan: Plan) -> bool:
    """Tell whether an error keeps an object out of this plan."""
    return any(finding.severity is Severity.ERROR for finding in plan.findings)


def check_run(workspace: Workspace, settings: Settings) -> None:
    """
    Check that this commit and this store are the ones to go on from.

    Raises:
        UnsafePlanError: the commit is older than, or beside, the one reconciled last; it is not on
            the protected branch; or the store is empty while authorities have keys.
        StoreError: the clock is behind the store (`store.clock_went_back`), and what is due by it
            would be wrong.
    """
    entry_time(workspace.store.head().at, settings.now)
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
    manifests = workspace.loaded.manifests
    for object_id, authority in manifests.of(CertificateAuthority).items():
        key = authority.manifest.spec.key
        if not authority.manifest.spec.certificate and is_signed_by_ceremony(authority, manifests):
            continue  # its key is made for the ceremony, before there is anything to record
        if key is not None and key_exists(key.uri, root=workspace.root):
            raise UnsafePlanError(
                f"the store {workspace.store.uri} is empty, and authority {object_id.name} has a "
                "key already",
                help="check the name of the store, and fetch its branch. If it is really new: "
                "--allow-unsafe new-store=1",
                code="plan.new_store",
            )


def leads_on(change: Change) -> bool:
    """Tell whether the same object may need something else once this change is recorded."""
    return isinstance(change, FinishReservation | AbandonReservation | RenameObject) or (
        isinstance(change, AdoptCertificate) and change.has_csr
    )
