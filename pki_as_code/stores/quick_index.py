"""Which stores can be read at once, and when: those whose index is a file of SQLite."""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from pki_as_code.stores import quick_sql
from pki_as_code.stores.git_refs import StoreBranch, find_tip, open_branch
from pki_as_code.stores.interface import EMPTY_DIGEST, Head
from pki_as_code.stores.quick import QuickIndex, QuickStore
from pki_as_code.stores.quick_reads import load_crls, read_meta
from pki_as_code.stores.rows import head_of
from pki_as_code.stores.seen import SeenHead, find_index

if TYPE_CHECKING:
    from pki_as_code.gitplumbing import GitRepository
    from pki_as_code.stores.interface import Store

_PLAIN_SQLITE: Final = re.compile(r"sqlite:///([A-Za-z0-9/][A-Za-z0-9._/-]*)", re.ASCII)


def open_quick(
    uri: str, repository: GitRepository | None, *, root: Path, push: bool
) -> QuickStore | None:
    """
    Open a store for reading, None where only the store itself can tell how.

    Raises `StoreError`, `RepositoryError` as that would.
    """
    if repository is None:
        return None
    index: QuickIndex
    if uri.startswith("git:"):
        branch = open_branch(repository, uri.removeprefix("git:"))
        directory, path, head = find_index(repository, branch.name)
        index = _GitIndex(uri, branch, path, SeenHead(head), root, push)
        return QuickStore(uri, index) if os.access(directory, os.W_OK | os.X_OK) else None
    plain = _PLAIN_SQLITE.fullmatch(uri)
    if plain is None or not (root / plain[1]).exists():
        return None
    path = root / plain[1]
    index = _DatabaseIndex(uri, path, SeenHead.of_database(repository, str(path)), repository, root)
    return QuickStore(uri, index)


def _fits(meta: dict[str, str], seen: Head) -> bool:
    """Tell whether the tables are this version's, and the ledger was seen as far as it goes."""
    head = head_of(meta)
    known = (head.sequence, head.digest) == (seen.sequence, seen.digest)
    return known and meta.get("schema_version") == quick_sql.SCHEMA_VERSION


class _GitIndex:
    mode = "rw"

    def __init__(
        self, uri: str, branch: StoreBranch, path: Path, seen: SeenHead, root: Path, network: bool
    ) -> None:
        self.path = path
        self._uri, self._branch, self._seen, self._root = uri, branch, seen, root
        self._network = network  # whether the remote is still to be asked

    def is_current(self, connection: sqlite3.Connection) -> bool:
        network = self._network and self._branch.remote is not None
        tip = find_tip(self._branch, uri=self._uri, network=network, writable=True, move=False)
        self._network = False
        seen = self._seen.read()
        meta = read_meta(connection)
        return meta.get("commit") == tip and _fits(meta, seen)

    def open_crl(self, connection: sqlite3.Connection, issuer: str, scope: str) -> BinaryIO:
        from pki_as_code.stores.git_crls import open_crl

        commit = read_meta(connection).get("commit")
        record = load_crls(connection).get((issuer, scope))
        return open_crl(self._branch.repository, commit, record, issuer, scope)

    def open_store(self) -> Store:
        from pki_as_code.stores.git import GitStore

        return GitStore.open(
            self._uri, self._branch.repository, root=self._root, push=self._network, read_only=True
        )


class _DatabaseIndex(NamedTuple):
    uri: str
    path: Path
    seen: SeenHead | None
    repository: GitRepository
    root: Path
    mode: str = "ro"

    def is_current(self, connection: sqlite3.Connection) -> bool:
        seen = self.seen.read() if self.seen else None
        meta = read_meta(connection)
        head = head_of(meta)
        end = (-1, EMPTY_DIGEST)
        for row in quick_sql.rows(connection, quick_sql.LAST_LINE, [1, 0]):
            end = (row["sequence"], hashlib.sha256(bytes(row["line"])).hexdigest())
        return (head.sequence, head.digest) == end and _fits(meta, seen or head)

    def open_crl(self, *_: object) -> None:
        """The store itself has it: a table that only it reads."""

    def open_store(self) -> Store:
        from pki_as_code.stores.sql import SqlStore

        return SqlStore.open(self.uri, self.repository, root=self.root, read_only=True)
