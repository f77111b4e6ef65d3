"""Findings as text for people and as JSON for programs, in the shapes of `docs/exit-codes.md`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pki_as_code.codes import explanation_of
from pki_as_code.escape import safe, safe_line
from pki_as_code.formats.structured import format_json
from pki_as_code.formats.terminal import (
    BLUE,
    BOLD,
    CYAN,
    RED,
    YELLOW,
    count_of,
    display_width,
    paint,
)
from pki_as_code.model import Finding, JsonValue, Severity, Source

MOST_SHOWN = 50
"""So many findings are printed; the rest are counted."""

LONGEST_SNIPPET = 160
"""Characters shown of a line; of a longer one only the surroundings of the place."""

_STYLES = {
    Severity.ERROR: (BOLD, RED),
    Severity.WARNING: (BOLD, YELLOW),
    Severity.INFO: (BOLD, BLUE),
}
_ORDER = {severity: rank for rank, severity in enumerate(Severity)}


def format_findings(
    findings: Sequence[Finding], *, file_count: int | None = None, color: bool = False
) -> str:
    """
    Return all findings, sorted by place, and the line that counts them.

    `file_count` is the number of files that were looked at, if the summary shall name it. At most
    `MOST_SHOWN` are printed in full, errors before others.
    """
    by_severity = sorted(findings, key=lambda finding: _ORDER[finding.severity])
    shown = sort_findings(by_severity[:MOST_SHOWN])
    blocks = [format_finding(finding, color=color) for finding in shown]
    if hidden := len(findings) - len(shown):
        blocks.append(f"... and {hidden:,} more.\n")
    blocks.append(format_summary(findings, file_count=file_count) + "\n")
    return "\n".join(blocks)


def sort_findings(findings: Iterable[Finding]) -> list[Finding]:
    """Return them by file and place; those without a place come first."""
    return sorted(findings, key=_sort_key)


def _sort_key(finding: Finding) -> tuple[str, int, int, int, str]:
    source = finding.source or Source("", 0, 0)
    return source.path, source.line, source.column, _ORDER[finding.severity], finding.code


def format_summary(findings: Sequence[Finding], *, file_count: int | None = None) -> str:
    """Return `2 errors and 1 warning in 2 of 14 files.`"""
    counts = Counter(finding.severity for finding in findings)
    words = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    parts = [count_of(counts[s], word) for s, word in words.items() if counts[s]]
    told = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
    if file_count is None:
        return f"{told or 'No problems'}."
    if not parts:
        return f"No problems in {count_of(file_count, 'file')}."
    touched = len({finding.source.path for finding in findings if finding.source})
    if not touched:
        return f"{told}."
    return f"{told} in {touched:,} of {count_of(file_count, 'file')}."


def format_finding(finding: Finding, *, color: bool = False) -> str:
    """Return one finding with its place, the line as written, a caret and the help."""
    return "\n".join(_lines(finding, color=color)) + "\n"


def _lines(finding: Finding, *, color: bool) -> Iterator[str]:
    label = f"{finding.severity}[{safe(finding.code)}]"
    message = paint(safe(finding.message), BOLD, color=color)
    yield f"{paint(label, *_STYLES[finding.severity], color=color)}: {message}"
    source = finding.source
    margin = " " * (len(str(source.line)) + 1 if source else 2)
    if source is not None:
        arrow = paint("-->", BLUE, color=color)
        yield f"{margin}{arrow} {safe(source.path)}:{source.line}:{source.column}"
        if source.snippet.strip():
            yield from _snippet_lines(source, margin, finding.severity, color=color)
    if finding.help:
        first, *more = finding.help.split("\n")
        yield f"{margin} {paint('= help:', CYAN, color=color)} {safe(first)}"
        yield from (f"{margin}   {safe(line)}" for line in more)  # a list of candidates


def _snippet_lines(
    source: Source, margin: str, severity: Severity, *, color: bool
) -> Iterator[str]:
    before, marked, after = _split_snippet(source)
    bar = paint("|", BLUE, color=color)
    carets = "^" * max(1, display_width(safe_line(marked).replace("\t", " ")))
    number = paint(f" {source.line} ", BLUE, color=color)
    yield f"{margin} {bar}"
    yield f"{number}{bar} {safe_line(before + marked + after)}".rstrip()
    yield f"{margin} {bar} {_blank(before)}{paint(carets, *_STYLES[severity], color=color)}"


def _split_snippet(source: Source) -> tuple[str, str, str]:
    """Split the line before the place, at it and after it, cut to what fits."""
    line = source.snippet.rstrip("\r\n")
    start = min(max(source.column - 1, 0), len(line))
    end = start + 1
    if source.end_column is not None:
        one_line = source.end_line in {None, source.line}
        end = source.end_column - 1 if one_line else len(line)
    end = min(max(end, start + 1), len(line))
    before, marked, after = line[:start], line[start:end], line[end:]
    if len(line) > LONGEST_SNIPPET:
        third = LONGEST_SNIPPET // 3
        before = "..." + before[-third:] if len(before) > third else before
        marked = marked[:third]
        rest = line[start + len(marked) :]
        after = rest[:third] + "..." if len(rest) > third else rest
    return before, marked, after


def _blank(text: str) -> str:
    """Return white space exactly as wide as the escaped `text`."""
    return "\t".join(" " * display_width(safe(part)) for part in text.split("\t"))


def diagnostic_json(finding: Finding) -> dict[str, JsonValue]:
    """Return one finding in the form of `validate --output json`; `range` is null without a place.

    Lines and columns count from 1, and the end column is the first one after the place.
    """
    explanation = explanation_of(finding.code)
    source = finding.source
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "summary": finding.message,
        "detail": explanation.why if explanation else "",
        "range": None if source is None else _range_json(source),
        "snippet": source.snippet if source else "",
        "help": finding.help,
        **({"waiver": finding.waiver} if finding.waiver else {}),
    }


def _range_json(source: Source) -> dict[str, JsonValue]:
    end_line = source.line if source.end_line is None else source.end_line
    end_column = source.column + 1 if source.end_column is None else source.end_column
    return {
        "filename": source.path,
        "start": {"line": source.line, "column": source.column},
        "end": {"line": end_line, "column": end_column},
    }


def findings_json(findings: Iterable[Finding]) -> dict[str, JsonValue]:
    """Return what `validate --output json` prints, as an object."""
    diagnostics = [diagnostic_json(finding) for finding in sort_findings(findings)]
    errors = sum(diagnostic["severity"] == Severity.ERROR for diagnostic in diagnostics)
    return {
        "schemaVersion": 1,
        "valid": errors == 0,
        "errorCount": errors,
        "diagnostics": diagnostics,
    }


def format_findings_json(findings: Iterable[Finding]) -> str:
    return format_json(findings_json(findings))
