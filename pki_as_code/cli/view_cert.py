"""`pkictl view_cert`."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option


@click.command(help="Show one certificate.")
@click.argument("cert")
@option("-b", "--bundle", is_flag=True, help="With pem: the authorities that signed it, too.")
@option("-n", "--no-pem", is_flag=True, help="With text: leave the PEM out.")
@option("--no-extensions", is_flag=True, help="With text: leave the extensions out.")
@output_option("text", "pem", "der", "json", "serial")
@click.pass_obj
def command(
    console: Console, /, cert: str, bundle: bool, no_pem: bool, no_extensions: bool, output: str
) -> int:
    from pki_as_code.cli.certificate_output import write_certificate
    from pki_as_code.cli.session import reading
    from pki_as_code.formats.certificates import certificate_json
    from pki_as_code.pkix.text import format_certificate_text
    from pki_as_code.plan.watchers import watchers_of
    from pki_as_code.workspace.lookup import certificate_and_chain, find_certificate

    now = console.now()
    with reading(console) as workspace:
        record = find_certificate(workspace.store, cert)
        certificate, chain = certificate_and_chain(workspace.store, record)
        watchers = watchers_of(record, workspace.loaded.manifests)
    if output == "text":
        console.write(
            format_certificate_text(
                certificate,
                status=str(record.status(now)),
                watchers=watchers,
                pem=not no_pem,
                extensions=not no_extensions,
            )
        )
        return 0
    write_certificate(
        console,
        certificate,
        output,
        chain=chain if bundle else (),
        record=certificate_json(record, now=now, watchers=lambda _: watchers),
    )
    return 0
