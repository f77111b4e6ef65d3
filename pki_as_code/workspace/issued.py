"""The store alone: for commands that look at what was issued, and at no manifest but pki.yaml."""

from __future__ import annotations

from pathlib import Path

from pki_as_code.errors import RepositoryError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.manifests.base import PROJECT_FILE
from pki_as_code.manifests.load import load_manifests
from pki_as_code.manifests.tree import WorkingTree
from pki_as_code.stores import open_store
from pki_as_code.stores.interface import Store
from pki_as_code.workspace.judging import check_findings
from pki_as_code.workspace.opening import store_uri


def open_issued(
    start: Path, store: str | None = None, *, fetch: bool = True, read_only: bool = True
) -> Store:
    """
    Open the store of the repository around `start`; it is the caller's to close.

    Takes the same time however many manifests there are. Without `fetch` no network is used.

    Raises:
        ManifestError: pki.yaml, which may say where the store is, cannot be read.
        RepositoryError, StoreError: there is no repository, the store cannot be opened.
    """
    repository = GitRepository.discover(start)
    uri = store
    if uri is None and repository.bare:
        raise RepositoryError(
            "this is a bare repository, it has no working tree",
            help="name the store: --store git:pki-issued",
            code="git.bare",
        )
    if uri is None:
        loaded = load_manifests(WorkingTree(repository.root), paths=[PROJECT_FILE])
        check_findings(list(loaded.findings))
        uri = store_uri(loaded, None)
    return open_store(uri, repository, root=repository.root, push=fetch, read_only=read_only)
