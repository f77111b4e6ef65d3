"""What tests of several rooms need once for a run: fast storage, and a database server."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stores.postgres_server import PostgresServer


@pytest.fixture(scope="session")
def memory_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where fsync costs nothing: hundreds of durable steps on a disk take minutes."""
    shared_memory = Path("/dev/shm")  # noqa: S108 (a directory of our own is made in it)
    if not os.access(shared_memory, os.W_OK):
        yield tmp_path_factory.mktemp("memory")
        return
    with TemporaryDirectory(dir=shared_memory, prefix="pki-as-code-tests-") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    from tests.stores.postgres_server import any_server, why_not

    reason = why_not()
    if reason:
        pytest.skip(reason)
    with any_server() as server:
        yield server
