"""Opening what a command works on, and showing what a run did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pki_as_code.cli.console import Console
from pki_as_code.errors import (
    RepositoryError,
)
from pki_as_code.escape import safe
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.gitrepo import uncommitted_paths
from pki_as_code.stores import open_store
from pki_as_code.stores.interface import Store
from pki_as_code.workspace import Workspace, load_repository, open_workspace
from pki_as_code.workspace.opening import store_uri

MANIFEST_PLACES = (
    "pki.yaml", "authorities", "profiles", "policies", "revocations", "watchers", "certificates",
)  # fmt: skip


_MOST_NAMED = 3


@contextmanager
def reading(console: Console, ref: str | None = None) -> Iterator[Workspace]:
    """Open the manifests (of the working tree, or of a revision) and the store, to be read only."""
    workspace = open_workspace(console.directory, ref=ref, store=console.store, read_only=True)
    try:
        yield workspace
    finally:
        workspace.store.close()


@contextmanager
def writing(console: Console, ref: str = "HEAD", *, push: bool = True) -> Iterator[Workspace]:
    """Open a revision and the store, to be written."""
    repository = GitRepository.discover(console.directory)
    if ref == "HEAD" and repository.head_commit() is None:
        raise RepositoryError(
            "this repository has no commit yet",
            help="`git add -A && git commit` what is to be reconciled",
            code="git.no_commit",
        )
    workspace = open_workspace(
        console.directory, ref=ref, store=console.store, read_only=False, push=push
    )
    try:
        yield workspace
    finally:
        workspace.store.close()


@contextmanager
def rebuilding(console: Console) -> Iterator[Store]:
    """Open the store alone, to be repaired; whatever the manifests look like."""
    repository, _, _, loaded = load_repository(console.directory, None)
    store = open_store(
        store_uri(loaded, console.store), repository, root=repository.root, push=False
    )
    try:
        yield store
    finally:
        store.close()


def note_uncommitted(console: Console, repository: GitRepository) -> None:
    """Say that what is not committed is not part of the run."""
    if repository.bare:
        return
    paths = uncommitted_paths(repository, MANIFEST_PLACES)
    if paths:
        more = ", ..." if len(paths) > _MOST_NAMED else ""
        shown = ", ".join(safe(path) for path in paths[:_MOST_NAMED]) + more
        console.note(f"not committed, hence not part of this run: {shown}")
