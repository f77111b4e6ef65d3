"""The forms findings can be printed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pki_as_code.formats.codequality import format_findings_codequality
from pki_as_code.formats.findings import format_findings, format_findings_json
from pki_as_code.formats.github import format_findings_github
from pki_as_code.formats.junit import format_findings_junit
from pki_as_code.formats.markdown import format_findings_markdown
from pki_as_code.formats.sarif import format_findings_sarif
from pki_as_code.model import Finding


def _findings_text(findings: Sequence[Finding], file_count: int | None) -> str:
    return format_findings(findings, file_count=file_count)


def _findings_json(findings: Sequence[Finding], _: int | None) -> str:
    return format_findings_json(findings)


FINDING_FORMATS: dict[str, Callable[[Sequence[Finding], int | None], str]] = {
    "text": _findings_text,
    "json": _findings_json,
    "markdown": format_findings_markdown,
    "github": format_findings_github,
    "sarif": format_findings_sarif,
    "junit": format_findings_junit,
    "codequality": format_findings_codequality,
}
"""`validate --output`: of findings, and of how many files were looked at."""
