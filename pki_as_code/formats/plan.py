"""A plan as people review it, and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from pki_as_code.escape import safe
from pki_as_code.formats.findings import format_finding, sort_findings
from pki_as_code.formats.requests import format_asked, format_names, format_purposes
from pki_as_code.formats.terminal import (
    BOLD,
    CYAN,
    DIM,
    GREEN,
    RED,
    YELLOW,
    count_of,
    display_width,
    pad,
    paint,
)
from pki_as_code.formats.values import format_date, format_seconds
from pki_as_code.model import (
    AbandonReservation,
    Action,
    AdoptAuthority,
    AdoptCertificate,
    AdoptCrl,
    BlockKey,
    Change,
    Finding,
    FinishReservation,
    IssueCertificate,
    ObjectId,
    Plan,
    PublishCrl,
    Reason,
    Refusal,
    ReleaseHold,
    RenameObject,
    RetireObject,
    RevokeCertificate,
    Severity,
    UpdateObject,
)
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.plan.ceremonies import WAITING
from pki_as_code.quiet.wording import abbreviate, no_changes

MARKS: dict[Action, str] = {
    Action.ISSUE: "+",
    Action.REPLACE: "~",
    Action.RENEW: "~",
    Action.REVOKE: "-",
    Action.RELEASE: "~",
    Action.ADOPT: "+",
    Action.RENAME: "~",
    Action.RETIRE: "-",
    Action.UPDATE: "~",
    Action.BLOCK: "-",
    Action.PUBLISH: "+",
    Action.FINISH: "+",
    Action.ABANDON: "-",
}
REFUSED = "!"
_STYLES = {"+": (GREEN,), "~": (YELLOW,), "-": (RED,), REFUSED: (BOLD, RED)}

ALWAYS_COUNTED = (Action.ISSUE, Action.REPLACE, Action.RENEW, Action.REVOKE)
"""Named in the summary even when there are none; other actions only when there are some."""

_ACTION_WIDTH = 8
_WIDEST_ALIGNED = 40
"""A longer name does not push the columns of all other lines away."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the plan. Everything in it is escaped already, as `safe` does it."""

    mark: str
    action: str
    thing: str
    issuer: str
    details: str
    help: str = ""


MOST_OF_A_KIND = 10
"""Warnings and notes with one code that are shown in full."""


def format_plan(plan: Plan, *, color: bool = False) -> str:
    """Return the plan as text: what is planned and refused, findings, and the counts."""
    blocks = list(_finding_blocks(plan.findings, color=color))
    if not plan.changes and not plan.refused:
        return "\n".join([*blocks, _nothing_planned(plan)])
    table = "\n".join(_table_lines(plan_rows(plan), color=color)) + "\n"
    summary = f"{format_counts(plan)}   {paint(f'digest {plan.digest}', DIM, color=color)}\n"
    return "\n".join([format_headline(plan) + "\n", table, *blocks, summary])


def _nothing_planned(plan: Plan) -> str:
    """Return the sentence for a plan without changes and refusals."""
    why = why_nothing(plan)
    at = f"at {safe(abbreviate(plan.commit))}" if plan.commit else "in the working tree"
    return f"{why} {at}.\n" if why else no_changes(safe(plan.commit))


def why_nothing(plan: Plan) -> str:
    """Return why a plan without changes is not one of everything; empty when it is."""
    errors = sum(finding.severity is Severity.ERROR for finding in plan.findings)
    rest = "all else matches the manifests"
    if errors:
        return f"No changes. {count_of(errors, 'error')} to be mended first; {rest}"
    if plan.waiting:
        return f"Nothing to do now. {len(plan.waiting):,} to be tried again later; {rest}"
    if any(finding.code in WAITING for finding in plan.findings):
        return f"No changes. Some things wait for people; {rest}"
    return ""


def plan_rows(plan: Plan) -> list[Row]:
    """Return a row for each change, then one for each refusal, in their order."""
    rows = [_change_row(change) for change in plan.changes]
    return rows + [_refusal_row(refusal) for refusal in plan.refused]


def _finding_blocks(findings: Sequence[Finding], *, color: bool) -> Iterator[str]:
    """Yield every error, and of other findings the first few of each kind: the JSON has all."""
    shown: Counter[str] = Counter()
    hidden: Counter[str] = Counter()
    for finding in sort_findings(findings):
        shown[finding.code] += 1
        if finding.severity is Severity.ERROR or shown[finding.code] <= MOST_OF_A_KIND:
            yield format_finding(finding, color=color)
        else:
            hidden[finding.code] += 1
    for code, count in hidden.items():
        yield f"... and {count:,} more {code}; `pkictl plan --output json` has them all.\n"


def format_headline(plan: Plan) -> str:
    planned = safe(abbreviate(plan.commit)) if plan.commit else "the working tree"
    base = f"base {safe(abbreviate(plan.base))}" if plan.base else "nothing reconciled before"
    return f"Plan for {planned} ({base}), store {safe(plan.store)}"


def count_actions(plan: Plan) -> dict[str, int]:
    """Return how many there are of each action, then `refused` and `unchanged`."""
    counts = {str(action): 0 for action in ALWAYS_COUNTED}
    for action in Action:
        if number := sum(change.action is action for change in plan.changes):
            counts[str(action)] = number
    return {**counts, "refused": len(plan.refused), "unchanged": plan.unchanged}


def format_counts(plan: Plan) -> str:
    """Return `1 to issue, 0 to replace, ..., 1 refused, 412 unchanged.`"""
    words = [
        f"{number:,} {name}" if name in {"refused", "unchanged"} else f"{number:,} to {name}"
        for name, number in count_actions(plan).items()
    ]
    return ", ".join(words) + "."


def _table_lines(rows: list[Row], *, color: bool) -> Iterator[str]:
    thing_width = _column_width(row.thing for row in rows)
    issuer_width = _column_width(row.issuer for row in rows)
    for row in rows:
        style = _STYLES[row.mark]
        mark = paint(row.mark, *style, color=color)
        action = paint(row.action, *style, color=color) + " " * (_ACTION_WIDTH - len(row.action))
        columns = [pad(row.thing, thing_width)]
        if row.issuer:
            columns.append(pad(row.issuer, issuer_width))
        yield f"  {mark} {action} {'  '.join([*columns, row.details])}".rstrip()
        if row.help:
            yield f"             {paint('= help:', CYAN, color=color)} {row.help}"


def _column_width(texts: Iterator[str]) -> int:
    fitting = [width for text in texts if (width := display_width(text)) <= _WIDEST_ALIGNED]
    return max(fitting, default=0)


def _thing(object_id: ObjectId) -> str:
    return f"{safe(object_id.thing)} {safe(object_id.path)}"


def _refusal_row(refusal: Refusal) -> Row:
    return Row(
        REFUSED,
        "refuse",
        _thing(refusal.object_id),
        "",
        safe(refusal.reason.message),
        safe(refusal.help),
    )


def _change_row(change: Change) -> Row:
    object_id, issuer = change.object_id, ""
    match change:
        case IssueCertificate(request=request):
            issuer, details = request.issuer, _issue_details(change) + _allowed_by(change)
        case FinishReservation(reservation=reservation, request=request):
            serial = format_serial_number(reservation.serial_number)
            told = f"{serial}  {format_asked(request)}  {_reasons(change.reasons)}"
            issuer, details = reservation.issuer, told + _allowed_by(change)
        case AbandonReservation(reservation=reservation):
            serial = format_serial_number(reservation.serial_number)
            issuer, details = reservation.issuer, f"{serial}  {_reasons(change.reasons)}"
        case AdoptAuthority(issuer=issuer) | AdoptCertificate(issuer=issuer):
            details = _adopted(change)
        case RenameObject(certificate=certificate):
            issuer = certificate.issuer
            details = f"was {safe(change.previous.path)}  {_reasons(change.reasons)}"
        case BlockKey(spki_sha256=digest):
            details = f"key {safe(digest)}  {_reasons(change.reasons)}"
        case PublishCrl(issuer=issuer) | AdoptCrl(issuer=issuer):
            details = _crl_details(change)
        case RevokeCertificate() | ReleaseHold() | RetireObject() | UpdateObject():
            object_id, issuer = change.certificate.object_id, change.certificate.issuer
            details = _details_of_known(change)
        case _:
            assert_never(change)
    mark, action = MARKS[change.action], str(change.action)
    return Row(mark, action, _thing(object_id), safe(issuer), details)


def _details_of_known(
    change: RevokeCertificate | ReleaseHold | RetireObject | UpdateObject,
) -> str:
    serial = format_serial_number(change.certificate.serial_number)
    if isinstance(change, RevokeCertificate):
        return f"{serial}  {safe(change.revocation_reason)}"
    reasons = _reasons(change.reasons)
    return f"{serial}  {reasons}" if isinstance(change, ReleaseHold) else reasons


def _crl_details(change: PublishCrl | AdoptCrl) -> str:
    if isinstance(change, AdoptCrl):
        ends = f"until {format_date(change.next_update)}"
        return f"{ends}  {_reasons(change.reasons)}   {safe(change.crl_path)}"
    return f"{format_seconds(change.validity_seconds)}  {_reasons(change.reasons)}"


def _issue_details(change: IssueCertificate) -> str:
    request = change.request
    if change.action is Action.REPLACE:
        return f"{_reasons(change.reasons)}{format_purposes(request)}"
    if change.action is not Action.ISSUE:
        return _reasons(change.reasons)
    details = format_asked(request)
    if change.source is not None:
        details += f"   {safe(change.source.path)}:{change.source.line}"
    return details


def _allowed_by(change: IssueCertificate | FinishReservation) -> str:
    return f"   by {safe(', '.join(change.allowed_by))}" if change.allowed_by else ""


def _adopted(change: AdoptAuthority | AdoptCertificate) -> str:
    if isinstance(change, AdoptAuthority):
        return _reasons(change.reasons)
    serial = format_serial_number(change.serial_number)
    shown = format_names(change.subject_alternative_names, change.subject)
    return f"{serial}  until {format_date(change.not_after)}  {shown}   {safe(change.path)}"


def _reasons(reasons: tuple[Reason, ...]) -> str:
    return safe("; ".join(f"{reason.code}: {reason.message}" for reason in reasons))
