"""`pkictl publish`: what clients fetch, laid out for a static web server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option

if TYPE_CHECKING:
    from pki_as_code.model import JsonValue
    from pki_as_code.publish.interface import Section
    from pki_as_code.publish.publishing import PublishReport
    from pki_as_code.workspace import Workspace

_MOST_LISTED = 20


@click.command(help="Lay out certificates, CRLs and OCSP responses for a static web server.")
@option("--out", metavar="DEST", required=True,
        help="A directory, git:BRANCH or s3://BUCKET/PREFIX.")  # fmt: skip
@option("--certificates/--no-certificates", default=True,
        help="Those of end entities too; without, the published ones are removed.")  # fmt: skip
@option("--ocsp/--no-ocsp", default=True, show_default=True,
        help="Responses signed in advance, by the responders' own keys.")  # fmt: skip
@option("--push/--no-push", default=True, help="Push the branch if there is a remote.")
@output_option("text", "json")
@click.pass_obj
def command(
    console: Console, /, out: str, certificates: bool, ocsp: bool, push: bool, output: str
) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.errors import EXIT_FAILED
    from pki_as_code.formats.findings import format_findings
    from pki_as_code.formats.structured import format_json
    from pki_as_code.plan.crls import is_continued
    from pki_as_code.publish import open_destination
    from pki_as_code.publish.publishing import publish
    from pki_as_code.publish.sections import SECTIONS, crl_section

    if console.offline and out.lower().startswith("s3:"):
        raise click.UsageError("a bucket cannot be reached with --offline")
    destination = open_destination(out, root=console.directory, push=push and not console.offline)
    now = console.now()
    with reading(console, "HEAD") as workspace:
        manifests = workspace.loaded.manifests
        sections = {**SECTIONS, "crl": crl_section(lambda crl: is_continued(crl, manifests))}
        wanted = [
            section for name, section in sections.items() if certificates or name != "certificates"
        ]
        if ocsp:
            wanted.append(_ocsp_section(console, workspace, now))
        report = publish(workspace.store, destination, now, sections=wanted)
    if output == "json":
        console.write(format_json(_report_json(report)))
    else:
        console.write(_format_report(report))
        if report.findings:
            console.note(format_findings(report.findings, color=False).rstrip())
    return EXIT_FAILED if report.failed else 0


def _ocsp_section(console: Console, workspace: Workspace, now: datetime) -> Section:
    """Return the section of what the responders sign whose keys are here."""
    from pki_as_code.cli.console import EnvironmentSecrets
    from pki_as_code.errors import IssuanceError
    from pki_as_code.issuance import response_period
    from pki_as_code.publish.ocsp import ocsp_files
    from pki_as_code.responder import open_responders
    from pki_as_code.responder.static import presigned_responses

    store = workspace.store
    secrets = EnvironmentSecrets(interactive=console.interactive)
    opened, failed = open_responders(workspace.loaded.manifests, store, workspace.root, secrets)
    for name, responder in list(opened.items()):
        # One that has ended, as that of a revoked authority will, does not stop the CRLs.
        try:
            response_period(responder, now)
        except IssuanceError as error:
            del opened[name]
            if responder.issuer.not_valid_after_utc > now:
                failed[name] = error

    def responses() -> Iterator[tuple[str, bytes]]:
        for name in sorted(opened):
            yield from presigned_responses(store, opened[name], now)

    return ocsp_files(responses, {name: error.message for name, error in failed.items()})


def _format_report(report: PublishReport) -> str:
    from pki_as_code.escape import safe
    from pki_as_code.formats.terminal import count_of

    if not report.written and not report.removed:
        files = count_of(report.unchanged, "file")
        return f"Nothing changed: {files} in {safe(report.destination)}, as they should be.\n"
    changes = [
        *(f"+ {path}" for path in _summarised(report.written)),
        *(f"- {path}" for path in _summarised(report.removed)),
    ]
    shown = [safe(line) for line in changes[:_MOST_LISTED]]
    if len(changes) > _MOST_LISTED:
        shown.append(f"... and {len(changes) - _MOST_LISTED:,} more")
    told = (
        f"{count_of(len(report.written), 'file')} written, {len(report.removed):,} removed, "
        f"{report.unchanged:,} unchanged: {safe(report.destination)}, from entry "
        f"{report.sequence} of the ledger."
    )
    return "\n".join([*shown, told, ""])


def _summarised(paths: Sequence[str]) -> Iterator[str]:
    """Yield the paths; the responses of an authority, whose names tell nobody anything, as one."""
    responses = Counter(path.split("/")[1] for path in paths if path.startswith("ocsp/"))
    yield from (path for path in paths if not path.startswith("ocsp/"))
    yield from (f"ocsp/{name}/ ({count:,})" for name, count in sorted(responses.items()))


def _report_json(report: PublishReport) -> JsonValue:
    from pki_as_code.formats.findings import diagnostic_json

    return {
        "schemaVersion": 1,
        "destination": report.destination,
        "ledgerSequence": report.sequence,
        "written": list(report.written),
        "removed": list(report.removed),
        "unchanged": report.unchanged,
        "diagnostics": [diagnostic_json(finding) for finding in report.findings],
    }
