"""`pkictl schema`."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console


@click.command(help="Print the JSON Schema of manifests.")
@click.argument("kind", required=False)
@click.pass_obj
def command(console: Console, /, kind: str | None) -> int:
    from pki_as_code.formats.structured import format_json
    from pki_as_code.manifests.schema import kind_schema, manifest_schema

    console.write(format_json(kind_schema(kind) if kind else manifest_schema()))
    return 0
