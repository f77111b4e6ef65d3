"""The manifest of a first policy: what one namespace may have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pki_as_code.authoring.manifests import Written, check_free, make_manifest, manifest_bytes
from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.policy import Policy
from pki_as_code.manifests.scalars import check_name
from pki_as_code.model import ObjectId
from pki_as_code.pkix.attributes import attribute_name
from pki_as_code.pkix.names import parse_name


@dataclass(frozen=True, slots=True)
class PolicyWishes:
    name: str
    namespaces: Sequence[str]
    dns: Sequence[str]
    """Suffixes."""

    ip: Sequence[str]
    email: Sequence[str]
    """Domains."""


def write_policy_manifest(
    manifests: ManifestSet, wishes: PolicyWishes, read: Callable[[str], bytes]
) -> Written:
    """
    Return a Grant, with the attributes that profiles and project add to every subject.

    Raises `InvalidValueError` when there is such a policy, or when it would grant nothing.
    """
    object_id = ObjectId("Policy", "", check_name(wishes.name))
    if object_id in manifests.of(Policy):
        raise InvalidValueError(
            f"there is a policy called {object_id.name} already",
            help="edit its manifest, or give the new one another name",
            code="manifest.exists",
        )
    if not (wishes.dns or wishes.ip or wishes.email):
        raise InvalidValueError(
            "the policy would grant no name",
            help="give --dns, --ip or --email",
            code="policy.wrong_terms",
        )
    allow = {
        "dns": [{"suffix": suffix} for suffix in wishes.dns],
        "ip": list(wishes.ip),
        "email": [{"domain": domain} for domain in wishes.email],
        "subject": _common_attributes(manifests),
    }
    spec = {
        "effect": "Grant",
        "selector": {"namespaces": [check_name(name) for name in wishes.namespaces]}
        if wishes.namespaces
        else {},
        "allow": {field: value for field, value in allow.items() if value},
    }
    path = check_free(f"policies/{object_id.name}.yaml", read)
    manifest = make_manifest("Policy", object_id.name, spec)
    return Written(object_id, {path: manifest_bytes(manifest, path)})


def _common_attributes(manifests: ManifestSet) -> dict[str, list[str]]:
    """Return what certificates have in their subject without asking for it themselves."""
    found: dict[str, list[str]] = {}
    project = manifests.project.manifest.spec.defaults.subject if manifests.project else None
    profiles = [manifests.profile(name) for name in manifests.profile_names()]
    for text in (project, *(profile.spec.subject for profile in profiles if profile)):
        for attribute in parse_name(text) if text else ():
            values = found.setdefault(attribute_name(attribute.oid), [])
            if isinstance(attribute.value, str) and attribute.value not in values:
                values.append(attribute.value)
    return found
