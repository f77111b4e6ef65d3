"""A program in a process of its own: it answers, or it is stopped and somebody is told."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pki_as_code import children
from pki_as_code.children import LONGEST_ANSWER, Child, ChildError

MIB = 1 << 20


@pytest.fixture
def child() -> Iterator[Child]:
    with Child("tests.child_program", name="the program", seconds=30, memory=256 * MIB) as made:
        yield made


def process_of(child: Child) -> int:
    return child.ask({"tell": "self"})["pid"]


def test_it_answers_one_question_after_the_other_in_one_process(child: Child) -> None:
    questions = [{"a": [1, None, "\n ü \u2028"]}, [], "x" * (3 * MIB)]
    assert [child.ask(question) for question in questions] == questions
    assert process_of(child) == process_of(child) != os.getpid()


def test_it_has_nothing_of_ours(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PKI_KEY_PASSPHRASE", "secret")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    told = child.ask({"tell": "self"})
    assert told["at"] == "/"
    assert not [name for name in told["environment"] if name.startswith(("PKI", "PYTHON"))]
    assert str(tmp_path) not in child.ask({"tell": "path"})


def test_a_module_in_the_directory_of_the_caller_is_not_loaded(
    child: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    assert child.ask("still there") == "still there"


def test_what_it_prints_is_no_answer(child: Child) -> None:
    question = {"print": "an answer, or so it says"}
    assert child.ask(question) == question


def test_it_writes_no_files(child: Child, tmp_path: Path) -> None:
    with pytest.raises(ChildError, match="File too large"):
        child.ask({"write": str(tmp_path / "file")})


@pytest.mark.parametrize(
    ("question", "message"),
    [
        ({"raise": "no such thing"}, "the program failed: ValueError: no such thing"),
        ({"exit": 0}, "the program ended without an answer"),
        ({"take": 512 * MIB}, "the program failed: MemoryError"),
        ({"say": LONGEST_ANSWER + 1}, "the program ended without an answer"),
    ],
)
def test_a_failure_is_told_and_the_next_question_is_answered(
    child: Child, question: object, message: str
) -> None:
    with pytest.raises(ChildError, match=message):
        child.ask(question)
    assert child.ask("and now?") == "and now?"


def test_it_is_stopped_when_its_time_is_over(child: Child) -> None:
    before = process_of(child)
    child._seconds = 0.2
    with pytest.raises(ChildError, match=r"gave no answer in 0\.2 s"):
        child.ask({"sleep": 60})
    assert not Path(f"/proc/{before}").exists()


def test_a_question_that_nobody_reads_ends_as_well() -> None:
    with Child("tests.child_program", name="it", seconds=0.3) as sleeping:
        sleeping.ask("it runs")
        os.kill(process_of(sleeping), 19)  # SIGSTOP: the pipe fills, and nobody empties it
        with pytest.raises(ChildError, match="gave no answer"):
            sleeping.ask("x" * (4 * MIB))


def test_one_that_says_what_went_wrong_is_asked_again(child: Child) -> None:
    before = process_of(child)
    with pytest.raises(ChildError):
        child.ask({"raise": "a fault of the question"})
    assert process_of(child) == before


def test_it_ends_by_itself_when_whoever_asked_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_GRACE", 0.2)
    with Child("tests.child_program", name="it", seconds=0.3) as busy:
        process = process_of(busy)
        with pytest.raises(TimeoutError):  # as if we were killed: nobody stops it
            children._exchange(
                busy._process.stdin.fileno(),
                busy._process.stdout.fileno(),
                b'{"sleep": 600}\n',
                time.monotonic() + 0.1,
            )
        assert busy._process.wait(30) == -signal.SIGALRM
        assert not Path(f"/proc/{process}").exists()


def test_a_program_that_is_not_there_gives_no_answer() -> None:
    with (
        Child("tests.no_such_program", name="nobody") as nobody,
        pytest.raises(ChildError, match="nobody ended without an answer"),
    ):
        nobody.ask(1)


def test_a_forked_process_asks_one_of_its_own(child: Child) -> None:
    ours = process_of(child)
    reader, writer = os.pipe()
    forked = os.fork()
    if not forked:
        try:
            os.write(writer, str(process_of(child)).encode())
            child.close()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        theirs = int(stream.read())
    os.waitpid(forked, 0)
    assert theirs != ours
    assert process_of(child) == ours


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_a_forked_process_lets_go_of_closes_no_pipe_of_its_own(child: Child) -> None:
    """Forked processes close what they inherit (`workers`), so that numbers are used again."""
    reader, writer = os.pipe()
    child.ask("it runs")
    first = child._process.stdin.fileno()  # type: ignore[union-attr]
    forked = os.fork()
    if not forked:
        try:
            os.closerange(3, writer)
            os.closerange(writer + 1, 1024)
            while os.open("/dev/null", os.O_RDONLY) < first - 2:
                pass  # until the next numbers are those that its pipes had
            answers = [child.ask(f"question {number}") for number in range(3)]
            os.write(writer, " ".join(answers).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        assert stream.read() == "question 0 question 1 question 2"
    os.waitpid(forked, 0)


def test_its_first_answer_may_take_longer() -> None:
    with Child("tests.child_program", name="it", seconds=0.3, start_seconds=30) as slow:
        slow.ask({"sleep": 0.5})
        with pytest.raises(ChildError, match=r"it gave no answer in 0\.3 s"):
            slow.ask({"sleep": 60})
        slow.ask({"sleep": 0.5})


def test_closing_leaves_no_process(child: Child) -> None:
    process = process_of(child)
    child.close()
    child.close()
    assert not Path(f"/proc/{process}").exists()
