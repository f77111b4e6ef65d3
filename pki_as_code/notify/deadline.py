"""A limit for what has none of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """
    Return what `work` returns, or raise what it raises.

    Raises `TimeoutError` when it takes longer. It is then left to itself, in a thread that does not
    keep the program from ending: timeouts of sockets start anew with each byte that arrives, so
    that somebody who sends one now and then could hold up everything.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 (it is raised below, in the caller's thread)
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if errors:
        raise errors[0]
    if results:
        return results[0]
    raise TimeoutError(f"not done within {seconds:g} seconds")
