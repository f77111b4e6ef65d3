"""What is in the store and no longer in the repository: absence alone destroys nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.model import (
    AUTHORITY,
    CERTIFICATE,
    RESPONDER,
    CertificateRecord,
    ObjectId,
    Reason,
    Refusal,
    RetireObject,
    RevokeCertificate,
    Status,
    format_time,
)
from pki_as_code.plan.authorities import parents_first
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.responders import responders_of
from pki_as_code.plan.validate import Desired


def plan_removed(
    desired: Desired,
    observation: Observation,
    frame: PlanFrame,
    reserved: set[ObjectId],
) -> Iterator[Item]:
    wanted = {c.loaded.object_id for c in desired.certificates}
    wanted |= {a.object_id for a in parents_first(desired.manifests)}
    wanted |= set(responders_of(desired.manifests))
    wanted |= set(desired.manifests.of(Certificate))
    for object_id in sorted(observation.live):
        if object_id in wanted or object_id in reserved or not frame.wants(object_id):
            continue
        observed = observation.objects.get(object_id)
        if observed is None or observed.current is None:
            continue
        yield from _plan_removal(object_id, observed.current, frame.now)


def _plan_removal(object_id: ObjectId, current: CertificateRecord, now: datetime) -> Iterator[Item]:
    """The policy in force is the one stored with the certificate, not one deleted with the file."""
    if object_id.kind == RESPONDER:
        reason = Reason("Removed", "its authority gives no OCSP responses any more")
        yield RetireObject(object_id, current, (reason,))
        return
    status = current.status(now)
    if status in {Status.EXPIRED, Status.REVOKED}:
        reason = Reason("Removed", f"the manifest is gone and the certificate is {status}")
        yield RetireObject(object_id, current, (reason,))
        return
    until = format_time(current.not_after)
    policy = current.deletion_policy if object_id.kind == CERTIFICATE else "Refuse"
    if policy == "Retain":
        reason = Reason("Retained", f"the manifest is gone; it stays valid until {until}")
        yield RetireObject(object_id, current, (reason,))
        return
    if policy == "Revoke":
        reason = Reason("Removed", "the manifest is gone (deletionPolicy Revoke)")
        yield RevokeCertificate(
            object_id=object_id,
            certificate=current,
            revocation_reason="cessationOfOperation",
            invalidity_date=None,
            reasons=(reason,),
            source=None,
            path=current.path,
        )
        yield RetireObject(object_id, current, (reason,))
        return
    yield Refusal(
        object_id,
        Reason("RemovedWhileValid", f"removed while valid until {until} (deletionPolicy Refuse)"),
        None,
        help=_ways_out(object_id, current),
    )


def _ways_out(object_id: ObjectId, current: CertificateRecord) -> str:
    if object_id.kind == AUTHORITY:
        return (
            f"put {current.path or 'its manifest'} back; to retire the authority, "
            "leave it there with usages: [crl, ocsp]"
        )
    return (
        f"put {current.path or 'the manifest'} back; or revoke it with a Revocation and reconcile, "
        "then remove both; or set deletionPolicy: Retain or Revoke, reconcile, then remove it"
    )
