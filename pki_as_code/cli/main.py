"""From argv to an exit code: the one place where errors become text."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from pki_as_code import __version__
from pki_as_code.cli.commands import COMMANDS, DECLARATIVE, IMPERATIVE
from pki_as_code.cli.console import Console, escape_text, stderr_is_color
from pki_as_code.cli.options import option

if TYPE_CHECKING:
    from pki_as_code.errors import PkiAsCodeError

EXIT_INTERRUPTED = 130
EXIT_USAGE = 64
EXIT_BROKEN_PIPE = 0


class Commands(click.Group):
    """Imports a command's module when it is needed; takes dashes for underscores."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name.replace("-", "_"))
        if entry is None:
            return None
        module = import_module(f"pki_as_code.cli.{entry.module}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return (name.replace("-", "_") if name else None), command, rest

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for title, commands in (
            ("Declarative commands", DECLARATIVE),
            ("Imperative commands (each writes a manifest and reconciles just that)", IMPERATIVE),
        ):
            with formatter.section(title):
                formatter.write_dl([(f"{n:{width}}", entry.help) for n, entry in commands.items()])


@click.group(
    cls=Commands,
    context_settings={
        "auto_envvar_prefix": "PKI",
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
    },
)
@click.version_option(__version__, prog_name="pkictl")
@option("-C", "directory", metavar="DIR", default=".", help="Run as if started in DIR.")
@option(
    "--store",
    metavar="URI",
    help="Where issued certificates are recorded, instead of what pki.yaml says: git:BRANCH or "
    "sqlite:///FILE.",
)
@option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="When to use colour; NO_COLOR and FORCE_COLOR are honoured.",
)
@option("-v", "--verbose", count=True, help="Say more on stderr.")
@option("-q", "--quiet", is_flag=True, help="Say nothing on stderr but errors.")
@option("--traceback", is_flag=True, help="Show where an unexpected error comes from.")
@click.pass_context
def root(
    context: click.Context,
    directory: str,
    store: str | None,
    color: str,
    verbose: int,
    quiet: bool,
    traceback: bool,
) -> None:
    """
    A git repository is the whole PKI.

    Manifests declare authorities, profiles and certificates. `pkictl plan` says what would be
    issued, `pkictl reconcile` issues it.
    """
    context.obj = Console.for_terminal(
        directory=directory,
        store=store,
        color=color,
        verbose=verbose,
        quiet=quiet,
        traceback=traceback,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code of `cli.md`. Never raises, never shows a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    show_traceback = "--traceback" in arguments or bool(os.environ.get("PKI_TRACEBACK"))
    try:
        result = root.main(arguments, prog_name="pkictl", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_USAGE
    except click.ClickException as error:
        return _usage_error(error)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the next run continues where this one stopped", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough (`| head`). Python would complain once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:
        if show_traceback:
            raise
        return _failed(error)
    return int(result or 0)


def _usage_error(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if context is not None:
        click.echo(context.get_usage(), err=True)
    click.echo(f"error[usage]: {escape_text(error.format_message())}", err=True)
    if context is not None:
        click.echo(f"  = help: {context.command_path} --help", err=True)
    return EXIT_USAGE


def _failed(error: Exception) -> int:
    from pki_as_code.errors import PkiAsCodeError

    if isinstance(error, PkiAsCodeError):
        click.echo(format_error(error, color=stderr_is_color()), err=True, nl=False)
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"error[os.failed]: {escape_text(f'{where}{error.strerror}')}", err=True)
        return 1
    name = type(error).__name__
    click.echo(f"error[internal]: unexpected {name}: {escape_text(str(error))[:300]}", err=True)
    click.echo("  = help: this is a fault of pkictl; --traceback shows where", err=True)
    return 1


def format_error(error: PkiAsCodeError, *, color: bool) -> str:
    """Return an error with its findings as people read it."""
    from pki_as_code.formats.findings import format_finding, format_findings
    from pki_as_code.model import Finding

    own = Finding(error.code, error.message, help=error.help)
    if not error.findings:
        return format_finding(own, color=color)
    text = format_findings(error.findings, color=color)
    codes = {finding.code for finding in error.findings}
    alone = error.code in codes or error.code == "manifest.invalid"
    return text if alone else text + format_finding(own, color=color)
