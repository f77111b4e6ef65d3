"""`pkictl view_cert`."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.certificate_output import CertificateOutput, certificate_output_options
from pki_as_code.cli.completers import complete_certificate
from pki_as_code.cli.console import Console

if TYPE_CHECKING:
    from pki_as_code.model import CertificateRecord


@click.command(help="Show one certificate.")
@click.argument("cert", shell_complete=complete_certificate)
@certificate_output_options("text", "pem", "der", "json", "serial", default="text")
@click.pass_obj
def command(console: Console, /, cert: str, **given: Any) -> int:
    from pki_as_code.cli.certificate_output import write_certificate
    from pki_as_code.cli.session import reading
    from pki_as_code.formats.certificates import certificate_view_json
    from pki_as_code.plan.watchers import watchers_of
    from pki_as_code.workspace.lookup import certificate_and_chain, find_certificate
    from pki_as_code.workspace.origin import csr_of

    output = CertificateOutput.of(given)
    now = console.now()
    with reading(console) as workspace:
        record = find_certificate(workspace.store, cert)
        certificate, chain = certificate_and_chain(workspace.store, record)
        watchers = watchers_of(record, workspace.loaded.manifests)
        shown = None
        if output.form == "json":
            shown = certificate_view_json(
                record, certificate, now=now, watchers=watchers, csr=csr_of(workspace, record)
            )
    if output.form == "text":
        console.write(_where_from(record))
    write_certificate(
        console,
        certificate,
        output,
        chain=chain if output.bundle else (),
        status=_status(record, now),
        watchers=watchers,
        record=shown,
    )
    return 0


def _where_from(record: CertificateRecord) -> str:
    """Return what the store knows of a certificate that it does not say itself."""
    from pki_as_code.escape import safe

    commit = f" at {record.commit[:12]}" if record.commit else ""
    lines = [
        f"* Certificate: {safe(record.object_id.path)}",
        f"* Authority: {safe(record.issuer)}",
        f"* Profile: {safe(record.profile) or '(none: it was signed elsewhere)'}",
        f"* Manifest: {safe(record.path) or '(none)'}{safe(commit)}",
    ]
    return "\n".join(lines) + "\n"


def _status(record: CertificateRecord, now: datetime) -> str:
    from pki_as_code.model import Status, format_time

    status = record.status(now)
    revocation = record.revocation
    if revocation is not None:
        word = "on hold" if status is Status.ON_HOLD else "revoked"
        since = format_time(revocation.revocation_date)
        lost = revocation.invalidity_date
        told = f"{word} since {since} ({revocation.reason})"
        return f"{told}, key lost since {format_time(lost)}" if lost else told
    if status is Status.VALID and record.not_before > now:
        return "not yet valid"
    return str(status)
