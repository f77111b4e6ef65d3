"""From a directory and a revision to a workspace."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pki_as_code.errors import RepositoryError, StoreError
from pki_as_code.gitplumbing import GitRepository, RevisionTree, deepen, remote_url
from pki_as_code.increments.planning import Increments
from pki_as_code.increments.scope import SHARED
from pki_as_code.manifests.load import LoadResult, ManifestSet, load_manifests
from pki_as_code.manifests.project import FULL_EVERY, store_named_by
from pki_as_code.manifests.tree import Tree, WorkingTree
from pki_as_code.stores import open_store
from pki_as_code.stores.interface import Store
from pki_as_code.workspace.trust_base import load_trust_base
from pki_as_code.workspace.view import Workspace

_REMOTE = "origin"

LookAt = Literal["none", "use", "renew"]
"""How plans deal with the memo of an earlier one."""


def load_repository(
    start: Path,
    ref: str | None,
    *,
    second_gate: bool = False,
    paths: Collection[str] | None = None,
) -> tuple[GitRepository, str, Tree, LoadResult]:
    """
    Load the manifests of a revision, or of the working tree when `ref` is None; all, or `paths`.

    Returns the repository, the commit id (empty for the working tree), the files, and what was
    loaded from them.
    """
    repository = GitRepository.discover(start)
    if ref is None:
        if repository.bare:
            raise RepositoryError(
                "this is a bare repository, it has no working tree",
                help="name a revision: --ref main",
                code="git.bare",
            )
        tree: Tree = WorkingTree(repository.root)
        commit = ""
    else:
        commit = repository.resolve_revision(ref)
        tree = RevisionTree(repository, commit)
    return repository, commit, tree, load_manifests(tree, second_gate=second_gate, paths=paths)


def store_uri(manifests: ManifestSet, override: str | None) -> str:
    """Return which store is meant: the option or `PKI_STORE`, else pki.yaml's, else the default."""
    project = manifests.project
    return override or store_named_by(project.manifest if project else None)


def open_workspace(
    start: Path,
    *,
    ref: str | None,
    store: str | None = None,
    read_only: bool = True,
    push: bool = True,
    increments: LookAt = "none",
    base: str | None = None,
) -> Workspace:
    """
    Load the manifests and open the store.

    With `increments` (of a revision) plans look only at what can have changed since the last plan
    that was remembered, or `renew` that one by looking at everything.

    With a `base` (a revision) its policies and settings hold as well, and its store is opened: a
    change under review does not say what is connected to.

    A shallow clone that does not reach back to what was reconciled last is deepened, when it is
    opened to write and with its remotes (`push`).

    Errors in the manifests are kept in `loaded`; `plan` raises them, all at once.
    """
    shared = SHARED if ref is not None and increments != "none" else None
    repository, commit, tree, loaded = load_repository(start, ref, paths=shared)
    trust_base = load_trust_base(repository, base) if base is not None else None
    uri = store_uri((trust_base or loaded).manifests, store)
    opened = open_store(uri, repository, root=repository.root, push=push, read_only=read_only)
    if commit and push and not read_only:
        _complete_history(repository, commit, loaded, opened)
    kept = None
    if shared is not None and isinstance(tree, RevisionTree):
        project = loaded.manifests.project
        kept = Increments(
            repository,
            tree,
            opened,
            full=increments == "renew",
            full_every=project.manifest.spec.full_every if project else FULL_EVERY,
        )
    return Workspace(
        repository, commit, tree, loaded, opened, kept, trust_base, store_is_given=bool(store)
    )


def _complete_history(
    repository: GitRepository, commit: str, loaded: LoadResult, store: Store
) -> None:
    """
    Fetch the history between what was reconciled last and `commit`; all, where it is judged.

    Where it cannot be, or the store not be read, whoever needs it next says so.
    """
    if not repository.is_shallow() or remote_url(repository, _REMOTE) is None:
        return
    project = loaded.manifests.project
    signed = project is not None and project.manifest.spec.trust.require_signed_commits
    with suppress(RepositoryError, StoreError):
        if signed or store.last_reconciled() not in {None, commit}:
            deepen(repository, _REMOTE, commit)
