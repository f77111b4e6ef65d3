"""
Which CRLs are due: the last one is missing, lacks something, or is to be replaced in time.

A CRL is always built from the whole store. What is decided here is only that there is to be one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import (
    AUTHORITY,
    CA_SCOPE,
    FULL_SCOPE,
    USER_SCOPE,
    AbandonReservation,
    AdoptAuthority,
    CrlRecord,
    Finding,
    FinishReservation,
    IssueCertificate,
    JsonValue,
    PublishCrl,
    Reason,
    ReleaseHold,
    RevokeCertificate,
    Severity,
    format_time,
    scopes_of,
    shard_of,
    shard_scope,
)
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.pkix.extensions.templates import expand_variables
from pki_as_code.pkix.variables import uri_variables
from pki_as_code.plan.authorities import Authority, crl_urls, parents_first
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.validate import Desired

Listed = set[tuple[str, str]]
"""Issuer and scope of the CRLs that the decisions of a plan change."""


@dataclass(frozen=True, slots=True)
class CrlCandidate:
    """All a trigger may look at."""

    last: CrlRecord | None
    changed_at: int | None
    """Sequence number of the last entry that changed what it lists; None when none did."""

    changes_now: bool
    """This plan changes what it lists."""

    refresh_before: timedelta
    now: datetime


def does_not_exist(candidate: CrlCandidate) -> Reason | None:
    if candidate.last is None:
        return Reason("DoesNotExist", "there is no such CRL yet")
    return None


def revocations_changed(candidate: CrlCandidate) -> Reason | None:
    last = candidate.last
    since = last is not None and (candidate.changed_at or 0) > last.as_of
    if last is not None and (since or candidate.changes_now):
        return Reason("RevocationsChanged", "what it lists is not what is revoked")
    return None


def nearing_next_update(candidate: CrlCandidate) -> Reason | None:
    last = candidate.last
    if last is None or candidate.now < last.next_update - candidate.refresh_before:
        return None
    return Reason("NearingNextUpdate", f"it is valid until {format_time(last.next_update)}")


CRL_TRIGGERS: tuple[Callable[[CrlCandidate], Reason | None], ...] = (
    does_not_exist,
    revocations_changed,
    nearing_next_update,
)


def plan_crls(
    desired: Desired, observation: Observation, frame: PlanFrame, items: Sequence[Item]
) -> Iterator[Item]:
    """Yield the CRLs that are due once `items`, the rest of the plan, is carried out."""
    changed = set(changed_by(items))
    arriving = {
        item.object_id.name
        for item in items
        if isinstance(item, IssueCertificate | FinishReservation | AdoptAuthority)
        and item.object_id.kind == AUTHORITY
        # `import_ca` takes up the certificate alone, and brings the key to it afterwards.
        and not (frame.only and isinstance(item, AdoptAuthority))
    }
    issuers_changed = {issuer for issuer, _ in changed}
    for authority in parents_first(desired.manifests):
        name, spec = authority.object_id.name, authority.manifest.spec
        if not (frame.wants(authority.object_id) or name in issuers_changed):
            continue
        if spec.mode == "offline" or "crl" not in spec.usages:
            continue
        der = observation.authorities.get(name)
        if der is None and name not in arriving:
            continue
        if der is not None and has_ended(der, frame.now):
            continue
        if der is not None and not may_sign_crls(der):
            yield _no_crl_sign(authority)
            continue
        for scope in _scopes(authority, observation):
            yield _plan_crl(authority, scope, desired, observation, frame.now, changed)


def has_ended(certificate_der: bytes, now: datetime) -> bool:
    """Tell whether an authority's certificate has ended: nobody looks at its CRL any more."""
    return x509.load_der_x509_certificate(certificate_der).not_valid_after_utc < now


def may_sign_crls(certificate_der: bytes) -> bool:
    """Tell whether the keyUsage of a certificate, if it has one, allows it (RFC 5280 4.2.1.3)."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return True
    return usage.crl_sign


def _no_crl_sign(authority: Authority) -> Finding:
    return Finding(
        "authority.no_crl_sign",
        f"authority {authority.object_id.name} has a certificate without cRLSign and signs no CRL",
        authority.source("spec", "usages"),
        Severity.WARNING,
        help="take `crl` out of its usages, or give it a certificate that allows it",
    )


def _scopes(authority: Authority, observation: Observation) -> list[str]:
    """Return the scopes an authority has CRLs of; shards stay while certificates name them."""
    spec, name = authority.manifest.spec.crl, authority.object_id.name
    shards = [shard_scope(number, spec.shards) for number in range(spec.shards)]
    known = [scope for issuer, scope in sorted(observation.crls) if issuer == name]
    asked = [FULL_SCOPE, *spec.scopes, *(shards if spec.shards > 1 else ())]
    kept = [scope for scope in known if scope not in {USER_SCOPE, CA_SCOPE}]
    return list(dict.fromkeys([*asked, *kept]))


def is_continued(record: CrlRecord, manifests: ManifestSet) -> bool:
    """Tell whether the manifests have another CRL follow this one when it ends."""
    authority = manifests.authority(record.issuer)
    if authority is None or "crl" not in authority.manifest.spec.usages:
        return False
    scopes = authority.manifest.spec.crl.scopes
    return record.scope not in {USER_SCOPE, CA_SCOPE} or record.scope in scopes


def _plan_crl(
    authority: Authority,
    scope: str,
    desired: Desired,
    observation: Observation,
    now: datetime,
    changed: Listed,
) -> PublishCrl | None:
    spec, name = authority.manifest.spec.crl, authority.object_id.name
    key = (name, scope)
    candidate = CrlCandidate(
        observation.crls.get(key),
        observation.crl_changes.get(key),
        key in changed,
        spec.refresh_before,
        now,
    )
    reasons = tuple(reason for trigger in CRL_TRIGGERS if (reason := trigger(candidate)))
    if not reasons:
        return None
    return PublishCrl(
        issuer=name,
        scope=scope,
        reasons=reasons,
        source=authority.source("spec", "crl"),
        previous=candidate.last,
        validity_seconds=int(spec.validity.total_seconds()),
        full_names=_full_names(authority, scope, desired),
        first_number=spec.first_number,
        path=authority.path,
    )


def _full_names(authority: Authority, scope: str, desired: Desired) -> tuple[str, ...]:
    """Return the URIs of a shard as its certificates have them (RFC 5280 section 5.2.5)."""
    if scope in {FULL_SCOPE, USER_SCOPE, CA_SCOPE}:
        return ()
    variables = uri_variables(authority.object_id.name, 0, 0, scope)
    urls = crl_urls(authority, desired.manifests)
    return tuple(expand_variables(url, variables) for url in urls)


def changed_by(items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    """Yield the CRLs that the decisions among `items` change."""
    for item in items:
        request: Mapping[str, JsonValue]
        if isinstance(item, RevokeCertificate | ReleaseHold):
            record = item.certificate
            issuer, number, kind = record.issuer, record.serial_number, record.object_id.kind
            request = record.request
        elif isinstance(item, AbandonReservation):
            reserved = item.reservation
            issuer, number, kind = reserved.issuer, reserved.serial_number, item.object_id.kind
            request = reserved.request
        else:
            continue
        for scope in scopes_of(kind, shard_of(request, number)):
            yield issuer, scope
