"""
What a command or a form asks for, as a change in git: check it, write it, commit it, reconcile it.

Nothing is written before the change was planned as if it were committed and the keys it needs were
opened: a request that cannot be carried out leaves no trace.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.outcome import Outcome, Settings
from pki_as_code.apply.reconcile import check_run, reconcile
from pki_as_code.apply.signed import check_may_commit
from pki_as_code.durable import write_file_atomically
from pki_as_code.errors import IssuanceError, PolicyDeniedError, RepositoryError
from pki_as_code.gitplumbing import GitRepository, uncommitted_paths
from pki_as_code.gitrepo import commit_paths, commit_to_branch
from pki_as_code.keys.interface import Secrets
from pki_as_code.manifests.load import load_manifests
from pki_as_code.manifests.overlay import OverlayTree
from pki_as_code.manifests.tree import check_relative, git_mode, not_regular
from pki_as_code.model import ObjectId, Plan, Severity
from pki_as_code.plan.guards import guard_plan
from pki_as_code.plan.policy_findings import only_denied
from pki_as_code.workspace import Workspace

NOT_DONE = frozenset(
    {"certificate.revoked", "revocation.still_held", "authority.waits_for_ceremony"}
)
"""Warnings of a plan that say why an object is left as it is."""


@dataclass(frozen=True, slots=True)
class Submission:
    """Files to write, and the objects that are then to be reconciled."""

    files: Mapping[str, bytes]
    """Path below the root -> content."""

    objects: frozenset[ObjectId]
    message: str


def preview(
    workspace: Workspace, submission: Submission, now: datetime, *, proposal: bool = False
) -> tuple[Workspace, Plan]:
    """
    Plan the submission as if it were committed on top of the workspace's revision.

    A proposal is reconciled by somebody else, later: the limits of one run are for that run to
    check, and the only way to do more than usual is to propose it.

    Raises:
        ManifestError, UnsafePlanError, IssuanceError, PolicyDeniedError: it cannot be carried
            out; nothing was written.
    """
    overlay = OverlayTree(workspace.tree, submission.files)
    imagined = replace(workspace, tree=overlay, loaded=load_manifests(overlay))
    plan = imagined.plan(now, submission.objects)
    if plan.refused or not proposal:
        guard_plan(plan, imagined.loaded.manifests, {})
    # In a plan of everything a warning; here, the reason why what was asked for is not done.
    told = [f for f in plan.findings if f.severity is Severity.ERROR or f.code in NOT_DONE]
    if told:
        findings = [replace(finding, severity=Severity.ERROR) for finding in told]
        refusal = PolicyDeniedError if only_denied(findings) else IssuanceError
        raise refusal(told[0].message, help=told[0].help, code=told[0].code, findings=findings)
    return imagined, plan


def write_files(repository: GitRepository, files: Mapping[str, bytes]) -> None:
    """
    Write the files into the working tree.

    Raises:
        RepositoryError: one of them has changes there that are not committed.
        InvalidValueError: one of them is, or would lie behind, something else than a directory;
            `path.symlink`, `path.special`, `path.outside`. Nothing was written.
    """
    for path in files:
        check_writable_place(repository.root, path)
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

    1. Plan it as if it were committed; check that a run may go on from here; open the keys.
    2. Write and commit its own files.
    3. Reconcile its objects at the new commit.
    """
    imagined, plan = preview(workspace, submission, now)
    check_may_commit(workspace)
    issuers = Issuers(imagined, secrets)
    check_run(workspace, Settings(issuers, now))
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
    """
    Commit the submission to a branch, for a pull request; returns the commit's id.

    Raises:
        RepositoryError: the branch is checked out, is none, or is the store's.
    """
    if workspace.store.uri == f"git:{branch}":
        raise RepositoryError(
            f"branch {branch!r} is the store, which only pkictl writes to",
            help="name another branch",
            code="git.store_branch",
        )
    return commit_to_branch(workspace.repository, branch, submission.files, submission.message)


def check_writable_place(root: Path, path: str) -> None:
    """
    Raise `InvalidValueError` unless `path` can be written without leaving the working tree.

    A directory that is a symbolic link would have it written where the link leads.
    """
    check_relative(path)
    *directories, _ = path.split("/")
    place = root
    for name in directories:
        place /= name
        if os.path.lexists(place) and not stat.S_ISDIR(mode := place.lstat().st_mode):
            raise not_regular(path, git_mode(mode))
    target = root / path
    if os.path.lexists(target) and not stat.S_ISREG(mode := target.lstat().st_mode):
        raise not_regular(path, git_mode(mode))


def _differs(path: Path, data: bytes) -> bool:
    """Tell whether writing `data` would lose something: the same content twice loses nothing."""
    return path.is_file() and path.read_bytes() != data
