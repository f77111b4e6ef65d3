"""Reading many blobs through one process."""

from __future__ import annotations

import os
import subprocess
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, Self

from pki_as_code.errors import InvalidValueError, RepositoryError
from pki_as_code.gitplumbing import process
from pki_as_code.gitplumbing.repository import GitRepository, object_id

MOST_AT_ONCE: Final = 64

_INHERITED: list[subprocess.Popen[bytes]] = []


class BlobReader:
    """One `git cat-file --batch`, started at the first read. Close it, or use it in a `with`."""

    def __init__(self, repository: GitRepository) -> None:
        self._repository = repository
        self._finalizer: weakref.finalize[[subprocess.Popen[bytes]], BlobReader] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def read(self, blob_id: str, *, limit: int) -> bytes:
        """
        Return a blob of at most `limit` bytes.

        Raises `InvalidValueError` (`path.too_large`) before a larger one is read, and
        `RepositoryError` (`git.no_object`) for what is no blob of this repository.
        """
        return self.read_many([blob_id], limit=limit)[0]

    def read_many(self, blob_ids: Sequence[str], *, limit: int) -> list[bytes]:
        """
        Return several blobs, asked for all at once: waiting for each takes longer than reading it.

        At most `MOST_AT_ONCE`: of more, git could not take the rest before its answers are read.
        """
        request, answers = self._pipes()
        request.write(b"".join([object_id(blob_id).encode() + b"\n" for blob_id in blob_ids]))
        request.flush()
        return [self._answer(answers, blob_id, limit) for blob_id in blob_ids]

    def _answer(self, answers: IO[bytes], blob_id: str, limit: int) -> bytes:
        header = answers.readline().split()
        if len(header) != 3 or header[1] != b"blob":  # noqa: PLR2004 (id, type, size)
            self.close()
            raise RepositoryError(
                f"the repository has no blob {blob_id}",
                help="run `git fsck`; make a partial clone whole with `git fetch --refetch`",
                code="git.no_object",
            )
        size = int(header[2])
        if size > limit:
            self.close()
            raise InvalidValueError(
                f"blob {blob_id} has {size} bytes, more than the {limit} that are read",
                code="path.too_large",
            )
        data = answers.read(size + 1)
        if len(data) != size + 1:
            self.close()
            raise RepositoryError(f"git stopped in the middle of blob {blob_id}")
        return data[:-1]

    def close(self) -> None:
        """End the process. A later read starts another."""
        if self._finalizer is not None:
            self._finalizer()
        self._finalizer = self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is not None and self._owner != os.getpid():
            # Of the process that this one was forked from, and the pipes are closed here. Were the
            # object let go, it would close them once more, whatever has their numbers by then.
            _INHERITED.append(self._process)
            self._finalizer = self._process = None
        if self._process is None:
            self._owner = os.getpid()
            self._process = _start(self._repository.root)
            self._finalizer = weakref.finalize(self, _end, self._process)
        source, output = self._process.stdin, self._process.stdout
        if source is None or output is None:
            raise RepositoryError("git was started without pipes")
        return source, output


def _start(directory: Path) -> subprocess.Popen[bytes]:
    import tempfile  # which is slow to import

    with tempfile.TemporaryFile() as complaints:
        return process.start(directory, ["cat-file", "--batch"], complaints)


def _end(running: subprocess.Popen[bytes]) -> None:
    running.kill()
    for pipe in (running.stdin, running.stdout):
        if pipe is not None:
            pipe.close()
    running.wait()
