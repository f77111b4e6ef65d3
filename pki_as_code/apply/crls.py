"""
CRLs: built from the whole store, their numbers reserved, signed, recorded.

A run that dies in between leaves a number that is never used again; the next run makes the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from pki_as_code.apply.outcome import ItemError, Outcome, Settings
from pki_as_code.issuance import Issuer, PreparedCrl, prepare_crl, sign_crl
from pki_as_code.model import CA_SCOPE, FULL_SCOPE, USER_SCOPE, IssuedCrl, PublishCrl
from pki_as_code.pkix.crl import IssuingDistributionPoint
from pki_as_code.plan.authorities import default_hash, find_authority
from pki_as_code.stores.entries import Crl, CrlReserved, Payload
from pki_as_code.stores.interface import CrlKey, Store
from pki_as_code.workspace import Workspace

BATCH = 64
"""CRLs of one authority that are reserved, signed and recorded together."""


class Record(Protocol):
    """Makes entries durable, with the files of the CRLs among them."""

    def __call__(
        self, payloads: Sequence[Payload], what: str, crls: Mapping[CrlKey, Path] | None = None
    ) -> None: ...


def publish_crls(
    changes: Sequence[PublishCrl], workspace: Workspace, settings: Settings, record: Record
) -> Iterator[Outcome]:
    """
    Sign and record the CRLs, one authority after the other.

    Raises:
        ContentionError: something was revoked meanwhile, or another run makes them.
        StoreError: the store cannot be written.
    """
    for name, of_issuer in groupby(changes, key=lambda change: change.issuer):
        remaining = iter(of_issuer)
        while batch := list(islice(remaining, BATCH)):
            try:
                issuer = settings.issuers.issuer(name)
            except ItemError as error:
                yield from (Outcome(change, error=error) for change in batch)
                continue
            with TemporaryDirectory(prefix="pki-as-code-") as directory:
                making = _Making(workspace, settings.now, issuer, Path(directory), record)
                yield from making.publish(batch)


class _Making:
    """The CRLs of one authority in the making; `directory` is theirs and removed afterwards."""

    def __init__(
        self,
        workspace: Workspace,
        now: datetime,
        issuer: Issuer,
        directory: Path,
        record: Record,
    ) -> None:
        self._store: Store = workspace.store
        self._issuer, self._directory, self._record = issuer, directory, record
        authority = find_authority(workspace.loaded.manifests, issuer.name)
        manifests = workspace.loaded.manifests
        self._hash_name = default_hash(authority, manifests) if authority else None
        # Before the rest is looked at: who takes a number meanwhile makes this one used, too.
        self._used = self._store.highest_crl_number(self._issuer.name)
        head = self._store.head()
        self._as_of = head.sequence
        # Another runner's clock may be a little ahead: what it revoked is not in the future.
        self._this_update = max(now, head.at or now)

    def publish(self, changes: Sequence[PublishCrl]) -> Iterator[Outcome]:
        prepared: list[tuple[PublishCrl, PreparedCrl]] = []
        # At least the place in the ledger: a store that went back shows in the number, too.
        highest = max(self._used, self._as_of, *(change.first_number - 1 for change in changes))
        for number, change in enumerate(changes, highest + 1):
            try:
                prepared.append((change, self._prepare(change, number)))
            except ItemError as error:
                yield Outcome(change, error=error)
        if not prepared:
            return
        self._record([self._reserved(item) for _, item in prepared], _told("reserve", prepared))
        outcomes: list[Outcome] = []
        for change, item in prepared:
            destination = self._directory / f"{item.number}.crl"
            try:
                outcomes.append(Outcome(change, crl=sign_crl(item, self._issuer, destination)))
            except ItemError as error:
                outcomes.append(Outcome(change, error=error))
            item.close()
        signed = [outcome.crl for outcome in outcomes if outcome.crl is not None]
        if signed:
            files = {(crl.issuer, crl.scope): crl.path for crl in signed}
            self._record([crl_entry(crl) for crl in signed], _told("publish", prepared), files)
        yield from outcomes

    def _prepare(self, change: PublishCrl, number: int) -> PreparedCrl:
        """
        Build a CRL from all that is revoked.

        An entry stays until it was on one CRL that was issued after its certificate had ended (RFC
        5280 section 3.3): hence what ended before the last CRL is left out, and nothing else.
        """
        previous = change.previous
        entries = self._store.revoked(
            change.issuer,
            change.scope,
            not_after_from=previous.this_update if previous else None,
        )
        listed = ((serial_number, revocation) for serial_number, revocation, _ in entries)
        return prepare_crl(
            self._issuer,
            listed,
            self._directory,
            scope=change.scope,
            number=number,
            this_update=self._this_update,
            next_update=self._this_update + timedelta(seconds=change.validity_seconds),
            hash_name=self._hash_name,
            issuing_distribution_point=_distribution_point(change),
        )

    def _reserved(self, item: PreparedCrl) -> CrlReserved:
        return CrlReserved(
            issuer=self._issuer.name,
            scope=item.scope,
            number=item.number,
            this_update=item.frame.this_update,
            next_update=item.frame.next_update,
            as_of=self._as_of,
            tbs_digest=item.tbs_digest,
        )


def _distribution_point(change: PublishCrl) -> IssuingDistributionPoint | None:
    """
    Return what a CRL says of its scope; nothing for the one of everything.

    OpenSSL refuses a CRL with an issuingDistributionPoint that no certificate names.
    """
    if change.scope == FULL_SCOPE:
        return None
    return IssuingDistributionPoint(
        full_name=change.full_names,  # of a shard
        only_contains_user_certs=change.scope == USER_SCOPE,
        only_contains_ca_certs=change.scope == CA_SCOPE,
    )


def crl_entry(crl: IssuedCrl) -> Crl:
    """Return the entry of a CRL that was signed; its number was reserved before."""
    return Crl(
        issuer=crl.issuer,
        scope=crl.scope,
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
        digest=crl.digest,
        entry_count=crl.entry_count,
    )


def _told(verb: str, prepared: Sequence[tuple[PublishCrl, PreparedCrl]]) -> str:
    count = len(prepared)
    return f"{verb} {count} CRL{'' if count == 1 else 's'} of {prepared[0][0].issuer}"
