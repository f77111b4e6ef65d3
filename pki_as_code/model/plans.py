"""All changes of a run, and how things stand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from pki_as_code.model.changes import (
    AbandonReservation,
    AdoptAuthority,
    AdoptCertificate,
    AdoptCrl,
    BlockKey,
    Change,
    FinishReservation,
    IssueCertificate,
    PublishCrl,
    Reason,
    ReleaseHold,
    RenameObject,
    RetireObject,
    RevokeCertificate,
    UpdateObject,
)
from pki_as_code.model.objects import (
    Finding,
    JsonValue,
    ObjectId,
    Source,
    format_time,
    sha256_digest,
)
from pki_as_code.model.records import CertificateRecord, CrlRecord, Failure, Reservation


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that will not be made, with the way out in `help`."""

    object_id: ObjectId
    reason: Reason
    source: Source | None = None
    help: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Desired minus observed. Sorted, so that equal inputs give equal plans."""

    changes: tuple[Change, ...]
    refused: tuple[Refusal, ...]
    findings: tuple[Finding, ...]
    unchanged: int
    commit: str
    """What was planned: a commit id, or empty for a working tree."""

    base: str
    """The last reconciled commit; empty when there was none."""

    store: str
    planned_at: datetime
    live: int = 0
    """How many certificates the store looks after; guards measure a plan by it."""

    asked: int = 0
    """How many Certificates there are in the repository, looked at by this plan or not."""

    waiting: tuple[ObjectId, ...] = ()
    """Objects that failed and are left out until they are tried again."""

    judged: frozenset[bytes] = field(default=frozenset(), compare=False, repr=False)
    """Marks of the drafts that were judged and found to be without an error (`pkix.judged`)."""

    @property
    def digest(self) -> str:
        """Name the reviewed plan. Neither the time nor the commit is part of it, its effect is."""
        return sha256_digest(
            {
                "changes": [_change_identity(change) for change in self.changes],
                "refused": [[r.object_id.to_json(), r.reason.code] for r in self.refused],
            }
        )


def _change_identity(change: Change) -> JsonValue:
    """Return what makes two changes the same: the effect, not its wording."""
    identity: dict[str, JsonValue] = {
        "action": str(change.action),
        "object": change.object_id.to_json(),
        "reasons": [reason.code for reason in change.reasons],
    }
    match change:
        case IssueCertificate():
            identity["request"] = change.request.digest
            identity["replaces"] = change.replaces and f"{change.replaces.serial_number:x}"
            identity["deletionPolicy"] = change.deletion_policy
        case FinishReservation() | AbandonReservation():
            identity["serial"] = f"{change.reservation.serial_number:x}"
        case AdoptAuthority() | AdoptCertificate():
            identity["certificate"] = hashlib.sha256(change.certificate_der).hexdigest()
        case RevokeCertificate() | ReleaseHold() | RenameObject() | RetireObject():
            identity["certificate"] = (
                f"{change.certificate.issuer}/{change.certificate.serial_number:x}"
            )
            if isinstance(change, RevokeCertificate):
                identity["reason"] = change.revocation_reason
                invalid_since = change.invalidity_date
                identity["invalidityDate"] = invalid_since and format_time(invalid_since)
        case UpdateObject():
            identity["deletionPolicy"] = change.deletion_policy
        case BlockKey():
            identity["spkiSha256"] = change.spki_sha256
        case PublishCrl():
            identity["previous"] = change.previous and change.previous.number
        case AdoptCrl():
            identity["crl"] = hashlib.sha256(change.crl_der).hexdigest()
    return identity


@dataclass(frozen=True, slots=True)
class StatusReport:
    """How things stand: what is pending, what is due, what failed."""

    plan: Plan
    last_reconciled: str
    entries: int
    expiring: tuple[CertificateRecord, ...]
    """Certificates in use that end soon, the first to end first."""

    reservations: tuple[Reservation, ...]
    failures: tuple[Failure, ...]
    crls: tuple[CrlRecord, ...]
    """The last CRL of each authority and scope."""

    checked_at: datetime

    @property
    def in_sync(self) -> bool:
        return not (self.plan.changes or self.plan.refused or self.plan.waiting)
