"""
Whether the commits that a run would act on are by those whom the repository names.

What is believed is what the commit reconciled last says, never what is judged: neither a key nor
the end of the rule comes into force by the change that brings it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from pki_as_code.errors import InvalidValueError, NotFoundError
from pki_as_code.gitplumbing import (
    CommitChange,
    GitRepository,
    RevisionTree,
    changes_between,
    cut_commits,
    read_commits,
    takes_back,
)
from pki_as_code.gitplumbing.process import AS_STORED
from pki_as_code.manifests.load import load_manifests
from pki_as_code.manifests.project import Project
from pki_as_code.manifests.tree import PLACES, PROJECT_FILE
from pki_as_code.model import Finding, Identity, Severity
from pki_as_code.plan.signers import (
    ALLOWED_GPG_KEYS,
    ALLOWED_SIGNERS,
    TRUST_FILES,
    Signers,
    identify,
    identity_finding,
    parse_signers,
)
from pki_as_code.workspace.moved_store import moved_store

if TYPE_CHECKING:
    from pki_as_code.workspace.view import Workspace

JUDGED_PLACES: Final = (PROJECT_FILE, *PLACES, *TRUST_FILES)
"""What only commits by people who are believed may change."""

_SIDES_OF_A_MERGE: Final = 2


@dataclass(frozen=True, slots=True)
class _Range:
    """Which commits are judged, and by what."""

    anchor: str
    """The commit whose `allowed_signers` are believed."""

    base: str
    """What is judged comes after it; empty for everything."""

    commit: str
    begins: bool = False
    """No commit was reconciled under the rule yet: it begins with the anchor."""


def trust_findings(workspace: Workspace, now: datetime) -> list[Finding]:
    """
    Return an error for each commit since the last reconciled one that is not by whom it should be.

    Nothing unless `trust.requireSignedCommits` is set, here or in the commit reconciled last; and
    nothing else where the store, which names that commit, is not the one that it was.
    """
    moved = moved_store(workspace, where_signed=True)
    if moved is not None:
        return [moved]
    commits = _range_of(workspace)
    if commits is None:
        return []
    repository = workspace.repository
    if commits.base and not repository.has_commit(commits.base):
        return [_history_missing(commits.base)]
    signers = signers_at(repository, commits.anchor, now)
    notes = [*signers.findings]
    if commits.begins:
        notes.append(_begins(commits.anchor))
    if _is_cut(repository, commits):
        return [_history_missing(commits.base or commits.anchor)]
    changes = changes_between(repository, commits.base, commits.commit, JUDGED_PLACES)
    return [*notes, *judge_commits(repository, changes, signers)]


def judge_commits(
    repository: GitRepository, changes: Sequence[CommitChange], signers: Signers
) -> Iterator[Finding]:
    """Yield an error for each commit whose author is not known for certain."""
    identities = identify_commits(repository, [change.commit for change in changes], signers)
    for change in changes:
        identity = identities[change.commit]
        if not identity.fault:
            continue
        paths = change.paths
        if len(change.parents) == _SIDES_OF_A_MERGE:
            # A merge that brings nothing of its own is whatever those say who made what it joins.
            paths = takes_back(repository, change)
            if not paths:
                continue
        yield identity_finding(identity, paths)


def identify_commits(
    repository: GitRepository, commits: Sequence[str], signers: Signers
) -> Mapping[str, Identity]:
    """Return who made each of these commits."""
    read = read_commits(repository, commits, signers.allowed_signers)
    return {id: identify(commit, signers) for id, commit in read.items()}


def signers_at(repository: GitRepository, commit: str, now: datetime) -> Signers:
    """Return whose signatures are believed by what a commit says; nobody's without the files."""
    with RevisionTree(repository, commit) as tree:
        return parse_signers(_read(tree, ALLOWED_SIGNERS), _read(tree, ALLOWED_GPG_KEYS), now)


def believed_signers(workspace: Workspace, now: datetime) -> Signers:
    """Return whose signatures a run believes: by the commit reconciled last, else by its own."""
    repository = workspace.repository
    base = workspace.store.last_reconciled() or ""
    known = moved_store(workspace, where_signed=True) is None
    anchor = anchor_of(repository, base if known else None, workspace.commit)
    return signers_at(repository, anchor, now) if anchor else Signers()


def anchor_of(repository: GitRepository, base: str | None, commit: str) -> str:
    """
    Return the commit whose word counts, of signers and owners; empty for nobody's.

    That is `base`; None is of nobody. What is looked at speaks for itself only where there is none:
    in a clone that does not have the base it would else be enough to cut it off.
    """
    if base == "":
        return commit
    return base if base and repository.has_commit(base) else ""


def _read(tree: RevisionTree, path: str) -> bytes:
    try:
        return tree.read(path)
    except (NotFoundError, InvalidValueError):  # a link, say: whatever it names, it is not believed
        return b""


def moves_trust(workspace: Workspace) -> bool:
    """Tell whether the rule holds, and the commits since the last reconciled one change by whom."""
    commits = _range_of(workspace)
    if commits is None:
        return False
    if commits.begins:
        return True
    if not workspace.repository.has_commit(commits.base):
        return False
    changed = workspace.repository.changed_paths(commits.base, commits.commit)
    return any(change.path in _RULING or change.path.startswith(_RULED) for change in changed)


_RULING: Final = frozenset({PROJECT_FILE, *TRUST_FILES})
_RULED: Final = ("certificates/", "policies/")


def requires_signatures(workspace: Workspace) -> bool:
    """Tell whether commits have to be signed, here or by the commit reconciled last."""
    return _requires(workspace.loaded.manifests.project) or _range_of(workspace) is not None


def _range_of(workspace: Workspace) -> _Range | None:
    """Return what is to be judged; None for nothing."""
    commit = workspace.commit or workspace.repository.head_commit() or ""
    base = workspace.store.last_reconciled() or ""
    if not commit or commit == base:
        return None
    required = _requires(workspace.loaded.manifests.project)
    repository = workspace.repository
    known = bool(base) and repository.has_commit(base)
    if known and _required_at(repository, base, commit, required=required):
        return _Range(base, base, commit)
    if not required:
        return None
    return _beginning(repository, base, commit) if known or not base else _Range(base, base, commit)


def _beginning(repository: GitRepository, base: str, commit: str) -> _Range:
    """
    Return what is judged before a commit was reconciled under the rule: all since it was written.

    Not the last commit alone, since a run that leaves something open records no commit; who was
    believed at the beginning is believed until one does.
    """
    without = [f"^{base}"] if base else []
    listed = repository.run(
        *AS_STORED, "rev-list", "--first-parent", commit, *without, "--", PROJECT_FILE
    ).decode("ascii")
    anchor = commit
    for id in listed.split():
        if not _project_requires(repository, id):
            break
        anchor = id
    return _Range(anchor, repository.ref_value(f"{anchor}^1") or "", commit, begins=True)


def _requires(project: object) -> bool:
    manifest = getattr(project, "manifest", None)
    return isinstance(manifest, Project) and manifest.spec.trust.require_signed_commits


def _required_at(repository: GitRepository, base: str, commit: str, *, required: bool) -> bool:
    """Tell whether the base asks for signatures; where its pki.yaml cannot be read, it does."""
    revisions = (f"{base}:{PROJECT_FILE}", f"{commit}:{PROJECT_FILE}")
    before, after = (repository.ref_value(revision) for revision in revisions)
    if before == after:
        return required
    if before is None:
        return False
    return _project_requires(repository, base)


def _project_requires(repository: GitRepository, commit: str) -> bool:
    with RevisionTree(repository, commit) as tree:
        project = load_manifests(tree, paths=[PROJECT_FILE]).manifests.project
    return project is None or _requires(project)


def _is_cut(repository: GitRepository, commits: _Range) -> bool:
    """Tell whether a shallow clone ends in the middle of the range: more could be behind it."""
    cut = cut_commits(repository)
    if not cut:
        return False
    without = [f"^{commits.base}"] if commits.base else []
    output = repository.run(*AS_STORED, "rev-list", commits.commit, *without)
    return not cut.isdisjoint(output.decode("ascii").split())


def _history_missing(base: str) -> Finding:
    return Finding(
        "trust.history_missing",
        f"this clone does not have every commit since {base[:12]}, so nobody can tell who made "
        "them",
        help="fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` in CI",
    )


def _begins(commit: str) -> Finding:
    return Finding(
        "trust.begins",
        f"signatures are required from commit {commit[:12]} on; who made what was there before is "
        "not looked at",
        severity=Severity.INFO,
        help="review what is there: it is believed from now on",
    )
