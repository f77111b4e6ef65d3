"""The note that a run leaves when there was nothing to do: what it stands on, and until when."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pki_as_code import __version__
from pki_as_code.durable import write_file_atomically

FORMAT: Final = 1
LONGEST_SECONDS: Final = 24 * 3600
"""A note is believed no longer than this, whatever it says itself."""

QUIET: Final = "quiet.json"
SETTINGS: Final = "settings.json"
"""Names of notes."""

_DIRECTORY: Final = "pki-as-code"
_LARGEST: Final = 1 << 20

Note = dict[str, Any]
"""
commit      the commit whose manifests were planned
refs        what else the run's checks looked at: ref -> commit id, None for one that was not there
config      digest of git's configuration
store       the URI of the store; configured: the one that the manifests name
position    where the store's ledger ended, as `stores.position` tells it
files       state of the files outside git that the plan looked at: path -> numbers
passphrases names of the variables with passphrases that were set
noted_at, until    seconds since 1970

The one of the settings: digest of pki.yaml, and the store that it names.
"""


def note_path(git_dir: Path, name: str = QUIET) -> Path:
    return git_dir / _DIRECTORY / name


def write_note(git_dir: Path, note: Note, name: str = QUIET) -> None:
    """Replace the note, whole or not at all. Raises `OSError`."""
    body = json.dumps({"format": FORMAT, "program": __version__, **note}, sort_keys=True).encode()
    digest = hashlib.sha256(body).hexdigest().encode()
    write_file_atomically(note_path(git_dir, name), digest + b"\n" + body + b"\n", mode=0o600)


def read_note(git_dir: Path, name: str = QUIET) -> Note | None:
    """Return the note; None when there is none that this program wrote, and wrote whole."""
    try:
        descriptor = os.open(note_path(git_dir, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        others = stat.S_IMODE(status.st_mode) & 0o077
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or others:
            return None
        data = file.read(_LARGEST + 1)
    digest, _, body = data.removesuffix(b"\n").partition(b"\n")
    if hashlib.sha256(body).hexdigest().encode() != digest:
        return None
    note = json.loads(body)
    if not isinstance(note, dict):
        return None
    known = note.get("format") == FORMAT and note.get("program") == __version__
    return note if known else None


def holds_at(note: Note, seconds: int) -> bool:
    """Tell whether nothing becomes due before this time."""
    start = int(note["noted_at"])
    return start <= seconds < min(int(note["until"]), start + LONGEST_SECONDS)


def file_state(path: str | Path) -> list[int] | None:
    """
    Return numbers that differ once a file is another or was written to; None for no file.

    The first three are times, in nanoseconds since 1970.
    """
    try:
        found = os.stat(path)
        own = os.lstat(path)
    except FileNotFoundError:
        return None
    return [
        found.st_mtime_ns, found.st_ctime_ns, own.st_ctime_ns,
        found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_size, own.st_ino,
    ]  # fmt: skip


def passphrases_given(environment: Iterable[str]) -> list[str]:
    """Return the names of the variables that hold passphrases."""
    return sorted(name for name in environment if name.startswith("PKI_PASSPHRASE"))
