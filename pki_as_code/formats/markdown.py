"""
Plans and findings as Markdown: a comment on a pull request, or the summary of a job.

What others wrote stands in code spans and fenced blocks only, where neither Markdown nor HTML nor a
mention means anything, and what would end such a span or a cell of a table is shown as an escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pki_as_code.escape import safe
from pki_as_code.formats.findings import format_finding, format_summary, sort_findings
from pki_as_code.formats.plan import Row, format_counts, plan_rows, why_nothing
from pki_as_code.formats.terminal import count_of
from pki_as_code.model import Finding, Plan, Severity
from pki_as_code.quiet.wording import abbreviate

MARKER = "<!-- pki-as-code -->"
"""The first line, which nobody sees: by it the one comment is found that is edited in place."""

MOST_BYTES = 65_000
"""GitHub takes 65,536 characters. Bytes are counted, which are never fewer, however it counts."""

_MOST_OF_FINDINGS = 25_000
_LONGEST_CELL = 600
_LONGEST_FINDING = 4_000
_OPEN_UP_TO = 10
"""So many lines are shown at once; more of them are folded."""

_WHERE = "the log of the job has them all, and so has `pkictl plan --output json`"


def format_plan_markdown(plan: Plan) -> str:
    """Return the plan as a comment of less than 65,536 characters, however large it is."""
    at = code(abbreviate(plan.commit)) if plan.commit else "the working tree"
    base = f"base {code(abbreviate(plan.base))}" if plan.base else "nothing reconciled before"
    head = f"{MARKER}\n### Plan for {at}\n\n{_verdict(plan)}\n"
    foot = f"\nPlanned against {base}, store {code(plan.store)}, digest {code(plan.digest)}.\n"
    findings = _findings_section(plan.findings)
    room = MOST_BYTES - _size(head) - _size(foot) - _size(findings)
    return head + _changes_section(plan, room) + findings + foot


def format_findings_markdown(findings: Sequence[Finding], file_count: int | None = None) -> str:
    """Return the findings as a comment, with the same marker as a plan: it takes its place."""
    summary = format_summary(findings, file_count=file_count)
    return f"{MARKER}\n### Manifests\n\n{summary}\n{_findings_section(findings)}"


def code(text: str) -> str:
    """
    Return foreign text as a code span that can neither end early nor leave its cell of a table.

    Backticks and bars become escapes, like the characters that `safe` escapes.
    """
    inert = safe(text).replace("`", r"\x60").replace("|", r"\x7c")
    return f"`{inert}`" if inert.strip() else ""


def _verdict(plan: Plan) -> str:
    if plan.changes or plan.refused:
        return f"**{format_counts(plan)}**"
    why = why_nothing(plan) or "No changes. The issued store matches the manifests"
    return f"**{why}.**"


def _changes_section(plan: Plan, room: int) -> str:
    if not plan.changes and not plan.refused:
        return ""
    rows = plan_rows(plan)
    # What is refused is what somebody has to look at: it comes first, and is cut last.
    ordered = [*rows[len(plan.changes) :], *rows[: len(plan.changes)]]
    title = count_of(len(plan.changes), "change")
    if plan.refused:
        title += f", {len(plan.refused):,} refused"
    opening = f"\n{_opened(title, len(rows))}\n| | | object | by | |\n|--|--|--|--|--|\n"
    closing = "\n</details>\n"
    cut = f"\n{len(rows):,} more are left out here, for want of room; {_WHERE}.\n"
    space = room - sum(_size(part) for part in (opening, closing, cut))
    lines = _fitting((_table_row(row) for row in ordered), space)
    if hidden := len(rows) - len(lines):
        closing = f"\n{hidden:,} more are left out here, for want of room; {_WHERE}.\n{closing}"
    return opening + "".join(lines) + closing


def _table_row(row: Row) -> str:
    told = [row.details, *([f"help: {row.help}"] if row.help else [])]
    cells = [row.mark, row.action, code(row.thing), code(row.issuer)]
    return f"| {' | '.join([*cells, _cut_cell('  '.join(told))])} |\n"


def _cut_cell(text: str) -> str:
    hidden = len(text) - _LONGEST_CELL
    if hidden <= 0:
        return code(text)
    return f"{code(text[:_LONGEST_CELL])} and {hidden:,} more characters"


def _findings_section(findings: Sequence[Finding]) -> str:
    if not findings:
        return ""
    rank = list(Severity).index
    ordered = sorted(sort_findings(findings), key=lambda finding: rank(finding.severity))
    blocks = _fitting((_block(finding) for finding in ordered), _MOST_OF_FINDINGS)
    hidden = len(findings) - len(blocks)
    cut = f"\n{hidden:,} more findings are left out here; {_WHERE}.\n" if hidden else ""
    title = format_summary(findings).rstrip(".")
    body = "".join(blocks)
    return f"\n{_opened(title, len(blocks))}\n{body}{cut}\n</details>\n"


def _block(finding: Finding) -> str:
    """Return a finding as the terminal shows it, in a fence longer than any in the text."""
    text = format_finding(finding)
    if len(text) > _LONGEST_FINDING:
        text = f"{text[:_LONGEST_FINDING]}\n... and {len(text) - _LONGEST_FINDING:,} characters\n"
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}{fence}\n"


def _opened(title: str, lines: int) -> str:
    """Begin a part that can be folded. The empty line makes Markdown be Markdown again in it."""
    opened = " open" if lines <= _OPEN_UP_TO else ""
    return f"<details{opened}><summary>{title}</summary>\n"


def _fitting(blocks: Iterable[str], space: int) -> list[str]:
    """Return the blocks from the first on that fit in `space` bytes together."""
    taken = []
    for block in blocks:
        space -= _size(block)
        if space < 0:
            break
        taken.append(block)
    return taken


def _size(text: str) -> int:
    return len(text.encode())
