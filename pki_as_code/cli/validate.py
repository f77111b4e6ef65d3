"""`pkictl validate`: everything that can be judged from manifests alone."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option
from pki_as_code.cli.reports import CI_FORMS, Reports, report_options


@click.command(help="Check manifests; needs neither store nor key.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@option("--ref", metavar="REV", help="A revision instead of the working tree.")
@option("--base", metavar="REV", help="A revision whose policies hold as well.")
@report_options
@output_option("text", "json", *CI_FORMS)
@click.pass_obj
def command(
    console: Console,
    /,
    paths: tuple[str, ...],
    ref: str | None,
    base: str | None,
    reports: tuple[str, ...],
    summary: bool,
    output: str,
) -> int:
    from pki_as_code.errors import EXIT_DENIED, EXIT_FAILED
    from pki_as_code.model import Severity
    from pki_as_code.plan.policy_findings import only_denied
    from pki_as_code.workspace.validation import validate_repository

    told = Reports.wanted(console, output, reports, summary=summary)
    with told.errors_told():
        now = console.now()
        findings, file_count = validate_repository(console.directory, ref, paths, now, base)
    told.tell_findings(findings, file_count)
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    if failed:
        return EXIT_DENIED if only_denied(findings) else EXIT_FAILED
    console.next_step("pkictl plan")
    return 0
