"""
Publishing to a directory, so that who reads never sees half of a tree, whenever we are killed.

Where nothing is yet, the destination becomes a link:

    public -> public.d/20261126T120000Z-5f2c1a90
    public.d/.pkictl-published                     the mark, and the lock
    public.d/20261126T120000Z-5f2c1a90/            a tree, never changed; the one before stays too

A new tree is made beside, with hard links to what did not change, made durable, and the link is
replaced by rename: one step for all files.

A directory that is there already (a mount of a container, the `public` of GitLab Pages) stays one:
each file is replaced by rename, in an order in which what is there is of use (`layout.rank`).
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Set
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

from pki_as_code.durable import fsync_directory
from pki_as_code.errors import PublishError
from pki_as_code.escape import quoted
from pki_as_code.publish.anchored import AnchoredDirectory
from pki_as_code.publish.interface import Destination, Session
from pki_as_code.publish.layout import (
    MARKER,
    MARKER_CONTENT,
    MAX_FILE_BYTES,
    in_order,
    is_own,
    rank,
)
from pki_as_code.publish.ownership import (
    NOT_OURS,
    STAGING,
    foreign_content,
    lock_directory,
    remove_staging,
)

_GENERATION: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}", re.ASCII)


def open_directory(place: Path) -> Destination:
    """Return the destination: a plain directory where there is one, else a link to whole trees."""
    try:
        status = place.lstat()
    except FileNotFoundError:
        return LinkedTrees(place)
    if stat.S_ISLNK(status.st_mode):
        return LinkedTrees(place)
    if stat.S_ISDIR(status.st_mode):
        return PlainDirectory(place)
    raise PublishError(
        f"{quoted(str(place))} is no directory",
        help="name a directory, or a path where nothing is yet",
        code="publish.foreign_content",
    )


class _Session:
    """What both layouts have in common: a tree as it is, and a staging directory beside it."""

    def __init__(self, lock: int, tree: AnchoredDirectory | None, home: AnchoredDirectory) -> None:
        self._lock = lock
        self._tree, self._home = tree, home
        self._staging_name = f"{STAGING}{secrets.token_hex(8)}"
        self._staging: AnchoredDirectory | None = None
        remove_staging(home)
        self._there = frozenset(tree.walk(NOT_OURS)) if tree else frozenset()

    def paths(self) -> frozenset[str]:
        return frozenset(filter(is_own, self._there))

    def read(self, path: str) -> bytes | None:
        return self._tree.read(path, MAX_FILE_BYTES) if self._tree else None

    def holds(self, path: str, content: bytes) -> bool:
        return path in self._there and self.read(path) == content

    def stage(self, path: str, content: bytes) -> bytes:
        self._stage().write_new(path, content)
        return self.staged(path)

    def staged(self, path: str) -> bytes:
        return self._stage().read(path, MAX_FILE_BYTES) or b""

    def drop(self, path: str) -> None:
        self._stage().remove(path)

    def close(self) -> None:
        if self._staging is not None:
            self._staging.close()
        remove_staging(self._home)
        if self._tree is not None and self._tree is not self._home:
            self._tree.close()
        self._home.close()
        os.close(self._lock)

    def _stage(self) -> AnchoredDirectory:
        if self._staging is None:
            self._staging = self._home.below(self._staging_name, create=True)
        return self._staging


# --- A link to whole trees -----------------------------------------------------------------------


class LinkedTrees:
    """A destination that is a link, replaced in one step."""

    def __init__(self, place: Path) -> None:
        self.description = str(place)
        self._place = place
        self._home = place.with_name(f"{place.name}.d")

    def open(self) -> Session:
        if not self._place.name:
            raise foreign_content(self._place)
        self._home.parent.mkdir(parents=True, exist_ok=True)
        self._home.mkdir(exist_ok=True)
        home = AnchoredDirectory.open(self._home)
        try:
            lock = lock_directory(self._home, home)
            try:
                current = self._current()
                return _LinkedSession(self._place, self._home, lock, current, home)
            except BaseException:
                os.close(lock)
                raise
        except BaseException:
            home.close()
            raise

    def _current(self) -> str | None:
        """Return the tree that the link names. Raises `PublishError` for a link of others."""
        try:
            target = os.readlink(self._place)
        except FileNotFoundError:
            return None
        except OSError:  # no link: a directory was made there meanwhile
            raise foreign_content(self._place) from None
        directory, _, name = target.rpartition("/")
        if directory != self._home.name or _GENERATION.fullmatch(name) is None:
            raise PublishError(
                f"{quoted(str(self._place))} is a link that was not made by publishing",
                help="name the directory that it points to, or remove the link",
                code="publish.foreign_content",
            )
        return name


class _LinkedSession(_Session):
    def __init__(
        self, place: Path, home_place: Path, lock: int, current: str | None,
        home: AnchoredDirectory,
    ) -> None:  # fmt: skip
        tree = home.below(current) if current and current in home.names() else None
        try:
            super().__init__(lock, tree, home)
        except BaseException:
            if tree is not None:
                tree.close()
            raise
        self._place, self._home_place, self._current = place, home_place, current

    def commit(self, changed: Set[str], removed: Set[str], *, title: str, now: datetime) -> None:
        """
        Make the new tree whole and durable, then point the link at it.

        Files of others (`CNAME`) go along. Trees older than the one before are removed.
        """
        staging = self._stage()
        kept = self._there - changed - removed - {MARKER}
        if self._tree is not None:
            for path in sorted(kept):
                self._tree.link(path, staging, MAX_FILE_BYTES)
        staging.write_new(MARKER, MARKER_CONTENT)
        staging.sync(sorted({*changed, *kept, MARKER}))
        generation = f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        (self._home_place / self._staging_name).rename(self._home_place / generation)
        fsync_directory(self._home_place)
        link = self._home_place / f"{STAGING}{secrets.token_hex(8)}"
        link.symlink_to(f"{self._home_place.name}/{generation}")
        link.replace(self._place)
        fsync_directory(self._place.parent)
        self._remove_trees({generation, self._current})

    def _remove_trees(self, but: set[str | None]) -> None:
        for name in self._home.names():
            if _GENERATION.fullmatch(name) and name not in but:
                shutil.rmtree(self._home_place / name, ignore_errors=True)


# --- A plain directory ---------------------------------------------------------------------------


class PlainDirectory:
    """A destination that is a directory, and stays the same one."""

    def __init__(self, place: Path) -> None:
        self.description = str(place)
        self._place = place

    def open(self) -> Session:
        tree = AnchoredDirectory.open(self._place)
        try:
            lock = lock_directory(self._place, tree)
            try:
                return _PlainSession(lock, tree, tree)
            except BaseException:
                os.close(lock)
                raise
        except BaseException:
            tree.close()
            raise


class _PlainSession(_Session):
    def commit(self, changed: Set[str], removed: Set[str], *, title: str, now: datetime) -> None:
        """Replace file by file; what stands on others comes after them, also after a power cut."""
        staging, tree = self._stage(), self._home
        staging.sync(sorted(changed))
        for _, group in groupby(in_order(changed), rank):
            paths = list(group)
            for path in paths:
                staging.move(path, tree)
            tree.sync_directories(_directories(paths))
        for path in in_order(removed):
            tree.remove(path)
        tree.sync_directories(_directories(removed))


def _directories(paths: Iterable[str]) -> set[str]:
    """Return the directories above paths; the empty one is the tree itself."""
    found = {""}
    for path in paths:
        parts = path.split("/")[:-1]
        found |= {"/".join(parts[: end + 1]) for end in range(len(parts))}
    return found
