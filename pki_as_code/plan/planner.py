"""
Desired minus observed.

    make_plan: reservations, renames, authorities, certificates, revocations, what was removed

Each section is a generator of changes or refusals for one kind of object; the result is sorted, so
that equal inputs give equal plans, and nothing here knows more than it was given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pki_as_code.manifests.certificate import Certificate
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
from pki_as_code.plan.ceremonies import (
    ceremony_needed,
    is_signed_by_ceremony,
    waited_for,
    waits,
)
from pki_as_code.plan.certificates import plan_certificate, waits_for_renewal
from pki_as_code.plan.crl_ceremonies import plan_offline_crls
from pki_as_code.plan.crls import plan_crls
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.removals import plan_removed
from pki_as_code.plan.renames import plan_renames
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.reservations import plan_reservations
from pki_as_code.plan.responders import plan_responders
from pki_as_code.plan.revocations import plan_revocations
from pki_as_code.plan.shared_changes import taken_up_later
from pki_as_code.plan.signing import after_revocations, why_not_signed
from pki_as_code.plan.superseded import plan_superseded
from pki_as_code.plan.triggers import changed_fields
from pki_as_code.plan.validate import Desired
from pki_as_code.plan.waiting import leave_waiting


def make_plan(desired: Desired, observation: Observation, frame: PlanFrame) -> Plan:
    """
    Decide what to do.

    1. What a run that died had reserved; such objects are planned again afterwards.
    2. Authorities, parents first.
    3. Certificates: renamed, signed by the triggers, or left to the next renewal; and the OCSP
       responders of authorities.
    4. Revocations and lifted holds, keys that are lost, certificates that others followed.
    5. What is in the store and no longer in the repository.
    6. CRLs that are due, or that the decisions before make due.

    What failed a short while ago is left out of all this, until it is tried again.
    """
    reserved = {r.object_id for r in observation.reservations}
    revocations = list(plan_revocations(desired, observation, frame))
    revocations += plan_blocked_keys(desired.manifests, observation, frame, revocations)
    revocations += plan_superseded(desired, observation, frame, revocations)
    then = after_revocations(observation, revocations, frame.now)
    renames = plan_renames(desired, then, frame, reserved)
    settled = reserved | renames.settled
    authorities = list(_plan_authorities(desired, then, frame, reserved))
    responders = list(plan_responders(desired, then, frame, reserved, authorities))
    certificates = [
        resolved
        for resolved in desired.certificates
        if frame.wants(resolved.loaded.object_id) and resolved.loaded.object_id not in settled
    ]
    asked = [list(plan_certificate(c, desired, then, frame.now)) for c in certificates]
    issued = [*([item] for item in authorities), *asked]
    planned: list[Item] = [
        *plan_reservations(desired, then, frame),
        *renames.items,
        *(item for each in issued for item in each),
        *_plan_shared_changes(zip(certificates, asked, strict=True), desired, then, frame),
        *responders,
        *revocations,
        *plan_removed(desired, then, frame, settled, revocations),
    ]
    told = list(leave_waiting(planned, then, frame))
    items = [item for item, _ in told]
    items += plan_crls(desired, observation, frame, items)
    items += plan_offline_crls(desired, observation, frame, items)
    return Plan(
        changes=tuple(
            item for item in items if item is not None and not isinstance(item, Refusal | Finding)
        ),
        refused=tuple(item for item in items if isinstance(item, Refusal)),
        findings=tuple(item for item in items if isinstance(item, Finding)),
        unchanged=observation.elsewhere.asked
        + sum(not any(map(_is_change, each)) for each in issued),
        commit=frame.commit,
        base=frame.base,
        store=frame.store,
        planned_at=frame.now,
        waiting=tuple(object_id for _, object_id in told if object_id is not None),
        live=observation.elsewhere.live
        + sum(object_id.kind == CERTIFICATE for object_id in observation.live),
        asked=observation.elsewhere.asked + len(desired.manifests.of(Certificate)),
    )


def _is_change(item: Item) -> bool:
    return item is not None and not isinstance(item, Finding)


def _plan_shared_changes(
    certificates: Iterable[tuple[ResolvedCertificate, list[Item]]],
    desired: Desired,
    observation: Observation,
    frame: PlanFrame,
) -> Iterator[Finding]:
    """Yield what certificates that stay as they are take up at their next renewal."""
    waiting = (
        (resolved, fields)
        for resolved, items in certificates
        if not any(map(_is_change, items))
        and (fields := waits_for_renewal(resolved, observation, frame.now))
    )
    yield from taken_up_later(waiting, desired.manifests)


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
        return adopt_authority(authority, desired.manifests, known)
    current = observed.current if observed and not observed.retired else None
    if current is not None:
        return _check_unchanged(authority, current)
    barred = _why_no_authority(authority, desired, observation, known)
    if barred is not None:
        return barred
    return IssueCertificate(
        request=resolve_authority(authority, desired.manifests),
        action=Action.ISSUE,
        reasons=(Reason("DoesNotExist", "the authority has no certificate yet"),),
        source=authority.source("spec"),
        path=authority.path,
    )


def _why_no_authority(
    authority: Authority, desired: Desired, observation: Observation, known: Mapping[str, bytes]
) -> Refusal | Finding | None:
    """Return why this run does not sign an authority's own certificate; None when it does."""
    spec = authority.manifest.spec
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
    if is_signed_by_ceremony(authority, desired.manifests):
        return ceremony_needed(authority, desired.manifests, known)
    first = waited_for(spec.parent, desired.manifests, known)
    if first is not None:
        return waits(f"authority {authority.object_id.name}", first).at(authority.source("spec"))
    return None


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
