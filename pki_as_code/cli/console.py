"""Streams, colour and secrets of one run of the program: what every command gets."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, NamedTuple

import click

from pki_as_code.cli.streams import tell

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


class DeclinedError(Exception):
    """The person at the terminal said no."""


class Console(NamedTuple):
    """
    Where a command reads its surroundings and writes its results.

    Payload goes to stdout, everything else to stderr.
    """

    directory: Path
    store: str | None
    color: bool
    verbose: int
    quiet: bool
    traceback: bool
    offline: bool = False
    """No network: the store as it is here."""

    @classmethod
    def for_terminal(
        cls,
        *,
        directory: str,
        store: str | None,
        color: str,
        verbose: int,
        quiet: bool,
        traceback: bool,
        offline: bool,
    ) -> Console:
        from pathlib import Path

        for stream in (sys.stdout, sys.stderr):
            # An ASCII terminal shows what it can; it is no reason to stop half-way.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        colored = wants_color(color, sys.stdout)
        return cls(Path(directory), store, colored, verbose, quiet, traceback, offline)

    def now(self) -> datetime:
        """The time of this run, in whole seconds: taken here once, a parameter everywhere else."""
        from datetime import UTC, datetime

        return datetime.now(UTC).replace(microsecond=0)

    def write(self, text: str) -> None:
        """Write payload."""
        sys.stdout.write(text)

    def write_all(self, texts: Iterable[str]) -> None:
        """Write payload piece by piece, so that the first line is there before the last is made."""
        for text in texts:
            sys.stdout.write(text)

    def write_bytes(self, data: bytes) -> None:
        """Write payload that is no text."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)

    def note(self, text: str) -> None:
        """Write a line for the person at the terminal."""
        if not self.quiet:
            tell(text)

    def next_step(self, command: str) -> None:
        """Name the command that comes next, as the last line."""
        self.note(f"next: {command}")

    @property
    def width(self) -> int | None:
        """Columns of the terminal that payload goes to, None when it goes elsewhere."""
        if not sys.stdout.isatty():
            return None
        import shutil

        return shutil.get_terminal_size().columns

    @property
    def interactive(self) -> bool:
        return sys.stdin.isatty() and sys.stderr.isatty()

    def confirm(self, question: str, *, yes: bool) -> None:
        """
        Ask on a terminal before something that cannot be undone; nothing prompts without one.

        Raises:
            DeclinedError: the answer is no.
        """
        if not yes and self.interactive and not click.confirm(question, err=True):
            raise DeclinedError


def wants_color(choice: str, stream: IO[str]) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def escape_text(text: str) -> str:
    """Escape what others wrote, line by line."""
    from pki_as_code.escape import safe

    return "\n".join(safe(line) for line in text.split("\n"))


class EnvironmentSecrets:
    """
    Passphrases from `PKI_PASSPHRASE_<NAME>`, or a prompt on a terminal.

    A prompt for the passphrase of a new key comes only when `ask_new` says so: a key without one is
    a choice, made by not giving any.
    """

    def __init__(self, *, interactive: bool, ask_new: bool = False) -> None:
        self._interactive, self._ask_new = interactive, ask_new
        self._asked: dict[str, bytes | None] = {}

    def passphrase(self, name: str, *, new: bool) -> bytes | None:
        given = os.environ.get(self._variable(name))
        if given is not None:
            return given.encode()  # empty, too: a CI secret that is not set must not mean "none"
        if not self._interactive or (new and not self._ask_new):
            return None
        if name not in self._asked:
            text = click.prompt(
                f"Passphrase of the {'new ' if new else ''}key of {name}",
                hide_input=True,
                confirmation_prompt=new,
                default="" if new else None,
                show_default=False,
                err=True,
            )
            self._asked[name] = text.encode() or None
        return self._asked[name]

    def passphrase_is_given(self, name: str) -> bool:
        return self._variable(name) in os.environ

    @staticmethod
    def _variable(name: str) -> str:
        from pki_as_code.keys.interface import passphrase_variable

        return passphrase_variable(name)
