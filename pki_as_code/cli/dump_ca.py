"""`pkictl dump_ca`."""

from __future__ import annotations

import click

from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option


@click.command(help="Write the certificate of an authority to a file.")
@click.argument("ca", shell_complete=complete_authority)
@click.argument("path", default="-", type=click.Path(path_type=str, dir_okay=False))
@option("-f", "--format", "form", type=click.Choice(["PEM", "DER", "ASN1"], case_sensitive=False),
        default="PEM", show_default=True, help="ASN1 is another word for DER.")  # fmt: skip
@option("-b", "--bundle", is_flag=True, help="Then the authorities above it, the root last.")
@click.pass_obj
def command(console: Console, /, ca: str, path: str, form: str, bundle: bool) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding

    from pki_as_code.cli.certificate_output import pem
    from pki_as_code.cli.session import reading
    from pki_as_code.cli.view_ca import find_issued, standings_of
    from pki_as_code.durable import write_file_atomically
    from pki_as_code.plan.hierarchy import chain_upwards

    if bundle and form != "PEM":
        raise click.UsageError("a bundle is several certificates, which only PEM can hold")
    with reading(console) as workspace:
        chain = chain_upwards(find_issued(workspace, ca), standings_of(workspace))
    if form == "PEM":
        shown = chain if bundle else chain[:1]
        data = "".join(pem(item.certificate) for item in shown).encode()
    else:
        data = chain[0].certificate.public_bytes(Encoding.DER)
    if path == "-":
        console.write_bytes(data)
    else:
        write_file_atomically(console.directory / path, data)
    return 0
