"""Keys that were lost: never certified again, even when the Revocation is removed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.model import (
    BlockedKey,
    BlockKey,
    CertificateRecord,
    Finding,
    ObjectId,
    Reason,
    RevokeCertificate,
)
from pki_as_code.plan.observation import Item, Observation, PlanFrame

KEY_COMPROMISE = "keyCompromise"


def lost_keys(
    manifests: ManifestSet, targets: Mapping[ObjectId, tuple[CertificateRecord, ...]]
) -> dict[str, ObjectId]:
    """
    Return the keys (hex SHA-256) that Revocations say are lost, and which Revocation says it.

    A key that is named by its digest is lost whether or not a certificate with it is known. That
    is for administrators: a team could else keep another team's key from being certified.
    """
    found: dict[str, ObjectId] = {}
    for object_id, loaded in sorted(manifests.of(Revocation).items()):
        spec = loaded.manifest.spec
        if spec.reason != KEY_COMPROMISE:
            continue
        if names_a_key_for_all(object_id, spec.spki_sha256):
            found.setdefault(str(spec.spki_sha256).lower(), object_id)
        for record in targets.get(object_id, ()):
            found.setdefault(record.public_key_sha256, object_id)
    return found


def names_a_key_for_all(object_id: ObjectId, spki_sha256: str | None) -> bool:
    """Tell whether a Revocation names a key, and holds in every namespace."""
    return spki_sha256 is not None and not object_id.namespace


def plan_blocked_keys(
    manifests: ManifestSet,
    observation: Observation,
    frame: PlanFrame,
    revocations: Collection[Item],
) -> Iterator[BlockKey]:
    """Yield the lost keys that no revoked certificate speaks for, now or after this plan."""
    first: dict[tuple[str, int], RevokeCertificate] = {}
    for item in revocations:
        if isinstance(item, RevokeCertificate):
            # Of several for one certificate, the first is the one that is recorded.
            first.setdefault((item.certificate.issuer, item.certificate.serial_number), item)
    revoked = {
        item.certificate.public_key_sha256
        for item in first.values()
        if item.revocation_reason == KEY_COMPROMISE
    }
    lost = lost_keys(manifests, observation.revocation_targets)
    for digest, object_id in sorted(lost.items()):
        if digest in observation.blocked_keys or digest in revoked or not frame.wants(object_id):
            continue
        loaded = manifests.of(Revocation)[object_id]
        field = "spkiSha256" if loaded.manifest.spec.spki_sha256 else "reason"
        yield BlockKey(
            object_id=object_id,
            spki_sha256=digest,
            reasons=(Reason("KeyCompromised", f"{loaded.path} says that it was lost"),),
            source=loaded.source("spec", field),
            path=loaded.path,
        )


def compromised(blocked: BlockedKey, whose: ObjectId) -> Finding:
    """Say that what is asked for has a key that was lost."""
    why = f"{blocked.requested_by.path if blocked.requested_by else 'a Revocation'} says so"
    if blocked.object_id is not None:
        why = f"a certificate of {blocked.object_id.path} with it was revoked for that"
    return Finding(
        "csr.key_compromised",
        f"the key of {whose.path} is compromised: {why}",
        help="make a new key and CSR",
    )
