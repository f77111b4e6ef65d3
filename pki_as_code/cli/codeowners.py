"""`pkictl codeowners`: who approves what, from the Namespace manifests."""

from __future__ import annotations

from pathlib import Path

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option


@click.command(help="Write CODEOWNERS from the owners of the namespaces.")
@option("--check", is_flag=True, help="Write nothing; leave with 1 when the file is out of date.")
@option("--file", "path", metavar="PATH", help="The file, from the root of the repository "
        "(default: the first that is there of those that forges read).")  # fmt: skip
@option("--admins", metavar="OWNER", multiple=True, help="Who owns what belongs to no team "
        "(default: who owns `*` in the file). May be repeated.")  # fmt: skip
@click.pass_obj
def command(console: Console, /, check: bool, path: str | None, admins: tuple[str, ...]) -> int:
    from pki_as_code.apply.submit import check_writable_place
    from pki_as_code.authoring.codeowners import (
        PLACES,
        check_codeowners,
        codeowners_text,
        namespace_owners,
    )
    from pki_as_code.durable import write_file_atomically
    from pki_as_code.formats import format_findings
    from pki_as_code.workspace import load_repository
    from pki_as_code.workspace.judging import check_findings

    repository, _, _, loaded = load_repository(console.directory, None)
    # Without a manifest that cannot be read, its team would seem to own nothing.
    check_findings([f for f in loaded.findings if f.source and _is_namespace(f.source.path)])
    owners = namespace_owners(loaded.manifests)
    place = path or next((p for p in PLACES if (repository.root / p).is_file()), None)
    place = place or (PLACES[-1] if (repository.root / ".gitlab-ci.yml").exists() else PLACES[0])
    check_writable_place(repository.root, place)
    target = repository.root / Path(place)
    before = target.read_text(encoding="utf-8") if target.is_file() else ""
    if check:
        found = check_codeowners(before, owners, place)
        if found is not None:
            console.write(format_findings([found], color=console.color))
            return 1
        console.note(f"{place} is what the Namespace manifests say")
        return 0
    text = codeowners_text(before, owners, admins)
    if text == before:
        console.note(f"{place} is up to date")
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file_atomically(target, text.encode())
    console.note(f"wrote {place}")
    console.next_step(f"git add {place} && git commit")
    return 0


def _is_namespace(path: str) -> bool:
    from pki_as_code.manifests.base import NAMESPACE_FILE

    return path.endswith(f"/{NAMESPACE_FILE}")
