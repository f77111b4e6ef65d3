"""The desired and the issued side by side. Reads only; `apply` is where things change."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography import x509

from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.gitrepo import tracked_paths
from pki_as_code.increments.planning import Increments
from pki_as_code.increments.scope import Basis, Scope
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.load import LoadResult, ManifestSet, load_manifests
from pki_as_code.manifests.tree import Tree
from pki_as_code.model import (
    Finding,
    ObjectId,
    Plan,
    Severity,
)
from pki_as_code.plan.authorities import committed_key, key_path, key_uri
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.observation import GivenCrl, Observation, PlanFrame
from pki_as_code.plan.planner import make_plan
from pki_as_code.plan.policy_judging import TrustBase
from pki_as_code.plan.responders import responder_key_uri
from pki_as_code.plan.validate import Desired, resolve_all, validate_manifests
from pki_as_code.rules.evaluator import Rules
from pki_as_code.stores.interface import Store
from pki_as_code.workspace.endorsing import Endorsing, asks_who_signed
from pki_as_code.workspace.judging import (
    about,
    check_findings,
    concerns_all,
    judge_changes,
    linting_of,
    load_certificates,
    without_faulty,
    without_old_notices,
)
from pki_as_code.workspace.moved_store import moved_store
from pki_as_code.workspace.observing import observe
from pki_as_code.workspace.policy_rules import rule_findings
from pki_as_code.workspace.trust_base import base_findings


@dataclass(frozen=True)
class Workspace:
    """One revision (or the working tree) of a repository, and the store of what it issued."""

    repository: GitRepository
    commit: str
    """The revision that is looked at; empty for the working tree."""

    tree: Tree
    loaded: LoadResult
    """All manifests; with `increments` only those that every plan stands on."""

    store: Store
    increments: Increments | None = None
    """What a plan need not look at; None when each looks at everything."""

    base: TrustBase | None = None
    """A revision whose policies hold as well; None when those of this one decide."""

    store_is_given: bool = False
    """Whoever runs the program named the store, and not pki.yaml."""

    @property
    def root(self) -> Path:
        return self.repository.root

    @cached_property
    def linting(self) -> Linting:
        """Which linters judge what would be signed, and what their findings count as."""
        return linting_of(self.loaded.manifests, self.base)

    @cached_property
    def _desired(self) -> Desired:
        """What the manifests ask for: every CSR is read and verified, once for all plans."""
        return resolve_all(self.loaded.manifests)

    def at(self, commit: str) -> Workspace:
        """Return the same repository and store at another commit."""
        tree = RevisionTree(self.repository, commit)
        return replace(self, commit=commit, tree=tree, loaded=load_manifests(tree), increments=None)

    def plan(
        self,
        now: datetime,
        only: Collection[ObjectId] = (),
        lost_keys: Collection[ObjectId] = (),
        *,
        retry: bool = False,
        remember: bool = False,
    ) -> Plan:
        """
        Plan everything, or the objects in `only`; with `retry` also what failed a while ago.

        `lost_keys` are OCSP responders whose key is gone, as far as somebody may look. Where there
        are `increments`, what cannot have changed since the plan that was remembered last is not
        looked at; with `remember` this one is.

        An error in one certificate, revocation or watcher is a finding of the plan and keeps that
        object out of it; what cannot be read, and what administrators share, concerns all.

        Raises:
            ManifestError: there are errors that concern all; `findings` has them.
            StoreError: the store cannot be read.
        """
        head = self.store.head()
        basis = self._basis(now)
        desired = basis.desired
        frame = PlanFrame(
            commit=self.commit,
            base=self.store.last_reconciled() or "",
            store=self.store.uri,
            now=now,
            only=frozenset(only),
            retry=retry,
            linting=self.linting,
        )
        with Rules() as rules:
            findings = self._checked(basis, now, only, rules)
            observed = self.observe(desired, now, basis.scope)
            observation = replace(observed, lost_keys=frozenset(lost_keys))
            made = without_old_notices(make_plan(desired, observation, frame), basis.scope)
            made, problems = self._judged(made, desired, observation, frame, rules)
        plan = without_faulty(made, [*findings, *problems])
        if self.increments is not None and remember and not (only or retry):
            self.increments.remember(made, plan, basis, observation, head)
        return plan

    def _checked(
        self, basis: Basis, now: datetime, only: Collection[ObjectId], rules: Rules
    ) -> list[Finding]:
        """Return what is wrong with single objects. Raises `ManifestError` for the rest."""
        desired = basis.desired
        findings = [
            *committed_keys(self.repository, self.commit, desired.manifests),
            *validate_manifests(desired, now, self.linting, drafts=False),
            *rule_findings(desired.manifests, rules),
            *base_findings(desired.manifests, self.base),
        ]
        if only:
            findings = about(findings, only, desired)
            check_findings([*about(basis.loaded.findings, only, desired), *findings])
        else:
            check_findings(basis.loaded.findings)
        check_findings([finding for finding in findings if concerns_all(finding)])
        return findings

    def _judged(
        self,
        made: Plan,
        desired: Desired,
        observation: Observation,
        frame: PlanFrame,
        rules: Rules,
    ) -> tuple[Plan, list[Finding]]:
        """Judge what would be signed, with who stands behind it (`judge_changes`)."""
        base = self.base.manifests if self.base is not None else None
        believed, moved = self._believed(desired.manifests, frame.base)
        endorsing = Endorsing(self.repository, self.commit, self.tree, believed, frame.now)
        endorsements, unsigned = endorsing.endorsements(made, desired.manifests, base)
        observation = replace(observation, endorsements=endorsements)
        judged, problems = judge_changes(
            made, desired, observation, self.store, frame.now, self.base, evaluate=rules.evaluate
        )
        return judged, [*moved, *unsigned, *problems]

    def _believed(
        self, manifests: ManifestSet, reconciled: str
    ) -> tuple[str | None, Sequence[Finding]]:
        """Return the commit whose owners and signers count; None for nobody's, with the reason."""
        holding = [manifests, *([self.base.manifests] if self.base is not None else [])]
        asked = any(map(asks_who_signed, holding))
        moved = moved_store(self, where_signed=False) if asked else None
        if moved is not None:
            return None, [replace(moved, severity=Severity.WARNING)]
        return reconciled or (self.base.commit if self.base is not None else ""), ()

    def _basis(self, now: datetime) -> Basis:
        if self.increments is None:
            return Basis(self.loaded, self._desired, None)
        return self.increments.basis(now)

    def observe(self, desired: Desired, now: datetime, scope: Scope | None = None) -> Observation:
        """Ask the store for what a plan of `desired` needs to know."""
        found = observe(desired, self.store, self.repository, self.tree, now, scope)
        return replace(found, given_crls=self._given_crls(desired.manifests))

    def _given_crls(self, manifests: ManifestSet) -> Mapping[str, GivenCrl]:
        """Return what the CRLs of offline authorities are compared with."""
        names = [
            authority.object_id.name
            for authority in manifests.of(CertificateAuthority).values()
            if authority.crl is not None
        ]
        return {
            name: GivenCrl(self.store.highest_crl_number(name), tuple(self.store.revoked(name)))
            for name in names
        }

    def authority_certificates(self) -> Mapping[str, x509.Certificate]:
        return load_certificates(self.store.authorities())


def committed_keys(repository: GitRepository, commit: str, manifests: ManifestSet) -> list[Finding]:
    """Return a finding for each key of an authority that is in the commit, or in the index."""
    keys = [
        (authority, path)
        for authority in manifests.of(CertificateAuthority).values()
        for uri in (key_uri(authority), responder_key_uri(authority))
        if (path := key_path(uri))
    ]
    tracked = tracked_paths(repository, {path for _, path in keys}, commit)
    return [committed_key(authority, path) for authority, path in keys if path in tracked]
