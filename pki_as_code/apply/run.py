"""
Carry out one plan: revocations first, then open reservations, authorities, certificates.

Each batch is reserved (durable) before its first signature and recorded after its last one. An item
that fails does not stop the others.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pki_as_code.apply.adoption import adopted_entries
from pki_as_code.apply.askers import Askers
from pki_as_code.apply.batches import Batch, batches_of
from pki_as_code.apply.crl_adoption import adopt_crls
from pki_as_code.apply.crls import publish_crls
from pki_as_code.apply.decisions import WITH_ASKER, make_decision
from pki_as_code.apply.examination import Examination
from pki_as_code.apply.outcome import ItemError, Outcome, Settings
from pki_as_code.apply.provenance import Provenances
from pki_as_code.issuance import (
    Issuer,
    Order,
    Origin,
    PreparedCertificate,
    prepare_certificate,
    prepare_reserved,
    sign_certificates,
)
from pki_as_code.model import (
    AUTHORITY,
    AdoptAuthority,
    AdoptCertificate,
    AdoptCrl,
    Change,
    FinishReservation,
    IssueCertificate,
    IssuedCertificate,
    JsonValue,
    Plan,
    PublishCrl,
)
from pki_as_code.plan.policy_judging import check_allowed
from pki_as_code.stores.entries import Authority as AuthorityEntry
from pki_as_code.stores.entries import (
    Issued,
    Payload,
    Reconciled,
    Reserved,
)
from pki_as_code.stores.interface import CrlKey
from pki_as_code.workers import settled_memory
from pki_as_code.workspace import Workspace

Prepared = tuple[Change, PreparedCertificate, Issuer]


def apply_plan(plan: Plan, workspace: Workspace, settings: Settings) -> Iterator[Outcome]:
    """
    Carry out `plan`, yielding each result when it is durable.

    1. Record what needs no key: revocations, lifted holds, renames, retirements.
    2. CRLs, so that who is revoked is told first.
    3. Finish open reservations.
    4. Authorities, in the order of the plan: the next may need the one before; then their CRLs,
       and those that people signed.
    5. Certificates made elsewhere, which are taken up.
    6. Certificates, in batches.

    Raises:
        PolicyDeniedError: a certificate is among it that no policy was asked about.
        ContentionError: another runner wrote meanwhile; what was yielded stands.
        StoreError: the store cannot be written.
    """
    check_allowed(plan, workspace.loaded.manifests)
    run = _Run(workspace, settings, plan.commit, plan)
    yield from run.record_decisions(plan.changes)
    known = workspace.store.authorities()
    crls = [change for change in plan.changes if isinstance(change, PublishCrl)]
    yield from publish_crls([c for c in crls if c.issuer in known], workspace, settings, run.record)
    yield from run.finish(c for c in plan.changes if isinstance(c, FinishReservation))
    authorities: list[IssueCertificate | AdoptAuthority] = []
    certificates: list[IssueCertificate] = []
    for change in plan.changes:
        if isinstance(change, AdoptAuthority):
            authorities.append(change)
        elif isinstance(change, IssueCertificate):
            is_authority = change.object_id.kind == AUTHORITY
            (authorities if is_authority else certificates).append(change)
    yield from run.issue_authorities(authorities)
    new = workspace.store.authorities().keys() - known.keys()
    yield from publish_crls([c for c in crls if c.issuer in new], workspace, settings, run.record)
    given = [change for change in plan.changes if isinstance(change, AdoptCrl)]
    yield from adopt_crls(given, run.askers, run.record)
    yield from run.adopt([c for c in plan.changes if isinstance(c, AdoptCertificate)])
    yield from run.issue_certificates(certificates)


def record_reconciled(workspace: Workspace, settings: Settings, commit: str) -> None:
    """
    Note that all the manifests of `commit` ask for was done.

    Raises:
        ContentionError, StoreError: as `apply_plan`.
    """
    _Run(workspace, settings, commit).record([Reconciled(commit)], f"reconciled {commit[:12]}")


class _Run:
    """One carrying out of a plan."""

    def __init__(
        self,
        workspace: Workspace,
        settings: Settings,
        commit: str,
        plan: Plan | None = None,
    ) -> None:
        self.judged = plan.judged if plan is not None else frozenset()
        self.workspace, self.settings, self.commit = workspace, settings, commit
        self.store, self.issuers = workspace.store, settings.issuers
        self.askers = Askers(workspace.repository, commit)
        self.examination = Examination(workspace.linting, self.judged)
        self.provenances = Provenances(workspace, settings.now, commit, plan)

    # --- Decisions that need no key --------------------------------------------------------------

    def record_decisions(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Record them all in one batch."""
        decided: list[tuple[Change, Payload]] = []
        paths = {change.path for change in changes if isinstance(change, WITH_ASKER)}
        commits = self.askers.commits(sorted(paths))
        for change in changes:
            payload = make_decision(change, commits, self.commit, self.settings.now)
            if payload is not None:
                decided.append((change, payload))
        if decided:
            what = ", ".join(sorted({str(change.action) for change, _ in decided}))
            self.record([payload for _, payload in decided], f"{what} {len(decided)}")
        for change, _ in decided:
            yield Outcome(change)

    def adopt(self, changes: Sequence[AdoptCertificate]) -> Iterator[Outcome]:
        """Record certificates that were made elsewhere, in one batch."""
        if not changes:
            return
        commits = self.askers.commits([change.path for change in changes])
        entries = adopted_entries(changes, commits, self.commit)
        self.record(entries, f"adopt {_certificates(len(changes))}")
        yield from map(Outcome, changes)

    # --- Signing ---------------------------------------------------------------------------------

    def finish(self, changes: Iterable[FinishReservation]) -> Iterator[Outcome]:
        """Sign and record what an earlier run had reserved."""
        for batch in batches_of(changes):
            prepared: list[Prepared] = []
            for change in batch:
                try:
                    issuer, request = self.issuers.for_reservation(change.request)
                    item = prepare_reserved(change.reservation, request, issuer)
                except ItemError as error:
                    yield Outcome(change, error=error)
                else:
                    prepared.append((change, item, issuer))
            good = yield from self._examined(prepared)
            yield from self._sign_and_record(good)

    def issue_authorities(
        self, changes: Iterable[IssueCertificate | AdoptAuthority]
    ) -> Iterator[Outcome]:
        """Take up or sign authorities, one by one."""
        for change in changes:
            if isinstance(change, AdoptAuthority):
                entry = AuthorityEntry(change.object_id, change.certificate_der)
                self.record([entry], f"adopt authority {change.object_id.name}")
                yield Outcome(change)
                continue
            try:
                issuer, request = self.issuers.for_authority(change.request)
                completed = replace(change, request=request)
                origin = self._origin(completed, self.askers.commits([change.path]))
                item = prepare_certificate(request, issuer, origin, self.settings.now)
            except ItemError as error:
                yield Outcome(change, error=error)
                continue
            good = yield from self._examined([(completed, item, issuer)])
            self._reserve(good)
            yield from self._sign_and_record(good)

    def issue_certificates(self, changes: Sequence[IssueCertificate]) -> Iterator[Outcome]:
        """Reserve, sign and record in batches, one authority after the other."""
        commits = self.askers.commits([path for c in changes for path in (c.path, c.csr_path)])
        ordered = sorted(changes, key=lambda c: (c.request.issuer, c.object_id))
        with settled_memory():
            yield from self._issue_in_batches(batches_of(ordered), commits)

    def _issue_in_batches(
        self, batches: Iterator[list[IssueCertificate]], commits: Mapping[str, str]
    ) -> Iterator[Outcome]:
        current = following = self._begin(next(batches, []), commits)
        try:
            while following.changes or following.failed:
                current = following
                # Prepared while this one is written to the store.
                following = self._begin(next(batches, []), commits)
                yield from current.failed
                prepared: list[Prepared] = []
                for change, order, item in current.results():
                    if isinstance(item, ItemError):
                        yield Outcome(change, error=item)
                    else:
                        prepared.append((change, item, order.issuer))
                good = yield from self._examined(prepared)
                self._reserve(good)
                yield from self._sign_and_record(good)
        finally:
            current.close()
            following.close()

    def _begin(self, batch: Sequence[IssueCertificate], commits: Mapping[str, str]) -> Batch:
        """Have what is asked for drafted and linted, on every core."""
        found = Batch()
        for change in batch:
            try:
                issuer, request = self.issuers.for_request(change.request)
            except ItemError as error:
                found.failed.append(Outcome(change, error=error))
            else:
                found.changes.append(change)
                found.orders.append(Order(request, issuer, self._origin(change, commits)))
        found.begin(self.settings.now, self.judged)
        return found

    def _origin(self, change: IssueCertificate, commits: Mapping[str, str]) -> Origin:
        return Origin(
            reason=change.reasons[0],
            replaces=change.replaces.serial_number if change.replaces else None,
            commit=self.askers.newest(commits, (change.path, change.csr_path)),
            path=change.path,
            deletion_policy=change.deletion_policy,
        )

    def _sign_and_record(self, prepared: Sequence[Prepared]) -> Iterator[Outcome]:
        """Sign what is reserved, record all of it at once, then say so."""
        outcomes: list[Outcome] = []
        payloads: list[Payload] = []
        came_to_be = self.provenances.of(
            [(change, item.reservation) for change, item, _ in prepared]
        )
        results = sign_certificates([(item, issuer) for _, item, issuer in prepared])
        for (change, _, _), provenance, issued in zip(prepared, came_to_be, results, strict=True):
            if isinstance(issued, ItemError):
                outcomes.append(Outcome(change, error=issued))
                continue
            outcomes.append(Outcome(change, issued))
            payloads.append(_issued_entry(issued, provenance))
            if issued.object_id.kind == AUTHORITY:
                payloads.append(AuthorityEntry(issued.object_id, issued.certificate_der))
        if payloads:
            count = sum(isinstance(payload, Issued) for payload in payloads)
            self.record(payloads, f"issue {_certificates(count)}")
        yield from outcomes

    def _examined(self, prepared: Sequence[Prepared]) -> Generator[Outcome, None, list[Prepared]]:
        """Yield those that a linter objects to as failed, and return the others."""
        good = []
        for change, item, issuer in prepared:
            waived = getattr(change, "waived", ())
            error = self.examination.objection(item.reservation, issuer.chain, waived)
            if error is None:
                good.append((change, item, issuer))
            else:
                yield Outcome(change, error=error)
        return good

    def _reserve(self, prepared: Sequence[Prepared]) -> None:
        if prepared:
            self.store.reserve(
                [Reserved(item.reservation) for _, item, _ in prepared],
                now=self.settings.now,
                message=self._message(f"reserve {_certificates(len(prepared))}"),
            )

    def record(
        self, payloads: Sequence[Payload], what: str, crls: Mapping[CrlKey, Path] | None = None
    ) -> None:
        message = self._message(what)
        self.store.record(payloads, now=self.settings.now, message=message, crls=crls)

    def _message(self, what: str) -> str:
        return f"{what}\n\nSource-Commit: {self.commit}\n" if self.commit else f"{what}\n"


def _issued_entry(issued: IssuedCertificate, provenance: Mapping[str, JsonValue]) -> Issued:
    return Issued(
        object_id=issued.object_id,
        issuer=issued.issuer,
        serial_number=issued.serial_number,
        signature=issued.signature,
        provenance=provenance,
    )


def _certificates(count: int) -> str:
    return f"{count} certificate{'' if count == 1 else 's'}"
