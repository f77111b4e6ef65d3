"""What is not done without being asked twice. Each guard returns a finding or nothing."""

from __future__ import annotations

from collections.abc import Mapping

from pki_as_code.errors import UnsafePlanError
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Action, Finding, Plan

DEFAULT_MAX_REVOCATIONS = 20
DEFAULT_MAX_ISSUES = 5000

CLASSES = ("revoke", "issue", "replace")
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
    guards = manifests.project.manifest.spec.guards if manifests.project else None
    max_revocations = guards.max_revocations if guards else None
    max_issues = guards.max_issues if guards else None
    return [
        _cap(
            plan, "revoke", (Action.REVOKE,), _or(max_revocations, DEFAULT_MAX_REVOCATIONS), allowed
        ),
        _cap(plan, "issue", (Action.ISSUE,), _or(max_issues, DEFAULT_MAX_ISSUES), allowed),
        _cap(plan, "replace", (Action.REPLACE,), _or(max_issues, DEFAULT_MAX_ISSUES), allowed),
    ]


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _cap(
    plan: Plan,
    name: str,
    actions: tuple[Action, ...],
    limit: int,
    allowed: Mapping[str, int],
) -> Finding | None:
    count = sum(change.action in actions for change in plan.changes)
    if count <= max(limit, allowed.get(name, 0)):
        return None
    return Finding(
        "plan.too_many",
        f"the plan would {name} {count} certificates, the limit is {limit}",
        help=f"review the plan, then run again with --allow-unsafe {name}={count}",
    )
