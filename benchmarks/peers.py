"""Other programs, and what becomes of a comparison when one cannot be had."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.timing import Measured, Row


@dataclass(frozen=True)
class Peer:
    """How another program did the same, or why there is no telling."""

    count: int = 0
    measured: Measured | None = None
    why_not: str = ""

    @property
    def rate(self) -> float:
        return self.count / self.measured.seconds if self.measured else 0.0

    def row(self, work: str) -> Row:
        if self.measured is None:
            return Row(work, ratio=f"not measured: {self.why_not}")
        return self.measured.row(f"{work}, {self.count:,}", f"{self.rate:.0f}/s")
