"""
The system calls of a run, in their order: what of its files was durable at which moment.

    python -m tests.faults.traced LOG pkictl's arguments     is the program, noting its signatures
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,write,pwrite64"
_DESCRIPTOR = re.compile(r"^\d+ +(\w+)\(\d+<([^>]*)>")
_NAMES = re.compile(r'^\d+ +(\w+)\(.*?"([^"]*)".*?"([^"]*)"')
_SYNCS = {"fsync", "fdatasync"}


@dataclass(frozen=True)
class Event:
    """`what` is `sync`, `write` or `name` (of a link or a rename, to `path`)."""

    what: str
    path: Path
    source: Path | None = None


@cache
def why_not() -> str:
    """Return why nothing can be traced here, empty when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed: apt-get install strace"
    tried = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "no process may be traced here"


def trace(
    root: Path, log: Path, *arguments: str, env: Mapping[str, str], place: Path
) -> list[Event]:
    """Run pkictl under strace, and return what it and its gits did to files."""
    done = subprocess.run(
        ["strace", "-f", "-y", "-s", "0", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", place,
         sys.executable, "-m", "tests.faults.traced", log, *arguments],
        cwd=root, capture_output=True, text=True, check=False,
        env={**env, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [event for line in place.read_text().splitlines() if (event := _parsed(root, line))]


def _parsed(root: Path, line: str) -> Event | None:
    if match := _NAMES.match(line):
        return Event("name", root / match.group(3), root / match.group(2))
    if match := _DESCRIPTOR.match(line):
        what = "sync" if match.group(1) in _SYNCS else "write"
        return Event(what, Path(match.group(2)))
    return None


def main(arguments: list[str]) -> int:
    from pki_as_code.cli.main import main as pkictl
    from tests.faults.signatures import log_signatures

    log_signatures(Path(arguments[0]))
    return pkictl(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
