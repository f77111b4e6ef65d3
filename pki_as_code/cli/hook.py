"""`pkictl hook`: what `.pre-commit-hooks.yaml` has run before a commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console

if TYPE_CHECKING:
    from pki_as_code.model import Finding


@click.group(help="Look at files before they are committed.")
def command() -> None:
    pass


@command.command(help="Refuse files that hold private keys, encrypted or not.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.pass_obj
def keys(console: Console, /, paths: tuple[str, ...]) -> int:
    from pki_as_code.workspace.staged import private_key_findings

    return _tell(console, list(private_key_findings(console.directory, paths)))


@command.command(help="Compare CSRs with their manifests: names, and that each has one.")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.pass_obj
def csrs(console: Console, /, paths: tuple[str, ...]) -> int:
    from pki_as_code.workspace.staged import csr_findings

    return _tell(console, csr_findings(console.directory, paths))


def _tell(console: Console, findings: Sequence[Finding]) -> int:
    from pki_as_code.formats import format_findings

    if not findings:
        return 0
    console.write(format_findings(findings, color=console.color))
    return 1
