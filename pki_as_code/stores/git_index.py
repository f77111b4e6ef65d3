"""The index of a git store: a cache beside the repository, and the memory of how far it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self

from sqlalchemy import Connection, Engine, delete, insert, select

from pki_as_code.durable import make_directory_durably
from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import BlobReader, GitRepository
from pki_as_code.stores import codec, tables
from pki_as_code.stores.bulk_reads import read_head
from pki_as_code.stores.engine import (
    check_schema_version,
    create_index,
    reading,
    stored_schema_version,
    writing,
)
from pki_as_code.stores.entries import Entry
from pki_as_code.stores.interface import Head
from pki_as_code.stores.ledger_store import parsed
from pki_as_code.stores.projection import project
from pki_as_code.stores.seen import NOTHING_SEEN, SeenHead, database_files, find_index
from pki_as_code.stores.segments import (
    MAX_SEGMENT_BYTES,
    Segment,
    list_segments,
    read_lines,
)

_COMMIT: Final = "commit"


@dataclass(frozen=True)
class GitIndex:
    """
    The files of one store branch in the git directory.

    Where nothing can be written there, the index is in a temporary directory and made anew each
    time.
    """

    repository: GitRepository
    branch: str
    path: Path
    seen: SeenHead
    temporary: TemporaryDirectory[str] | None = None

    @classmethod
    def locate(cls, repository: GitRepository, branch: str, *, read_only: bool) -> Self:
        """Find the files, and make their directory. Raises `StoreError` (`store.read_only`)."""
        directory, path, head_path = find_index(repository, branch)
        try:
            make_directory_durably(directory)
            unwritable = not os.access(directory, os.W_OK | os.X_OK)
        except OSError:
            unwritable = True
        if not unwritable:
            return cls(repository, branch, path, SeenHead(head_path))
        if not read_only:
            raise StoreError(
                f"the git directory {quoted(str(directory), 200)} cannot be written",
                help="check its owner and permissions",
                code="store.read_only",
            )
        temporary = TemporaryDirectory(prefix="pki-as-code-")
        path = Path(temporary.name) / "index.db"
        return cls(repository, branch, path, SeenHead(head_path), temporary)

    @property
    def is_writable(self) -> bool:
        return self.temporary is None

    def close(self) -> None:
        if self.temporary is not None:
            self.temporary.cleanup()

    # --- Following the branch ---

    def follow(self, engine: Engine, commit: str | None) -> None:
        """
        Bring the index to the ledger in `commit`, reading only what it does not have.

        Raises `StoreError`: `store.rolled_back` when the ledger does not go on from what was seen
        of it, `store.corrupt` when it does not agree with itself.
        """
        seen = self.seen.read()
        with reading(engine, str(self.path)) as connection:
            current = stored_schema_version(connection) == tables.SCHEMA_VERSION
            if current and read_commit(connection) == commit:
                self._check_seen(read_head(connection), seen)
                return
        with writing(engine, str(self.path)) as connection:
            version = stored_schema_version(connection)
            if version is not None:
                check_schema_version(version, str(self.path))
            if version != tables.SCHEMA_VERSION:
                create_index(connection)
            if read_commit(connection) != commit:
                self._read_tail(connection, commit, seen)
            head = read_head(connection)
            self._check_seen(head, seen)
            if self.is_writable and head.sequence > seen.sequence:
                self.seen.note(head)

    def _read_tail(self, connection: Connection, commit: str | None, seen: Head) -> None:
        head = read_head(connection)
        segments = self._segments(commit)
        start = max(head.sequence, 0)
        if head.sequence >= 0 and not self._goes_on(read_commit(connection), segments):
            # Not an append to what is known. The chain says whether an old line was changed: with
            # the digest of the last known entry it vouches for every line before it.
            for entry in parsed(read_lines(self.repository, segments, 0)):
                if entry.sequence == head.sequence:
                    break
        entries = parsed(read_lines(self.repository, segments, start))
        if head.sequence >= 0:
            last = next(entries, None)
            if last is None or codec.digest(last.line) != head.digest:
                raise self._rolled_back(head)
        project(connection, self._watched(entries, seen))
        write_commit_id(connection, commit)

    def _goes_on(self, known: str | None, segments: list[Segment]) -> bool:
        """Tell whether the segments begin with those of the commit `known`, byte for byte."""
        if known is None or not self.repository.has_commit(known):
            return False
        before = list_segments(self.repository, known)
        if len(segments) < len(before) or segments[: len(before) - 1] != before[:-1]:
            return False
        old, new = before[-1], segments[len(before) - 1]
        if old == new or old.first != new.first:
            return old == new
        with BlobReader(self.repository) as blobs:
            content = blobs.read(old.blob_id, limit=MAX_SEGMENT_BYTES)
            return blobs.read(new.blob_id, limit=MAX_SEGMENT_BYTES).startswith(content)

    def _segments(self, commit: str | None) -> list[Segment]:
        if commit is None:
            return []
        segments = list_segments(self.repository, commit)
        if not segments:
            raise StoreError(
                f"the branch {quoted(self.branch)} exists, and there is no ledger in it",
                help="name a branch for the store that nothing else uses, git:pki-issued for "
                "example",
                code="store.not_a_store",
            )
        return segments

    def _watched(self, entries: Iterator[Entry], seen: Head) -> Iterator[Entry]:
        for entry in entries:
            if entry.sequence == seen.sequence and codec.digest(entry.line) != seen.digest:
                raise self._rolled_back(seen)
            yield entry

    def _check_seen(self, head: Head, seen: Head) -> None:
        same = head.sequence == seen.sequence and head.digest != seen.digest
        if same or head.sequence < seen.sequence:
            raise self._rolled_back(seen)

    def _rolled_back(self, seen: Head) -> StoreError:
        return StoreError(
            f"the store's branch {quoted(self.branch)} was rewritten or went back: entry "
            f"{seen.sequence}, which was there, is not there or is another one",
            help="find out who did it: serial numbers that were used are unknown to it. Put the "
            "branch back (`git reflog`, another clone, the remote). Only if this is meant: "
            "`pkictl store rebuild` believes the branch as it is",
            code="store.rolled_back",
        )

    # --- What was seen ---

    def pin(self, last: Entry) -> None:
        """Note the end of the ledger, durably, where nobody who can push can change it."""
        self.seen.note(Head(last.sequence, codec.digest(last.line), last.at))

    def rebuild(self, engine: Engine, commit: str | None) -> None:
        """
        Make the index anew, believing the ledger in `commit` as it is.

        In one transaction: whoever reads meanwhile (`serve`) has the old one or the new one, and
        never finds that nothing was issued. Where it fails nothing is left of it.
        """
        try:
            with writing(engine, str(self.path)) as connection:
                create_index(connection)
                self._read_tail(connection, commit, NOTHING_SEEN)
                self.seen.forget()
        except StoreError as error:
            self._forget(engine)
            if error.code != "store.damaged_database":
                raise
        self.follow(engine, commit)
        with reading(engine, str(self.path)) as connection:
            head = read_head(connection)
        if head.sequence >= 0:
            self.seen.note(head)

    def _forget(self, engine: Engine) -> None:
        try:
            with writing(engine, str(self.path)) as connection:
                create_index(connection)
        except StoreError as error:
            if error.code != "store.damaged_database":
                raise
            engine.dispose()
            for path in database_files(self.path):
                path.unlink(missing_ok=True)
        self.seen.forget()


def read_commit(connection: Connection) -> str | None:
    """Return the commit the index follows, None for one that follows an empty store."""
    statement = select(tables.meta.c.value).where(tables.meta.c.key == _COMMIT)
    return connection.execute(statement).scalar()


def write_commit_id(connection: Connection, commit: str | None) -> None:
    connection.execute(delete(tables.meta).where(tables.meta.c.key == _COMMIT))
    if commit is not None:
        connection.execute(insert(tables.meta), {"key": _COMMIT, "value": commit})
