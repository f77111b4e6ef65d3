"""Revocations and lifted holds: what the Revocation manifests ask for and is not so yet."""

from __future__ import annotations

from collections.abc import Iterator

from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.model import (
    CERTIFICATE_HOLD,
    CertificateRecord,
    Finding,
    Reason,
    ReleaseHold,
    RevokeCertificate,
)
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.validate import Desired


def plan_revocations(
    desired: Desired, observation: Observation, frame: PlanFrame
) -> Iterator[Item]:
    revocations = desired.manifests.of(Revocation)
    for object_id in sorted(revocations):
        if frame.wants(object_id):
            yield from _plan_revocation(revocations[object_id], observation)


def _plan_revocation(loaded: Loaded[Revocation], observation: Observation) -> Iterator[Item]:
    spec = loaded.manifest.spec
    targets = observation.revocation_targets.get(loaded.object_id, ())
    if not targets:
        yield Finding(
            "revocation.names_nothing",
            f"{loaded.object_id.path} names no certificate that was issued",
            loaded.source("spec"),
            help="`pkictl list_certs --expired --revoked` shows names and serial numbers",
        )
    for record in targets:
        yield _plan_target(loaded, record, release=spec.release)


def _plan_target(loaded: Loaded[Revocation], record: CertificateRecord, *, release: bool) -> Item:
    spec = loaded.manifest.spec
    on_hold = record.revocation is not None and record.revocation.reason == CERTIFICATE_HOLD
    if release:
        if not on_hold:
            return None
        reason = Reason("HoldReleased", "the hold is lifted")
        return ReleaseHold(
            loaded.object_id, record, (reason,), loaded.source("spec", "release"), loaded.path
        )
    if record.revocation is not None and not (on_hold and spec.reason != CERTIFICATE_HOLD):
        return None
    return RevokeCertificate(
        object_id=loaded.object_id,
        certificate=record,
        revocation_reason=spec.reason,
        invalidity_date=spec.compromised_at,
        reasons=(Reason("RevocationRequested", f"{loaded.path} asks for it"),),
        source=loaded.source("spec"),
        path=loaded.path,
    )
