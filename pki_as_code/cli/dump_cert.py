"""`pkictl dump_cert`."""

from __future__ import annotations

import click

from pki_as_code.cli.completers import complete_certificate
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option


@click.command(help="Write one certificate to a file.")
@click.argument("cert", shell_complete=complete_certificate)
@click.argument("path", default="-", type=click.Path(path_type=str))
@option("-f", "--format", "form", type=click.Choice(["PEM", "DER", "ASN1"], case_sensitive=False),
        default="PEM", show_default=True, help="ASN1 is another word for DER.")  # fmt: skip
@option("-b", "--bundle", is_flag=True, help="Then the authorities that signed it, the root last.")
@click.pass_obj
def command(console: Console, /, cert: str, path: str, form: str, bundle: bool) -> int:
    from cryptography.hazmat.primitives.serialization import Encoding

    from pki_as_code.cli.certificate_output import pem
    from pki_as_code.cli.output_file import write_output_file
    from pki_as_code.cli.session import reading_store
    from pki_as_code.workspace.lookup import certificate_and_chain, find_certificate

    if bundle and form != "PEM":
        raise click.UsageError("a bundle is several certificates, which only PEM can hold")
    with reading_store(console) as store:
        record = find_certificate(store, cert)
        certificate, chain = certificate_and_chain(store, record)
    if form == "PEM":
        data = "".join(pem(item) for item in [certificate, *(chain if bundle else [])]).encode()
    else:
        data = certificate.public_bytes(Encoding.DER)
    if path == "-":
        console.write_bytes(data)
    else:
        write_output_file(console.directory / path, data)
    return 0
