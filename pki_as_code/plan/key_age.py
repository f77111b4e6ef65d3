"""How long one key may be used, over all renewals: `keys.maxAge` of a profile."""

from __future__ import annotations

from datetime import datetime

from pki_as_code.manifests.durations import format_duration
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Action, Finding, Severity, format_time
from pki_as_code.plan.observation import Observation
from pki_as_code.plan.requests import ResolvedCertificate

_NOT_ASKED_FOR = frozenset({"NearingExpiry", "Expired", "ProfileChanged"})
"""Reasons that come by themselves: nobody brought the old key just now."""


def key_too_old(
    resolved: ResolvedCertificate,
    action: Action,
    reasons: tuple[str, ...],
    manifests: ManifestSet,
    observation: Observation,
    now: datetime,
) -> Finding | None:
    """
    Return why the key is not certified once more, None when it may be.

    A key is as old as the first certificate with it, whoever had that. A renewal is then left out,
    with a warning; who asks for something new with an old key is refused.
    """
    request = resolved.request
    profile = manifests.profile(request.profile) if request else None
    limit = profile.spec.keys.max_age if profile else None
    if request is None or limit is None:
        return None
    first = observation.first_uses.get(request.public_key_sha256)
    if first is None or now < first + limit:
        return None
    due = action is Action.RENEW or _NOT_ASKED_FOR.issuperset(reasons)
    return Finding(
        "key.max_age",
        f"the key of {request.object_id.path} is in use since {format_time(first)}, and profile "
        f"{request.profile} allows {format_duration(limit)}: a new CSR is wanted",
        resolved.loaded.csr_source,
        Severity.WARNING if due else Severity.ERROR,
        help="make a new key and CSR",
    )
