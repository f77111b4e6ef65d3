"""
Whether the store is the one that it always was, where it says who is believed.

Which commit was reconciled last is in the store, whose keys count is in that commit, and which
store it is stands in pki.yaml: in what is judged. Whoever names a store of his own there would else
be judged by himself. So a store that was moved is named by whoever runs the program, outside of the
repository.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pki_as_code.gitplumbing import RevisionTree, cut_commits
from pki_as_code.gitplumbing.last_commits import versions_of
from pki_as_code.manifests.load import load_manifests
from pki_as_code.manifests.project import Project, store_named_by
from pki_as_code.manifests.tree import PROJECT_FILE
from pki_as_code.model import Finding, Source

if TYPE_CHECKING:
    from pki_as_code.workspace.view import Workspace


def moved_store(workspace: Workspace, *, where_signed: bool) -> Finding | None:
    """
    Return the error that pki.yaml named another store earlier, or that this cannot be told.

    `where_signed`: only by versions of it that ask for signed commits. None where the store is not
    named by pki.yaml, but by an option or PKI_STORE.
    """
    repository = workspace.repository
    commit = workspace.commit or repository.head_commit()
    if workspace.store_is_given or not commit:
        return None
    project = workspace.loaded.manifests.project
    named = store_named_by(project.manifest if project else None)
    for id in versions_of(repository, commit, PROJECT_FILE):
        with RevisionTree(repository, id) as tree:
            loaded = load_manifests(tree, paths=[PROJECT_FILE]).manifests.project
        if loaded is None:
            continue  # it cannot be read, and so named none
        before = loaded.manifest
        counts = before.spec.trust.require_signed_commits or not where_signed
        if counts and store_named_by(before) != named:
            return _moved(id)
    signed = _requires(project.manifest if project else None) or not where_signed
    return _cut() if signed and cut_commits(repository) else None


def _requires(project: Project | None) -> bool:
    return project is not None and project.spec.trust.require_signed_commits


def _moved(commit: str) -> Finding:
    return Finding(
        "trust.store_moved",
        f"pki.yaml names another store than in commit {commit[:12]}: a store says who is believed, "
        "and no change brings along its own",
        Source(PROJECT_FILE, 1, 1),
        help="undo it; or, when the store was moved, name the new one where you run this, with "
        "--store or PKI_STORE",
    )


def _cut() -> Finding:
    return Finding(
        "trust.history_missing",
        "this clone was cut off, so nobody can tell whether pki.yaml always named this store",
        help="fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` in CI; or name "
        "the store with --store or PKI_STORE",
    )
