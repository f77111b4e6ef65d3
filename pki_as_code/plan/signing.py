"""Whether an authority signs: what it is used for, and what became of it and those above it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Finding, ObjectId, Observed, Revocation, RevokeCertificate
from pki_as_code.plan.authorities import chain_of, find_authority
from pki_as_code.plan.observation import Item, Observation


def why_not_signed(issuer: str, manifests: ManifestSet, observation: Observation) -> Finding | None:
    """Return why an authority signs nothing any more: it retires, or its chain is revoked."""
    authority = find_authority(manifests, issuer)
    if authority is None:
        return None
    if "sign" not in authority.manifest.spec.usages:
        return Finding(
            "authority.does_not_sign",
            f"authority {issuer} no longer signs",
            help=f"name another issuer; usages are {', '.join(authority.manifest.spec.usages)}",
        )
    return why_not_trusted(issuer, manifests, observation)


def why_not_trusted(
    issuer: str, manifests: ManifestSet, observation: Observation
) -> Finding | None:
    """Return why nobody believes an authority any more: it, or one above it, is revoked."""
    authority = find_authority(manifests, issuer)
    if authority is None:
        return None
    for link in chain_of(authority, manifests):
        observed = observation.objects.get(link.object_id)
        current = observed.current if observed else None
        if current is not None and current.revocation is not None:
            return Finding(
                "authority.revoked",
                f"authority {link.object_id.name} is revoked ({current.revocation.reason})",
                help="name another issuer",
            )
    return None


def after_revocations(
    observation: Observation, items: Iterable[Item], now: datetime
) -> Observation:
    """
    Return what will be so once the revocations among `items` are recorded.

    They come first in a run. What is signed after them in the same run must know of them: a key
    that is revoked now would else be certified anew, with nobody left to revoke that.
    """
    objects = dict(observation.objects)
    for item in items:
        if isinstance(item, RevokeCertificate):
            _revoke(objects, item, now)
    return replace(observation, objects=objects)


def _revoke(objects: dict[ObjectId, Observed], change: RevokeCertificate, now: datetime) -> None:
    target = change.certificate
    observed = objects.get(target.object_id)
    current = observed.current if observed else None
    if observed is None or current is None:
        return
    if (current.issuer, current.serial_number) != (target.issuer, target.serial_number):
        return
    revocation = Revocation(change.revocation_reason, now, change.invalidity_date, change.object_id)
    revoked = replace(current, revocation=revocation)
    objects[target.object_id] = replace(observed, current=revoked)
