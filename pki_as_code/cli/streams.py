"""stdin, stdout and stderr when they are closed, full, or nobody reads them any more."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import click

_STDERR = 2


class ReaderGoneError(Exception):
    """Nobody reads stdout any more (`| head`): the rest of the output is not wanted."""


def open_closed_streams() -> None:
    """
    Put the null device where stdin, stdout or stderr is closed (`>&-`).

    Else the next file that is opened, a database perhaps, would have their number.
    """
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    while True:
        descriptor = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if descriptor > _STDERR:
            os.close(descriptor)
            break
    sys.stdin = sys.stdin or _stream(0, "r")
    sys.stdout = sys.stdout or _stream(1, "w")
    sys.stderr = sys.stderr or _stream(2, "w")


def _stream(descriptor: int, mode: str) -> IO[str]:
    return open(descriptor, mode, encoding="utf-8", closefd=False)


def tell(text: str, *, newline: bool = True, color: bool | None = None) -> None:
    """Write to stderr; where it cannot be written to, there is nobody to tell that."""
    with suppress(OSError):
        click.echo(text, err=True, nl=newline, color=color)


def settle_streams() -> None:
    """Flush stdout and stderr; what cannot be written is dropped, or Python would complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(null, stream.fileno())
            os.close(null)


@contextmanager
def broken_pipes_told() -> Iterator[None]:
    """
    Tell a reader of stdout that has gone from a program or a server that has.

    click ends the program with code 1, and without a word, for both.
    """
    try:
        yield
    except BrokenPipeError as error:
        if _is_gone(sys.stdout):
            raise ReaderGoneError from error
        from pki_as_code.errors import PkiAsCodeError

        raise PkiAsCodeError(
            "a program or a server that was being written to has ended the connection",
            help="run the command again; --traceback shows where it was",
        ) from error


def _is_gone(stream: IO[str]) -> bool:
    """Tell whether a stream is a pipe, or a socket, that nobody reads."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
    except (OSError, ValueError):  # a stream in memory has no descriptor
        return False
    return bool(poll.poll(0))
