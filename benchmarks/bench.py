"""What the sections are given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.seeds import Seeds
from benchmarks.timing import Clock


@dataclass(frozen=True)
class Sizes:
    """How much of each is measured."""

    manifests: tuple[int, ...] = (1_000, 10_000, 100_000)
    certificates: int = 10_000
    validated: int = 10_000
    entries: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    listed: tuple[int, ...] = (1_000, 100_000, 1_000_000)
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
    is_exact: bool
    """Sizes were given: measure them, however long their stores take to be made."""
