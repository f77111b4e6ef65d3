"""Findings as a Code Quality report, which GitLab shows in the diff of a merge request."""

from __future__ import annotations

from collections.abc import Sequence

from pki_as_code.escape import safe
from pki_as_code.formats.findings import sort_findings
from pki_as_code.formats.sarif import WITHOUT_PLACE, all_findings, fingerprints
from pki_as_code.formats.structured import format_json
from pki_as_code.model import Finding, Plan, Severity, Source

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.INFO: "info"}


def format_plan_codequality(plan: Plan) -> str:
    return format_findings_codequality(all_findings(plan))


def format_findings_codequality(findings: Sequence[Finding], _: int | None = None) -> str:
    ordered = sort_findings(findings)
    places = [finding.source or Source(WITHOUT_PLACE) for finding in ordered]
    return format_json(
        [
            {
                "description": safe(" ".join([finding.message, finding.help]).strip()),
                "check_name": safe(finding.code),
                "fingerprint": fingerprint,
                "severity": _SEVERITIES[finding.severity],
                "location": {"path": safe(place.path), "lines": {"begin": place.line}},
            }
            for finding, place, fingerprint in zip(
                ordered, places, fingerprints(ordered), strict=True
            )
        ]
    )
