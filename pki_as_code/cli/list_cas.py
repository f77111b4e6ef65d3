"""`pkictl list_cas`."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option


@click.command(help="List the certification authorities.")
@option("-t", "--tree", is_flag=True, help="Show which authority signed which.")
@output_option("text", "json", "yaml")
@click.pass_obj
def command(console: Console, /, tree: bool, output: str) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.cli.view_ca import standings_of
    from pki_as_code.formats.authorities import authorities_json, authority_lines, authority_tree
    from pki_as_code.formats.structured import format_json, format_yaml

    if tree and output != "text":
        raise click.UsageError(f"--tree is for text; {output} has the parent of each")
    with reading(console) as workspace:
        standings = standings_of(workspace)
    now = console.now()
    if output == "text":
        console.write_all((authority_tree if tree else authority_lines)(standings, now))
        if not standings:
            console.note("There is no certification authority yet.")
            console.next_step("pkictl init_ca NAME SUBJECT")
    else:
        value = authorities_json(standings, now)
        console.write(format_json(value) if output == "json" else format_yaml(value))
    return 0
