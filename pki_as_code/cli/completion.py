"""`pkictl completion`: what a shell needs to complete commands, options and names."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "pkictl"
VARIABLE = "_PKICTL_COMPLETE"
"""Set by the script when the shell asks; click answers then, instead of running a command."""


@click.command(
    help="Print a script that makes a shell complete commands and names.",
    epilog='bash and zsh: eval "$(pkictl completion bash)" in ~/.bashrc or (with zsh) ~/.zshrc. '
    "fish: pkictl completion fish > ~/.config/fish/completions/pkictl.fish",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(context: click.Context, shell: str) -> int:
    from click.shell_completion import get_completion_class

    console = context.find_object(Console)
    script = get_completion_class(shell)
    if console is None or script is None:
        raise click.UsageError(f"there is no completion for {shell}")
    source = script(context.find_root().command, {}, PROGRAM, VARIABLE).source_template
    console.write(source % _names())
    return 0


def _names() -> dict[str, str]:
    return {
        "complete_func": f"_{PROGRAM}_completion",
        "complete_var": VARIABLE,
        "prog_name": PROGRAM,
    }
