"""`pkictl sign_manifest`: what people sign for a manifest, and the signature beside it."""

from __future__ import annotations

from pathlib import Path

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option


@click.command(help="Sign a manifest and its CSR with your SSH key.")
@click.argument("path", metavar="PATH")
@option("--key", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
        help="Have ssh-keygen sign with this key, or with that of your agent for a public one, and "
        "write PATH.sig. Without it, print what is to be signed.")  # fmt: skip
@click.pass_obj
def command(console: Console, /, path: str, key: Path | None) -> int:
    from pki_as_code.apply.submit import check_writable_place
    from pki_as_code.durable import write_file_atomically
    from pki_as_code.gitplumbing import fitting, sign_with_key
    from pki_as_code.manifests.certificate import Certificate
    from pki_as_code.plan.endorsements import SUFFIX, statement
    from pki_as_code.workspace import load_repository
    from pki_as_code.workspace.endorsing import attached
    from pki_as_code.workspace.judging import check_findings
    from pki_as_code.workspace.validation import below_root

    repository, _, tree, _ = load_repository(console.directory, None, paths=())
    place = below_root(repository.root, console.directory, path)
    _, _, _, loaded = load_repository(console.directory, None, paths=[place])
    check_findings([f for f in loaded.findings if f.source and f.source.path == place])
    certificates = list(loaded.manifests.of(Certificate).values())
    text = statement(place, tree.read(place), attached(certificates))
    if key is None:
        console.write(text.decode("ascii"))
        return 0
    beside = f"{place}{SUFFIX}"
    check_writable_place(repository.root, beside)
    target = repository.root / beside
    others = fitting(text, target.read_bytes()) if target.exists() else []
    signature = sign_with_key(console.directory / key, text)
    write_file_atomically(target, b"".join(dict.fromkeys([*others, signature])))
    console.next_step(f"git add {beside}, and commit it")
    return 0
