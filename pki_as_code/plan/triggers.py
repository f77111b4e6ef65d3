"""Why a certificate should be issued. Every trigger that returns a `Reason` is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pki_as_code.model import (
    Action,
    CertificateRecord,
    CertificateRequest,
    JsonValue,
    Observed,
    Reason,
    Revocation,
    format_time,
)
from pki_as_code.plan.certificate_adoption import changes_to_adopted
from pki_as_code.plan.shared_changes import shared_fields


@dataclass(frozen=True, slots=True)
class Candidate:
    """All a trigger may look at."""

    request: CertificateRequest
    observed: Observed | None
    renewal_time: datetime | None
    """When the current certificate is due to be renewed; None when it is not renewed by itself."""

    now: datetime
    reissue_on_change: bool = False
    """The profile in force says `onChange: Reissue`."""

    @property
    def current(self) -> CertificateRecord | None:
        if self.observed is None or self.observed.retired:
            return None
        return self.observed.current


Trigger = Callable[[Candidate], Reason | None]


def does_not_exist(candidate: Candidate) -> Reason | None:
    if candidate.current is None:
        return Reason("DoesNotExist", "no certificate was issued for it yet")
    return None


def key_changed(candidate: Candidate) -> Reason | None:
    current = candidate.current
    if current is None or current.public_key_sha256 == candidate.request.public_key_sha256:
        return None
    return Reason("KeyChanged", "the CSR holds another key")


def reissue_requested(candidate: Candidate) -> Reason | None:
    current, reissue = candidate.current, candidate.request.reissue
    # Nearly all have 0, and need no look into what was asked for last time.
    if current is None or not reissue or reissue <= int(current.request.get("reissue", 0)):
        return None
    return Reason("ReissueRequested", f"reissue was raised to {reissue}")


def request_changed(candidate: Candidate) -> Reason | None:
    """
    The manifest asks for something else than what was issued.

    Both must differ: the manifest's own words (else something shared changed, which is taken up at
    renewal) and the effect of just these words (else it was only written another way).
    """
    current, request = candidate.current, candidate.request
    if current is None or current.intent_digest == request.intent_digest:
        return None
    if not current.request_digest:
        changed = changes_to_adopted(current, request)
    else:
        changed = changed_fields(current.request, request.to_json())
        changed.pop("reissue", None)
        changed.pop("publicKeySha256", None)
        if not _words_have_an_effect(current, request):
            return None
    if not changed:
        return None
    return Reason("RequestChanged", "; ".join(_describe(*item) for item in changed.items()))


_EFFECTS = {"algorithm": "hashAlgorithm", "commonNameInSan": "subjectAltNames"}
"""The field of a request that a field of the intent decides, where its name is another one."""


def _words_have_an_effect(current: CertificateRecord, request: CertificateRequest) -> bool:
    """Tell whether a field that the manifest writes otherwise by now is to be otherwise."""
    before, after = current.request, request.to_json()
    for name, (old, new) in changed_fields(dict(current.intent), dict(request.intent)).items():
        if name == "publicKeySha256":
            continue  # which has a trigger of its own
        effect = _EFFECTS.get(name, name)
        if name == "extensions":
            said = changed_fields(old or {}, new or {})
            had, has = before.get("extensions") or {}, after["extensions"]
            if any(had.get(extension) != has.get(extension) for extension in said):
                return True
        elif effect not in after or before.get(effect) != after[effect]:
            return True
    return False


def profile_changed(candidate: Candidate) -> Reason | None:
    """
    Something shared changed, and the profile in force has that signed at once.

    The profile as it is now decides, whether the change is in it, in the authority, in the defaults
    of namespace or project, or is another profile by default.
    """
    current, request = candidate.current, candidate.request
    if current is None or not candidate.reissue_on_change or request_changed(candidate):
        return None
    changed = shared_fields(current, request)
    if not changed:
        return None
    told = "; ".join(_describe(*item) for item in changed.items())
    return Reason("ProfileChanged", f"{told} (onChange Reissue of profile {request.profile})")


def nearing_expiry(candidate: Candidate) -> Reason | None:
    current, renewal_time = candidate.current, candidate.renewal_time
    if current is None or renewal_time is None or candidate.now < renewal_time:
        return None
    if current.not_after < candidate.now:
        return Reason("Expired", f"it expired at {format_time(current.not_after)}")
    return Reason("NearingExpiry", f"renewal was due at {format_time(renewal_time)}")


Triggers = tuple[tuple[Trigger, Action], ...]

TRIGGERS: Triggers = (
    (does_not_exist, Action.ISSUE),
    (key_changed, Action.REPLACE),
    (reissue_requested, Action.REPLACE),
    (request_changed, Action.REPLACE),
    (profile_changed, Action.REPLACE),
    (nearing_expiry, Action.RENEW),
)


def find_reasons(
    candidate: Candidate, triggers: Triggers = TRIGGERS
) -> tuple[Action | None, tuple[Reason, ...]]:
    """Return what to do and every reason for it; the first trigger that speaks decides what."""
    told = [(action, reason) for trigger, action in triggers if (reason := trigger(candidate))]
    action = told[0][0] if told else None
    return action, tuple(reason for _, reason in told)


def bars_reissue(revocation: Revocation | None, candidate: Candidate) -> bool:
    """A revoked certificate is not issued anew with the key it was revoked with."""
    current = candidate.current
    return (
        revocation is not None
        and current is not None
        and current.public_key_sha256 == candidate.request.public_key_sha256
    )


def changed_fields(before: JsonValue, after: JsonValue) -> dict[str, tuple[JsonValue, JsonValue]]:
    """Return what differs between two request objects: field -> (old, new)."""
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(set(before) | set(after))
        if before.get(name) != after.get(name)
    }


def _describe(name: str, values: tuple[JsonValue, JsonValue]) -> str:
    old, new = values
    if isinstance(old, list) and isinstance(new, list):
        added = [f"+{_bare(item)}" for item in new if item not in old]
        removed = [f"-{_bare(item)}" for item in old if item not in new]
        return f"{name} {' '.join(added + removed) or 'in another order'}"
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [key for key in sorted(set(old) | set(new)) if old.get(key) != new.get(key)]
        return f"{name} {', '.join(keys)}"
    return f"{name} {_shown(old)} -> {_shown(new)}"


def _bare(name: JsonValue) -> str:
    """Return a DNS name or address without its type, as people write it."""
    text = str(name)
    return text.removeprefix("DNS:").removeprefix("IP:")


def _shown(value: JsonValue) -> str:
    return "none" if value is None else str(value)
