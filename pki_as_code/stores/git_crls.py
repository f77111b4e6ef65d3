"""CRLs as a store's branch has them, read without the index."""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import BinaryIO, Final

from pki_as_code.gitplumbing import BlobReader, GitRepository, list_tree
from pki_as_code.model import CrlRecord
from pki_as_code.pkix.variables import crl_path
from pki_as_code.stores.refusals import crl_differs, no_crl

MAX_FILE_BYTES: Final = 1 << 30
"""No file of the branch is longer; a CRL of a million entries has a twentieth of it."""


def read_file(repository: GitRepository, commit: str | None, path: str) -> bytes | None:
    """Return the content of one file of a commit, None where there is none."""
    listing = list_tree(repository, commit, path, sizes=False) if commit else ()
    for entry in listing:
        if entry.path == path:
            with BlobReader(repository) as blobs:
                return blobs.read(entry.blob_id, limit=MAX_FILE_BYTES)
    return None


def open_crl(
    repository: GitRepository,
    commit: str | None,
    record: CrlRecord | None,
    issuer: str,
    scope: str,
) -> BinaryIO:
    """
    Open the file of a CRL in a commit, which must be the one that the ledger tells of.

    Raises `NotFoundError`, `StoreError` (`store.projection_differs`).
    """
    found = read_file(repository, commit, crl_path(issuer, scope))
    if found is None or record is None:
        raise no_crl(issuer, scope)
    if hashlib.sha256(found).hexdigest() != record.digest:
        raise crl_differs(issuer, scope)
    return BytesIO(found)
