"""
Plans and findings as JUnit XML, which GitLab, Jenkins and others show beside a change.

One test case for each change and each finding: an error is a failure, anything else passes and says
what it has to say. XML 1.0 cannot hold every character, not even as a reference: what it cannot is
shown as an escape.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from pki_as_code.escape import safe
from pki_as_code.formats.findings import format_finding, format_summary, sort_findings
from pki_as_code.formats.plan import format_headline, plan_rows
from pki_as_code.formats.sarif import all_findings
from pki_as_code.model import Finding, Plan, Severity

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What is no Char of XML 1.0 (fifth edition, production 2)."""


@dataclass(frozen=True, slots=True)
class _Case:
    place: str
    name: str
    told: str
    failed: bool = False
    title: str = ""
    code: str = ""


def format_plan_junit(plan: Plan) -> str:
    cases = [
        _Case(
            safe(change.source.path) if change.source else "plan",
            f"{row.action} {row.thing}",
            f"{row.issuer}  {row.details}".strip(),
        )
        for change, row in zip(plan.changes, plan_rows(plan), strict=False)
    ]
    return _format_suite(
        "pkictl plan",
        [*cases, *map(_case, sort_findings(all_findings(plan)))],
        format_headline(plan),
    )


def format_findings_junit(findings: Sequence[Finding], file_count: int | None = None) -> str:
    summary = format_summary(findings, file_count=file_count)
    return _format_suite("pkictl validate", list(map(_case, sort_findings(findings))), summary)


def _case(finding: Finding) -> _Case:
    source = finding.source
    place = safe(source.path) if source else "repository"
    line = f":{source.line}" if source else ""
    message = safe(finding.message)
    return _Case(
        place,
        f"{safe(finding.code)}{line}: {message}",
        format_finding(finding),
        finding.severity is Severity.ERROR,
        message,
        safe(finding.code),
    )


def _format_suite(name: str, cases: list[_Case], told: str) -> str:
    """Return one suite; without any case, one that passes: an empty report reads as broken."""
    cases = cases or [_Case("repository", name, told)]
    failures = str(sum(case.failed for case in cases))
    counts = {"tests": str(len(cases)), "failures": failures, "errors": "0"}
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": name, **counts})
    for case in cases:
        element = ET.SubElement(
            suite, "testcase", {"classname": _xml(case.place), "name": _xml(case.name)}
        )
        if case.failed:
            kind = {"message": _xml(case.title), "type": _xml(case.code)}
            ET.SubElement(element, "failure", kind).text = _xml(case.told)
        elif case.told:
            ET.SubElement(element, "system-out").text = _xml(case.told)
    ET.indent(root)
    # ASCII, other characters as references: what is a command to a runner is none in here either.
    written: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return written.decode().replace("##", "#&#35;") + "\n"


def _xml(text: str) -> str:
    return _NOT_XML.sub(lambda match: f"\\u{ord(match.group()):04x}", text)
