"""`pkictl plan`: what reconcile would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option
from pki_as_code.cli.reports import CI_FORMS, Reports, report_options

if TYPE_CHECKING:
    from pki_as_code.workspace.opening import LookAt


@click.command(help="Show what reconcile would do; needs no key.")
@option("--ref", metavar="REV", help="A revision instead of the working tree.")
@option("--base", metavar="REV", help="A revision whose policies and settings hold as well.")
@option("--full", is_flag=True, help="Look at everything, not only at what changed.")
@option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Also write the plan, as JSON, to FILE.")  # fmt: skip
@option("--detailed-exitcode", is_flag=True, help="Leave with 2 when there are changes.")
@report_options
@output_option("text", "json", "yaml", *CI_FORMS)
@click.pass_obj
def command(
    console: Console,
    /,
    ref: str | None,
    base: str | None,
    full: bool,
    out: Path | None,
    detailed_exitcode: bool,
    reports: tuple[str, ...],
    summary: bool,
    output: str,
) -> int:
    from dataclasses import replace

    from pki_as_code.cli.session import reading
    from pki_as_code.errors import EXIT_CHANGES_PENDING, EXIT_DENIED, EXIT_FAILED, EXIT_UNSAFE
    from pki_as_code.model import Severity
    from pki_as_code.plan.guards import guard_findings
    from pki_as_code.plan.policy_findings import only_denied
    from pki_as_code.workspace.trust import trust_findings

    told = Reports.wanted(console, output, reports, summary=summary)
    increments: LookAt = "renew" if full else "use"
    with (
        told.errors_told(),
        reading(console, ref, increments=increments, base=base) as workspace,
    ):
        plan = workspace.plan(console.now(), remember=True)
        signed = tuple(trust_findings(workspace, console.now()))
    # A change does not lift the limits that it would exceed, either.
    settings = [workspace.loaded.manifests]
    settings += [workspace.base.manifests] if workspace.base is not None else []
    exceeded = tuple(dict.fromkeys(f for each in settings for f in guard_findings(plan, each, {})))
    plan = replace(plan, findings=plan.findings + exceeded + signed)
    told.tell_plan(plan)
    if out is not None:
        from pki_as_code.durable import write_file_atomically
        from pki_as_code.formats import format_plan_json

        write_file_atomically(console.directory / out, format_plan_json(plan).encode())
    unsigned = any(finding.severity is Severity.ERROR for finding in signed)
    if plan.refused or exceeded or unsigned:
        return EXIT_UNSAFE
    if any(finding.severity is Severity.ERROR for finding in plan.findings):
        return EXIT_DENIED if only_denied(plan.findings) else EXIT_FAILED
    if plan.changes:
        console.next_step("pkictl reconcile" if ref else "git commit, then pkictl reconcile")
        return EXIT_CHANGES_PENDING if detailed_exitcode else 0
    return 0
