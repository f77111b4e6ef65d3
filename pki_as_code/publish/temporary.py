"""Staged files of destinations that are not on this disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import mkdtemp

from pki_as_code.publish.anchored import AnchoredDirectory
from pki_as_code.publish.layout import MAX_FILE_BYTES


class TemporaryStaging:
    """A directory of our own for the time of one session. Close it after use."""

    def __init__(self) -> None:
        self.place = Path(mkdtemp(prefix="pkictl-publish-"))
        self._directory = AnchoredDirectory.open(self.place)

    def stage(self, path: str, content: bytes) -> bytes:
        self._directory.write_new(path, content)
        return self.staged(path)

    def staged(self, path: str) -> bytes:
        return self._directory.read(path, MAX_FILE_BYTES) or b""

    def drop(self, path: str) -> None:
        self._directory.remove(path)

    def close(self) -> None:
        self._directory.close()
        shutil.rmtree(self.place, ignore_errors=True)
