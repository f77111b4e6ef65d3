"""`pkictl dump_crl`."""

from __future__ import annotations

from pathlib import Path

import click

from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option


@click.command(help="Write the certificate revocation list of an authority to a file.")
@click.argument("ca", required=False, shell_complete=complete_authority)
@click.argument("path", required=False, type=click.Path(path_type=str, dir_okay=False))
@option("--ca", "named", metavar="CA", help="The authority, in place of the first argument.")
@option("-f", "--format", "form", type=click.Choice(["PEM", "DER", "ASN1"], case_sensitive=False),
        default="PEM", show_default=True, help="ASN1 is another word for DER.")  # fmt: skip
@option("--scope", metavar="SCOPE", default="full", show_default=True,
        help="Which CRL: full, user, ca, or shard-N.")  # fmt: skip
@option("--only-contains-user-certs", "user", is_flag=True, help="The same as --scope user.")
@option("--only-contains-ca-certs", "authorities", is_flag=True, help="The same as --scope ca.")
@click.pass_obj
def command(
    console: Console,
    /,
    ca: str | None,
    path: str | None,
    named: str | None,
    form: str,
    scope: str,
    user: bool,
    authorities: bool,
) -> int:
    from pki_as_code.cli.output_file import write_output_file
    from pki_as_code.cli.session import reading_store
    from pki_as_code.model import CA_SCOPE, USER_SCOPE, format_time
    from pki_as_code.pkix.pem import encode_pem
    from pki_as_code.workspace.lookup import find_authority

    if named is not None:
        if path is not None:
            raise click.UsageError("the authority is named twice")
        ca, path = named, ca
    if ca is None:
        raise click.UsageError("name the authority whose CRL it is")
    if user and authorities:
        raise click.UsageError("a CRL has one scope")
    scope = USER_SCOPE if user else CA_SCOPE if authorities else scope
    with reading_store(console) as store:
        name = find_authority(store.authorities(), ca)
        with store.open_crl(name, scope) as file:
            data = file.read()
        ends = [c.next_update for c in store.crls() if (c.issuer, c.scope) == (name, scope)]
    if ends and ends[0] <= console.now():
        console.note(
            f"warning: it ended at {format_time(ends[0])}; `pkictl reconcile` makes the next one"
        )
    if form == "PEM":
        data = encode_pem("X509 CRL", data)
    if path in {None, "-"}:
        console.write_bytes(data)
    else:
        write_output_file(console.directory / Path(str(path)), data)
        console.note(f"wrote {path}")
    return 0
