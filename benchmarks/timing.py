"""Whole processes: how long they take, and how much memory at the most."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

LAUNCHER = Path(__file__).parent / "launcher.py"
PROGRAM = (sys.executable, "-m", "pki_as_code")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    work: str
    time: str
    ratio: str = ""
    memory: str = ""

    def __str__(self) -> str:
        return f"| {self.work} | {self.time} | {self.ratio} | {self.memory} |"


HEAD = "| work | time | ratio, in the same run | peak memory |\n|--|--|--|--|"


@dataclass(frozen=True)
class Measured:
    seconds: float
    """Wall clock, the median of the runs."""

    megabytes: float
    """The largest of the runs, of the process itself."""

    @property
    def memory(self) -> str:
        return f"{self.megabytes:.0f} MB"

    @property
    def time(self) -> str:
        if self.seconds < 1:
            return f"{self.seconds * 1000:.0f} ms"
        return f"{self.seconds:.1f} s"


def environment() -> dict[str, str]:
    # With it, every process compiles every module anew, and nothing else is measured.
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "GIT_AUTHOR_NAME": "Bench", "GIT_AUTHOR_EMAIL": "bench@example.com",
            "GIT_COMMITTER_NAME": "Bench", "GIT_COMMITTER_EMAIL": "bench@example.com"}  # fmt: skip


def run(program: Sequence[str], at: Path, runs: int = 1) -> Measured:
    """Run a program to its end. Raises `RuntimeError` when it fails: that is no time to compare."""
    taken, sizes = [], []
    with tempfile.NamedTemporaryFile("r") as result:
        for _ in range(runs):
            launched = [sys.executable, "-I", "-S", str(LAUNCHER), result.name, *program]
            subprocess.run(launched, cwd=at, env=environment(), check=True)
            result.seek(0)
            seconds, kilobytes, code = result.read().split()
            if code != "0":
                raise RuntimeError(f"{' '.join(program)} ended with {code}")
            taken.append(float(seconds))
            sizes.append(int(kilobytes) / 1024)
    return Measured(median(taken), max(sizes))


def pkictl(at: Path, *arguments: str, runs: int = 1) -> Measured:
    return run([*PROGRAM, *arguments], at, runs)


def bare_python(at: Path, runs: int) -> Measured:
    return run([sys.executable, "-c", "pass"], at, runs)
