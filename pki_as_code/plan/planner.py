"""
Desired minus observed.

    make_plan: reservations, renames, authorities, certificates, revocations, what was removed

Each section is a generator of changes or refusals for one kind of object; the result is sorted, so
that equal inputs give equal plans, and nothing here knows more than it was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pki_as_code.model import (
    CERTIFICATE,
    Action,
    AdoptAuthority,
    CertificateRecord,
    Finding,
    IssueCertificate,
    ObjectId,
    Plan,
    Reason,
    Refusal,
)
from pki_as_code.plan.adoption import adopt_authority
from pki_as_code.plan.authorities import (
    Authority,
    authority_intent,
    find_authority,
    parents_first,
    resolve_authority,
)
from pki_as_code.plan.blocked_keys import plan_blocked_keys
from pki_as_code.plan.certificates import plan_certificate, waits_for_renewal
from pki_as_code.plan.crls import plan_crls
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.removals import plan_removed
from pki_as_code.plan.renames import plan_renames
from pki_as_code.plan.reservations import plan_reservations
from pki_as_code.plan.revocations import plan_revocations
from pki_as_code.plan.shared_changes import taken_up_later
from pki_as_code.plan.signing import after_revocations, why_not_signed
from pki_as_code.plan.superseded import plan_superseded
from pki_as_code.plan.triggers import changed_fields
from pki_as_code.plan.validate import Desired


def make_plan(desired: Desired, observation: Observation, frame: PlanFrame) -> Plan:
    """
    Decide what to do.

    1. What a run that died had reserved; such objects are planned again afterwards.
    2. Authorities, parents first.
    3. Certificates: renamed, signed by the triggers, or left to the next renewal.
    4. Revocations and lifted holds, keys that are lost, certificates that others followed.
    5. What is in the store and no longer in the repository.
    6. CRLs that are due, or that the decisions before make due.
    """
    reserved = {r.object_id for r in observation.reservations}
    revocations = list(plan_revocations(desired, observation, frame))
    revocations += plan_blocked_keys(desired.manifests, observation, frame, revocations)
    revocations += plan_superseded(desired, observation, frame, revocations)
    then = after_revocations(observation, revocations, frame.now)
    renames = plan_renames(desired, then, frame, reserved)
    settled = reserved | renames.settled
    issued = [[item] for item in _plan_authorities(desired, then, frame, reserved)]
    certificates = [
        resolved
        for resolved in desired.certificates
        if frame.wants(resolved.loaded.object_id) and resolved.loaded.object_id not in settled
    ]
    planned = [list(plan_certificate(c, desired, then, frame.now)) for c in certificates]
    waiting = (
        (resolved, fields)
        for resolved, items in zip(certificates, planned, strict=True)
        if not any(map(_is_change, items))
        and (fields := waits_for_renewal(resolved, then, frame.now))
    )
    issued += planned
    items: list[Item] = [
        *plan_reservations(desired, then, frame),
        *renames.items,
        *(item for each in issued for item in each),
        *taken_up_later(waiting, desired.manifests),
        *revocations,
        *plan_removed(desired, then, frame, settled, revocations),
    ]
    items += plan_crls(desired, observation, frame, items)
    return Plan(
        changes=tuple(
            item for item in items if item is not None and not isinstance(item, Refusal | Finding)
        ),
        refused=tuple(item for item in items if isinstance(item, Refusal)),
        findings=tuple(item for item in items if isinstance(item, Finding)),
        unchanged=sum(not any(map(_is_change, each)) for each in issued),
        commit=frame.commit,
        base=frame.base,
        store=frame.store,
        planned_at=frame.now,
        live=sum(object_id.kind == CERTIFICATE for object_id in observation.live),
    )


def _is_change(item: Item) -> bool:
    return item is not None and not isinstance(item, Finding)


# --- 2. Authorities ------------------------------------------------------------------------------


def _plan_authorities(
    desired: Desired, observation: Observation, frame: PlanFrame, reserved: set[ObjectId]
) -> Iterator[Item]:
    known = dict(observation.authorities)
    for authority in parents_first(desired.manifests):
        if not frame.wants(authority.object_id) or authority.object_id in reserved:
            continue
        item = _plan_authority(authority, desired, observation, known)
        if isinstance(item, AdoptAuthority):
            known[authority.object_id.name] = item.certificate_der
        yield item


def _plan_authority(
    authority: Authority, desired: Desired, observation: Observation, known: Mapping[str, bytes]
) -> Item:
    """`known` has the certificates of authorities, with those this plan takes up before."""
    spec = authority.manifest.spec
    observed = observation.objects.get(authority.object_id)
    if spec.certificate:
        return adopt_authority(authority, known)
    current = observed.current if observed and not observed.retired else None
    if current is not None:
        return _check_unchanged(authority, current)
    if spec.mode == "offline":
        return Refusal(
            authority.object_id,
            Reason("AuthorityOffline", "it is offline and has no certificate yet"),
            authority.source("spec", "mode"),
            help="sign it where its key is, and put the certificate under spec.certificate",
        )
    parent = find_authority(desired.manifests, spec.parent)
    if parent is not None and "sign" not in parent.manifest.spec.usages:
        return Refusal(
            authority.object_id,
            Reason("ParentDoesNotSign", f"its parent {spec.parent} no longer signs"),
            authority.source("spec", "parent"),
            help="name another parent",
        )
    barred = why_not_signed(spec.parent or "", desired.manifests, observation)
    if barred is not None:
        return barred.at(authority.source("spec", "parent"))
    return IssueCertificate(
        request=resolve_authority(authority, desired.manifests),
        action=Action.ISSUE,
        reasons=(Reason("DoesNotExist", "the authority has no certificate yet"),),
        source=authority.source("spec"),
        path=authority.path,
    )


def _check_unchanged(authority: Authority, current: CertificateRecord) -> Refusal | None:
    """An authority's certificate is not changed in place: what it signed would hang in the air."""
    intent = authority_intent(authority)
    changed = changed_fields(dict(current.intent), intent) if current.intent else {}
    if not changed:
        return None
    field_name = next(iter(changed))
    return Refusal(
        authority.object_id,
        Reason("AuthorityChanged", f"{', '.join(changed)} cannot be changed once it was issued"),
        authority.source("spec", {"keyType": "key"}.get(field_name, field_name)),
        help="undo the change, or make a new authority beside it and let this one retire "
        "(usages: [crl, ocsp])",
    )
