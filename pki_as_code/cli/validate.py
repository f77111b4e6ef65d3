"""`pkictl validate`: everything that can be judged from manifests alone."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option


@click.command(help="Check manifests; needs neither store nor key.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@option("--ref", metavar="REV", help="A revision instead of the working tree.")
@output_option("text", "json")
@click.pass_obj
def command(console: Console, /, paths: tuple[str, ...], ref: str | None, output: str) -> int:
    from pki_as_code.formats.findings import format_findings, format_findings_json
    from pki_as_code.model import Severity
    from pki_as_code.workspace.validation import validate_repository

    findings, file_count = validate_repository(console.directory, ref, paths, console.now())
    if output == "json":
        console.write(format_findings_json(findings))
    else:
        console.write(format_findings(findings, file_count=file_count, color=console.color))
    failed = any(finding.severity is Severity.ERROR for finding in findings)
    if not failed:
        console.next_step("pkictl plan")
    return 1 if failed else 0
