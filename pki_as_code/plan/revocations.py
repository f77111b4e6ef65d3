"""Revocations and lifted holds: what the Revocation manifests ask for and is not so yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.model import (
    CERTIFICATE_HOLD,
    CertificateRecord,
    Finding,
    ObjectId,
    Reason,
    ReleaseHold,
    RevokeCertificate,
    Severity,
)
from pki_as_code.plan.blocked_keys import KEY_COMPROMISE, names_a_key_for_all
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.validate import Desired

Holders = dict[tuple[str, int], list[str]]
"""Paths of the manifests that ask for a hold, by issuer and serial number."""


def plan_revocations(
    desired: Desired, observation: Observation, frame: PlanFrame
) -> Iterator[Item]:
    revocations = desired.manifests.of(Revocation)
    holders = _holders(revocations.values(), observation)
    revoked: set[tuple[str, int]] = set()
    for loaded in sorted(revocations.values(), key=_gravest_first):
        if not frame.wants(loaded.object_id):
            continue
        for item in _plan_revocation(loaded, observation, holders):
            if isinstance(item, RevokeCertificate):
                key = item.certificate.issuer, item.certificate.serial_number
                if key in revoked:
                    continue
                revoked.add(key)
            yield item
    if not frame.only:
        yield from map(_is_permanent, observation.removed_revocations)


def _gravest_first(loaded: Loaded[Revocation]) -> tuple[bool, bool, ObjectId]:
    """Of several that name one certificate a lost key decides, and a hold last of all."""
    reason = loaded.manifest.spec.reason
    return reason != KEY_COMPROMISE, reason == CERTIFICATE_HOLD, loaded.object_id


def _holders(revocations: Iterable[Loaded[Revocation]], observation: Observation) -> Holders:
    """Return which manifests ask for a hold, for each certificate."""
    found: Holders = {}
    for loaded in revocations:
        spec = loaded.manifest.spec
        if spec.reason == CERTIFICATE_HOLD and not spec.release:
            for record in observation.revocation_targets.get(loaded.object_id, ()):
                found.setdefault((record.issuer, record.serial_number), []).append(loaded.path)
    return found


def _plan_revocation(
    loaded: Loaded[Revocation], observation: Observation, holders: Holders
) -> Iterator[Item]:
    spec = loaded.manifest.spec
    targets = observation.revocation_targets.get(loaded.object_id, ())
    blocks = spec.reason == KEY_COMPROMISE and names_a_key_for_all(
        loaded.object_id, spec.spki_sha256
    )
    if not targets and not blocks:
        yield Finding(
            "revocation.names_nothing",
            f"{loaded.object_id.path} names no certificate that was issued",
            loaded.source("spec"),
            help="`pkictl list_certs --expired --revoked` shows names and serial numbers",
        )
    for record in targets:
        if spec.release:
            holding = holders.get((record.issuer, record.serial_number), [])
            yield _plan_release(loaded, record, holding)
        else:
            yield _plan_target(loaded, record)


def _is_permanent(loaded: Loaded[Revocation]) -> Finding:
    """Say that removing a Revocation takes nothing back."""
    message = f"{loaded.path} was removed: what it revoked stays revoked"
    way_out = "put it back if people are to see why; have a new certificate signed"
    if loaded.manifest.spec.reason == CERTIFICATE_HOLD:
        message = f"{loaded.path} was removed: what it put on hold stays on hold"
        way_out = "put it back with `release: true` to lift the hold"
    return Finding("revocation.permanent", message, severity=Severity.INFO, help=way_out)


def _plan_release(
    loaded: Loaded[Revocation], record: CertificateRecord, holding: Sequence[str]
) -> Item:
    """While another manifest asks for a hold it stays: else each run would undo the other's."""
    source = loaded.source("spec", "release")
    if record.revocation is not None and not _is_on_hold(record):
        return Finding(
            "revocation.not_on_hold",
            f"{record.object_id.path} stays revoked ({record.revocation.reason}): only a hold can "
            "be lifted",
            source,
            Severity.INFO,
            help="have a new certificate signed, for a new key",
        )
    if not _is_on_hold(record):
        return None
    if holding:
        return Finding(
            "revocation.still_held",
            f"{record.object_id.path} stays on hold: {', '.join(holding)} asks for it as well",
            source,
            Severity.WARNING,
            help="write `release: true` there, too",
        )
    reason = Reason("HoldReleased", "the hold is lifted")
    return ReleaseHold(loaded.object_id, record, (reason,), source, loaded.path)


def _is_on_hold(record: CertificateRecord) -> bool:
    return record.revocation is not None and record.revocation.reason == CERTIFICATE_HOLD


def _plan_target(loaded: Loaded[Revocation], record: CertificateRecord) -> Item:
    spec = loaded.manifest.spec
    on_hold = _is_on_hold(record)
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
