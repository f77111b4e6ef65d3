"""A temporary file without a name: what is too large for the memory, and nobody else can change."""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

_READ_AT_A_TIME = 1 << 20


class Spool:
    """
    Bytes in a file that has mode 0600 and vanishes with this object, or with the process.

    It gives out parts like `bytes` do: `len(spool)`, `spool[10:20]`.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # Without a name where the system can (O_TMPFILE); elsewhere it is unlinked at once.
        self.file = cast("BinaryIO", tempfile.TemporaryFile(dir=directory))  # noqa: SIM115
        self._size = 0

    def seal(self) -> None:
        """Mark the end of writing. Raises `OSError`."""
        self.file.flush()
        self._size = os.fstat(self.file.fileno()).st_size

    def close(self) -> None:
        """Give the space back."""
        self.file.close()

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        start, stop, _ = part.indices(self._size)
        return os.pread(self.file.fileno(), max(stop - start, 0), start)

    def chunks(self) -> Iterator[bytes]:
        """Yield all of it, in order."""
        for start in range(0, self._size, _READ_AT_A_TIME):
            yield self[start : start + _READ_AT_A_TIME]

    @contextmanager
    def mapped(self) -> Iterator[memoryview]:
        """Map all of it into memory, for those who must have it in one piece."""
        with (
            mmap.mmap(self.file.fileno(), self._size, access=mmap.ACCESS_READ) as mapping,
            memoryview(mapping) as view,
        ):
            yield view
