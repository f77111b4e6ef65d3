"""The files beside the ledger in a store's branch, as somebody reads them and as they should be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from pki_as_code.errors import InvalidValueError, RepositoryError
from pki_as_code.escape import safe
from pki_as_code.gitplumbing import BlobReader, GitRepository, TreeEntry, list_tree
from pki_as_code.model import Finding, Source
from pki_as_code.stores.git_crls import MAX_FILE_BYTES
from pki_as_code.stores.segments import DIRECTORY


def verify_files(
    repository: GitRepository, commit: str, expected: Mapping[str, bytes]
) -> Iterator[Finding]:
    """Yield what differs from `expected`: the SHA-256 of each file by its path."""
    missing = dict(expected)
    try:
        listing = list(list_tree(repository, commit, sizes=False))
    except RepositoryError as error:
        yield Finding("store.projection_differs", error.message, help=error.help)
        return
    with BlobReader(repository) as blobs:
        for entry in listing:
            if entry.path.startswith(f"{DIRECTORY}/"):
                continue
            problem = _problem_of(entry, missing.pop(entry.path, None), blobs)
            if problem:
                yield _differs(entry.path, problem)
    for path in missing:
        yield _differs(path, "is missing")


def _problem_of(entry: TreeEntry, expected: bytes | None, blobs: BlobReader) -> str:
    """Return what is wrong with a file of the branch, empty when nothing is."""
    if expected is None:
        return "does not belong there"
    if entry.mode != "100644":
        return f"has mode {entry.mode}"
    try:
        content = blobs.read(entry.blob_id, limit=MAX_FILE_BYTES)
    except (InvalidValueError, RepositoryError) as error:
        return f"cannot be read: {error.message}"
    return "" if sha256(content) == expected else "is not what the ledger says"


def _differs(path: str, problem: str) -> Finding:
    return Finding(
        "store.projection_differs",
        f"{safe(path)} in the store's branch {problem}",
        Source(path),
        help="do not use the file; find out who changed the branch. The ledger is not affected",
    )


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
