"""Work in forked processes gives what the same work without them gives."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pki_as_code import workers
from pki_as_code.workers import FEWEST_ITEMS, Work

HERE = os.getpid()
MANY = list(range(3 * FEWEST_ITEMS + 1))


def children() -> set[str]:
    """Every child of this process, also one that ended and that nobody waited for."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parent = place.read_text().rpartition(")")[2].split()[1]
            if int(parent) == HERE:
                found.add(place.parent.name)
    return found


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()  # servers of other tests, perhaps
    yield
    assert children() <= before


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def where(number: int) -> tuple[int, int]:
    return number, os.getpid()


@pytest.mark.usefixtures("two_cores")
def test_children_give_the_results_in_order() -> None:
    found = list(Work(where, MANY).results())
    assert [number for number, _ in found] == MANY
    assert len({process for _, process in found} - {HERE}) == 2


@pytest.mark.usefixtures("two_cores")
def test_children_take_turns_at_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MOST_IN_A_BATCH", 100)
    found = list(Work(where, MANY).results())
    assert [number for number, _ in found] == MANY
    batches = [{process for _, process in found[start : start + 100]} for start in (0, 100, 200)]
    assert batches[0] == batches[2]
    assert len(set.union(*batches) - {HERE}) == 2


@pytest.mark.usefixtures("two_cores")
def test_what_a_child_owes_after_some_batches_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MOST_IN_A_BATCH", 10)

    def dies_there(number: int) -> tuple[int, int]:
        if number == MANY[205] and os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return where(number)

    found = list(Work(dies_there, MANY).results())
    assert [number for number, _ in found] == MANY
    done_by = [process for _, process in found]
    assert HERE not in done_by[:200]
    assert set(done_by[200:210]) == {HERE}
    assert HERE not in done_by[210:220]  # which is the other child's


@pytest.mark.usefixtures("two_cores")
def test_few_items_are_done_here() -> None:
    few = MANY[: FEWEST_ITEMS - 1]
    assert list(Work(where, few).results()) == [(number, HERE) for number in few]


def test_without_a_second_core_everything_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert {process for _, process in Work(where, MANY).results()} == {HERE}


@pytest.mark.usefixtures("two_cores")
def test_a_process_with_threads_is_not_forked() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        assert workers.processes() == 1
    finally:
        stop.set()
        thread.join()


@pytest.mark.usefixtures("two_cores")
def test_what_a_dead_child_owes_is_done_here() -> None:
    def dies_there(number: int) -> int:
        if number == MANY[5] and os.getpid() != HERE:
            os.kill(os.getpid(), signal.SIGKILL)
        return number * number

    assert list(Work(dies_there, MANY).results()) == [number * number for number in MANY]


@pytest.mark.usefixtures("two_cores")
def test_an_exception_is_raised_where_it_is_seen() -> None:
    def fails(number: int) -> int:
        if number == MANY[-1]:
            raise ValueError(f"number {number}")
        return number

    results = Work(fails, MANY).results()
    assert [next(results) for _ in MANY[:-1]] == MANY[:-1]
    with pytest.raises(ValueError, match=f"number {MANY[-1]}"):
        next(results)


@pytest.mark.usefixtures("two_cores")
def test_a_process_that_cannot_be_made_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", refuse)
    assert list(Work(where, MANY).results()) == [(number, HERE) for number in MANY]


@pytest.mark.usefixtures("two_cores")
def test_results_larger_than_a_pipe_arrive() -> None:
    size = 10_000
    assert list(Work(lambda n: bytes([n % 256]) * size, MANY).results()) == [
        bytes([number % 256]) * size for number in MANY
    ]


@pytest.mark.usefixtures("two_cores")
def test_a_child_holds_no_file_of_its_parent(tmp_path: Path) -> None:
    def held(_: int) -> set[str]:
        found = set()
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):
                found.add(os.readlink(f"/proc/self/fd/{name}"))
        return found

    with (tmp_path / "store").open("w") as file:
        results = list(Work(held, MANY).results())
        assert not any(file.name in names for names in results)
        assert file.name in held(0)


@pytest.mark.usefixtures("two_cores")
def test_work_that_is_not_wanted_any_more_is_stopped() -> None:
    work = Work(lambda _: signal.pause(), MANY)
    work.close()
    work.close()
