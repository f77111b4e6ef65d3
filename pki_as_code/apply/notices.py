"""
Telling people: what is due, handed to its channel, and then remembered in the ledger.

A notice is recorded only after the other side accepted it. A run that dies in between repeats the
few notices that it had not recorded yet; none is ever lost.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from pki_as_code.errors import DeliveryError
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import AUTHORITY, CERTIFICATE, CertificateRecord, Failure, Notice, ObjectId
from pki_as_code.notify import Channels
from pki_as_code.plan.notices import STAYS_NEWS, longest_threshold, notices_about, wants_event
from pki_as_code.stores.entries import Notified
from pki_as_code.stores.interface import CertificateFilter, Store

MOST_UNRECORDED = 10
"""Notices that may be repeated after a crash; each record is a commit, and maybe a push."""

LONGEST_UNRECORDED_SECONDS = 1.0

_CHUNK = 400
_KINDS = (CERTIFICATE, AUTHORITY)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one notice; `error` is None when it was accepted."""

    notice: Notice
    error: DeliveryError | None = None


# --- What is due ---------------------------------------------------------------------------------


def find_due_notices(
    store: Store, manifests: ManifestSet, now: datetime, within: timedelta | None = None
) -> list[Notice]:
    """
    Return every notice that is due, the certificate that ends first at the beginning.

    With `within`, expiring certificates are those that end in that time. Raises `StoreError`.
    """
    failures = {failure.object_id: failure for failure in store.failures()}
    found: dict[str, Notice] = {}
    for chunk in _chunks(_candidates(store, manifests, failures, now, within)):
        observed = store.observe([record.object_id for record in chunk])
        told = store.notified([_key(record) for record in chunk])
        for record in chunk:
            known = observed.get(record.object_id)
            current = known.current if known and not known.retired else None
            in_use = current is not None and _key(current) == _key(record)
            due = notices_about(
                _without_request(record),
                manifests,
                in_use=in_use,
                failure=failures.get(record.object_id) if in_use else None,
                told=told.get(_key(record), frozenset()),
                now=now,
                within=within,
            )
            found |= {notice.id: notice for notice in due}
    return sorted(found.values(), key=_order)


def _candidates(
    store: Store,
    manifests: ManifestSet,
    failures: Mapping[ObjectId, Failure],
    now: datetime,
    within: timedelta | None,
) -> Iterator[CertificateRecord]:
    """Stream the certificates that a rule may speak of; some come twice."""
    ahead = within if within is not None else longest_threshold(manifests)
    yield from store.find(
        CertificateFilter(
            kinds=_KINDS,
            not_after_from=now - STAYS_NEWS,
            not_after_before=now + ahead + timedelta(seconds=1),
            revoked=False,
            current_only=True,
        )
    )
    if wants_event(manifests, "revoked"):
        yield from store.find(CertificateFilter(kinds=_KINDS, not_after_from=now, revoked=True))
    if failures and wants_event(manifests, "renewalFailed"):
        observed = store.observe(failures)
        yield from (item.current for item in observed.values() if item.current is not None)


def _chunks(records: Iterable[CertificateRecord]) -> Iterator[list[CertificateRecord]]:
    remaining = iter(records)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


def _key(record: CertificateRecord) -> tuple[str, int]:
    return record.issuer, record.serial_number


def _without_request(record: CertificateRecord) -> CertificateRecord:
    """Leave out what is large and not told: all due notices are held at once."""
    return replace(record, request={}, intent={})


def _order(notice: Notice) -> tuple[object, ...]:
    # Mail first: the one server of the project, before servers that teams name.
    mail = notice.channel.startswith("mailto:")
    record = notice.certificate
    return not mail, record.not_after, record.object_id, notice.channel, notice.event


# --- Telling -------------------------------------------------------------------------------------


def try_notices(notices: Iterable[Notice], channels: Channels, now: datetime) -> Iterator[Delivery]:
    """Make each notice as it would be sent, and send nothing."""
    for notice in notices:
        try:
            channels.check(notice, now)
        except DeliveryError as error:
            yield Delivery(notice, error)
        else:
            yield Delivery(notice)


def send_notices(
    store: Store, notices: Iterable[Notice], channels: Channels, now: datetime
) -> Generator[Delivery, None, None]:
    """
    Send each notice and yield what became of it; one that fails does not stop the others.

    What was accepted is recorded every few notices, and when this ends, however it ends. Raises
    `StoreError` when that fails, and sends nothing more.
    """
    memory = _Memory(store, now)
    try:
        for notice in notices:
            memory.write_when_due()
            try:
                channels.send(notice, now)
            except DeliveryError as error:
                yield Delivery(notice, error)
                continue
            memory.add(notice)
            yield Delivery(notice)
    finally:
        memory.write()


class _Memory:
    """Notices that were accepted and are not in the ledger yet."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store, self._now = store, now
        self._accepted: list[Notified] = []
        self._since = 0.0

    def add(self, notice: Notice) -> None:
        if not self._accepted:
            self._since = time.monotonic()
        self._accepted.append(_entry(notice))
        self.write_when_due()

    def write_when_due(self) -> None:
        waited = time.monotonic() - self._since
        if len(self._accepted) >= MOST_UNRECORDED or waited >= LONGEST_UNRECORDED_SECONDS:
            self.write()

    def write(self) -> None:
        accepted, self._accepted = self._accepted, []
        if accepted:
            self._store.record(accepted, now=self._now, message=_message(accepted))


def _entry(notice: Notice) -> Notified:
    record = notice.certificate
    return Notified(
        record.object_id,
        record.issuer,
        record.serial_number,
        str(notice.event),
        notice.threshold_seconds,
        notice.address,
    )


def _message(entries: Sequence[Notified]) -> str:
    first = f"{entries[0].event} {entries[0].object_id.path}"
    more = f" and {len(entries) - 1} more" if len(entries) > 1 else ""
    return f"Notify: {first}{more}"
