"""One flag for each profile: `--client`, and `--internal-server` where a manifest makes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import basename
from typing import Any

import click

from pki_as_code.cli.completers import complete_profile
from pki_as_code.cli.console import Console
from pki_as_code.cli.option_values import OrderedOptions
from pki_as_code.cli.options import option

PREDEFINED = ("client", "server", "webserver", "enduser", "ocsp")

_GIVEN = "profile_of_repository"


class ProfileFlags(OrderedOptions):
    """
    A command that takes `--NAME` for every profile.

    Manifests are looked at only when an option is not one of the command's own, which comes first:
    a profile called `out` has to be named with `--profile out`.
    """

    def prepare_arguments(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = self.options_by_name(ctx)
        unknown = list(_unknown_flags(args, options, ctx.help_option_names))
        if not unknown or not isinstance(ctx.obj, Console):
            return args
        names = _profile_names(ctx.obj)
        changed = list(args)
        for position in unknown:
            name = args[position].removeprefix("--")
            if name in names:
                changed[position] = f"--{_GIVEN.replace('_', '-')}={name}"
        return changed


def _unknown_flags(
    args: list[str], options: Mapping[str, click.Option], help_names: list[str]
) -> Iterator[int]:
    """Yield where a `--NAME` stands that is neither an option nor the value of one."""
    is_value = False
    for position, argument in enumerate(args):
        if is_value:
            is_value = False
            continue
        if argument == "--":
            return
        name, equals, _ = argument.partition("=")
        known = options.get(name)
        is_value = known is not None and not known.is_flag and not equals
        is_flag = name.startswith("--") and not equals and name not in help_names
        if known is None and is_flag:
            yield position


def _profile_names(console: Console) -> set[str]:
    """Return the names of the repository's profiles; of one that cannot be read, its file's."""
    from pki_as_code.errors import PkiAsCodeError
    from pki_as_code.gitplumbing import GitRepository, RevisionTree
    from pki_as_code.manifests.load import load_manifests

    try:
        repository = GitRepository.discover(console.directory)
        tree = RevisionTree(repository, repository.resolve_revision("HEAD"))
        paths = {file.path for file in tree.files() if file.path.startswith("profiles/")}
        manifests = load_manifests(tree, paths=paths).manifests
    except PkiAsCodeError:
        return set()  # what is wrong with the repository is told when it is opened to be used
    unreadable = {Path(basename(entry.path)).stem for entry in manifests.unreadable}
    return set(manifests.profile_names()) | unreadable


def profile_options(function: Any) -> Any:
    """Add `--profile` and the flags; the command's class must be a `ProfileFlags`."""
    function = option("--" + _GIVEN.replace("_", "-"), _GIVEN, multiple=True, hidden=True)(function)
    for name in reversed(PREDEFINED):
        told = f"Short for --profile {name}."
        function = option(f"--{name}", f"profile_{name}", is_flag=True, help=told)(function)
    return option(
        "--profile",
        metavar="NAME",
        shell_complete=complete_profile,
        help="The profile. Each has a flag of its own, too: those below, and --NAME for each in "
        "profiles/.",
    )(function)


def chosen_profile(given: Mapping[str, Any]) -> str | None:
    """Return the one profile that was named, None without one. Raises `UsageError` for two."""
    flags = [name for name in PREDEFINED if given[f"profile_{name}"]] + list(given[_GIVEN])
    named = [f"--{name}" for name in dict.fromkeys(flags)]
    if given["profile"]:
        named.insert(0, "--profile")
    if len(named) > 1:
        from pki_as_code.errors import UsageError

        raise UsageError(
            f"{' and '.join(named)} exclude each other: a certificate has one profile",
            help="give one of them",
        )
    if given["profile"]:
        return str(given["profile"])
    return flags[0] if flags else None
