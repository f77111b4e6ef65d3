"""`pkictl list_certs`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option

if TYPE_CHECKING:
    from pki_as_code.formats.certificates import Watchers
    from pki_as_code.model import CertificateRecord


@click.command(help="List the certificates that were issued.")
@option("--ca", metavar="CA", help="Only those of this authority.")
@option("--namespace", metavar="NS", help="Only those of this namespace.")
@option("--expired", is_flag=True, help="Expired ones, too.")
@option("--revoked", is_flag=True, help="Revoked ones, too.")
@output_option("text", "wide", "json", "jsonl", "csv", "yaml")
@click.pass_obj
def command(
    console: Console,
    /,
    ca: str | None,
    namespace: str | None,
    expired: bool,
    revoked: bool,
    output: str,
) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.plan.watchers import watchers_of
    from pki_as_code.stores.interface import CertificateFilter
    from pki_as_code.workspace.lookup import find_authority_name

    now = console.now()
    with reading(console) as workspace:
        wanted = CertificateFilter(
            issuer=find_authority_name(workspace.authority_certificates(), ca) if ca else None,
            namespace=namespace,
            not_after_from=None if expired else now,
            revoked=None if revoked else False,
        )
        manifests = workspace.loaded.manifests

        def watchers(record: CertificateRecord) -> list[str]:
            return watchers_of(record, manifests)

        console.write_all(_format(workspace.store.find(wanted), output, now, watchers, console))
    return 0


def _format(
    records: Iterable[CertificateRecord],
    output: str,
    now: datetime,
    watchers: Watchers,
    console: Console,
) -> Iterable[str]:
    from pki_as_code.formats import certificates

    match output:
        case "text":
            return certificates.certificate_lines(records, now=now, color=console.color)
        case "wide":
            from pki_as_code.formats.tables import certificate_table

            return certificate_table(records, now=now, width=console.width, color=console.color)
        case "json":
            return certificates.certificate_json_chunks(records, now=now, watchers=watchers)
        case "jsonl":
            return certificates.certificate_json_lines(records, now=now, watchers=watchers)
        case "csv":
            return certificates.certificate_csv_lines(records, now=now, watchers=watchers)
        case _:
            return [certificates.certificate_yaml(records, now=now, watchers=watchers)]
