"""What the figures come from: no two machines have the same."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
from importlib.metadata import version
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

from benchmarks.timing import environment


def describe_machine() -> str:
    """Return one sentence, for above the table."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    load = os.getloadavg()[0]
    parts = [
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, {platform.system()} "
        f"{platform.release().split('-')[0]}",
        f"Python {platform.python_version()}",
        f"cryptography {version('cryptography')} with {_numbered(backend.openssl_version_text())}",
        f"SQLite {sqlite3.sqlite_version}",
        *filter(None, (_said("git", "version"), _said("openssl", "version"))),
    ]
    return f"Measured with {', '.join(parts)}; {load:.1f} processes were running before."


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return f"{platform.machine()}, {found.group(1)}" if found else platform.machine()


def _said(*command: str) -> str:
    """Return a program's name and version number, whatever else it says."""
    try:
        done = subprocess.run(
            command, env=environment(), check=True, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"`{_numbered(done.stdout, command[0])}`"


def _numbered(text: str, name: str = "") -> str:
    """Return the name, by default the first word, and the first thing that is a version number."""
    found = re.search(r"\d+(\.\d+)+\w*", text)
    number = found.group() if found else "of an unknown version"
    return f"{name or text.partition(' ')[0]} {number}"
