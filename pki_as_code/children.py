"""
A library that we would rather not have in this process: in one of its own, asked by lines of JSON.

What it is asked about was written by others, and it may take for ever, take all memory, or crash.
So it has a deadline for each answer and a limit of memory; it gets no environment (passphrases are
there), inherits no open file, and stands in no directory of a repository. What it says is data.

    with Child("pki_as_code.linters.pkilint_child", name="pkilint") as child:
        answer = child.ask({"certificate": "..."})

The program on the other side calls `serve` with the function that answers.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO, Any, Final, Self

SECONDS: Final = 20.0
"""For one answer. The first includes loading the library."""

MEMORY: Final = 1 << 30
"""Bytes of address space."""

LONGEST_ANSWER: Final = 1 << 22
"""Bytes of one line."""

_INHERITED: Final[list[subprocess.Popen[bytes]]] = []
"""
Programs of the process that this one was forked from. Their pipes are closed here, as far as they
were, and their numbers may be those of other pipes by now: let go of, they would be closed again.
"""

_GRACE: Final = 5.0
"""Seconds after which it ends by itself, where nobody is there any more to end it."""

_BLOCK: Final = 1 << 16
_BOOT: Final = "import json, runpy, sys; sys.path[:] = json.loads(sys.argv[1]); " + (
    "runpy.run_module(sys.argv[2], run_name='__main__')"
)


class ChildError(Exception):
    """It gave no answer: not in time, not whole, or not at all. The message says which."""


class Child:
    """
    A program that answers questions one at a time; started with the first, and again after a death.

    A forked process that inherits one starts its own: pipes are not to be shared.
    """

    def __init__(
        self,
        module: str,
        *,
        name: str,
        seconds: float = SECONDS,
        start_seconds: float = 0,
        memory: int = MEMORY,
    ) -> None:
        self._module, self._name = module, name
        self._seconds, self._memory = seconds, memory
        self._start_seconds = max(start_seconds, seconds)  # the first answer may take as long
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, question: object) -> Any:
        """
        Return the answer to `question`; both are what JSON can say.

        Raises:
            ChildError: there is none. Unless it says itself what went wrong, the child is stopped,
                and the next question starts another.
        """
        process, seconds = self._running()
        try:
            said = self._asked(process, json.dumps(question).encode() + b"\n", seconds)
        except BaseException:
            self.close()  # left half way, its answer would be taken for that to the next question
            raise
        if "answer" not in said:
            raise ChildError(f"{self._name} failed: {said.get('error') or 'it does not say why'}")
        return said["answer"]

    def close(self) -> None:
        """Stop the program, if it runs and is this process's own."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._owner != os.getpid():
            _INHERITED.append(process)
            return
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()

    def _running(self) -> tuple[subprocess.Popen[bytes], float]:
        """Return the program, and how many seconds its next answer may take."""
        if self._process is not None and self._owner == os.getpid():
            return self._process, self._seconds
        self.close()
        try:
            self._process = _start(self._module, self._memory, self._start_seconds + _GRACE)
        except OSError as error:
            raise ChildError(f"{self._name} cannot be started: {error.strerror}") from error
        self._owner = os.getpid()
        return self._process, self._start_seconds

    def _asked(
        self, process: subprocess.Popen[bytes], line: bytes, seconds: float
    ) -> dict[str, Any]:
        end = time.monotonic() + seconds
        try:
            answer = _exchange(_pipe(process.stdin), _pipe(process.stdout), line, end)
        except TimeoutError:
            raise ChildError(f"{self._name} gave no answer in {seconds:g} s") from None
        except OSError:
            answer = b""
        try:
            said = json.loads(answer)
        except (ValueError, RecursionError):
            raise ChildError(f"{self._name} ended without an answer") from None
        if not isinstance(said, dict):
            raise ChildError(f"{self._name} gave no answer that makes sense")
        return said


def _start(module: str, memory: int, seconds: float) -> subprocess.Popen[bytes]:
    here = os.path.realpath(os.getcwd())
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    # Never the directory that we are called in: it is the repository, and may bring a module.
    path = [entry for entry in sys.path if entry and os.path.realpath(entry) != here]
    arguments = [sys.executable, "-I", "-c", _BOOT, json.dumps([*path, package]), module]
    return subprocess.Popen(
        [*arguments, str(memory), str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={"LC_ALL": "C.UTF-8"},
        bufsize=0,
    )


def _pipe(stream: IO[bytes] | None) -> int:
    if stream is None:
        raise ValueError("a pipe that was not asked for")
    return stream.fileno()


def _exchange(writer: int, reader: int, line: bytes, end: float) -> bytes:
    """
    Write a line and return the one that comes back; what comes if the pipe ends before.

    Raises:
        TimeoutError: the end was reached.
        OSError: nobody reads on the other side, or the answer is too long.
    """
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    answer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(reader, selectors.EVENT_READ)
        selector.register(writer, selectors.EVENT_WRITE)
        while not answer.endswith(b"\n"):
            left = end - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if key.fd == writer:
                    line = line[os.write(writer, line) :]
                    if not line:
                        selector.unregister(writer)
                    continue
                block = os.read(reader, _BLOCK)
                answer += block
                if not block:
                    return bytes(answer)
                if len(answer) > LONGEST_ANSWER:
                    raise OSError(errno.EMSGSIZE, os.strerror(errno.EMSGSIZE))
    return bytes(answer)


def serve(answer: Callable[[Any], object], load: Callable[[], bool] | None = None) -> None:
    """
    Be such a program: answer each line until there are no more. Called as `__main__` of a module.

    Import the library within `answer` or `load`, so that its limits hold for that as well. Once
    `load` has it (and says so), nothing can be opened any more, neither a file nor a socket: what
    is in somebody's certificate shall not get at a key. What the library prints goes nowhere: the
    pipe is for answers only.
    """
    sys.dont_write_bytecode = True
    memory, seconds = int(sys.argv[3]), float(sys.argv[4])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with os.fdopen(os.dup(1), "wb", buffering=0) as pipe:
        os.dup2(2, 1)
        if load is not None and load():
            resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
        for line in sys.stdin.buffer:
            # Whoever asks may be killed meanwhile: then nobody else ends what takes for ever.
            signal.setitimer(signal.ITIMER_REAL, seconds)
            pipe.write(json.dumps(_said(answer, line)).encode() + b"\n")
            signal.setitimer(signal.ITIMER_REAL, 0)


def _said(answer: Callable[[Any], object], line: bytes) -> dict[str, object]:
    try:
        return {"answer": answer(json.loads(line))}
    except (Exception, RecursionError) as error:  # noqa: BLE001 (told to whoever asked)
        return {"error": f"{type(error).__name__}: {str(error)[:300]}"}
