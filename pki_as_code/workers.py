"""
The same function over many items, in forked processes where that is faster.

A child inherits everything, so that items and keys are never passed on; it only reads, and writes
nothing but its results to a pipe. Stores and repositories are for the parent alone. What a child
did not give back, because it died or because it failed, the parent does itself, in order: the
results are the same without any child.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Final, Generic, NamedTuple, NoReturn, TypeVar

FEWEST_ITEMS: Final = 100
"""With fewer, making the processes takes longer than the work."""

MOST_PROCESSES: Final = 16

MOST_IN_A_BATCH: Final = 1000
"""Items whose results are handed over at once. With fewer than that for each child it does all of
its share before anybody waits for it."""

_PIPE_BUFFER_BYTES: Final = 1 << 16

_MANY_FILES: Final = 1 << 20

A = TypeVar("A")
B = TypeVar("B")


class _Child(NamedTuple):
    process: int
    results: BinaryIO
    """The pipe it writes its batches to, each pickled by itself."""


class Work(Generic[A, B]):
    """
    `function` over `items`, begun at once in children, or done by `results` without them.

    `function` must be free of effects: it can be called twice for one item. Exceptions that it
    returns are made anew in the parent. Close the work when its results may not be wanted.

    The children take turns at the batches, so that all are at work while the parent goes through
    the results in order, and nobody holds more of these than a few batches.
    """

    def __init__(self, function: Callable[[A], B], items: Sequence[A]) -> None:
        self._function = function
        self._items = items
        self._shares = processes() if len(items) >= FEWEST_ITEMS else 1
        self._size = max(1, min(-(-len(items) // self._shares), MOST_IN_A_BATCH))
        self._children: list[_Child] = []
        if self._shares > 1:
            while len(self._children) < self._shares and self._start(len(self._children)):
                pass

    def results(self) -> Iterator[B]:
        """Yield the results in the order of the items, once."""
        with contextlib.closing(self):
            for number, batch in enumerate(self._batches(0, 1)):
                share = number % self._shares
                if share < len(self._children):
                    found = _receive(self._children[share].results, len(batch))
                    yield from self._completed(batch, found)
                else:
                    yield from map(self._function, batch)

    def close(self) -> None:
        """Stop the children, whose results were all fetched, or are not wanted."""
        while self._children:
            child = self._children.pop()
            child.results.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process, signal.SIGKILL)
            os.waitpid(child.process, 0)

    def _batches(self, share: int, shares: int) -> Iterator[Sequence[A]]:
        """Yield the batches of one child among so many."""
        for start in range(share * self._size, len(self._items), shares * self._size):
            yield self._items[start : start + self._size]

    def _start(self, share: int) -> bool:
        """Make the child for this share. Returns False when none can be made."""
        reader, writer = os.pipe()
        parent = os.getpid()
        try:
            process = os.fork()
        except OSError:
            os.close(reader)
            os.close(writer)
            return False
        if not process:
            _work(self._function, self._batches(share, self._shares), writer, parent)
        os.close(writer)
        self._children.append(_Child(process, os.fdopen(reader, "rb", _PIPE_BUFFER_BYTES)))
        return True

    def _completed(self, items: Sequence[A], found: list[B | None]) -> Iterator[B]:
        for item, result in zip(items, found, strict=True):
            yield self._function(item) if result is None else result


@contextlib.contextmanager
def without_collecting() -> Iterator[None]:
    """
    Do not look for cycles while very many objects are made, of which none is in a cycle.

    The collector begins whenever there are some hundred more, and finds nothing each time.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextlib.contextmanager
def settled_memory() -> Iterator[None]:
    """
    Leave all that exists now out of the collector's rounds.

    Manifests and plans are there for the whole run: looking through a hundred thousand objects
    again and again for each batch that is made costs more than the batch.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def processes() -> int:
    """Return how many children gain: one for each core; 1 where there cannot be any."""
    if sys.platform != "linux" or threading.active_count() > 1:
        return 1  # a fork has one thread, and the locks that the others held
    return min(len(os.sched_getaffinity(0)), MOST_PROCESSES)


def _work(
    function: Callable[[A], B], batches: Iterator[Sequence[A]], writer: int, parent: int
) -> NoReturn:
    """Be the child. Leaves without any of the endings that are the parent's."""
    try:
        gc.disable()  # collecting would touch all pages, and end what is the parent's
        _close_all_but(writer)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and stops us
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with os.fdopen(writer, "wb") as stream:
            for batch in batches:
                found: list[Any] = []
                for item in batch:
                    if os.getppid() != parent:
                        os._exit(0)  # nobody waits for it any more
                    found.append(_result(function, item))
                pickle.dump(found, stream, pickle.HIGHEST_PROTOCOL)
                stream.flush()
    finally:
        os._exit(0)


def _close_all_but(writer: int) -> None:
    """
    Leave locks, databases and the pipes of other programs to the parent.

    A pipe that is open here is not at its end when the parent closes it, and who waits for that
    end would wait for this process.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    os.closerange(3, writer)
    os.closerange(writer + 1, _MANY_FILES if limit == resource.RLIM_INFINITY else limit)


def _result(function: Callable[[A], B], item: A) -> B | None:
    try:
        result = function(item)
    except Exception:  # noqa: BLE001 (the parent meets it again, where it is seen)
        return None
    return None if isinstance(result, Exception) else result


def _receive(results: BinaryIO, count: int) -> list[Any]:
    """Return the next batch of a child of this process; None for each item that it still owes."""
    try:
        found = pickle.load(results)  # noqa: S301 (from our own child, through our own pipe)
    except (EOFError, pickle.UnpicklingError):
        return [None] * count
    return found if isinstance(found, list) and len(found) == count else [None] * count
