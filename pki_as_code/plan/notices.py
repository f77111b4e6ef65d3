"""Which notices are due. RULES is the list; each says of one event whether it is to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.project import NOTICE_TIMES
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.model import CertificateRecord, Event, Failure, Notice, Status
from pki_as_code.plan.watchers import Recipient, recipients_of, remembered_address

STAYS_NEWS = timedelta(days=30)
"""How long after it happened an end or a revocation is still told, when it was not at once."""

Told = frozenset[tuple[str, int, str]]
"""What the ledger says was told of a certificate: (event, threshold in seconds, address)."""


@dataclass(frozen=True, slots=True)
class Watched:
    """All a rule may look at: one certificate, one recipient, one time."""

    certificate: CertificateRecord
    in_use: bool
    """It is the one issued last under its object, and the object was not retired."""

    failure: Failure | None
    """Of the last attempt to replace it."""

    told: Told
    recipient: Recipient
    now: datetime
    within: timedelta | None = None
    """Look at what ends in this time, whatever the recipient's thresholds are."""

    @property
    def address(self) -> str:
        return remembered_address(self.recipient.channel)

    def was_told(self, event: Event) -> bool:
        return (event, 0, self.address) in self.told


Rule = Callable[[Watched], tuple[Event, int] | None]


def is_expiring(watched: Watched) -> tuple[Event, int] | None:
    """
    A threshold has passed, and neither it nor a shorter one was told.

    Of several that have passed, the shortest is told and stands for the longer ones: after some
    missed days there is one notice, not three.
    """
    record, within = watched.certificate, watched.within
    if not watched.in_use or record.status(watched.now) is not Status.VALID:
        return None
    remaining = record.not_after - watched.now
    passed = {before for before in watched.recipient.before if remaining <= before}
    if within is not None:
        if remaining > within:
            return None
        passed.add(within)
    if not passed:
        return None
    threshold = int(min(passed).total_seconds())
    told = (t for event, t, address in watched.told
            if event == Event.EXPIRING and address == watched.address)  # fmt: skip
    return None if any(t <= threshold for t in told) else (Event.EXPIRING, threshold)


def has_expired(watched: Watched) -> tuple[Event, int] | None:
    record = watched.certificate
    if not watched.in_use or record.status(watched.now) is not Status.EXPIRED:
        return None
    if watched.now - record.not_after > STAYS_NEWS or watched.was_told(Event.EXPIRED):
        return None
    return Event.EXPIRED, 0


def was_revoked(watched: Watched) -> tuple[Event, int] | None:
    """Also of a certificate that was replaced: others may still trust it."""
    revocation = watched.certificate.revocation
    if revocation is None or watched.certificate.not_after < watched.now:
        return None
    on_hold = watched.certificate.status(watched.now) is Status.ON_HOLD
    event = Event.ON_HOLD if on_hold else Event.REVOKED
    if watched.now - revocation.revocation_date > STAYS_NEWS or watched.was_told(event):
        return None
    return event, 0


def could_not_be_renewed(watched: Watched) -> tuple[Event, int] | None:
    if not watched.in_use or watched.failure is None or watched.certificate.revocation is not None:
        return None
    return None if watched.was_told(Event.RENEWAL_FAILED) else (Event.RENEWAL_FAILED, 0)


RULES: dict[str, Rule] = {
    "expiring": is_expiring,
    "expired": has_expired,
    "revoked": was_revoked,
    "renewalFailed": could_not_be_renewed,
}
"""By what a Watcher calls the event."""


def notices_about(
    record: CertificateRecord,
    manifests: ManifestSet,
    *,
    in_use: bool,
    failure: Failure | None,
    told: Told,
    now: datetime,
    within: timedelta | None = None,
) -> Iterator[Notice]:
    """Yield what is to be told of one certificate, to everyone who wants to know."""
    loaded = manifests.of(Certificate).get(record.object_id)
    for recipient in recipients_of(record, manifests):
        watched = Watched(record, in_use, failure, told, recipient, now, within)
        for name, rule in RULES.items():
            due = rule(watched) if name in recipient.events else None
            if due is not None:
                yield Notice(
                    event=due[0],
                    certificate=record,
                    channel=recipient.channel,
                    address=watched.address,
                    name=recipient.name,
                    threshold_seconds=due[1],
                    renewal=_renewal(record, manifests),
                    csr_path=loaded.csr_path if loaded else "",
                    failure=failure.message if failure and name == "renewalFailed" else "",
                )


def longest_threshold(manifests: ManifestSet) -> timedelta:
    """Return how long before its end a certificate can first be due."""
    project = manifests.project
    times = [project.manifest.spec.notifications.before if project else NOTICE_TIMES]
    times += [watcher.manifest.spec.before for watcher in manifests.of(Watcher).values()]
    return max((before for befores in times for before in befores), default=timedelta(0))


def wants_event(manifests: ManifestSet, event: str) -> bool:
    """Tell whether any Watcher asks for an event, by the name it has there."""
    return any(event in w.manifest.spec.events for w in manifests.of(Watcher).values())


def _renewal(record: CertificateRecord, manifests: ManifestSet) -> str:
    """Return how a certificate is renewed, empty when no manifest says it."""
    loaded = manifests.of(Certificate).get(record.object_id)
    if loaded is None:
        return ""
    profile = manifests.profile(record.profile)
    renewal = loaded.manifest.spec.renewal or (profile.spec.renewal if profile else None)
    if renewal is None:
        return ""
    if renewal.mode == "Automatic" and loaded.csr is None:
        return "Request"  # adopted without a CSR: there is nothing to sign
    return renewal.mode
