"""`pkictl store`: the record itself."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import output_option


@click.group(help="Check or rebuild the record of what was issued.")
def command() -> None:
    pass


@command.command(help="Recompute everything the store says: chain, signatures, index, files.")
@output_option("text", "json")
@click.pass_obj
def verify(console: Console, /, output: str) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.formats.findings import format_findings, format_findings_json

    with reading(console) as workspace:
        findings = list(workspace.store.verify())
        head = workspace.store.head()
    if output == "json":
        console.write(format_findings_json(findings))
    elif findings:
        console.write(format_findings(findings, color=console.color))
    else:
        console.write(
            f"{head.sequence + 1} entries, head {head.digest[:16]}: chain, signatures, index and "
            "files agree.\n"
        )
    return 1 if findings else 0


@command.command(help="Make the index anew from the ledger.")
@click.pass_obj
def rebuild(console: Console, /) -> int:
    from pki_as_code.cli.session import rebuilding

    with rebuilding(console) as store:
        count = store.rebuild()
    console.note(f"index rebuilt from {count} entries")
    console.next_step("pkictl store verify")
    return 0
