"""
What a section of the tree yields, and what a place to publish to does.

Building is the same everywhere: sections yield files, each is put beside what is served, read back
and checked, and in the end all of it takes its place (`publishing.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Protocol

from cryptography import x509

from pki_as_code.model import Finding
from pki_as_code.stores.interface import Store


class RaceLostError(Exception):
    """Someone else published meanwhile: look again, and try once more."""


def no_findings(_: bytes) -> Iterable[Finding]:
    return ()


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """
    One file of the tree.

    `check` is given the bytes as they were read back. With an error it leaves the file out: what
    was published under that path before, if anything, stays.
    """

    path: str
    content: bytes = field(repr=False)
    check: Callable[[bytes], Iterable[Finding]] = no_findings


@dataclass(frozen=True, slots=True)
class Kept:
    """A path under which stays what is there."""

    path: str


Item = PublishedFile | Kept | Finding


@dataclass(frozen=True)
class Material:
    """What sections make files of. No private key is among it."""

    store: Store
    now: datetime
    published: Callable[[str], bytes | None]
    """What is published under a path so far."""

    published_paths: frozenset[str]

    @cached_property
    def authorities_der(self) -> Mapping[str, bytes]:
        return dict(sorted(self.store.authorities().items()))

    @cached_property
    def authorities(self) -> Mapping[str, x509.Certificate]:
        return {
            name: x509.load_der_x509_certificate(der) for name, der in self.authorities_der.items()
        }


Section = Callable[[Material], Iterator[Item]]


class Session(Protocol):
    """
    A destination that is held open for one attempt.

    Nothing that is served changes before `commit`. Raises `PublishError`; `OSError` where a disk
    does; `RaceLostError` when someone else published since the session was opened.
    """

    def paths(self) -> frozenset[str]:
        """Every path that is published so far and ours (`layout.is_own`)."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return what is published under a path."""
        ...

    def holds(self, path: str, content: bytes) -> bool:
        """Tell whether exactly this is published under a path."""
        ...

    def stage(self, path: str, content: bytes) -> bytes:
        """Write a file beside the tree; return it as it was read back."""
        ...

    def staged(self, path: str) -> bytes:
        """Return a file that was staged."""
        ...

    def drop(self, path: str) -> None:
        """Give up a file that was staged."""
        ...

    def commit(self, changed: Set[str], removed: Set[str], *, title: str, now: datetime) -> None:
        """Put the staged files in place, durably, then remove others. `title` is for a history."""
        ...

    def close(self) -> None:
        """End the session; what was staged and not committed is gone."""
        ...


class Destination(Protocol):
    """Where a tree is published."""

    @property
    def description(self) -> str:
        """As people name it."""
        ...

    def open(self) -> Session: ...
