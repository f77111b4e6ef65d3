"""
Plans and findings as annotations of GitHub Actions: on the line concerned, without any token.

An annotation is a line `::error file=…,line=…,title=…::message` in the log of a step. GitHub shows
the first ten of each level of a step, so that errors come first and changes are told sparingly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from pki_as_code.escape import safe
from pki_as_code.formats.findings import format_summary, sort_findings
from pki_as_code.formats.plan import Row, format_plan, plan_rows
from pki_as_code.model import Change, Finding, Plan, Refusal, Severity, Source
from pki_as_code.plan.guards import refusal_finding

MOST_OF_A_LEVEL = 50
"""So many findings of a level are written; the log has no use for thousands."""

MOST_NOTICES = 10
"""As many changes as GitHub shows; the plan above the annotations has all."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def format_findings_github(findings: Sequence[Finding], file_count: int | None = None) -> str:
    """Return an annotation for each finding, and the line that counts them."""
    summary = format_summary(findings, file_count=file_count)
    return "\n".join([*_annotations(findings), summary]) + "\n"


def format_plan_github(plan: Plan) -> str:
    """Return the plan as text, then annotations of what is wrong and of what would be done."""
    refused = [refusal_finding(refusal) for refusal in plan.refused]
    lines = [
        format_plan(replace(plan, findings=())).rstrip("\n"),
        *_annotations([*refused, *plan.findings]),
        *_notices(plan),
    ]
    return "\n".join(lines) + "\n"


def _annotations(findings: Sequence[Finding]) -> Iterator[str]:
    written: Counter[Severity] = Counter()
    rank = list(Severity).index
    for finding in sorted(sort_findings(findings), key=lambda each: rank(each.severity)):
        written[finding.severity] += 1
        if written[finding.severity] <= MOST_OF_A_LEVEL:
            help = "".join(f"\nhelp: {safe(line)}" for line in finding.help.split("\n") if line)
            message = f"{safe(finding.message)}{help}"
            yield format_annotation(
                _LEVELS[finding.severity], finding.code, message, finding.source
            )
    for severity, number in written.items():
        if number > MOST_OF_A_LEVEL:
            yield f"... and {number - MOST_OF_A_LEVEL:,} more of severity {severity}"


def _notices(plan: Plan) -> Iterator[str]:
    """Say on the line of a manifest what becomes of it."""
    things: list[Change | Refusal] = [*plan.changes, *plan.refused]
    placed = [
        (row, thing.source)
        for row, thing in zip(plan_rows(plan), things, strict=True)
        if thing.source is not None and not isinstance(thing, Refusal)
    ]
    for row, source in placed[:MOST_NOTICES]:
        yield format_annotation("notice", f"{row.action} {row.thing}", _told(row), source)


def _told(row: Row) -> str:
    by = f"by {row.issuer}: " if row.issuer else ""
    return f"{by}{row.details}"


def format_annotation(level: str, title: str, message: str, source: Source | None) -> str:
    """Return one workflow command. `message` is escaped for terminals by who made it."""
    properties = []
    if source is not None:
        properties.append(("file", safe(source.path)))
        properties += _position(source)
    properties.append(("title", safe(title)))
    written = ",".join(f"{name}={text.translate(_PROPERTY)}" for name, text in properties)
    return f"::{level} {written}::{message.translate(_DATA)}"


def _position(source: Source) -> Iterator[tuple[str, str]]:
    """Columns are of one line: GitHub refuses them where the place goes on to another."""
    yield "line", str(source.line)
    end_line = source.line if source.end_line is None else source.end_line
    yield "endLine", str(end_line)
    if end_line == source.line:
        yield "col", str(source.column)
        if source.end_column is not None and source.end_column > source.column:
            yield "endColumn", str(source.end_column)
