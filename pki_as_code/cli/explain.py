"""`pkictl explain`."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console


@click.command(help="Explain a finding's code, or a field of a manifest.")
@click.argument("what", metavar="CODE|KIND[.FIELD]", required=False)
@click.pass_obj
def command(console: Console, /, what: str | None) -> int:
    from pki_as_code.codes import CODES
    from pki_as_code.formats.explain import format_code_list, format_explanation
    from pki_as_code.manifests.schema import explain_field

    if what is None:
        console.write(format_code_list())
    elif what in CODES or what.partition(".")[0].islower():
        console.write(format_explanation(what, color=console.color))
    else:
        console.write(explain_field(what))
    return 0
