"""
OCSP responders: a certificate for each authority that answers, so that its own key need not.

A responder has no manifest of its own; `spec.ocsp.responder` of the authority and the profile
`ocsp` say what it is like. It lives for days, is renewed by every reconcile that finds a third of
its life left, and keeps its key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import (
    AUTHORITY,
    RESPONDER,
    Action,
    AdoptAuthority,
    CertificateRecord,
    CertificateRequest,
    Finding,
    IssueCertificate,
    ObjectId,
    Reason,
    RequestedExtension,
    Severity,
)
from pki_as_code.pkix.names import common_name, format_name, parse_name, with_common_name
from pki_as_code.plan.authorities import (
    Authority,
    default_hash,
    issued_extensions,
    joined,
    parents_first,
)
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.signing import why_not_trusted
from pki_as_code.plan.triggers import (
    Candidate,
    Triggers,
    does_not_exist,
    find_reasons,
    nearing_expiry,
    request_changed,
)
from pki_as_code.plan.validate import Desired

RESPONDER_PROFILE = "ocsp"
DELETION_POLICY = "Retain"

_SUFFIX = " OCSP responder"
_LONGEST_COMMON_NAME = 64
_SIGNS_RESPONSES = ("digitalSignature", "nonRepudiation")
"""A responder does nothing else with its key, whatever kind of key it is."""

_TRIGGERS: Triggers = (
    (does_not_exist, Action.ISSUE),
    (request_changed, Action.REPLACE),
    (nearing_expiry, Action.RENEW),
)
"""Nobody gives it a key or asks for another one; a changed profile is taken up in days anyway."""


def responder_id(authority: str) -> ObjectId:
    return ObjectId(RESPONDER, "", authority)


def answers(authority: Authority) -> bool:
    """Tell whether an authority has OCSP responses made."""
    return "ocsp" in authority.manifest.spec.usages


def responder_key_uri(authority: Authority) -> str | None:
    """
    Return where the key of an authority's responder is: as its manifest says, else beside its own.

    None when the authority's key is not in a file and the manifest does not say it.
    """
    spec = authority.manifest.spec
    if spec.ocsp.responder.key.uri is not None:
        return spec.ocsp.responder.key.uri
    if spec.key is None or not spec.key.uri.startswith("file:"):
        return None
    return f"{spec.key.uri.removesuffix('.pem')}.ocsp.pem"


# --- The request ---------------------------------------------------------------------------------


def resolve_responder(
    authority: Authority,
    manifests: ManifestSet,
    end: datetime,
    now: datetime,
    public_key_der: bytes = b"",
) -> CertificateRequest:
    """
    Return the request for a responder's certificate; it ends with its authority (`end`) at last.

    Its key may not exist yet: the request is completed with it before anything is reserved.
    """
    name, spec = authority.object_id.name, authority.manifest.spec
    profile = manifests.profile(RESPONDER_PROFILE)
    if profile is None:
        raise InvalidValueError(
            "the profile `ocsp` cannot be read", code="reference.not_found"
        )  # which is reported where it is written, and stops the plan
    asked = spec.ocsp.responder.validity
    validity = min(asked, profile.spec.validity.max or asked)
    ends_with_authority = now + validity > end
    subject = _subject(authority)
    return CertificateRequest(
        object_id=responder_id(name),
        issuer=name,
        profile=profile.metadata.name,
        subject=subject,
        subject_alternative_names=(),
        public_key_der=public_key_der,
        validity_seconds=None if ends_with_authority else int(validity.total_seconds()),
        not_after=end if ends_with_authority else None,
        backdate_seconds=int(profile.spec.validity.backdate.total_seconds()),
        hash_algorithm=default_hash(authority, manifests),
        extensions=_extensions(authority, profile, manifests),
        intent={
            "issuer": name,
            "profile": profile.metadata.name,
            "subject": subject,
            "validitySeconds": int(asked.total_seconds()),
        },
    )


def _subject(authority: Authority) -> str:
    """Return the authority's subject with another common name, as long as one may be."""
    subject = parse_name(authority.manifest.spec.subject)
    own = common_name(subject) or authority.object_id.name
    short = own[: _LONGEST_COMMON_NAME - len(_SUFFIX)].rstrip()
    return format_name(with_common_name(subject, f"{short}{_SUFFIX}"))


def _extensions(
    authority: Authority, profile: Profile, manifests: ManifestSet
) -> tuple[RequestedExtension, ...]:
    """Return the extensions of the profile, and without fail those that make it a responder's."""
    given = profile.spec.extensions
    found = {extension.name: extension for extension in (given.requested() if given else ())}
    for extension in issued_extensions(authority, profile, manifests):
        found[extension.name] = joined(found.get(extension.name), extension)
    usage = found.get("keyUsage")
    if usage is not None:
        useful = [name for name in usage.value if name in _SIGNS_RESPONSES]
        found["keyUsage"] = replace(usage, value=useful or list(_SIGNS_RESPONSES[:1]))
    found["extendedKeyUsage"] = RequestedExtension("extendedKeyUsage", False, ["OCSPSigning"])
    found.setdefault("ocspNoCheck", RequestedExtension("ocspNoCheck", False, True))
    return tuple(found[name] for name in sorted(found))


# --- The plan ------------------------------------------------------------------------------------


def plan_responders(
    desired: Desired,
    observation: Observation,
    frame: PlanFrame,
    reserved: Collection[ObjectId],
    authorities: Collection[Item],
) -> Iterator[Item]:
    """
    Yield what is to be done for the responder of each authority that is online and answers.

    `authorities` is what the same plan does for the authorities themselves.
    """
    coming = {
        item.object_id.name: item
        for item in authorities
        if isinstance(item, IssueCertificate | AdoptAuthority)
    }
    issued = dict(observation.authorities)
    issued |= {n: c.certificate_der for n, c in coming.items() if isinstance(c, AdoptAuthority)}
    certificates = {n: x509.load_der_x509_certificate(der) for n, der in issued.items()}
    preview = Preview(desired.manifests, certificates, frame.now, frame.linting)
    for authority in parents_first(desired.manifests):
        object_id = responder_id(authority.object_id.name)
        if not frame.wants(object_id) or object_id in reserved or not answers(authority):
            continue
        if authority.manifest.spec.mode != "online":
            continue  # nobody could renew it
        if authority.object_id.name in issued or authority.object_id.name in coming:
            yield _plan_responder(authority, preview, observation)


def _plan_responder(authority: Authority, preview: Preview, observation: Observation) -> Item:
    name = authority.object_id.name
    end = _end_of(authority, preview)
    barred = why_not_trusted(name, preview.manifests, observation)
    if barred is not None or end is None or end <= preview.now:
        return None
    if responder_key_uri(authority) is None:
        return Finding(
            "responder.no_key_uri",
            f"nothing says where the key of the OCSP responder of {name} is",
            authority.source("spec", "ocsp"),
            Severity.INFO,
            help="name a place under spec.ocsp.responder.key.uri, or leave `ocsp` out of usages",
        )
    request = resolve_responder(authority, preview.manifests, end, preview.now)
    observed = observation.objects.get(request.object_id)
    current = observed.current if observed and not observed.retired else None
    lost = request.object_id in observation.lost_keys
    candidate = Candidate(request, observed, _renewal_time(current, end), preview.now)
    action, reasons = _find_reasons(candidate, lost=lost)
    silenced = current is not None and current.revocation is not None and not lost
    objection = _objection(authority, candidate, preview, lost=lost) if action or silenced else None
    if action is None or objection is not None:
        return objection
    return IssueCertificate(
        request=request,
        action=action,
        reasons=reasons,
        source=authority.source("spec", "ocsp"),
        replaces=current,
        deletion_policy=DELETION_POLICY,
        path=authority.path,
    )


def _objection(
    authority: Authority, candidate: Candidate, preview: Preview, *, lost: bool
) -> Finding | None:
    """Return why it is not issued, as a warning: what else there is to do does not depend on it."""
    name, source = authority.object_id.name, authority.source("spec", "ocsp")
    current = candidate.current
    if current is not None and current.revocation is not None and not lost:
        return Finding(
            "responder.revoked",
            f"the certificate of the OCSP responder of {name} is revoked, and not issued again "
            "with the same key",
            source,
            Severity.WARNING,
            help="move its key file away: the next reconcile makes another key",
        )
    for finding in preview.findings(candidate.request):
        if finding.severity is Severity.ERROR:
            message = f"the OCSP responder of {name} gets no certificate: {finding.message}"
            return Finding(finding.code, message, source, Severity.WARNING, help=finding.help)
    return None


def _end_of(authority: Authority, preview: Preview) -> datetime | None:
    try:
        return preview.chain(authority)[0].not_valid_after_utc
    except InvalidValueError:
        return None  # it gets no certificate itself, which is reported


def _find_reasons(candidate: Candidate, *, lost: bool) -> tuple[Action | None, tuple[Reason, ...]]:
    if candidate.current is not None and lost:
        changed = Reason("KeyChanged", "its key is gone, or another one by now")
        return Action.REPLACE, (changed,)
    return find_reasons(candidate, _TRIGGERS)


def _renewal_time(current: CertificateRecord | None, end: datetime) -> datetime | None:
    """Return when a third of its life is left; None when another would end at the same time."""
    if current is None or current.not_after >= end:
        return None
    lifetime: timedelta = current.not_after - current.not_before
    return current.not_after - lifetime / 3


def responders_of(manifests: ManifestSet) -> Mapping[ObjectId, Authority]:
    """Return the responders that the manifests ask for, each with its authority."""
    return {
        responder_id(authority.object_id.name): authority
        for authority in parents_first(manifests)
        if authority.object_id.kind == AUTHORITY and answers(authority)
    }
