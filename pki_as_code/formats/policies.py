"""What policies were tried on, and what a change of them means, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pki_as_code.escape import safe
from pki_as_code.formats.findings import diagnostic_json
from pki_as_code.formats.terminal import GREEN, RED, YELLOW, count_of, paint
from pki_as_code.formats.values import source_json
from pki_as_code.model import JsonValue
from pki_as_code.plan.policy_impact import Affected, Impact
from pki_as_code.plan.policy_trials import Tried

SCHEMA_VERSION = 1


def format_trials(tried: Sequence[Tried], *, color: bool = False) -> str:
    """Return a line for each request, with what is not as expected, and the counts."""
    lines = []
    for trial in tried:
        good = not trial.problem
        word = paint("ok", GREEN, color=color) if good else paint("FAILED", RED, color=color)
        verdict = "allowed" if trial.allowed else "denied"
        by = f" by {safe(', '.join(trial.allowed_by))}" if trial.allowed_by else ""
        lines.append(f"{word}  {safe(trial.name)}: {verdict}{by}")
        if not good:
            lines.append(f"      expected {trial.expected}; {safe(trial.problem)}")
            lines.append(f"      --> {safe(str(trial.source))}")
    failed = sum(bool(trial.problem) for trial in tried)
    lines.append(f"{count_of(len(tried), 'request')} tried, {failed} not as expected.")
    return "\n".join(lines) + "\n"


def trials_json(tried: Sequence[Tried]) -> dict[str, JsonValue]:
    return {
        "schemaVersion": SCHEMA_VERSION,
        "failed": sum(bool(trial.problem) for trial in tried),
        "tests": [
            {
                "name": trial.name,
                "source": source_json(trial.source),
                "expected": trial.expected,
                "verdict": "allowed" if trial.allowed else "denied",
                "allowedBy": list(trial.allowed_by),
                "codes": sorted({finding.code for finding in trial.findings}),
                "problem": trial.problem or None,
            }
            for trial in tried
        ],
    }


def format_impact(impact: Impact, *, color: bool = False) -> str:
    return "\n".join(_impact_lines(impact, color=color)) + "\n"


def _impact_lines(impact: Impact, *, color: bool) -> Iterator[str]:
    yield f"Compared with {safe(impact.base[:7])}:"
    for affected in impact.denied:
        mark = paint("-", RED, color=color)
        yield f"  {mark} {safe(affected.object_id.path)} could not be renewed any more"
        yield from _reasons(affected)
    for affected in impact.allowed:
        mark = paint("+", GREEN, color=color)
        yield f"  {mark} {safe(affected.object_id.path)} could be renewed, and could not before"
    for namespace in impact.namespaces:
        name = f"namespace {safe(namespace.namespace)}" if namespace.namespace else "all namespaces"
        yield f"  {paint('~', YELLOW, color=color)} {name}"
        yield from (f"      + {safe(word)}" for word in namespace.gains)
        yield from (f"      - {safe(word)}" for word in namespace.loses)
    yield (
        f"{count_of(impact.looked_at, 'certificate')} in use looked at: "
        f"{len(impact.denied)} would be denied at renewal, {len(impact.allowed)} newly allowed."
    )


def _reasons(affected: Affected) -> Iterator[str]:
    for finding in affected.findings:
        yield f"      {safe(finding.code)}: {safe(finding.message)}"


def impact_json(impact: Impact) -> dict[str, JsonValue]:
    return {
        "schemaVersion": SCHEMA_VERSION,
        "base": impact.base,
        "lookedAt": impact.looked_at,
        "denied": [_affected_json(affected) for affected in impact.denied],
        "allowed": [_affected_json(affected) for affected in impact.allowed],
        "namespaces": [
            {
                "namespace": namespace.namespace or None,
                "gains": list(namespace.gains),
                "loses": list(namespace.loses),
            }
            for namespace in impact.namespaces
        ],
    }


def _affected_json(affected: Affected) -> dict[str, JsonValue]:
    return {
        **affected.object_id.to_json(),
        "findings": [diagnostic_json(finding) for finding in affected.findings],
    }
