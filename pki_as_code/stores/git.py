"""
A store in a branch of the repository itself.

    <branch>                                  ledger/*.jsonl, and files for people to fetch
    <git directory>/pki-as-code/*.index.db    the index: a cache, made anew when it is not there
    <git directory>/pki-as-code/*.head        the end of the ledger as it was seen last

A step writes objects, pushes the commit (the remote's compare-and-swap), moves the branch here, and
then commits the index. A step that was cut short is in the ledger or is not; the index follows.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final, Self

from pki_as_code.errors import (
    ContentionError,
    RepositoryError,
    StoreError,
)
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import (
    GitRepository,
    PushStatus,
)
from pki_as_code.model import FULL_SCOPE, Finding
from pki_as_code.pkix.variables import crl_path
from pki_as_code.stores import codec
from pki_as_code.stores.bulk_reads import load_crls
from pki_as_code.stores.engine import open_sqlite, reading, writing
from pki_as_code.stores.entries import Entry
from pki_as_code.stores.extending import Step
from pki_as_code.stores.git_commits import write_commit
from pki_as_code.stores.git_crls import open_crl
from pki_as_code.stores.git_files import sha256, verify_files
from pki_as_code.stores.git_index import GitIndex, read_commit, write_commit_id
from pki_as_code.stores.git_refs import ATTEMPTS, StoreBranch, Tips, find_tip, open_branch
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.ledger_store import LedgerStore, RawLine
from pki_as_code.stores.position import GIT, Position, read_seen
from pki_as_code.stores.projection import Observer
from pki_as_code.stores.published_files import PublishedFiles
from pki_as_code.stores.refusals import read_only_error
from pki_as_code.stores.segments import (
    continue_segments,
    list_segments,
    read_lines,
    read_lines_at,
)

_LONGEST_PAUSE_SECONDS: Final = 2.0
_random = secrets.SystemRandom()


class _RaceLostError(Exception):
    """Someone else moved the branch: roll back, look again, and try once more."""


class GitStore(LedgerStore):
    """`git:pki-issued`. With `push`, a remote is fetched from and pushed to where there is one."""

    def __init__(
        self, uri: str, branch: StoreBranch, index: GitIndex, *, push: bool, read_only: bool
    ) -> None:
        super().__init__(uri, open_sqlite(index.path), str(index.path))
        self._branch = branch
        self._index = index
        self._push = push and branch.remote is not None
        self._read_only = read_only
        self._identity = None if read_only else branch.repository.user_identity()
        # Of two runs that say the same in the same second, the remote must refuse one.
        self._writer = secrets.token_hex(8)
        self._commit: str | None = None
        self._is_ready = False
        self._expected = PublishedFiles()

    @classmethod
    def open(
        cls,
        uri: str,
        repository: GitRepository | None,
        *,
        root: Path,  # noqa: ARG003 (what every store is given)
        push: bool = True,
        read_only: bool = False,
    ) -> Self:
        """Open the branch that `uri` names. Raises `StoreError`, `RepositoryError`."""
        if repository is None:
            raise StoreError(
                f"the store {quoted(uri)} is a branch, and this is no git repository",
                help="run `git init`, or use sqlite:///issued.db",
                code="store.no_repository",
            )
        branch = open_branch(repository, uri.partition(":")[2])
        index = GitIndex.locate(repository, branch.name, read_only=read_only)
        return cls(uri, branch, index, push=push, read_only=read_only)

    # --- Reading the branch ---

    def raw_lines(self, first_sequence: int = 0) -> Iterator[RawLine]:
        commit = self._commit if self._is_ready else self._branch.tips().furthest
        if commit is not None:
            segments = list_segments(self._branch.repository, commit)
            yield from read_lines(self._branch.repository, segments, first_sequence)

    def _lines_at(self, sequences: Sequence[int]) -> Iterator[RawLine]:
        repository, commit = self._branch.repository, self._indexed_commit()
        segments = list_segments(repository, commit) if commit else []
        return read_lines_at(repository, segments, sequences)

    def _indexed_commit(self) -> str | None:
        """Return where the index is by now: other runs in this repository take it further."""
        with reading(self._engine, self.place) as connection:
            return read_commit(connection)

    def open_crl(self, issuer: str, scope: str = FULL_SCOPE) -> BinaryIO:
        self._ready()
        with reading(self._engine, self.place) as connection:  # both of one moment
            commit, record = read_commit(connection), load_crls(connection).get((issuer, scope))
        return open_crl(self._branch.repository, commit, record, issuer, scope)

    def _ready(self) -> None:
        for attempt in range(0 if self._is_ready else ATTEMPTS):
            self._commit = self._find_tip()
            try:
                self._index.follow(self._engine, self._commit)
            except StoreError as error:
                # Whoever appends moves the branch, and then says how far it was seen: what looks
                # like a step back may be our own view of it, taken just before.
                went_back = error.code == "store.rolled_back" and attempt < ATTEMPTS - 1
                if not went_back or self._branch.tips().furthest == self._commit:
                    raise
            else:
                self._is_ready = True
                return

    def _find_tip(self) -> str | None:
        return find_tip(
            self._branch,
            uri=self.uri,
            network=self._push,
            writable=self._index.is_writable,
            move=not self._read_only,
        )

    def position(self) -> Position | None:
        self._ready()
        tips = self._branch.tips()
        if self._commit is None or not self._commit == tips.local == tips.furthest:
            return None
        branch, remote = self._branch, self._branch.remote
        asked = [branch.ref, *([branch.seen_ref, branch.tracking_ref] if remote else [])]
        values = branch.repository.ref_values(*asked)
        if values.get(branch.ref) != self._commit:
            return None
        return {
            "kind": GIT,
            "ref": branch.ref,
            "commit": self._commit,
            "remote": remote,
            "refs": {ref: values.get(ref) for ref in asked},
            "seen_path": str(self._index.seen.path),
            "seen": read_seen(str(self._index.seen.path)),
        }

    # --- Writing ---

    def _append(self, step: Step, message: str, crls: Mapping[CrlKey, Path]) -> None:
        if self._read_only:
            raise read_only_error(self.uri)
        for attempt in range(ATTEMPTS):
            if attempt:
                longest = min(_LONGEST_PAUSE_SECONDS, 0.05 * 2**attempt)
                time.sleep(_random.uniform(0, longest))
            try:
                self._is_ready = False
                self._ready()
                self._try_append(step, message, crls)
            except _RaceLostError:
                continue
            except OSError as error:
                raise StoreError(
                    f"the store {self.uri} could not be written: {error.strerror}",
                    help="check the disk, and run `pkictl store verify` before anything else",
                    code="store.io_error",
                ) from error
            else:
                return
        raise ContentionError(
            f"others wrote to the store {self.uri} each of {ATTEMPTS} times",
            help="run the command again when fewer runs go on at once",
        )

    def _try_append(self, step: Step, message: str, crls: Mapping[CrlKey, Path]) -> None:
        """
        Append once.

        1. Under the lock of the index, the branch must be where the index is.
        2. Entries are made, and their preconditions checked; each batch gets a commit.
        3. The last commit is pushed, and the branch here moved to it.
        4. The end of the ledger is noted, and the index committed.
        """
        with writing(self._engine, self.place) as connection:
            tips = self._branch.tips()
            tip = tips.local
            if read_commit(connection) != tip or tips.furthest != tip:
                raise _RaceLostError
            files = PublishedFiles()
            signed = {crl_path(*key): path for key, path in crls.items()}
            commit, last = tip, None
            for entries in filter(None, step(connection, files.observe)):
                commit = self._write(commit, entries, {**files.take(), **signed}, message)
                last, signed = entries[-1], {}
            if commit is None or last is None:
                return
            write_commit_id(connection, commit)
            self._publish(commit, tips)
            self._index.pin(last)
            self._commit = commit

    def _write(
        self,
        tip: str | None,
        entries: Sequence[Entry],
        published: Mapping[str, bytes | Path | None],
        message: str,
    ) -> str:
        repository = self._branch.repository
        segments = list_segments(repository, tip) if tip else []
        last = entries[-1]
        trailers = f"Writer: {self._writer}\nLedger-Head: {last.sequence} {codec.digest(last.line)}"
        return write_commit(
            repository,
            self._branch.staging_ref,
            tip,
            {**published, **continue_segments(repository, segments, entries)},
            message=f"{message.strip()}\n\n{trailers}\n",
            identity=self._identity,
            at=last.at,
        )

    def _publish(self, commit: str, tips: Tips) -> None:
        """Push, then move the branch. Raises `_RaceLostError` when someone was faster."""
        repository = self._branch.repository
        repository.fsync_objects(commit, tips.local)
        if self._push:
            result = self._branch.push(commit)
            if result.status is PushStatus.REJECTED:
                raise _RaceLostError
            if result.status is not PushStatus.OK:
                raise StoreError(
                    f"the store {self.uri} could not be pushed: {result.detail}",
                    help="nothing was recorded; check the network and your access, and run the "
                    "command again. --no-push works without the remote",
                    code="store.push_failed",
                )
        moves = {self._branch.ref: (commit, tips.local)}
        if self._push:
            moves[self._branch.seen_ref] = (commit, tips.seen)
        try:
            repository.update_own_refs(moves)
        except RepositoryError as error:
            if error.code == "git.ref_moved":
                raise _RaceLostError from error
            raise

    def rebuild(self) -> int:
        """Believe the branch as it is now: forget what was seen of it, and read it again."""
        if self._read_only:
            raise read_only_error(self.uri)
        if self._branch.remote is not None:
            self._branch.repository.delete_ref(self._branch.seen_ref)
        self._commit = self._find_tip()
        self._index.rebuild(self._engine, self._commit)
        self._is_ready = True
        return self.head().sequence + 1

    def close(self) -> None:
        super().close()
        self._index.close()

    # --- Verifying ---

    def observer_for_verification(self) -> Observer:
        self._expected = PublishedFiles(sha256, crl_digests=True)
        return self._expected.observe

    def verify_projections(self) -> Iterator[Finding]:
        """Every file beside the ledger is what the entries make it, and there is no other."""
        repository, commit = self._branch.repository, self._commit or self._branch.tips().furthest
        expected = {path: kept for path, kept in self._expected.files.items() if kept is not None}
        if commit is not None:
            yield from verify_files(repository, commit, expected)
