"""
The git program, run so that a hostile clone stays inert. Nothing else starts it.

Hooks, fsmonitor, replace objects, filters of the working tree, external diff and lazy fetches are
off, the environment is fixed, and no user text is ever an option.
"""

from __future__ import annotations

from pki_as_code.gitplumbing.blobs import BlobReader
from pki_as_code.gitplumbing.creation import make_repository
from pki_as_code.gitplumbing.remotes import (
    PushResult,
    PushStatus,
    fetch_ref,
    push_ref,
    remote_ref,
    remote_url,
)
from pki_as_code.gitplumbing.repository import GitRepository, PathChange
from pki_as_code.gitplumbing.status import uncommitted_paths
from pki_as_code.gitplumbing.trees import MAX_FILE_SIZE, RevisionTree, TreeEntry, list_tree

__all__ = [
    "MAX_FILE_SIZE",
    "BlobReader",
    "GitRepository",
    "PathChange",
    "PushResult",
    "PushStatus",
    "RevisionTree",
    "TreeEntry",
    "fetch_ref",
    "list_tree",
    "make_repository",
    "push_ref",
    "remote_ref",
    "remote_url",
    "uncommitted_paths",
]
