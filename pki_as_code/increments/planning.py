"""From one plan of a commit to the next: what is remembered, and what is looked at for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property

from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.increments.memo import State, write_memo
from pki_as_code.increments.rows import make_rows, object_key, path_key
from pki_as_code.increments.scope import Basis, default_issuers, look
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import LoadResult, load_manifests
from pki_as_code.manifests.project import FULL_EVERY
from pki_as_code.model import AUTHORITY, RESPONDER, Finding, Plan, Source
from pki_as_code.plan.observation import Observation
from pki_as_code.plan.validate import Desired, resolve_all
from pki_as_code.stores.interface import Head, Store


@dataclass(frozen=True)
class Increments:
    """
    One commit and one store, looked at as far as the memo of the last plan leaves it open.

    With `full` everything is looked at, and the memo made anew.
    """

    repository: GitRepository
    tree: RevisionTree
    store: Store
    full: bool = False
    full_every: timedelta = FULL_EVERY
    _loads: dict[frozenset[str], tuple[LoadResult, Desired]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def _everything(self) -> Basis:
        loaded = load_manifests(self.tree)
        return Basis(loaded, resolve_all(loaded.manifests), None)

    def basis(self, now: datetime) -> Basis:
        """
        Return what a plan for `now` stands on.

        Raises `PkiAsCodeError` where the store or the repository cannot be read.
        """
        if self.full or "_everything" in self.__dict__:
            return self._everything
        found = look(self.repository, self.tree, self.store, self._load, now, self.full_every)
        return found or self._everything

    def full_due(self, now: datetime) -> datetime:
        """Return when everything is to be looked at again, as it stands at `now`."""
        scope = self.basis(now).scope
        last = now if scope is None else datetime.fromtimestamp(scope.full_at, UTC)
        return last + self.full_every

    def _load(self, paths: frozenset[str]) -> tuple[LoadResult, Desired]:
        """One run makes several plans of mostly the same files, and a commit does not change."""
        if paths not in self._loads:
            loaded = load_manifests(self.tree, paths=paths)
            self._loads.clear()
            self._loads[paths] = loaded, resolve_all(loaded.manifests)
        return self._loads[paths]

    def remember(
        self, made: Plan, plan: Plan, basis: Basis, observation: Observation, head: Head
    ) -> bool:
        """
        Note what the plan found; tells whether that could be done.

        `made` is the plan before what is faulty was left out of it, `head` where the ledger ended
        before anything was asked of the store.
        """
        if head.sequence < 0:
            return False
        scope, seconds = basis.scope, int(plan.planned_at.timestamp())
        pending = {*_pending(made, basis), *_pending(plan, basis), *_gone(basis, observation)}
        if scope is not None and scope.unmoved and not pending:
            return True
        state = State(
            commit=self.tree.commit,
            sequence=head.sequence,
            digest=head.digest,
            store=self.store.uri,
            planned_at=seconds,
            full_at=seconds if scope is None else scope.full_at,
            default_issuers=default_issuers(basis.desired.manifests),
        )
        rows = make_rows(basis.desired, observation, plan.planned_at)
        after = (scope.token, scope.paths) if scope is not None else None
        return write_memo(self.repository, state, rows, pending, after=after)


def _gone(basis: Basis, observation: Observation) -> Iterator[str]:
    """
    Yield the keys of what the store looks after and no manifest declares.

    No file leads to them any more, and a new manifest may be what one of them is called now.
    """
    manifests = basis.desired.manifests
    for object_id in observation.live:
        kind = CertificateAuthority if object_id.kind == AUTHORITY else Certificate
        if object_id.kind != RESPONDER and object_id not in manifests.of(kind):
            yield object_key(object_id)


def _pending(plan: Plan, basis: Basis) -> Iterator[str]:
    """Yield the keys of all that the plan would do, refuses, or has something to say about."""
    findings: list[Finding] = [*plan.findings, *basis.loaded.findings]
    sources: list[Source | None] = [finding.source for finding in findings]
    for change in plan.changes:
        yield object_key(change.object_id)
        sources.append(change.source)
        if path := getattr(change, "path", ""):
            yield path_key(path)
    for refusal in plan.refused:
        yield object_key(refusal.object_id)
        sources.append(refusal.source)
    yield from map(object_key, plan.waiting)
    yield from (path_key(source.path) for source in sources if source is not None)
