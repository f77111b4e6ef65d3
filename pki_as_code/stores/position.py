"""
Where a store's ledger ends, told and compared without opening the store.

A position is JSON: what `is_there` needs to see that nothing was written since.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pki_as_code.gitplumbing import GitRepository

Position = dict[str, Any]

GIT: Final = "git"
SQLITE: Final = "sqlite"

_LARGEST_SEEN: Final = 4096


def read_seen(path: str) -> str | None:
    """Return what is noted of how far a store was seen, None when there is nothing."""
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST_SEEN).decode("ascii", "replace")
    except FileNotFoundError:
        return None


def is_there(position: Position, repository: GitRepository, *, network: bool) -> bool:
    """
    Tell whether the ledger still ends there, and was not seen to be further.

    The refs of a git store are compared by the caller. With `network` its remote is asked, as it is
    by every run. Raises `OSError`, `RepositoryError`, `sqlite3.Error`.
    """
    if read_seen(position["seen_path"]) != position["seen"] or position["seen"] is None:
        return False
    if position["kind"] == GIT:
        return _is_remote_there(position, repository, network=network)
    return position["kind"] == SQLITE and _is_database_there(position)


def _is_remote_there(position: Position, repository: GitRepository, *, network: bool) -> bool:
    if position["remote"] is None or not network:
        return True
    from pki_as_code.gitplumbing import remote_ref

    there = remote_ref(repository, position["remote"], position["ref"])
    return there is not None and there == position["commit"]


def _is_database_there(position: Position) -> bool:
    import sqlite3
    from urllib.parse import quote

    path = Path(position["path"])
    if not path.is_file():
        return False
    connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=1)
    try:
        row = connection.execute(
            "SELECT sequence, line FROM ledger ORDER BY sequence DESC LIMIT 1"
        ).fetchone()
    finally:
        connection.close()
    if row is None:
        return False
    digest = hashlib.sha256(bytes(row[1])).hexdigest()
    return (row[0], digest) == (position["sequence"], position["digest"])
