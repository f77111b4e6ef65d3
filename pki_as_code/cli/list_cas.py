"""`pkictl list_cas`."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import output_option


@click.command(help="List the certification authorities.")
@output_option("text", "json", "yaml")
@click.pass_obj
def command(console: Console, /, output: str) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.formats.authorities import authorities_json, authority_lines
    from pki_as_code.formats.structured import format_json, format_yaml
    from pki_as_code.manifests.authority import CertificateAuthority

    with reading(console) as workspace:
        certificates = workspace.authority_certificates()
        manifests = {
            object_id.name: loaded.manifest
            for object_id, loaded in workspace.loaded.manifests.of(CertificateAuthority).items()
        }
    if output == "text":
        console.write_all(authority_lines(certificates, console.now()))
        if not certificates:
            console.note("There is no certification authority yet.")
            console.next_step("pkictl init_ca NAME SUBJECT")
    else:
        value = authorities_json(certificates, manifests, console.now())
        console.write(format_json(value) if output == "json" else format_yaml(value))
    return 0
