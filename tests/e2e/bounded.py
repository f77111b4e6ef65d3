"""The program in a process that is not given more than it may need: memory, CPU, and time."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Done, environment

MEMORY = 512 << 20
"""Bytes of address space."""

CPU = 5
"""Seconds of one processor, of each process."""

_FOR_EVER = 120
"""Seconds after which nothing comes any more: something waits for a pipe."""


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run_bounded(root: Path, *arguments: str, expect: int | None = 1) -> Done:
    """
    Run a command in `root`.

    A process that exceeds its CPU is killed, which is another exit code than the expected one; one
    that exceeds its memory ends with an internal error, or is told as one.
    """
    done = subprocess.run(
        [sys.executable, "-m", "pki_as_code", *arguments],
        cwd=root,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=_FOR_EVER,
        preexec_fn=_limit,
    )
    result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    told = result.out[-2000:] + result.err[-2000:]
    assert done.returncode >= 0, f"killed by signal {-done.returncode}"
    assert not any(word in told for word in ("MemoryError", "Traceback", "error[internal]")), told
    if expect is not None:
        assert result.code == expect, told
    return result
