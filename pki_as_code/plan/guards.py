"""
What is not done without being asked twice: more of it than usual, or what looks like an accident.

A plan is judged by what it would do in each class of changes. What a run has done already counts,
so that a large change does not pass in small pieces.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pki_as_code.errors import UnsafePlanError
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.project import Guards
from pki_as_code.model import (
    RESPONDER,
    Action,
    AdoptAuthority,
    AdoptCertificate,
    Change,
    Finding,
    FinishReservation,
    IssueCertificate,
    Plan,
    Refusal,
    RetireObject,
    RevokeCertificate,
)

FEW = 10
"""Below so many certificates, shares are not looked at."""

CLASSES = (
    "revoke", "issue", "replace", "renew", "adopt", "empty", "replay", "new-store", "unsigned",
)  # fmt: skip
"""What `--allow-unsafe CLASS=N` can name."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """The limits of one class, by what they are called in `spec.guards`; empty when it has none."""

    name: str
    code: str
    most: str
    percent: str = ""


_LIMITS = (
    _Limit("revoke", "plan.too_many_revocations", "maxRevocations", "maxRevocationsPercent"),
    _Limit("replace", "plan.too_many_replacements", "maxReplacements", "maxReplacementsPercent"),
    _Limit("issue", "plan.too_many_issues", "maxIssues", "maxIssuesPercent"),
    _Limit("renew", "plan.too_many_renewals", "maxIssues"),
    _Limit("adopt", "plan.too_many_adoptions", "maxIssues"),
)


def guard_plan(
    plan: Plan,
    manifests: ManifestSet,
    allowed: Mapping[str, int],
    done: Sequence[Change] = (),
) -> None:
    """
    Raise `UnsafePlanError` when the plan refuses something or goes beyond what is usual.

    `allowed` lifts the limit of a class for one run, up to the number given; `done` is what the run
    has done before this plan. `findings` has everything at once.
    """
    refused = [refusal_finding(refusal) for refusal in plan.refused]
    exceeded = list(guard_findings(plan, manifests, allowed, done))
    if refused:
        raise UnsafePlanError(
            "changes are refused; nothing was changed",
            code="plan.refused",
            findings=[*refused, *exceeded],
        )
    if exceeded:
        raise UnsafePlanError(
            "; ".join(finding.message for finding in exceeded),
            help="; ".join(finding.help for finding in exceeded),
            code=exceeded[0].code,
            findings=exceeded,
        )


def guard_findings(
    plan: Plan,
    manifests: ManifestSet,
    allowed: Mapping[str, int],
    done: Sequence[Change] = (),
) -> Iterator[Finding]:
    """Yield an error for each limit that the plan exceeds, as `guard_plan` says."""
    guards = manifests.project.manifest.spec.guards if manifests.project else Guards()
    limits = guards.model_dump(by_alias=True)
    planned, before = _count(plan.changes), _count(done)
    whole_run = _count([*done, *plan.changes])
    if (emptied := _emptied(plan, allowed)) is not None:
        yield emptied
    for limit in _LIMITS:
        count = whole_run[limit.name]
        if not planned[limit.name] or count <= allowed.get(limit.name, 0):
            continue
        told = _exceeded(limit, count, plan.live, limits[limit.most], limits.get(limit.percent))
        if told:
            yield _finding(limit, count, before[limit.name], told)


def _count(changes: Iterable[Change]) -> Counter[str]:
    """Return how many changes there are in each class; one certificate is revoked once."""
    return Counter(name for name, _ in {_class_of(change) for change in changes})


def _class_of(change: Change) -> tuple[str, object]:
    """Return the class in which a change counts, and what makes two changes the same in it."""
    match change:
        case RevokeCertificate(certificate=record):
            return "revoke", (record.issuer, record.serial_number)
        case _ if change.object_id.kind == RESPONDER:
            return "", change.object_id  # nobody asks for one: there is one to each authority
        case IssueCertificate():
            return str(change.action), change.object_id
        case FinishReservation(reservation=reservation):
            # Reserved by a run that was guarded, or by whoever wrote it into the store: it counts.
            if reservation.replaces is None:
                return "issue", change.object_id
            renews = reservation.reason in {"NearingExpiry", "Expired"}
            return ("renew" if renews else "replace"), change.object_id
        case AdoptCertificate() | AdoptAuthority():
            return str(Action.ADOPT), change.object_id
        case _:
            return "", change.object_id


# --- Limits --------------------------------------------------------------------------------------


def _exceeded(
    limit: _Limit, count: int, live: int, most: int, percent: int | None
) -> tuple[str, str] | None:
    """Return what of the limits is exceeded, in words, and the settings that say so."""
    too_many = count > most
    # A share says nothing of a handful.
    too_large = percent is not None and live >= FEW and count * 100 > percent * live
    if too_many and too_large:
        words = f"the limits are {most} and {percent}% of {live}"
        return words, f"{limit.most} and {limit.percent}"
    if too_many:
        return f"the limit is {most}", limit.most
    return (f"the limit is {percent}% of {live}", limit.percent) if too_large else None


def _finding(limit: _Limit, count: int, before: int, told: tuple[str, str]) -> Finding:
    words, settings = told
    certificates = "1 certificate" if count == 1 else f"{count} certificates"
    so_far = f" ({before} of them in this run already)" if before else ""
    return Finding(
        limit.code,
        f"the plan would {limit.name} {certificates}{so_far}, {words}",
        help=f"review it; then `pkictl reconcile --allow-unsafe {limit.name}={count}` does it "
        f"once, or raise {settings} under spec.guards in pki.yaml",
    )


def _emptied(plan: Plan, allowed: Mapping[str, int]) -> Finding | None:
    """No Certificate manifest is left: a lost directory looks just like that."""
    gone = any(
        isinstance(change, RetireObject) and change.object_id.kind != RESPONDER
        for change in plan.changes
    )
    gone = gone or any(refusal.reason.code == "RemovedWhileValid" for refusal in plan.refused)
    if plan.asked or not gone or allowed.get("empty", 0) >= plan.live:
        return None
    return Finding(
        "plan.emptied",
        f"no certificate is asked for any more, and the store looks after {plan.live}",
        help="if all of them are meant to go, `pkictl reconcile --allow-unsafe "
        f"empty={plan.live}` does it",
    )


def refusal_finding(refusal: Refusal) -> Finding:
    """Return a refusal as the error it is."""
    return Finding(
        "plan.refused",
        f"{refusal.object_id.path}: {refusal.reason.message}",
        refusal.source,
        help=refusal.help,
    )
