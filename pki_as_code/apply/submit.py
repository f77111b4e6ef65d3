"""
What a command or a form asks for, as a change in git: check it, write it, commit it, reconcile it.

Nothing is written before the change was planned as if it were committed and the keys it needs were
opened: a request that cannot be carried out leaves no trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.reconcile import reconcile
from pki_as_code.apply.run import Outcome, Settings
from pki_as_code.durable import write_file_atomically
from pki_as_code.errors import RepositoryError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.gitrepo import commit_paths, commit_to_branch, uncommitted_paths
from pki_as_code.keys.interface import Secrets
from pki_as_code.manifests.load import load_manifests
from pki_as_code.manifests.overlay import OverlayTree
from pki_as_code.model import ObjectId, Plan
from pki_as_code.plan.guards import guard_plan
from pki_as_code.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Submission:
    """Files to write, and the objects that are then to be reconciled."""

    files: Mapping[str, bytes]
    """Path below the root -> content."""

    objects: frozenset[ObjectId]
    message: str


def preview(workspace: Workspace, submission: Submission, now: datetime) -> tuple[Workspace, Plan]:
    """
    Plan the submission as if it were committed on top of the workspace's revision.

    Raises:
        ManifestError, UnsafePlanError: it cannot be carried out; nothing was written.
    """
    overlay = OverlayTree(workspace.tree, submission.files)
    imagined = replace(workspace, tree=overlay, loaded=load_manifests(overlay))
    plan = imagined.plan(now, submission.objects)
    guard_plan(plan, imagined.loaded.manifests, {})
    return imagined, plan


def write_files(repository: GitRepository, files: Mapping[str, bytes]) -> None:
    """
    Write the files into the working tree.

    Raises:
        RepositoryError: one of them has changes there that are not committed.
    """
    changed = set(uncommitted_paths(repository, sorted(files)))
    lost = [path for path in sorted(changed) if _differs(repository.root / path, files[path])]
    if lost:
        raise RepositoryError(
            f"{', '.join(lost)} has changes that are not committed",
            help="commit or undo them first",
            code="git.uncommitted",
        )
    for path, data in files.items():
        target = repository.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != data:
            write_file_atomically(target, data)


def submit(
    workspace: Workspace,
    submission: Submission,
    secrets: Secrets,
    now: datetime,
    on_plan: Callable[[Plan], None],
) -> Iterator[Outcome]:
    """
    Commit the submission to the current branch and reconcile its objects, and nothing else.

    1. Plan it as if it were committed; open the keys it needs.
    2. Write and commit its own files.
    3. Reconcile its objects at the new commit.
    """
    imagined, plan = preview(workspace, submission, now)
    issuers = Issuers(imagined, secrets)
    issuers.check(plan.changes)
    repository = workspace.repository
    commit = workspace.commit
    if submission.files:
        write_files(repository, submission.files)
        commit = commit_paths(repository, sorted(submission.files), submission.message)
    committed = imagined.at(commit)
    settings = Settings(issuers.of(committed), now, submission.objects)
    yield from reconcile(committed, settings, on_plan)


def submit_to_branch(workspace: Workspace, submission: Submission, branch: str) -> str:
    """Commit the submission to a branch, for a pull request; returns the commit's id."""
    return commit_to_branch(workspace.repository, branch, submission.files, submission.message)


def _differs(path: Path, data: bytes) -> bool:
    """Tell whether writing `data` would lose something: the same content twice loses nothing."""
    return path.is_file() and path.read_bytes() != data
