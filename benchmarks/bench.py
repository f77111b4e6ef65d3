"""What the sections are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.seeds import Seeds
from benchmarks.timing import Clock, Row, Step

MILLION = 1_000_000
"""A store of so many takes longer to be made than all measurements together."""


@dataclass(frozen=True)
class Sizes:
    """How much of each is measured."""

    manifests: tuple[int, ...] = (1_000, 10_000, 100_000)
    certificates: int = 10_000
    validated: int = 10_000
    entries: tuple[int, ...] = (10_000, 100_000, MILLION)
    listed: tuple[int, ...] = (1_000, 100_000, MILLION)
    keys: tuple[str, ...] = ("RSA-2048", "RSA-4096", "P-256", "Ed25519")
    signing_seconds: float = 1.0
    """How long the limit of signing is measured."""


QUICK = Sizes((100,), 100, 100, (200,), (200,), ("P-256",), 0.2)


@dataclass(frozen=True)
class Bench:
    sizes: Sizes
    clock: Clock
    seeds: Seeds
    at: Path
    """For what is made and forgotten."""

    cache: Path
    """For what is kept: seeds, and programs to compare with."""

    is_quick: bool
    asked: frozenset[str]
    """Kinds of seeds whose sizes were given: however long these take to be made."""

    def step(
        self, work: str, count: int, rows: Callable[[], Iterator[Row]], kind: str, options: str
    ) -> Step:
        """Return a step on a seed of that kind, or its excuse; `options` would make the seed."""
        if kind in self.asked or count < MILLION or self.seeds.has(kind, count):
            return Step(work, rows)
        why = f"not measured: `./run bench {options} --minutes 60` makes such a store first"
        return Step(work, lambda: iter([Row(work, ratio=why)]))
