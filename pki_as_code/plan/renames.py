"""
Certificates that go on under another name: a manifest left, and one came that asks for the same.

The same is: the same key, and the same effective request or the same words in the manifest. A
rename needs no signature. It is never guessed: where several left or came that ask for the same,
nobody knows which is which, and the plan refuses. Nor does a certificate change its namespace:
who owns the directory owns the names in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.model import (
    CERTIFICATE,
    CertificateRecord,
    ObjectId,
    Reason,
    Refusal,
    RenameObject,
    Status,
)
from pki_as_code.plan.adoptable import decode_adopted
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.validate import Desired


@dataclass(frozen=True, slots=True)
class Renames:
    """What is renamed or refused, and the objects that nothing else is planned for."""

    items: tuple[Item, ...] = ()
    settled: frozenset[ObjectId] = field(default_factory=frozenset)


def plan_renames(
    desired: Desired, observation: Observation, frame: PlanFrame, reserved: set[ObjectId]
) -> Renames:
    """Match what left with what came."""
    left = list(_left(desired, observation, frame))
    came = _by_key(c for c in desired.certificates if left and _is_new(c, observation))
    left_with: dict[str, list[CertificateRecord]] = {}
    for record in left:
        left_with.setdefault(_key(record), []).append(record)
    items: list[Item] = []
    settled: set[ObjectId] = set()
    for record in left:
        same = [c for c in came.get(_key(record), ()) if _asks_for(c, record)]
        here = [c for c in same if c.loaded.object_id.namespace == record.object_id.namespace]
        alike = [r for r in left_with[_key(record)] if any(_asks_for(c, r) for c in here)]
        alike = [r for r in alike if r.object_id.namespace == record.object_id.namespace]
        wanted = {record.object_id, *(c.loaded.object_id for c in same)}
        if not same or not any(map(frame.wants, wanted)):
            continue
        settled |= wanted if here else {record.object_id, same[0].loaded.object_id}
        if wanted & reserved:
            continue  # what was reserved is cleared first, and then it is planned again
        if not here:
            items.append(_moved(record, same[0]))
        elif len(here) > 1 or len(alike) > 1:
            items.append(_ambiguous(record, here, alike))
        else:
            items.append(_rename(record, here[0]))
    return Renames(tuple(items), frozenset(settled))


def _key(record: CertificateRecord) -> str:
    """Return what a manifest must have to be looked at: the key, or the adopted certificate."""
    return record.public_key_sha256 if record.request_digest else record.fingerprint_sha256


def _by_key(came: Iterable[ResolvedCertificate]) -> dict[str, list[ResolvedCertificate]]:
    found: dict[str, list[ResolvedCertificate]] = {}
    for resolved in came:
        keys = {resolved.request.public_key_sha256} if resolved.request else set()
        for key in sorted(keys | _adopted_digests(resolved)):
            found.setdefault(key, []).append(resolved)
    return found


def _is_new(resolved: ResolvedCertificate, observation: Observation) -> bool:
    observed = observation.objects.get(resolved.loaded.object_id)
    return observed is None or observed.retired or observed.current is None


def _left(
    desired: Desired, observation: Observation, frame: PlanFrame
) -> Iterable[CertificateRecord]:
    """Yield the valid certificates whose manifest is gone, in order."""
    manifests = desired.manifests
    there = manifests.of(Certificate)
    for object_id in sorted(observation.live):
        if object_id.kind != CERTIFICATE or object_id in there:
            continue
        if manifests.is_unreadable(CERTIFICATE, object_id.namespace, object_id.name):
            continue  # it may be there
        observed = observation.objects.get(object_id)
        current = observed.current if observed is not None else None
        if current is not None and current.status(frame.now) is Status.VALID:
            yield current


def _asks_for(resolved: ResolvedCertificate, record: CertificateRecord) -> bool:
    """
    Tell whether a manifest asks for a certificate that exists.

    Its own words suffice, when only something shared changed meanwhile: that is taken up at the
    next renewal, under whatever name.
    """
    if not record.request_digest:
        return record.fingerprint_sha256 in _adopted_digests(resolved)
    request = resolved.request
    if request is None or request.public_key_sha256 != record.public_key_sha256:
        return False
    return request.digest == record.request_digest or request.intent_digest == record.intent_digest


def _adopted_digests(resolved: ResolvedCertificate) -> set[str]:
    """Return the SHA-256 of the certificate that a manifest adopts, if there is one."""
    content = resolved.loaded.adopted_certificate
    if content is None:
        return set()
    try:
        return {hashlib.sha256(decode_adopted(content)).hexdigest()}
    except InvalidValueError:
        return set()  # which is reported where it stands


def _rename(record: CertificateRecord, resolved: ResolvedCertificate) -> RenameObject:
    loaded = resolved.loaded
    why = "the manifest has another name, and asks for the same with the same key"
    return RenameObject(
        object_id=loaded.object_id,
        previous=record.object_id,
        certificate=record,
        reasons=(Reason("Renamed", why),),
        source=loaded.source("metadata", "name"),
        path=loaded.path,
    )


def _moved(record: CertificateRecord, resolved: ResolvedCertificate) -> Refusal:
    old, loaded = record.object_id, resolved.loaded
    return Refusal(
        old,
        Reason(
            "MovedAcrossNamespaces",
            f"{record.path} of namespace {old.namespace} is now {loaded.path} of namespace "
            f"{loaded.object_id.namespace}: a certificate does not change its owner",
        ),
        loaded.source("metadata", "name"),
        help=f"put {record.path} back; or ask for a certificate with a key of its own in "
        f"{loaded.path}; or set deletionPolicy: Retain in {record.path}, reconcile, remove it, "
        f"reconcile, and then add {loaded.path}",
    )


def _ambiguous(
    record: CertificateRecord,
    here: Sequence[ResolvedCertificate],
    alike: Sequence[CertificateRecord],
) -> Refusal:
    came = ", ".join(sorted(c.loaded.object_id.path for c in here))
    left = ", ".join(sorted(r.object_id.path for r in alike))
    return Refusal(
        record.object_id,
        Reason(
            "RenameAmbiguous", f"{left} left and {came} came with the same key and the same request"
        ),
        here[0].loaded.source("metadata", "name"),
        help="rename one, reconcile, and then remove or add the others; or give each a key of its "
        "own",
    )
