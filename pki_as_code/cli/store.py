"""`pkictl store`: the record itself."""

from __future__ import annotations

from pathlib import Path

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import output_option


@click.group(help="Check, repair or move the record of what was issued.")
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


@command.command(help="Bring the tables of an older version in PostgreSQL up to this one's.")
@click.pass_obj
def upgrade(console: Console, /) -> int:
    from pki_as_code.cli.session import writing_store

    with writing_store(console) as store:
        was_needed = store.upgrade()
    if not was_needed:
        console.note("the store is up to date")
        return 0
    console.note("the tables are those of this version, and the index was made anew")
    console.next_step("pkictl store verify")
    return 0


@command.command(help="Write the whole store to FILE (- for stdout), for `store import`.")
@click.argument("file", type=click.Path(path_type=str, dir_okay=False))
@click.pass_obj
def export(console: Console, /, file: str) -> int:
    from pki_as_code.cli.output_file import write_output_file
    from pki_as_code.cli.session import reading_store
    from pki_as_code.escape import quoted

    with reading_store(console) as store:
        if file == "-":
            for line in store.export_lines():
                console.write_bytes(line)
            return 0
        write_output_file(console.directory / file, store.export_lines())
    console.note(f"{quoted(file, 200)} has all of the store")
    console.next_step("pkictl --store URI store import FILE, to make a store of it")
    return 0


@command.command("import", help="Fill an empty store from FILE, as `store export` wrote it.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def import_(console: Console, /, file: Path) -> int:
    from pki_as_code.cli.session import writing_store

    with writing_store(console) as store:
        head = store.import_file(console.directory / file)
    console.note(f"{head.sequence + 1} entries, head {head.digest[:16]}")
    console.next_step("pkictl store verify")
    return 0
