"""
Publishing to a branch (`git:gh-pages`), which needs nothing in common with any other.

The working tree and the index are not touched. With a remote, the tree at the remote is what
counts: the new commit stands on it, and the push is the compare-and-swap.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pki_as_code.errors import PublishError, RepositoryError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import (
    BlobReader,
    GitRepository,
    PushStatus,
    TreeEntry,
    fetch_ref,
    list_tree,
    push_ref,
    remote_ref,
    remote_url,
)
from pki_as_code.publish.interface import RaceLostError, Session
from pki_as_code.publish.layout import MARKER, MARKER_CONTENT, MAX_FILE_BYTES, is_own
from pki_as_code.publish.ownership import wait_for_lock
from pki_as_code.publish.temporary import TemporaryStaging
from pki_as_code.stores.git_commits import write_commit

_REMOTE: Final = "origin"
_REGULAR: Final = "100644"
_LOCK: Final = "publish.lock"
_SHA1_DIGITS: Final = 40
_LARGE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Tips:
    """Commits of the branch, None where it is not."""

    furthest: str | None
    here: str | None
    there: str | None
    """At the remote."""


@dataclass(frozen=True, slots=True)
class GitBranch:
    """A branch as a destination. `push` is for where there is a remote."""

    repository: GitRepository
    name: str
    push: bool

    @property
    def description(self) -> str:
        return f"branch {self.name}"

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.name}"

    @property
    def seen_ref(self) -> str:
        """What was fetched of the remote's branch."""
        return f"refs/pki-as-code/publish/{_REMOTE}/{self.name}"

    @property
    def staging_ref(self) -> str:
        """The commit that was written last, whether or not it became part of the branch."""
        return f"refs/pki-as-code/publish/staging/{self.name}"

    def open(self) -> Session:
        self._check_name()
        with _failing_as_publishing():
            lock = self._lock()
            try:
                return _GitSession(self, lock, self._tips())
            except BaseException:
                os.close(lock)
                raise

    @property
    def has_remote(self) -> bool:
        return self.push and remote_url(self.repository, _REMOTE) is not None

    def _check_name(self) -> None:
        try:
            if not self.name or self.name.startswith("-"):
                raise RepositoryError("not a branch")
            self.repository.run("check-ref-format", self.ref)
        except RepositoryError:
            raise PublishError(
                f"{quoted(self.name)} cannot be the name of a branch",
                help="write git:gh-pages, or another name git accepts",
                code="publish.bad_destination",
            ) from None
        if self.repository.current_branch() == self.name:
            raise PublishError(
                f"branch {quoted(self.name)} is checked out here",
                help="publish to a branch of its own: git:gh-pages",
                code="publish.bad_destination",
            )

    def _lock(self) -> int:
        """Take the lock of all publishing from this repository."""
        directory = self.repository.common_dir / "pki-as-code"
        directory.mkdir(exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(directory / _LOCK, flags, 0o644)
        try:
            wait_for_lock(descriptor, self.description)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _tips(self) -> Tips:
        here = self.repository.ref_values(self.ref).get(self.ref)
        there = self._fetched() if self.has_remote else None
        if there is None or there == here:
            return Tips(here, here, there)
        if here is None or self.repository.is_ancestor(here, there):
            return Tips(there, here, there)
        if self.repository.is_ancestor(there, here):
            return Tips(here, here, there)
        raise PublishError(
            f"branch {quoted(self.name)} here and at {_REMOTE} have gone apart",
            help=f"take the remote's: git branch --force {self.name} {self.seen_ref}",
            code="publish.diverged",
        )

    def _fetched(self) -> str | None:
        """Fetch the remote's branch; one that was rewritten is taken as it is now."""
        there = remote_ref(self.repository, _REMOTE, self.ref)
        if there is None or there == self.repository.ref_value(self.seen_ref):
            return there
        try:
            return fetch_ref(self.repository, _REMOTE, self.ref, self.seen_ref)
        except RepositoryError as error:
            if error.code != "git.not_fast_forward":
                raise
        # The tree is a copy of what the store has. What it may not say is judged by its content.
        self.repository.delete_ref(self.seen_ref)
        return fetch_ref(self.repository, _REMOTE, self.ref, self.seen_ref)


class _GitSession:
    def __init__(self, branch: GitBranch, lock: int, tips: Tips) -> None:
        self._branch, self._lock, self._tip, self._here = branch, lock, tips.furthest, tips.here
        entries = list_tree(branch.repository, self._tip, sizes=False) if self._tip else iter(())
        self._entries = {entry.path: entry for entry in entries}
        self._blobs = BlobReader(branch.repository)
        self._staging = TemporaryStaging()
        try:
            self._check_marker()
            self._settle(tips)
        except BaseException:
            self._blobs.close()
            self._staging.close()
            raise

    def _check_marker(self) -> None:
        if self._entries and self.read(MARKER) != MARKER_CONTENT:
            raise PublishError(
                f"branch {quoted(self._branch.name)} has content that was not published by this "
                "program",
                help="name a branch that does not exist yet: git:gh-pages",
                code="publish.foreign_content",
            )

    def _settle(self, tips: Tips) -> None:
        """Bring both ends to the same commit: --no-push, or a run that died, left them apart."""
        if self._tip is None:
            return
        if tips.there != self._tip:
            self._push(self._tip)
        if self._here != self._tip:
            self._move(self._tip)

    def paths(self) -> frozenset[str]:
        return frozenset(filter(is_own, self._entries))

    def read(self, path: str) -> bytes | None:
        entry = self._entries.get(path)
        if entry is None or entry.mode != _REGULAR:
            return None
        return self._blobs.read(entry.blob_id, limit=MAX_FILE_BYTES)

    def holds(self, path: str, content: bytes) -> bool:
        entry = self._entries.get(path)
        return entry is not None and entry.mode == _REGULAR and _is_blob(entry, content)

    def stage(self, path: str, content: bytes) -> bytes:
        return self._staging.stage(path, content)

    def staged(self, path: str) -> bytes:
        return self._staging.staged(path)

    def drop(self, path: str) -> None:
        self._staging.drop(path)

    def commit(self, changed: Set[str], removed: Set[str], *, title: str, now: datetime) -> None:
        """Write a commit, push it, and move the branch here to it."""
        branch, repository = self._branch, self._branch.repository
        files: dict[str, bytes | Path | None] = dict.fromkeys(removed)
        files |= {path: self._content(path) for path in changed}
        files[MARKER] = MARKER_CONTENT
        with _failing_as_publishing():
            commit = write_commit(
                repository,
                branch.staging_ref,
                self._tip,
                files,
                message=title,
                identity=repository.user_identity(),
                at=now,
            )
            repository.fsync_objects(commit, self._tip)
            self._push(commit)
            self._move(commit)

    def _content(self, path: str) -> bytes | Path:
        """Return a staged file; a large one as a path, for which git is started each time."""
        place = self._staging.place / path
        return place if place.stat().st_size > _LARGE_BYTES else self.staged(path)

    def _move(self, commit: str) -> None:
        """Move the branch here to a commit."""
        ref = self._branch.ref
        try:
            self._branch.repository.update_own_refs({ref: (commit, self._here)})
        except RepositoryError as error:
            if error.code == "git.ref_moved":
                raise RaceLostError from error
            raise
        self._here = commit

    def _push(self, commit: str) -> None:
        if not self._branch.has_remote:
            return
        result = push_ref(self._branch.repository, _REMOTE, commit, self._branch.ref)
        if result.status is PushStatus.REJECTED:
            raise RaceLostError
        if result.status is not PushStatus.OK:
            raise PublishError(
                f"{self._branch.description} could not be pushed: {result.detail}",
                help="nothing was published; check the network and your access. --no-push "
                "publishes to the branch of this clone",
                code="publish.push_failed",
            )

    def close(self) -> None:
        self._staging.close()
        self._blobs.close()
        os.close(self._lock)


@contextmanager
def _failing_as_publishing() -> Iterator[None]:
    """Say that it is the published branch that git could not read or write."""
    try:
        yield
    except RepositoryError as error:
        if error.code != "git.failed":
            raise
        raise PublishError(
            f"the branch could not be published to: {error.message}",
            help="check the network and your access; --no-push works with what is here",
            code="publish.git_failed",
        ) from error


def _is_blob(entry: TreeEntry, content: bytes) -> bool:
    """Tell whether a blob has this content, from its id alone."""
    header = f"blob {len(content)}\0".encode()
    algorithm = "sha1" if len(entry.blob_id) == _SHA1_DIGITS else "sha256"
    digest = hashlib.new(algorithm, header + content, usedforsecurity=False)
    return digest.hexdigest() == entry.blob_id
