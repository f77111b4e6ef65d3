"""A file system with little room, where mounting is allowed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NoMountError(Exception):
    """This process may mount nothing."""


@contextmanager
def small_disk(directory: Path, kibibytes: int) -> Iterator[Path]:
    """Mount a tmpfs of that size on `directory`. Raises `NoMountError`."""
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kibibytes}k", "tmpfs", directory],
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoMountError(done.stderr.decode().strip())
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", directory], check=True, capture_output=True)
