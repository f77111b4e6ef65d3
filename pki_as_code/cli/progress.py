"""How far a long run is, on a terminal: a bar below the lines that are told, gone at the end."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import rich.progress

PATIENCE_SECONDS: Final = 1.0
"""A run that takes less than that needs no bar."""

_PAUSE_SECONDS: Final = 0.1


class ProgressBar:
    """
    Count, rate and time left of what a plan has to do.

    Nothing is shown, and nothing imported, where stderr is no terminal, when nobody wants to be
    told anything, or for a run that is over within a second.
    """

    def __init__(self, *, quiet: bool, patience_seconds: float = PATIENCE_SECONDS) -> None:
        is_shown = sys.stderr.isatty() and not quiet and os.environ.get("TERM") != "dumb"
        self._started_at = time.monotonic()
        self._next_at = self._started_at + patience_seconds if is_shown else None
        self._bar: rich.progress.Progress | None = None
        self._total = self._done = 0

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def expect(self, count: int) -> None:
        """Say that so much more is to be done."""
        self._total += count
        self._show()

    def advance(self) -> None:
        """Say that one of it is done."""
        self._done += 1
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if self._next_at is None or now < self._next_at or not self._total:
            return
        self._next_at = now + _PAUSE_SECONDS
        if self._bar is None:
            self._bar = _start()
        rate = self._done / (now - self._started_at)
        self._bar.update(
            self._bar.task_ids[0],
            completed=self._done,
            total=max(self._total, self._done),
            rate=f"{rate:,.0f}/s",
            remaining=_duration((self._total - self._done) / rate) if rate else "",
        )
        self._bar.refresh()


def _start() -> rich.progress.Progress:
    import rich.console
    import rich.progress as parts

    bar = parts.Progress(
        parts.BarColumn(),
        parts.MofNCompleteColumn(),
        parts.TextColumn("{task.fields[rate]}"),
        parts.TextColumn("{task.fields[remaining]}"),
        console=rich.console.Console(stderr=True),
        transient=True,
        redirect_stdout=False,  # payload, which may go to a file
        auto_refresh=False,  # no thread: a process with threads is not forked
    )
    bar.add_task("", rate="", remaining="")
    bar.start()
    return bar


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes}:{rest:02} left"
