"""The program on another day: libfaketime moves its clock, where that is installed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.e2e.conftest import Done, Repository

_PLACES = (
    "/usr/lib/*/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
)


@cache
def libfaketime() -> str:
    """Return the path of the library, empty where it is not installed."""
    found = [str(p) for place in _PLACES for p in sorted(Path("/").glob(place.lstrip("/")))]
    return next(iter(found), "")


needs_moved_clock = pytest.mark.skipif(
    not libfaketime(), reason="libfaketime is not installed: apt-get install libfaketime"
)


@dataclass(frozen=True)
class Later(Repository):
    """A repository some days later; each command is a process, whose clock runs on from there."""

    days: float = 0

    def run(self, *arguments, env=None, **options) -> Done:
        moved = {
            "LD_PRELOAD": libfaketime(),
            "FAKETIME": f"{self.days * 86400:+.0f}",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        return super().run(*arguments, env={**moved, **(env or {})}, **options)


def later(repository: Repository, days: float) -> Later:
    return Later(repository.root, days)
