"""The program at another time: in a process of its own whose clock libfaketime has moved."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.e2e.conftest import Done, Repository, environment

needs_faketime = pytest.mark.skipif(
    shutil.which("faketime") is None, reason="faketime is not installed"
)


def run_later(repository: Repository, offset: str, *arguments: str, expect: int = 0) -> Done:
    """Run pkictl with the clock moved by `offset`, such as `+10m` or `+12d`."""
    done = subprocess.run(
        ["faketime", "-f", offset, sys.executable, "-m", "pki_as_code", *arguments],
        cwd=repository.root,
        env=environment(),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in result.err, result.err
    assert result.code == expect, f"{arguments}: {result.code}\n{result.out}\n{result.err}"
    return result
