"""The store alone: for commands that look at what was issued, and at no manifest but pki.yaml."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pki_as_code.errors import PkiAsCodeError, RepositoryError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.manifests.tree import PROJECT_FILE, Tree, WorkingTree
from pki_as_code.quiet.note import SETTINGS, read_note, write_note
from pki_as_code.stores import open_store

if TYPE_CHECKING:
    from pki_as_code.stores.interface import Store


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
        uri = _configured_store(repository)
    return open_store(uri, repository, root=repository.root, push=fetch, read_only=read_only)


def _configured_store(repository: GitRepository) -> str:
    """
    Return the store that pki.yaml names.

    It is noted for a pki.yaml without an error: the models of manifests take longer to make than
    all else that such a command does.
    """
    tree: Tree = WorkingTree(repository.root)
    content = None
    with suppress(PkiAsCodeError):  # told where it is loaded
        content = tree.read(PROJECT_FILE)
    digest = None if content is None else hashlib.sha256(content).hexdigest()
    note = read_note(repository.git_dir, SETTINGS)
    if digest is not None and note is not None and note["digest"] == digest:
        return str(note["store"])
    from pki_as_code.manifests.load import load_manifests
    from pki_as_code.manifests.overlay import OverlayTree
    from pki_as_code.workspace.judging import check_findings
    from pki_as_code.workspace.opening import store_uri

    if content is not None:  # the one that was digested, and not another one by now
        tree = OverlayTree(tree, {PROJECT_FILE: content})
    loaded = load_manifests(tree, paths=[PROJECT_FILE])
    check_findings(list(loaded.findings))
    uri = store_uri(loaded.manifests, None)
    if digest is not None:
        with suppress(OSError):  # where nothing can be written it is loaded each time
            write_note(repository.git_dir, {"digest": digest, "store": uri}, SETTINGS)
    return uri
