"""From argv to an exit code: the one place where errors become text."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from pki_as_code import __version__
from pki_as_code.cli.commands import COMMANDS, DECLARATIVE, IMPERATIVE
from pki_as_code.cli.console import Console, DeclinedError, escape_text, wants_color
from pki_as_code.cli.options import option
from pki_as_code.cli.streams import (
    ReaderGoneError,
    broken_pipes_told,
    open_closed_streams,
    settle_streams,
    tell,
)

if TYPE_CHECKING:
    from pki_as_code.errors import PkiAsCodeError

EXIT_DECLINED = 1
EXIT_INTERRUPTED = 130
EXIT_USAGE = 64
EXIT_BROKEN_PIPE = 0


_HELP_OTHERWISE = "check that the place is there, and who may read and write it"
_HELP_BY_REASON = {
    errno.ENOSPC: "free some space, and run the command again",
    errno.EDQUOT: "free some space, and run the command again",
    errno.ENOENT: "check the path; the directory must be there",
    errno.ENOTDIR: "check the path; a part of it is a file and not a directory",
    errno.EISDIR: "name a file; this is a directory",
    errno.EACCES: "check who owns the file and its directory, and who may write there",
    errno.EPERM: "check who owns the file and its directory, and who may write there",
    errno.EROFS: "the file system is mounted read-only; write somewhere else",
    errno.EIO: "check the disk before anything else",
}


class _Choices:
    """The global options that matter when things go wrong."""

    def __init__(self) -> None:
        self.color = "auto"
        self.traceback = False


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
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0].replace("-", "_"), COMMANDS)
            meant = f"; did you mean {' or '.join(close)}?" if close else ""
            raise click.UsageError(f"there is no command {args[0][:80]!r}{meant}", ctx)
        name, command, rest = super().resolve_command(ctx, args)
        return (name.replace("-", "_") if name else None), command, rest

    def make_context(self, *given: Any, **named: Any) -> click.Context:
        with broken_pipes_told():  # --help and --version write here
            return super().make_context(*given, **named)

    def invoke(self, ctx: click.Context) -> Any:
        with broken_pipes_told():
            return super().invoke(ctx)

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
    help="Where issued certificates are recorded, instead of what pki.yaml says: git:BRANCH, "
    "sqlite:///FILE or postgresql://HOST/DATABASE.",
)
@option("--offline", is_flag=True, help="Use no network: the store as it is here.")
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
    offline: bool,
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
    if isinstance(context.obj, _Choices):
        context.obj.color, context.obj.traceback = color, traceback
    context.obj = Console.for_terminal(
        directory=directory,
        store=store,
        color=color,
        verbose=verbose,
        quiet=quiet,
        traceback=traceback,
        offline=offline,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Never raises; shows a traceback only when asked."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    open_closed_streams()
    try:
        return _run(arguments, _Choices())
    finally:
        settle_streams()


def _run(arguments: list[str], choices: _Choices) -> int:
    try:
        result = root.main(arguments, prog_name="pkictl", standalone_mode=False, obj=choices)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        tell(error.format_message())
        return EXIT_USAGE
    except click.ClickException as error:
        return _usage_error(error)
    except (DeclinedError, click.Abort, KeyboardInterrupt) as error:
        return _stopped(error)
    except (ReaderGoneError, BrokenPipeError):  # the latter of the flush
        return EXIT_BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 (each becomes a message and an exit code)
        if choices.traceback:
            from traceback import format_exc

            tell(format_exc(), newline=False)
        return _failed(error, color=wants_color(choices.color, sys.stderr))
    return int(result or 0)


def _stopped(error: BaseException) -> int:
    if isinstance(error, DeclinedError):
        tell("nothing was changed")
        return EXIT_DECLINED
    tell("interrupted; the next run continues where this one stopped")
    return EXIT_INTERRUPTED


def _usage_error(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    if context is not None:
        tell(context.get_usage())
    tell(f"error[usage]: {escape_text(error.format_message())}")
    if context is not None:
        tell(f"  = help: {context.command_path} --help")
    return EXIT_USAGE


def _failed(error: Exception, *, color: bool) -> int:
    from pki_as_code.errors import PkiAsCodeError

    if isinstance(error, PkiAsCodeError):
        tell(format_error(error, color=color), newline=False, color=color)
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        tell(f"error[os.failed]: {escape_text(f'{where}{error.strerror}')}")
        tell(f"  = help: {_HELP_BY_REASON.get(error.errno or 0, _HELP_OTHERWISE)}")
        return 1
    name = type(error).__name__
    said = escape_text(" ".join(str(error).split()))[:300]
    tell(f"error[internal]: unexpected {name}: {said}")
    tell("  = help: this is a fault of pkictl; --traceback shows where")
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
