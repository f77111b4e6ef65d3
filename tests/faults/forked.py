"""
The program as a process of its own that can be killed, without the time a new Python takes.

A forked process has everything loaded: what a kill at a random moment meets is its work and not
its start, and eight of them truly run at once.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from pki_as_code.cli.main import main
from tests.e2e.conftest import Done, environment
from tests.faults.phases import note_phases
from tests.faults.signatures import log_signatures


class Forked:
    """One `pkictl` in a session of its own, so that the gits it starts are killed with it."""

    def __init__(
        self,
        root: Path,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        signatures: Path | None = None,
        phases: Path | None = None,
    ) -> None:
        self._streams: list[IO[bytes]] = [tempfile.TemporaryFile() for _ in range(2)]  # noqa: SIM115
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about threads of the test runner, which it lacks
            self.pid = os.fork()
        if self.pid == 0:
            status = 99
            try:
                os.setsid()
                if signatures is not None:
                    log_signatures(signatures)
                if phases is not None:
                    note_phases(phases)
                if user is not None:
                    os.setgroups([])
                    os.setgid(user)
                    os.setuid(user)
                self._redirect()
                os.environ.clear()
                os.environ.update(environment(**(env or {})))
                tempfile.tempdir = None
                os.chdir(root)
                status = main(list(arguments))
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)  # a forked child never returns into pytest

    def _redirect(self) -> None:
        nothing = os.open(os.devnull, os.O_RDONLY)
        for target, source in enumerate([nothing, *(file.fileno() for file in self._streams)]):
            os.dup2(source, target)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, buffering=1, closefd=False)  # noqa: SIM115
            for number, mode in enumerate(("r", "w", "w"))
        )

    def kill(self) -> None:
        """Kill it and everything it started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not made its session yet
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, seconds: float | None = None) -> Done | None:
        """Return how it ended (a negative code: by which signal), None when it has not by then."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while deadline is not None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                return None
            time.sleep(0.002)
        else:
            _, status = os.waitpid(self.pid, 0)
        texts = []
        for file in self._streams:
            file.seek(0)
            texts.append(file.read().decode())
            file.close()
        return Done(os.waitstatus_to_exitcode(status), *texts)


def run_and_kill(process: Forked, seconds: float, *, begun: Path | None = None) -> Done:
    """
    Let it run for so long, then kill it and everything it started.

    The time runs from when the file `begun` is there, where one is named.
    """
    done = None
    while begun is not None and done is None and not begun.exists():
        done = process.wait(0)
    done = done or process.wait(seconds)
    if done is None:
        process.kill()
        done = process.wait()
    assert done is not None
    return done
