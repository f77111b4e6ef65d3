"""`pkictl status`."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import output_option


@click.command(help="Tell whether store and manifests agree, and what is due.")
@output_option("text", "json")
@click.pass_obj
def command(console: Console, /, output: str) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.formats.status import format_status, status_json
    from pki_as_code.formats.structured import format_json
    from pki_as_code.workspace.status import read_status

    with reading(console, "HEAD") as workspace:
        status = read_status(workspace, console.now())
    if output == "json":
        console.write(format_json(status_json(status)))
    else:
        console.write(format_status(status, color=console.color))
    return 0
