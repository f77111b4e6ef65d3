"""What becomes of the previous certificate of an object: `onSupersede` and `supersedeDelay`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.durations import format_duration
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import ObjectId, Reason, RevokeCertificate, format_time
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.validate import Desired

DEFAULT_DELAY = timedelta(days=7)


def revokes_superseded(manifests: ManifestSet) -> list[ObjectId]:
    """Return the Certificates whose previous certificates are revoked."""
    return [
        object_id
        for object_id, loaded in manifests.of(Certificate).items()
        if loaded.manifest.spec.on_supersede == "Revoke"
    ]


def plan_superseded(
    desired: Desired, observation: Observation, frame: PlanFrame, revocations: list[Item]
) -> Iterator[RevokeCertificate]:
    """
    Yield the revocation of each certificate whose successor is there for long enough.

    The one in use until it is rolled out stays valid until then. `revocations` are those that are
    planned already, for whatever reason.
    """
    planned = {
        (item.certificate.issuer, item.certificate.serial_number)
        for item in revocations
        if isinstance(item, RevokeCertificate)
    }
    certificates = desired.manifests.of(Certificate)
    for record in observation.superseded:
        loaded = certificates.get(record.object_id)
        key = (record.issuer, record.serial_number)
        if loaded is None or record.superseded_at is None or key in planned:
            continue
        delay = loaded.manifest.spec.supersede_delay or DEFAULT_DELAY
        if frame.now < record.superseded_at + delay or not frame.wants(record.object_id):
            continue
        since = format_time(record.superseded_at)
        reason = Reason(
            "Superseded",
            f"its successor is there since {since} ({format_duration(delay)} are over)",
        )
        yield RevokeCertificate(
            object_id=record.object_id,
            certificate=record,
            revocation_reason="superseded",
            invalidity_date=None,
            reasons=(reason,),
            source=loaded.source("spec", "onSupersede"),
            path=loaded.path,
        )
