"""Whole processes: how long they take, and how much memory at the most."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.launcher import TIMED_OUT

LAUNCHER = Path(__file__).parent / "launcher.py"
PROGRAM = (sys.executable, "-m", "pki_as_code")
LONG = 10.0
"""Seconds; what takes longer is measured once, for it would not be told apart any better."""

ERRORS_SHOWN = 2000


class TimeIsUpError(Exception):
    """The time for all measurements was over before this one was."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    work: str
    time: str = "-"
    ratio: str = ""
    memory: str = ""

    def __str__(self) -> str:
        return f"| {self.work} | {self.time} | {self.ratio} | {self.memory} |"


HEAD = "| work | time | ratio, in the same run | peak memory |\n|--|--|--|--|"


@dataclass(frozen=True)
class Step:
    """What is measured together, and begun only while there is time."""

    work: str
    rows: Callable[[], Iterator[Row]]


@dataclass(frozen=True)
class Measured:
    seconds: float
    """Wall clock, the median of the runs."""

    megabytes: float
    """Of the largest process in any of the runs."""

    @property
    def memory(self) -> str:
        return f"{self.megabytes:.0f} MB"

    @property
    def time(self) -> str:
        return as_time(self.seconds)

    def row(self, work: str, *ratios: str) -> Row:
        return Row(work, self.time, "; ".join(filter(None, ratios)), self.memory)


def as_time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def faster(ours: float, theirs: float) -> str:
    """Return how many times as fast as another that took `theirs` seconds."""
    return f"{theirs / ours:.2g} x" if theirs < 10 * ours else f"{theirs / ours:.0f} x"


def against_first(
    first: dict[str, tuple[int, Measured]], what: str, count: int, taken: Measured
) -> str:
    """Return how much longer it took than with the first count that was measured."""
    few, known = first.setdefault(what, (count, taken))
    return "" if known is taken else f"{taken.seconds / known.seconds:.2g} x the time with {few:,}"


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The same for whoever measures: no settings of theirs, and messages in English."""
    # With PYTHONDONTWRITEBYTECODE, every process compiles every module anew, and nothing else is
    # measured.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PKI_", "GIT_", "LC_")) and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8", "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Bench",
            "GIT_AUTHOR_EMAIL": "bench@example.com", "GIT_COMMITTER_NAME": "Bench",
            "GIT_COMMITTER_EMAIL": "bench@example.com", **(extra or {})}  # fmt: skip


class Clock:
    """Runs programs to their end, while the time for all of them lasts."""

    def __init__(self, seconds: float, place: Path, most_runs: int = 99) -> None:
        self._end = time.monotonic() + seconds
        self._place, self._most_runs = place, most_runs

    @property
    def left(self) -> float:
        return self._end - time.monotonic()

    def run(
        self,
        program: Sequence[str],
        at: Path,
        *,
        runs: int = 1,
        before: Callable[[], object] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Measured:
        """
        Run a program so often, each time after `before`; of one that takes long, once is enough.

        Raises `RuntimeError` when it fails, which is no time to compare, and `TimeIsUpError`.
        """
        found: list[Measured] = []
        runs = min(runs, self._most_runs)
        while len(found) < runs and not (found and found[-1].seconds > LONG):
            if before is not None:
                before()
            found.append(self._once(program, at, environment(extra)))
        return Measured(median(m.seconds for m in found), max(m.megabytes for m in found))

    def _once(self, program: Sequence[str], at: Path, env: Mapping[str, str]) -> Measured:
        if self.left <= 0:
            raise TimeIsUpError
        with TemporaryDirectory(dir=self._place) as name:
            result, errors = Path(name) / "result", Path(name) / "errors"
            launched = [sys.executable, "-I", "-S", LAUNCHER, result, f"{self.left}", errors]
            subprocess.run([*launched, *program], cwd=at, env=env, check=True)
            seconds, kilobytes, code = result.read_text(encoding="ascii").split()
            if int(code) == TIMED_OUT:
                raise TimeIsUpError
            if code != "0":
                said = errors.read_text(encoding="utf-8", errors="replace")[-ERRORS_SHOWN:]
                raise RuntimeError(f"{' '.join(program[:8])} ended with {code}:\n{said}")
        return Measured(float(seconds), int(kilobytes) / 1024)

    def pkictl(
        self,
        at: Path,
        *arguments: str,
        runs: int = 1,
        before: Callable[[], object] | None = None,
        store: str = "",
    ) -> Measured:
        chosen = ["--store", store] if store else []
        return self.run([*PROGRAM, *chosen, *arguments], at, runs=runs, before=before)

    def times_python(self, at: Path, measured: Measured) -> str:
        """Return how many times a Python takes that does nothing, measured just now."""
        bare = self.run([sys.executable, "-c", "pass"], at, runs=5)
        return f"{measured.seconds / bare.seconds:.1f} x `python -c pass`"


def git(root: Path, *arguments: str) -> str:
    """Return what git says, without its last newline; nothing is synced, it is only a benchmark."""
    done = subprocess.run(
        ["git", "-c", "core.fsync=none", "-c", "gc.auto=0", *arguments],
        cwd=root, env=environment(), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()
