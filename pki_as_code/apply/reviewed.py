"""A plan that somebody reviewed: that one is carried out, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pki_as_code.apply.failures import record_failures
from pki_as_code.apply.outcome import Outcome, Settings
from pki_as_code.apply.reconcile import Progress, check_run, leads_on, record_when_complete
from pki_as_code.apply.run import apply_plan
from pki_as_code.apply.signed import check_signed
from pki_as_code.errors import ContentionError, StalePlanError
from pki_as_code.formats.reviewed_plan import ReviewedPlan, check_age, check_reviewed
from pki_as_code.model import Plan
from pki_as_code.plan.guards import guard_plan
from pki_as_code.workspace import Workspace


def plan_reviewed(workspace: Workspace, settings: Settings, reviewed: ReviewedPlan) -> Plan:
    """
    Make the plan anew, for the time of the reviewed one, and check that it is the same.

    What became due since waits for the next plan. Raises `StalePlanError`, and as `Workspace.plan`.
    """
    check_age(reviewed, settings.now)
    plan = workspace.plan(reviewed.planned_at)
    check_reviewed(reviewed, plan)
    return plan


def reconcile_reviewed(
    workspace: Workspace,
    settings: Settings,
    reviewed: ReviewedPlan,
    on_plan: Callable[[Plan], None],
    on_rest: Callable[[Plan], None],
) -> Iterator[Outcome]:
    """
    Carry out the plan that was reviewed, and yield what was done.

    What is carried out is made anew from the manifests, with the real time in what is signed; the
    file only says what it must be. `on_rest` is given what remains to be done afterwards, which
    nobody has reviewed.

    Raises:
        StalePlanError: it is not what would be done any more, or another run was faster; what was
            yielded stands.
        ManifestError, UnsafePlanError, StoreError: as `reconcile`.
    """
    check_run(workspace, settings)
    check_signed(workspace, settings)
    plan = plan_reviewed(workspace, settings, reviewed)
    on_plan(plan)
    guard_plan(plan, workspace.loaded.manifests, settings.allowed)
    progress = Progress()
    try:
        yield from progress.follow(apply_plan(plan, workspace, settings))
        record_failures(workspace, settings, progress.failed)
        if not any(map(leads_on, plan.changes)):
            record_when_complete(workspace, settings, plan, progress)
    except ContentionError as error:
        raise StalePlanError(
            "another run changed the store while the reviewed plan was carried out; what was done "
            "stands",
            help="plan again: what remains is to be reviewed once more",
        ) from error
    on_rest(workspace.plan(settings.now))
