"""
The git program, run so that a hostile clone stays inert. Nothing else starts it.

Hooks, fsmonitor, replace objects, filters of the working tree, external diff and lazy fetches are
off, the environment is fixed, and no user text is ever an option.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pki_as_code.gitplumbing.blobs import BlobReader
    from pki_as_code.gitplumbing.creation import make_repository
    from pki_as_code.gitplumbing.file_signatures import fitting, sign_with_key, verify_files
    from pki_as_code.gitplumbing.remotes import (
        PushResult,
        PushStatus,
        deepen,
        fetch_ref,
        push_ref,
        remote_ref,
        remote_url,
    )
    from pki_as_code.gitplumbing.repository import GitRepository, PathChange
    from pki_as_code.gitplumbing.signatures import (
        CommitChange,
        changes_between,
        cut_commits,
        read_commits,
        takes_back,
    )
    from pki_as_code.gitplumbing.status import uncommitted_paths
    from pki_as_code.gitplumbing.trees import (
        MAX_FILE_SIZE,
        RevisionTree,
        TreeEntry,
        list_paths,
        list_tree,
    )

__all__ = [
    "MAX_FILE_SIZE",
    "BlobReader",
    "CommitChange",
    "GitRepository",
    "PathChange",
    "PushResult",
    "PushStatus",
    "RevisionTree",
    "TreeEntry",
    "changes_between",
    "cut_commits",
    "deepen",
    "fetch_ref",
    "fitting",
    "list_paths",
    "list_tree",
    "make_repository",
    "push_ref",
    "read_commits",
    "remote_ref",
    "remote_url",
    "sign_with_key",
    "takes_back",
    "uncommitted_paths",
    "verify_files",
]

_HOMES: Final = {
    "BlobReader": "blobs",
    "CommitChange": "signatures",
    "GitRepository": "repository",
    "MAX_FILE_SIZE": "trees",
    "PathChange": "repository",
    "PushResult": "remotes",
    "PushStatus": "remotes",
    "RevisionTree": "trees",
    "TreeEntry": "trees",
    "changes_between": "signatures",
    "cut_commits": "signatures",
    "deepen": "remotes",
    "fetch_ref": "remotes",
    "fitting": "file_signatures",
    "list_paths": "trees",
    "list_tree": "trees",
    "make_repository": "creation",
    "push_ref": "remotes",
    "read_commits": "signatures",
    "remote_ref": "remotes",
    "remote_url": "remotes",
    "sign_with_key": "file_signatures",
    "takes_back": "signatures",
    "uncommitted_paths": "status",
    "verify_files": "file_signatures",
}
"""Imported when they are asked for: a run with nothing to do starts git and needs little else."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
