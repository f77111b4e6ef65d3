"""`pkictl policy`: what policies say, before somebody depends on it."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option


@click.group(help="Try policies: on requests in files, on the certificates there are.")
def command() -> None:
    pass


@command.command(help="Try requests that must be allowed or denied (policy-tests/ by default).")
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@option("--ref", metavar="REV", help="Policies of a revision instead of the working tree.")
@output_option("text", "json")
@click.pass_obj
def test(console: Console, /, paths: tuple[str, ...], ref: str | None, output: str) -> int:
    from pki_as_code.errors import EXIT_FAILED
    from pki_as_code.formats.policies import format_trials, trials_json
    from pki_as_code.formats.structured import format_json
    from pki_as_code.workspace.policies import try_policies

    tried = try_policies(console.directory, ref, paths, console.now())
    if output == "json":
        console.write(format_json(trials_json(tried)))
    else:
        console.write(format_trials(tried, color=console.color))
    return EXIT_FAILED if any(trial.problem for trial in tried) else 0


@command.command(help="Tell which certificates in use a change of policies would refuse to renew.")
@option("--base", metavar="REV", required=True, help="The revision to compare with.")
@option("--ref", metavar="REV", help="A revision instead of the working tree.")
@output_option("text", "json")
@click.pass_obj
def impact(console: Console, /, base: str, ref: str | None, output: str) -> int:
    from pki_as_code.cli.session import reading
    from pki_as_code.formats.policies import format_impact, impact_json
    from pki_as_code.formats.structured import format_json
    from pki_as_code.workspace.policies import policy_impact
    from pki_as_code.workspace.trust_base import load_trust_base

    with reading(console, ref) as workspace:
        compared = load_trust_base(workspace.repository, base)
        found = policy_impact(workspace, compared, console.now())
    if output == "json":
        console.write(format_json(impact_json(found)))
    else:
        console.write(format_impact(found, color=console.color))
    return 0
