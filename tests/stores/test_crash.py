"""Processes that die at any instant, and processes that write at once."""

from __future__ import annotations

import os
import random
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from pki_as_code.errors import ContentionError
from pki_as_code.gitplumbing import process
from pki_as_code.stores.entries import Issued, Reserved
from tests.stores.conftest import GIT_KINDS, KINDS, Place
from tests.stores.material import NOW, certificate_id, issued, reservation

BATCH = 3


@pytest.fixture(autouse=True)
def locks_of_the_dead_are_broken_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pki_as_code.gitplumbing.locks.STALE_AFTER_SECONDS", 0.5)


class Child:
    """A forked process that runs `work` and says what it was told is durable."""

    def __init__(self, work: Callable[[Callable[[str], None]], None]) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.setsid()
                os.close(reader)
                work(lambda text: os.write(writer, f"{text}\n".encode()) and None)
                status = 0
            except BaseException:  # noqa: BLE001 (a forked child never returns into pytest)
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(writer)
        self._reader = reader

    def kill(self) -> None:
        os.killpg(self.pid, signal.SIGKILL)

    def wait(self) -> tuple[int, list[str]]:
        """Return the exit status (negative: the signal) and the lines it wrote."""
        with os.fdopen(self._reader) as lines:
            said = lines.read().splitlines()
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status), said


def batch_of(name: str, number: int) -> list[Reserved]:
    base = 0x10000 + number * 0x10
    return [reservation(certificate_id(f"{name}{number}x{i}"), base + i) for i in range(BATCH)]


def append_for_ever(place: Place, round_: int) -> Callable[[Callable[[str], None]], None]:
    def work(say: Callable[[str], None]) -> None:
        store = place.open()
        for number in range(round_ * 100, round_ * 100 + 100):
            batch = batch_of("r", number)
            store.reserve(batch, now=NOW, message="Reserve")
            say(f"reserved {number}")
            store.record([issued(r) for r in batch], now=NOW, message="Record")
            say(f"recorded {number}")

    return work


def check(place: Place, said: list[str], *, acknowledged: set[str]) -> None:
    """Nothing half, nothing lost that was said to be durable, and all of it sound."""
    acknowledged.update(said)
    store = place.open()
    assert list(store.verify()) == []
    reserved: dict[int, int] = {}
    recorded: dict[int, int] = {}
    for entry in store.entries():
        if isinstance(entry.payload, Reserved):
            serial_number, found = entry.payload.reservation.serial_number, reserved
        elif isinstance(entry.payload, Issued):
            serial_number, found = entry.payload.serial_number, recorded
        else:
            continue
        if serial_number >= 0x10000:
            number = (serial_number - 0x10000) // 0x10
            found[number] = found.get(number, 0) + 1
    assert set(reserved.values()) | set(recorded.values()) <= {BATCH}
    for line in acknowledged:
        word, number_text = line.split()
        assert int(number_text) in (reserved if word == "reserved" else recorded), line
    # The next run finishes what the dead one left.
    finished = [issued(Reserved(r)) for r in store.open_reservations()]
    store.record(finished, now=NOW, message="Finish")
    assert list(store.open_reservations()) == []
    store.close()


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_killed_at_any_time_leaves_a_sound_store(
    make_place: Callable[[str], Place], kind: str
) -> None:
    place = make_place(kind)
    chance = random.Random(kind)
    acknowledged: set[str] = set()
    for round_ in range(7):
        child = Child(append_for_ever(place, round_))
        time.sleep(chance.uniform(0.01, 0.25))
        child.kill()
        status, said = child.wait()
        assert status == -signal.SIGKILL
        check(place, said, acknowledged=acknowledged)


@pytest.mark.parametrize("kind", GIT_KINDS)
def test_a_process_killed_before_or_after_any_call_of_git_leaves_a_sound_store(
    make_place: Callable[[str], Place], kind: str
) -> None:
    place = make_place(kind)
    acknowledged: set[str] = set()
    for nth in range(12):
        after = nth % 2 == 1

        def work(say: Callable[[str], None], nth: int = nth, after: bool = after) -> None:
            store = place.open()
            store.head()
            dies_at(nth + 1, after=after)
            batch = batch_of("k", nth)
            store.reserve(batch, now=NOW, message="Reserve")
            say(f"reserved {nth}")

        child = Child(work)
        _, said = child.wait()
        check(place, said, acknowledged=acknowledged)


def dies_at(nth: int, *, after: bool) -> None:
    """Let this process die before or after the nth git it runs from now on."""
    real = process.run
    calls = iter(range(1, 1000))

    def run(*arguments: Any, **options: Any) -> Any:
        number = next(calls)
        if number == nth and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*arguments, **options)
        if number == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    process.run = run


def test_a_process_killed_at_each_sync_leaves_a_sound_store(local_git_place: Place) -> None:
    acknowledged: set[str] = set()
    for nth in range(8):

        def work(say: Callable[[str], None], nth: int = nth) -> None:
            store = local_git_place.open()
            store.head()
            real, calls = os.fsync, iter(range(1000))

            def fsync(descriptor: int) -> None:
                if next(calls) == nth:
                    os.kill(os.getpid(), signal.SIGKILL)
                real(descriptor)

            os.fsync = fsync
            store.reserve(batch_of("s", nth), now=NOW, message="Reserve")
            say(f"reserved {nth}")

        _, said = Child(work).wait()
        check(local_git_place, said, acknowledged=acknowledged)


# --- At once -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_processes_that_write_at_once_all_get_their_turn(
    make_place: Callable[[str], Place], kind: str
) -> None:
    place = make_place(kind)
    batches = 4

    def writer(who: int) -> Callable[[Callable[[str], None]], None]:
        def work(say: Callable[[str], None]) -> None:
            store = place.open_elsewhere() if who % 2 else place.open()
            for number in range(batches):
                batch = batch_of(f"w{who}n", who * 100 + number)
                store.reserve(batch, now=NOW, message=f"Reserve {who}")
                store.record([issued(r) for r in batch], now=NOW, message=f"Record {who}")
            say("done")

        return work

    place.clones = 10  # so that clones made by children do not meet
    children = []
    for who in range(3):
        place.clones += 10
        children.append(Child(writer(who)))
    assert [child.wait() for child in children] == [(0, ["done"])] * 3
    store = place.open()
    assert len(list(store.live_objects())) == 1 + 3 * batches * BATCH
    assert list(store.verify()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_of_processes_that_want_the_same_object_one_gets_it(
    make_place: Callable[[str], Place], kind: str
) -> None:
    place = make_place(kind)
    web = certificate_id("web")

    def writer(who: int) -> Callable[[Callable[[str], None]], None]:
        def work(say: Callable[[str], None]) -> None:
            store = place.open_elsewhere() if who % 2 else place.open()
            try:
                store.reserve([reservation(web, 0x5000 + who)], now=NOW, message="Reserve")
            except ContentionError:
                say("lost")
            else:
                say("won")

        return work

    children = []
    for who in range(4):
        place.clones += 10
        children.append(Child(writer(who)))
    ends = [child.wait() for child in children]
    assert sorted(said for _, (said,) in ends) == ["lost", "lost", "lost", "won"]
    assert len(list(place.open().open_reservations())) == 1


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_make_the_same_new_store_at_once_make_one(
    make_empty: Callable[[str], Place], kind: str
) -> None:
    place = make_empty(kind)

    def work(say: Callable[[str], None]) -> None:
        store = place.open()
        store.record([], now=NOW, message="")
        say(str(store.head().sequence))

    assert [child.wait() for child in [Child(work) for _ in range(4)]] == [(0, ["-1"])] * 4
