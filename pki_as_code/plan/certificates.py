"""Certificates: whether one is signed, why, and what changes about it without a signature."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pki_as_code.model import (
    AdoptCertificate,
    CertificateRecord,
    Finding,
    IssueCertificate,
    Observed,
    Reason,
    Refusal,
    Severity,
    Status,
    UpdateObject,
    format_time,
)
from pki_as_code.plan.authorities import find_authority
from pki_as_code.plan.ceremonies import is_offline, offline_issuer, waited_for, waits
from pki_as_code.plan.certificate_adoption import plan_adoption
from pki_as_code.plan.key_age import key_too_old
from pki_as_code.plan.observation import Item, Observation
from pki_as_code.plan.renewal import renewal_time
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.shared_changes import shared_fields
from pki_as_code.plan.signing import why_not_signed
from pki_as_code.plan.triggers import Candidate, bars_reissue, find_reasons
from pki_as_code.plan.validate import Desired


def plan_certificate(
    resolved: ResolvedCertificate, desired: Desired, observation: Observation, now: datetime
) -> Iterator[Item]:
    """Yield what is to be done about one Certificate; nothing when it is as it should be."""
    observed = observation.objects.get(resolved.loaded.object_id)
    item = _plan_signature(resolved, desired, observation, observed, now)
    if item is not None:
        yield item
    if isinstance(item, IssueCertificate | AdoptCertificate | Refusal):
        return  # which say what the deletion policy is, or that nothing is done
    current = current_of(observed)
    if current is not None and (resolved.request is not None or not resolved.findings):
        yield from _plan_policy(resolved, current, now)


def waits_for_renewal(
    resolved: ResolvedCertificate, observation: Observation, now: datetime
) -> frozenset[str]:
    """Return the fields that are to be otherwise once a certificate is signed again anyway."""
    current = current_of(observation.objects.get(resolved.loaded.object_id))
    if resolved.request is None or current is None or current.status(now) is not Status.VALID:
        return frozenset()
    return frozenset(shared_fields(current, resolved.request))


def current_of(observed: Observed | None) -> CertificateRecord | None:
    """Return the certificate in force of an object that is looked after."""
    return observed.current if observed and not observed.retired else None


def _plan_signature(
    resolved: ResolvedCertificate,
    desired: Desired,
    observation: Observation,
    observed: Observed | None,
    now: datetime,
) -> Item:
    request, loaded, manifests = resolved.request, resolved.loaded, desired.manifests
    adoption = plan_adoption(loaded, manifests, observed, observation.authorities)
    if adoption is not None or request is None:
        return adoption  # or adopted without a CSR, or not resolvable, which is reported elsewhere
    current = current_of(observed)
    candidate = _candidate(resolved, desired, observed, now)
    if current is not None and bars_reissue(current.revocation, candidate):
        return Finding(
            "certificate.revoked",
            f"{request.object_id.path} is revoked ({current.revocation.reason}) "  # type: ignore[union-attr]
            "and not issued again with the same key",
            loaded.csr_source,
            Severity.WARNING,
            help="make a new key and CSR, or remove the manifest",
        )
    action, reasons = find_reasons(candidate)
    if action is None:
        return _wanted_csr(resolved, current, now)
    codes = tuple(reason.code for reason in reasons)
    barred = key_too_old(resolved, action, codes, manifests, observation, now)
    barred = barred or _why_not_now(resolved, desired, observation)
    if barred is not None:
        return barred.at(loaded.source("spec", "issuer"))
    return IssueCertificate(
        request=request,
        action=action,
        reasons=reasons,
        source=loaded.source("spec"),
        replaces=current,
        deletion_policy=resolved.deletion_policy,
        path=loaded.path,
        csr_path=loaded.csr_path,
    )


def _why_not_now(
    resolved: ResolvedCertificate, desired: Desired, observation: Observation
) -> Finding | None:
    """Return why its issuer cannot sign it in this run; None when it can."""
    path = resolved.loaded.object_id.path
    name = resolved.request.issuer if resolved.request else ""
    issuer = find_authority(desired.manifests, name)
    barred = why_not_signed(name, desired.manifests, observation)
    if barred is not None or issuer is None:
        return barred
    if is_offline(issuer):
        return offline_issuer(path, name)
    first = waited_for(name, desired.manifests, observation.authorities)
    return waits(f"certificate {path}", first) if first is not None else None


def _candidate(
    resolved: ResolvedCertificate, desired: Desired, observed: Observed | None, now: datetime
) -> Candidate:
    request, current, before = resolved.request, current_of(observed), resolved.renew_before
    if request is None:
        raise ValueError("only a Certificate that could be resolved is a candidate")
    profile = desired.manifests.profile(request.profile)
    return Candidate(
        request,
        observed,
        renewal_time(current, before) if current is not None and before is not None else None,
        now,
        reissue_on_change=profile is not None and profile.spec.on_change == "Reissue",
    )


def _wanted_csr(
    resolved: ResolvedCertificate, current: CertificateRecord | None, now: datetime
) -> Finding | None:
    """Renewal mode `Request`: when the time has come, people are told, and nothing is signed."""
    renewal = resolved.renewal
    if renewal is None or renewal.mode != "Request" or current is None:
        return None
    due = renewal_time(current, renewal.before)
    if now < due:
        return None
    ends = "ended" if current.not_after < now else "ends"
    return Finding(
        "certificate.csr_wanted",
        f"new CSR wanted for {current.object_id.path}: its certificate {ends} at "
        f"{format_time(current.not_after)}",
        resolved.loaded.csr_source,
        Severity.WARNING,
        help="make a new key and CSR, and commit the CSR in place of the old one",
    )


def _plan_policy(
    resolved: ResolvedCertificate, current: CertificateRecord, now: datetime
) -> Iterator[UpdateObject]:
    """
    Bring the deletion policy that the store knows to the one of the manifest.

    Whoever removes the manifest later finds this one in force.
    """
    wanted = resolved.deletion_policy
    if wanted == current.deletion_policy or current.status(now) in {Status.EXPIRED, Status.REVOKED}:
        return
    told = f"deletionPolicy {current.deletion_policy} -> {wanted}"
    yield UpdateObject(
        object_id=current.object_id,
        certificate=current,
        deletion_policy=wanted,
        reasons=(Reason("DeletionPolicyChanged", told),),
        source=resolved.loaded.source("spec", "deletionPolicy"),
        path=resolved.loaded.path,
    )
