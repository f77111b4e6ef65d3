"""What is not done without being asked twice. Each guard returns a finding or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from pki_as_code.errors import UnsafePlanError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.project import Guards
from pki_as_code.model import RESPONDER, Action, Finding, Plan, RetireObject

FEW = 10
"""Below so many certificates, shares are not looked at."""

CLASSES = ("revoke", "issue", "replace", "renew", "adopt", "empty", "replay", "new-store")
"""What `--allow-unsafe CLASS=N` can name."""


def guard_plan(plan: Plan, manifests: ManifestSet, allowed: Mapping[str, int]) -> None:
    """
    Raise `UnsafePlanError` when the plan refuses something or goes beyond what is usual.

    `allowed` lifts the limit of a class for one run, up to the number given.
    """
    if plan.refused:
        refused = [
            Finding(
                "plan.refused",
                f"{refusal.object_id.path}: {refusal.reason.message}",
                refusal.source,
                help=refusal.help,
            )
            for refusal in plan.refused
        ]
        raise UnsafePlanError(
            "changes are refused; nothing was changed", code="plan.refused", findings=refused
        )
    findings = [f for f in _findings(plan, manifests, allowed) if f is not None]
    if findings:
        raise UnsafePlanError(
            "; ".join(finding.message for finding in findings),
            help="; ".join(finding.help for finding in findings),
            findings=findings,
        )


def _findings(
    plan: Plan, manifests: ManifestSet, allowed: Mapping[str, int]
) -> list[Finding | None]:
    guards = manifests.project.manifest.spec.guards if manifests.project else Guards()
    most = guards.max_issues
    return [
        _emptied(plan, manifests, allowed),
        _cap(plan, "revoke", Action.REVOKE, guards.max_revocations, allowed),
        _share(plan, guards.max_revocations_percent, allowed),
        _cap(plan, "issue", Action.ISSUE, most, allowed),
        _cap(plan, "replace", Action.REPLACE, most, allowed),
        _cap(plan, "renew", Action.RENEW, most, allowed),
        _cap(plan, "adopt", Action.ADOPT, most, allowed),
    ]


def _emptied(plan: Plan, manifests: ManifestSet, allowed: Mapping[str, int]) -> Finding | None:
    """No Certificate manifest is left: a lost directory looks just like that."""
    gone = sum(
        isinstance(change, RetireObject) and change.object_id.kind != RESPONDER
        for change in plan.changes
    )
    if manifests.of(Certificate) or not gone or allowed.get("empty", 0) >= plan.live:
        return None
    return Finding(
        "plan.emptied",
        f"no certificate is asked for any more, and the store looks after {plan.live}",
        help=f"if all of them are meant to go, run again with --allow-unsafe empty={plan.live}",
    )


def _share(plan: Plan, limit: int, allowed: Mapping[str, int]) -> Finding | None:
    """A share says nothing of a handful."""
    count = sum(change.action is Action.REVOKE for change in plan.changes)
    if plan.live < FEW or count * 100 <= limit * plan.live or count <= allowed.get("revoke", 0):
        return None
    return Finding(
        "plan.too_many",
        f"the plan would revoke {count} of {plan.live} certificates, the limit is {limit}%",
        help=f"review the plan, then run again with --allow-unsafe revoke={count}",
    )


def _cap(
    plan: Plan,
    name: str,
    action: Action,
    limit: int,
    allowed: Mapping[str, int],
) -> Finding | None:
    # Responders are not asked for one by one: there is one to each authority.
    count = sum(
        change.action is action and change.object_id.kind != RESPONDER for change in plan.changes
    )
    if count <= max(limit, allowed.get(name, 0)):
        return None
    return Finding(
        "plan.too_many",
        f"the plan would {name} {count} certificates, the limit is {limit}",
        help=f"review the plan, then run again with --allow-unsafe {name}={count}",
    )
