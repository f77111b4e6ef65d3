"""
`reconcile` and `plan --ref` where the last run found nothing to do, and nothing moved since.

What is asked is recognised in its plainest forms only, and every doubt means: start the program.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from pki_as_code.quiet.note import Note

_REVISION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}", re.ASCII)
_UNDERSTOOD: Final = ("PKI_PASSPHRASE", "PKI_STORE")
"""Variables that are understood here; any other that is an option's starts the program."""


class Asked(NamedTuple):
    """One command line."""

    command: str
    directory: str
    ref: str
    store: str | None
    network: bool
    quiet: bool


def answer(arguments: Sequence[str]) -> int | None:
    """
    Print that there are no changes, when that is certain, and return the exit code.

    None: it is not certain; nothing was printed.
    """
    asked = parse(arguments, os.environ)
    if asked is None or sys.stdout is None or sys.stderr is None:
        return None
    try:
        commit = unchanged_commit(asked, int(time.time()))
        if commit is None:
            return None
        from pki_as_code.quiet.wording import no_changes

        sys.stdout.write(no_changes(commit))
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 (whatever it is, the program itself tells it better)
        return None
    return 0


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Asked | None:
    """Return what is asked, None unless every word of it is understood."""
    for name in environment:
        if name.startswith("PKI_") and not name.startswith(_UNDERSTOOD):
            return None
    found: dict[str, str] = {"-C": ".", "--store": environment.get("PKI_STORE", "")}
    flags: set[str] = set()
    command, rest = "", list(arguments)
    while rest:
        word, *rest = rest
        if word in ("plan", "reconcile") and not command:
            command = word
            continue
        name, equals, value = word.partition("=")
        if name in _WITH_VALUE.get(command, ()):
            if not equals:
                if not rest:
                    return None
                value, *rest = rest
            found[name] = value
        elif word in _FLAGS.get(command, ()):
            flags.add(word)
        else:
            return None
    ref = found.get("--ref", "HEAD" if command == "reconcile" else "")
    if not command or _REVISION.fullmatch(ref) is None:
        return None
    network = not flags & {"--offline", "--no-push"}
    quiet = bool(flags & {"-q", "--quiet"})
    return Asked(command, found["-C"], ref, found["--store"] or None, network, quiet)


_WITH_VALUE: Final = {"": ("-C", "--store"), "plan": ("--ref",), "reconcile": ("--ref",)}
_FLAGS: Final = {
    "": ("--offline", "-q", "--quiet"),
    "plan": ("--detailed-exitcode",),
    "reconcile": ("--no-push",),
}


def unchanged_commit(asked: Asked, now: int) -> str | None:
    """
    Return the commit that was asked for, when it is known that it leaves nothing to do at `now`.

    Raises whatever goes wrong.
    """
    from pathlib import Path  # which takes longer to import than --help may take to tell

    from pki_as_code.quiet.note import file_state, holds_at, passphrases_given, read_note

    git_dir = _git_dir(Path(asked.directory).absolute())
    note = read_note(git_dir) if git_dir is not None else None
    if git_dir is None or note is None or not holds_at(note, now):
        return None
    if (asked.store or note["configured"]) != note["store"]:
        return None
    if passphrases_given(os.environ) != note["passphrases"]:
        return None
    if any(file_state(path) != state for path, state in note["files"].items()):
        return None
    return note["commit"] if _is_repository_there(asked, note, git_dir) else None


def _is_repository_there(asked: Asked, note: Note, git_dir: Path) -> bool:
    from pathlib import Path

    from pki_as_code.gitplumbing.repository import GitRepository
    from pki_as_code.quiet.repository_state import config_digest, head_and_refs, uncommitted
    from pki_as_code.stores.position import is_there

    repository = GitRepository.discover(Path(asked.directory))
    if repository.git_dir.resolve() != git_dir or not os.access(git_dir, os.W_OK):
        return False
    values = head_and_refs(repository, note["refs"])
    commit = (
        values.get(asked.ref) if asked.ref == "HEAD" else repository.resolve_revision(asked.ref)
    )
    if commit != note["commit"]:
        return False
    if any(values.get(ref) != value for ref, value in note["refs"].items()):
        return False
    if config_digest(repository) != note["config"]:
        return False
    if not is_there(note["position"], repository, network=asked.network):
        return False
    told = asked.command == "reconcile" and asked.ref == "HEAD" and not asked.quiet
    return not (told and not repository.bare and uncommitted(repository))


def _git_dir(start: Path) -> Path | None:
    """Return where the note would be; git is asked afterwards whether that is so."""
    for place in (start, *start.parents):
        if (place / ".git").is_dir():
            return (place / ".git").resolve()
        if (place / "HEAD").is_file() and (place / "objects").is_dir():
            return place.resolve()
    return None
