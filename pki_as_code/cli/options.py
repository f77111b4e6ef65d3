"""Options that several commands share; every option shows its environment variable in its help."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

option = partial(click.option, show_envvar=True)


def output_option(*forms: str, default: str = "text") -> Callable[[F], F]:
    """`--output FORM`, for commands that print data."""
    return option(
        "-o",
        "--output",
        type=click.Choice(forms),
        default=default,
        show_default=True,
        help="The form of what is printed.",
    )


def submission_options(function: F) -> F:
    """Add what commands that change git have in common."""
    for decorate in reversed(_SUBMISSION):
        function = decorate(function)
    return function


_SUBMISSION = (
    option("-m", "--message", metavar="TEXT", help="Commit message."),
    option("--no-commit", is_flag=True, help="Leave the manifest in the working tree."),
    option("--branch", metavar="NAME", help="Commit to a branch, for a pull request, and stop."),
    option("--dry-run", is_flag=True, help="Show the manifest and the plan, change nothing."),
    option("--push/--no-push", default=True, help="Push the store branch if there is a remote."),
)
