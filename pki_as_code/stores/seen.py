"""The end of a ledger as it was seen last, kept apart from it, to notice a store that goes back."""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from pki_as_code.durable import fsync_directory, make_directory_durably, write_file_atomically
from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.model import canonical_json
from pki_as_code.stores.interface import EMPTY_DIGEST, Head

DIRECTORY: Final = "pki-as-code"
"""Inside the git directory."""

NOTHING_SEEN: Final = Head(-1, EMPTY_DIGEST, None)
_CONTENT: Final = re.compile(r'\{"digest":"([0-9a-f]{64})","sequence":([0-9]{1,15})\}\n')


class SeenHead(NamedTuple):
    """One file."""

    path: Path

    @classmethod
    def of_database(cls, repository: GitRepository | None, place: str) -> Self | None:
        """
        Return the file for the database at `place`, None where nothing can be kept.

        Raises `StoreError` (`store.unsafe_path`).
        """
        if repository is None:
            return None
        directory = repository.common_dir / DIRECTORY
        name = hashlib.sha256(place.encode()).hexdigest()[:32]
        found = cls(directory / f"database-{name}.head")
        refuse_links(directory, found.path)
        with suppress(OSError):
            make_directory_durably(directory)
        return found if os.access(directory, os.W_OK | os.X_OK) else None

    def read(self) -> Head:
        """Return what was noted. Raises `StoreError` when it cannot be read."""
        try:
            text = self.path.read_text("ascii")
        except FileNotFoundError:
            return NOTHING_SEEN
        except (OSError, ValueError) as error:
            raise self._unreadable(type(error).__name__) from error
        match = _CONTENT.fullmatch(text)
        if match is None:
            raise self._unreadable("it was changed by hand")
        return Head(int(match.group(2)), match.group(1), None)

    def unless_new(self) -> Self | None:
        """Return this for a store that was seen before, None for one that never was."""
        return None if self.read() == NOTHING_SEEN else self

    def note(self, head: Head) -> None:
        """Note the end of a ledger, durably. Raises `OSError`."""
        value = {"digest": head.digest, "sequence": head.sequence}
        write_file_atomically(self.path, f"{canonical_json(value)}\n".encode())

    def forget(self) -> None:
        self.path.unlink(missing_ok=True)
        fsync_directory(self.path.parent)

    def _unreadable(self, why: str) -> StoreError:
        return StoreError(
            f"{quoted(str(self.path), 200)} cannot be read: {why}",
            help="it says how far the store was seen. `pkictl store rebuild` makes it anew, and "
            "believes the store as it is",
            code="store.rolled_back",
        )


class IndexFiles(NamedTuple):
    """The files of one store branch in the git directory."""

    directory: Path
    database: Path
    head: Path


def find_index(repository: GitRepository, branch: str) -> IndexFiles:
    """Say where the files are. Raises `StoreError` (`store.unsafe_path`)."""
    directory, name = repository.common_dir / DIRECTORY, quote(branch, safe="")
    files = IndexFiles(directory, directory / f"{name}.index.db", directory / f"{name}.head")
    refuse_links(directory, files.head, *database_files(files.database))
    return files


def database_files(path: Path) -> list[Path]:
    """Return the files that SQLite makes for one database."""
    return [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm", "-journal")]


def refuse_links(*paths: Path) -> None:
    """Raise `StoreError` for a symbolic link: the database would be written where it leads."""
    for path in paths:
        if path.is_symlink():
            raise StoreError(
                f"{quoted(str(path), 200)} is a symbolic link, and the store would write through "
                "it",
                help="find out who put it there, and remove it; the index is made anew",
                code="store.unsafe_path",
            )
