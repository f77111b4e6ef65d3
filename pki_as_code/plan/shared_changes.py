"""
What changed in something shared (profile, namespace, authority, project): who takes it up when.

A certificate is then made otherwise although its own manifest says the same as before. It is not
signed again for that, unless its profile says `onChange: Reissue`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import (
    CertificateRecord,
    CertificateRequest,
    Finding,
    JsonValue,
    Severity,
    Source,
)
from pki_as_code.plan.authorities import find_authority
from pki_as_code.plan.effective import EffectiveValue, Origin, effective_values
from pki_as_code.plan.requests import ResolvedCertificate

TAKEN_UP_LATER = "plan.taken_up_at_renewal"
"""The code of the notice."""

_OWN = frozenset({"reissue", "publicKeySha256"})
"""Fields that come from the Certificate alone."""

_AS_WRITTEN = {
    "validitySeconds": "validity",
    "backdateSeconds": "backdate",
    "hashAlgorithm": "algorithm",
}
"""The field of a manifest that decides a field of a request, where its name is another one."""

_SHARED_KINDS = frozenset({"namespace", "profile", "authority", "project"})


def shared_fields(
    current: CertificateRecord, request: CertificateRequest
) -> dict[str, tuple[JsonValue, JsonValue]]:
    """
    Return what would be otherwise if a certificate were signed again: field -> (old, new).

    The fields are named as manifests name them, each extension by itself. Empty for an adopted
    certificate: nobody knows what was asked for then.
    """
    if not current.request_digest or current.request_digest == request.digest:
        return {}
    before, after = _flat(current.request), _flat(request.to_json())
    return {
        _AS_WRITTEN.get(name, name): (before.get(name), after.get(name))
        for name in sorted(set(before) | set(after))
        if name not in _OWN and before.get(name) != after.get(name)
    }


def _flat(request: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    flat = {name: value for name, value in request.items() if name != "extensions"}
    extensions = request.get("extensions") or {}
    return flat | {f"extensions.{name}": value for name, value in extensions.items()}


# --- The notice ----------------------------------------------------------------------------------


@dataclass
class _Shared:
    """One thing that changed, as far as is known."""

    source: Source | None
    count: int = 0
    unrenewed: int = 0
    fields: set[str] = field(default_factory=set)


def taken_up_later(
    waiting: Iterable[tuple[ResolvedCertificate, frozenset[str]]], manifests: ManifestSet
) -> Iterator[Finding]:
    """
    Yield one notice for each shared thing that changed: how many certificates take it up later.

    `waiting` are certificates, each with the fields that are to be otherwise.
    """
    known: dict[tuple[object, ...], dict[Origin, set[str]]] = {}
    found: dict[tuple[str, str, str], _Shared] = {}
    for resolved, fields in waiting:
        request = resolved.request
        if request is None:
            continue
        # What is shared by two certificates changed for both: one is looked at for all of them.
        alike = (request.object_id.namespace, request.profile, request.issuer, fields)
        if alike not in known:
            known[alike] = _origins(resolved, fields, manifests)
        counted = set()
        for origin, names in known[alike].items():
            key = (origin.kind, origin.name, origin.source.path if origin.source else "")
            shared = found.setdefault(key, _Shared(origin.source))
            shared.fields |= names
            if key not in counted:
                shared.count += 1
                shared.unrenewed += resolved.renew_before is None
                counted.add(key)
    for (kind, name, _), shared in sorted(found.items()):
        yield _notice(kind, name, shared)


def _notice(kind: str, name: str, shared: _Shared) -> Finding:
    count = shared.count
    message = (
        f"{count:,} certificate{'s take' if count != 1 else ' takes'} this up at renewal "
        f"({kind} {name}: {', '.join(sorted(shared.fields))})"
    )
    if shared.unrenewed:
        message += (
            f"; {shared.unrenewed:,} of them, not before a new CSR comes or `reissue` is raised"
        )
    return Finding(
        TAKEN_UP_LATER,
        message,
        shared.source,
        Severity.INFO,
        help="to have it now: `onChange: Reissue` in the profile for all, or raise `reissue` in "
        "one Certificate",
    )


def _origins(
    resolved: ResolvedCertificate, fields: frozenset[str], manifests: ManifestSet
) -> dict[Origin, set[str]]:
    """Return which shared things the fields come from."""
    values, _ = effective_values(resolved.loaded, manifests)
    found: dict[Origin, set[str]] = {}
    for name in sorted(fields):
        origins = [
            origin
            for value in values
            if _is_of(value, name)
            for origin in value.origins
            if origin.kind in _SHARED_KINDS
        ]
        for origin in origins or [_fallback(resolved, manifests)]:
            # One for each file, at the first field.
            known = (o for o in found if (o.kind, o.name) == (origin.kind, origin.name))
            found.setdefault(next(known, origin), set()).add(name)
    return found


def _is_of(value: EffectiveValue, name: str) -> bool:
    return value.field == name or value.field.startswith(f"{name}.")


def _fallback(resolved: ResolvedCertificate, manifests: ManifestSet) -> Origin:
    """Return where something stood that is no longer there: most likely in the profile."""
    request = resolved.request
    profile = manifests.loaded_profile(request.profile) if request else None
    if profile is not None:
        return Origin("profile", profile.object_id.name, profile.source("spec"))
    issuer = find_authority(manifests, request.issuer) if request else None
    source = issuer.source("spec") if issuer else None
    return Origin("authority", request.issuer if request else "", source)
