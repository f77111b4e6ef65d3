"""The desired and the issued side by side. Reads only; `apply` is where things change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509

from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.gitrepo import is_tracked
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.load import LoadResult, ManifestSet, load_manifests
from pki_as_code.manifests.tree import Tree
from pki_as_code.model import (
    Finding,
    ObjectId,
    Plan,
)
from pki_as_code.plan.authorities import committed_key, key_path
from pki_as_code.plan.observation import Observation, PlanFrame
from pki_as_code.plan.planner import make_plan
from pki_as_code.plan.validate import Desired, resolve_all, validate_manifests
from pki_as_code.stores.interface import Store
from pki_as_code.workspace.judging import (
    about,
    check_findings,
    concerns_all,
    judge_changes,
    load_certificates,
    without_faulty,
)
from pki_as_code.workspace.observing import observe


@dataclass(frozen=True)
class Workspace:
    """One revision (or the working tree) of a repository, and the store of what it issued."""

    repository: GitRepository
    commit: str
    """The revision that is looked at; empty for the working tree."""

    tree: Tree
    loaded: LoadResult
    store: Store

    @property
    def root(self) -> Path:
        return self.repository.root

    def at(self, commit: str) -> Workspace:
        """Return the same repository and store at another commit."""
        tree = RevisionTree(self.repository, commit)
        return replace(self, commit=commit, tree=tree, loaded=load_manifests(tree))

    def plan(self, now: datetime, only: Collection[ObjectId] = ()) -> Plan:
        """
        Plan everything, or the objects in `only`.

        An error in one certificate, revocation or watcher is a finding of the plan and keeps that
        object out of it; what cannot be read, and what administrators share, concerns all.

        Raises:
            ManifestError: there are errors that concern all; `findings` has them.
            StoreError: the store cannot be read.
        """
        desired = resolve_all(self.loaded.manifests)
        findings = [
            *committed_keys(self.repository, self.commit, self.loaded.manifests),
            *validate_manifests(desired, now, drafts=False),
        ]
        if only:
            findings = about(findings, only, desired)
            check_findings([*about(self.loaded.findings, only, desired), *findings])
        else:
            check_findings(self.loaded.findings)
        check_findings([finding for finding in findings if concerns_all(finding)])
        observation = self.observe(desired, now)
        frame = PlanFrame(
            commit=self.commit,
            base=self.store.last_reconciled() or "",
            store=self.store.uri,
            now=now,
            only=frozenset(only),
        )
        plan = make_plan(desired, observation, frame)
        problems = judge_changes(plan, desired, observation, self.store, now)
        return without_faulty(plan, [*findings, *problems])

    def observe(self, desired: Desired, now: datetime) -> Observation:
        """Ask the store for what a plan of `desired` needs to know."""
        return observe(desired, self.store, self.repository, self.tree, now)

    def authority_certificates(self) -> Mapping[str, x509.Certificate]:
        return load_certificates(self.store.authorities())


def committed_keys(repository: GitRepository, commit: str, manifests: ManifestSet) -> list[Finding]:
    """Return a finding for each authority whose key is in the commit, or in the index."""
    return [
        committed_key(authority)
        for authority in manifests.of(CertificateAuthority).values()
        if (path := key_path(authority)) and is_tracked(repository, path, commit)
    ]
