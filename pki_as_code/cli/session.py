"""Opening what a command works on, and showing what a run did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pki_as_code.cli.console import Console
from pki_as_code.errors import RepositoryError, StoreError
from pki_as_code.escape import safe
from pki_as_code.gitplumbing import GitRepository

if TYPE_CHECKING:
    from pki_as_code.stores.interface import Store
    from pki_as_code.workspace import Workspace
    from pki_as_code.workspace.opening import LookAt

_MOST_NAMED = 3


@contextmanager
def reading(
    console: Console,
    ref: str | None = None,
    *,
    increments: LookAt = "none",
    base: str | None = None,
) -> Iterator[Workspace]:
    """Open the manifests (of the working tree, or of a revision) and the store, to be read only."""
    from pki_as_code.workspace import open_workspace

    workspace = open_workspace(
        console.directory,
        ref=ref,
        store=console.store,
        read_only=True,
        push=not console.offline,
        increments=increments,
        base=base,
    )
    try:
        with naming_offline():
            yield workspace
    finally:
        workspace.store.close()


@contextmanager
def reading_store(console: Console) -> Iterator[Store]:
    """Open the store alone, to be read; takes the same time however many manifests there are."""
    from pki_as_code.workspace.issued import open_issued

    store = open_issued(console.directory, console.store, fetch=not console.offline)
    try:
        with naming_offline():
            yield store
    finally:
        store.close()


@contextmanager
def writing_store(console: Console) -> Iterator[Store]:
    """Open the store alone, to be written, whatever the manifests but pki.yaml look like."""
    from pki_as_code.workspace.issued import open_issued

    store = open_issued(
        console.directory, console.store, fetch=not console.offline, read_only=False
    )
    try:
        yield store
    finally:
        store.close()


@contextmanager
def naming_offline() -> Iterator[None]:
    """For what only reads: say which option does without the remote, when that fails."""
    try:
        yield
    except StoreError as error:
        if error.code in {"store.fetch_failed", "store.behind_remote"}:
            error.help = "check the network and your access; `pkictl --offline` reads what is here"
        raise


@contextmanager
def writing(
    console: Console, ref: str = "HEAD", *, push: bool = True, increments: LookAt = "none"
) -> Iterator[Workspace]:
    """Open a revision and the store, to be written."""
    from pki_as_code.workspace import open_workspace

    repository = GitRepository.discover(console.directory)
    if ref == "HEAD" and repository.head_commit() is None:
        raise RepositoryError(
            "this repository has no commit yet",
            help="`git add -A && git commit` what is to be reconciled",
            code="git.no_commit",
        )
    workspace = open_workspace(
        console.directory,
        ref=ref,
        store=console.store,
        read_only=False,
        push=push and not console.offline,
        increments=increments,
    )
    try:
        yield workspace
    finally:
        workspace.store.close()


@contextmanager
def rebuilding(console: Console) -> Iterator[Store]:
    """Open the store alone, to be repaired; whatever the manifests look like."""
    from pki_as_code.stores import open_store
    from pki_as_code.workspace import load_repository
    from pki_as_code.workspace.opening import store_uri

    repository, _, _, loaded = load_repository(console.directory, None)
    store = open_store(
        store_uri(loaded.manifests, console.store), repository, root=repository.root, push=False
    )
    try:
        yield store
    finally:
        store.close()


def note_uncommitted(console: Console, repository: GitRepository) -> None:
    """Say that what is not committed is not part of the run."""
    from pki_as_code.gitplumbing import uncommitted_paths
    from pki_as_code.quiet.repository_state import MANIFEST_PLACES

    if repository.bare:
        return
    try:
        paths = uncommitted_paths(repository, MANIFEST_PLACES)
    except RepositoryError as error:
        # The run is about a commit: what the working tree looks like does not matter to it.
        console.note(f"what is not committed cannot be told: {error.message}")
        return
    if paths:
        more = ", ..." if len(paths) > _MOST_NAMED else ""
        shown = ", ".join(safe(path) for path in paths[:_MOST_NAMED]) + more
        console.note(f"not committed, hence not part of this run: {shown}")
