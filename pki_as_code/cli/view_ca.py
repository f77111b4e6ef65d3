"""`pkictl view_ca`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.certificate_output import CertificateOutput, certificate_output_options
from pki_as_code.cli.completers import complete_authority
from pki_as_code.cli.console import Console

if TYPE_CHECKING:
    from pki_as_code.plan.hierarchy import Standing
    from pki_as_code.workspace import Workspace


@click.command(help="Show one certification authority.")
@click.argument("ca", shell_complete=complete_authority)
@certificate_output_options(default="text")
@click.pass_obj
def command(console: Console, /, ca: str, **given: Any) -> int:
    from pki_as_code.cli.session import reading

    output = CertificateOutput.of(given)
    with reading(console) as workspace:
        write_authority(console, workspace, find_issued(workspace, ca), output)
    return 0


def find_issued(workspace: Workspace, text: str) -> str:
    """
    Return the name of the authority that `text` names, also of one that has no manifest any more.

    Raises:
        NotFoundError: nothing fits, several do, or it has no certificate yet.
    """
    from pki_as_code.errors import NotFoundError
    from pki_as_code.plan.authorities import find_authority
    from pki_as_code.workspace.lookup import find_authority_name

    certificates = workspace.authority_certificates()
    name = text.strip()
    known = find_authority(workspace.loaded.manifests, name) is not None
    if known and name not in certificates:
        raise NotFoundError(
            f"authority {name} has no certificate yet",
            help="`pkictl reconcile` signs it",
            code="name.not_issued",
        )
    return find_authority_name(certificates, text)


def standings_of(workspace: Workspace) -> dict[str, Standing]:
    """Return every authority that has a certificate, with its place in the tree."""
    from pki_as_code.plan.authorities import authority_id
    from pki_as_code.plan.hierarchy import authority_standings

    certificates = workspace.authority_certificates()
    observed = workspace.store.observe([authority_id(name) for name in certificates])
    revocations = {
        object_id.name: item.current.revocation
        for object_id, item in observed.items()
        if item.current is not None and item.current.revocation is not None
    }
    return authority_standings(certificates, workspace.loaded.manifests, revocations)


def write_authority(
    console: Console, workspace: Workspace, name: str, output: CertificateOutput
) -> None:
    """Print one authority, in text with all that there is to say about it."""
    from pki_as_code.cli.certificate_output import write_certificate
    from pki_as_code.formats.authorities import authority_json, format_authority_text
    from pki_as_code.plan.authorities import added_extensions
    from pki_as_code.plan.hierarchy import chain_upwards

    manifests = workspace.loaded.manifests
    standings = standings_of(workspace)
    standing, now = standings[name], console.now()
    signed = added_extensions(standing.authority, manifests) if standing.authority else []
    if output.form == "text":
        console.write(
            format_authority_text(
                name,
                standings,
                signed,
                now,
                pem=not output.no_pem,
                extensions=not output.no_extensions,
                width=None if output.no_wrap else console.width,
            )
        )
        return
    chain = [above.certificate for above in chain_upwards(name, standings)[1:]]
    write_certificate(
        console,
        standing.certificate,
        output,
        chain=chain if output.bundle else (),
        record=authority_json(name, standings, signed, now),
    )
