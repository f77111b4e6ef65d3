"""What is in the store and no longer in the repository: absence alone destroys nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator
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
    settled: set[ObjectId],
    revocations: Collection[Item],
) -> Iterator[Item]:
    """
    Yield what becomes of objects without a manifest.

    `observation` is what will be so once `revocations` are carried out: who revokes a certificate
    and removes its manifest in one commit does what is asked of those who remove one.
    """
    revoking = {
        (item.certificate.issuer, item.certificate.serial_number): item
        for item in revocations
        if isinstance(item, RevokeCertificate)
    }
    wanted = {c.loaded.object_id for c in desired.certificates}
    wanted |= {a.object_id for a in parents_first(desired.manifests)}
    wanted |= set(responders_of(desired.manifests))
    wanted |= set(desired.manifests.of(Certificate))
    for object_id in sorted(observation.live):
        if object_id in wanted or object_id in settled or not frame.wants(object_id):
            continue
        observed = observation.objects.get(object_id)
        if observed is None or observed.current is None:
            continue
        current = observed.current
        if object_id in observation.signed_valid:
            yield _still_needed(object_id, current)
            continue
        asked = revoking.get((current.issuer, current.serial_number))
        yield from _plan_removal(object_id, current, frame.now, asked)


def _still_needed(object_id: ObjectId, current: CertificateRecord) -> Refusal:
    reason = Reason("RemovedWhileValid", "removed while certificates that it signed are valid")
    return Refusal(object_id, reason, None, help=_ways_out(object_id, current))


def _plan_removal(
    object_id: ObjectId,
    current: CertificateRecord,
    now: datetime,
    revoking: RevokeCertificate | None,
) -> Iterator[Item]:
    """
    The policy in force is the one that the store knows, not one deleted with the file.

    `revoking` revokes the certificate in this plan; without it there is no reason to retire.
    """
    if object_id.kind == RESPONDER:
        reason = Reason("Removed", "its authority gives no OCSP responses any more")
        yield RetireObject(object_id, current, (reason,))
        return
    status = current.status(now)
    if status in {Status.EXPIRED, Status.REVOKED}:
        reason = Reason("Removed", f"the manifest is gone and the certificate is {status}")
        yield RetireObject(object_id, current, (reason,), revoking.source if revoking else None)
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
