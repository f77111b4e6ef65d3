"""
Findings as SARIF 2.1.0 (OASIS), for code scanning and editors.

Rule ids are finding codes, which are stable; what they mean is what `pkictl explain` says.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from pki_as_code import __version__
from pki_as_code.codes import explanation_of
from pki_as_code.escape import safe
from pki_as_code.formats.findings import sort_findings
from pki_as_code.formats.structured import format_json
from pki_as_code.model import Finding, JsonValue, Plan, Severity, Source
from pki_as_code.plan.guards import refusal_finding

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "%SRCROOT%"
"""The directory of the repository, wherever that is."""

WITHOUT_PLACE = "pki.yaml"
"""Where a finding about the whole repository is shown: code scanning drops what has no place."""

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def all_findings(plan: Plan) -> list[Finding]:
    """Return what a plan finds fault with: what it refuses, and its findings."""
    return [*(refusal_finding(refusal) for refusal in plan.refused), *plan.findings]


def format_plan_sarif(plan: Plan) -> str:
    return format_findings_sarif(all_findings(plan))


def format_findings_sarif(findings: Sequence[Finding], _: int | None = None) -> str:
    """Return a log with one run; it has no rules and no results where nothing was found."""
    codes = sorted({finding.code for finding in findings})
    ordered = sort_findings(findings)
    driver = {"name": "pkictl", "version": __version__, "rules": [_rule(name) for name in codes]}
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, codes.index(finding.code), fingerprint)
            for finding, fingerprint in zip(ordered, fingerprints(ordered), strict=True)
        ],
    }
    return format_json({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def fingerprints(findings: Iterable[Finding]) -> list[str]:
    """
    Return what stays the same for the same finding while lines move: code, file, text of the line.

    Equal ones are told apart by their number, in the order of their places.
    """
    seen: Counter[str] = Counter()
    made = []
    for finding in findings:
        source = finding.source or Source(WITHOUT_PLACE)
        parts = [finding.code, source.path, source.snippet.strip() or finding.message]
        digest = hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
        seen[digest] += 1
        made.append(f"{digest[:32]}:{seen[digest]}")
    return made


def _rule(name: str) -> dict[str, JsonValue]:
    explained = explanation_of(name)
    if explained is None:
        return {"id": name}
    return {
        "id": name,
        "shortDescription": {"text": _message(explained.summary)},
        "fullDescription": {"text": _message(explained.why)},
        "help": {"text": _message(explained.remedy)},
    }


def _result(finding: Finding, index: int, fingerprint: str) -> dict[str, JsonValue]:
    help = f"\n{finding.help}" if finding.help else ""
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": _message(f"{finding.message}{help}") or finding.code},
        "locations": [{"physicalLocation": _location(finding.source)}],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }


def _location(source: Source | None) -> dict[str, JsonValue]:
    place = source or Source(WITHOUT_PLACE)
    region = {"startLine": place.line, "startColumn": place.column}
    if place.end_line is not None and place.end_line >= place.line:
        region["endLine"] = place.end_line
    same_line = region.get("endLine", place.line) == place.line
    if place.end_column is not None and not (same_line and place.end_column <= place.column):
        region["endColumn"] = place.end_column
    # A path is escaped for what a viewer shows, and quoted so that it is no more than a path.
    uri = quote(safe(place.path).lstrip("/") or WITHOUT_PLACE)
    return {"artifactLocation": {"uri": uri, "uriBaseId": ROOT}, "region": region}


def _message(text: str) -> str:
    r"""
    Return text as a plain-text message is written (sections 3.11.5 and 3.11.6).

    `[text](target)` would be a link in it, and braces would be a placeholder.
    """
    inert = "\n".join(safe(line) for line in text.split("\n"))
    for character in "\\[]":
        inert = inert.replace(character, f"\\{character}")
    return inert.replace("{", "{{").replace("}", "}}")
