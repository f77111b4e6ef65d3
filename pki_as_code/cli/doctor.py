"""`pkictl doctor`: what keeps this repository, this machine or its forge from working."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option

if TYPE_CHECKING:
    from pki_as_code.model import Finding


@click.command(help="Tell what is wrong with git, store, keys, clock, mail and CRLs.")
@option("--forge", is_flag=True, help="Also tell what is missing for a forge that plans and "
        "issues: workflows, CODEOWNERS, allowed_signers, settings.")  # fmt: skip
@output_option("text", "json")
@click.pass_obj
def command(console: Console, /, forge: bool, output: str) -> int:
    from pki_as_code.formats import format_findings, format_findings_json
    from pki_as_code.model import Severity

    findings = _examine(console, forge=forge)
    if output == "json":
        console.write(format_findings_json(findings))
    else:
        console.write(format_findings(findings, color=console.color))
    return 1 if any(finding.severity is Severity.ERROR for finding in findings) else 0


def _examine(console: Console, *, forge: bool) -> list[Finding]:
    """Go through everything: what is wrong in one place keeps nothing else from being looked at."""
    from pki_as_code.apply.key_health import key_findings
    from pki_as_code.authoring.forges.missing import forge_findings
    from pki_as_code.cli.session import reading_store
    from pki_as_code.workspace import health, load_repository

    now = console.now()
    repository, _, _, loaded = load_repository(console.directory, None)
    manifests = loaded.manifests
    findings: list[Finding] = []

    def look(part: str, check: Callable[[], Iterable[Finding]]) -> None:
        found = _caught(check)
        findings.extend(found)
        console.note(f"{part}: {'see below' if found else 'fine'}")

    def of_store() -> Iterable[Finding]:
        with reading_store(console) as store:
            yield from health.store_findings(store, now)
            yield from health.crl_findings(store, manifests, now)

    look("git", lambda: health.git_findings(repository, now))
    look("manifests", lambda: loaded.findings)
    look("store, clock and CRLs", of_store)
    look("keys", lambda: key_findings(repository, manifests))
    look("mail", lambda: health.mail_findings(manifests, os.environ))
    look("linters", lambda: health.linter_findings(manifests))
    if forge:
        remote = repository.config("remote.origin.url")
        branch = repository.current_branch() or "main"
        look("forge", lambda: forge_findings(repository.root, manifests, remote, branch))
    return findings


def _caught(check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Run a check; the error that ends it is one more thing that is wrong."""
    from pki_as_code.errors import PkiAsCodeError
    from pki_as_code.model import Finding

    found: list[Finding] = []
    try:
        found.extend(check())
    except PkiAsCodeError as error:
        found.extend(error.findings or [Finding(error.code, error.message, help=error.help)])
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        found.append(Finding("doctor.unreadable", what, help="check who may read it"))
    return found
