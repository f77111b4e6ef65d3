"""The loop around one plan: finish what is open, plan, guard, apply, and again when overtaken."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from pki_as_code.apply.run import Outcome, Settings, apply_plan
from pki_as_code.errors import ContentionError
from pki_as_code.model import FinishReservation, ObjectId, Plan
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
    failed: set[ObjectId] = set()
    overtaken = 0
    while True:
        plan = workspace.plan(settings.now, settings.only)
        on_plan(plan)
        guard_plan(plan, workspace.loaded.manifests, settings.allowed)
        pending = tuple(change for change in plan.changes if change.object_id not in failed)
        if not pending:
            return
        try:
            for outcome in apply_plan(replace(plan, changes=pending), workspace, settings):
                if outcome.error is not None:
                    failed.add(outcome.change.object_id)
                yield outcome
        except ContentionError:
            overtaken += 1
            if overtaken == ATTEMPTS:
                raise
            # Jitter, not a secret: two runners must not meet again at the same moment.
            time.sleep(random.uniform(0, _FIRST_PAUSE_SECONDS * 2**overtaken))  # noqa: S311
            continue
        if not any(isinstance(change, FinishReservation) for change in pending):
            return
