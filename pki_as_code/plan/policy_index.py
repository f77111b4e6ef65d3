"""The policies of a repository, made ready once for all certificates, and found by namespace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.policy import Allowed, Matched, Policy, PolicyRule
from pki_as_code.pkix.attributes import BY_NAME
from pki_as_code.pkix.extensions import NAMES_BY_OID
from pki_as_code.pkix.key_types import KeyRequirement, parse_key_requirement
from pki_as_code.plan.policy_names import FIELDS, NameTerms, make_name_terms, written_fields

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

ANY_VALUE: Final = "*"
"""Stands for every value of an attribute. No subject has it as its whole value for a reason."""


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """One policy in the form in which it is compared."""

    name: str
    path: str
    effect: str
    namespaces: frozenset[str]
    issuers: frozenset[str]
    profiles: frozenset[str]
    labels: frozenset[tuple[str, str]]
    fields: frozenset[str]
    """The fields of `allow` or `match` that it writes down."""

    names: NameTerms
    subject: Mapping[str, frozenset[str]]
    """Values by the dotted object identifier of the attribute."""

    keys: tuple[KeyRequirement, ...]
    extensions: frozenset[str]
    purposes: frozenset[str]
    """Of the extendedKeyUsage, by name where they have one."""

    max_validity: timedelta | None
    judges_all: bool
    """A Grant: what it does not speak of, it does not allow."""

    denies_all: bool
    """A Deny of everything that is selected."""

    rules: tuple[PolicyRule, ...]
    """Conditions in CEL, of which all have to hold."""

    loaded: Loaded[Policy] = field(repr=False, compare=False)

    def is_about(
        self, namespace: str, issuer: str, profile: str, labels: frozenset[tuple[str, str]]
    ) -> bool:
        return (
            (not self.namespaces or namespace in self.namespaces)
            and (not self.issuers or issuer in self.issuers)
            and (not self.profiles or profile in self.profiles)
            and self.labels <= labels
        )

    def bounds(self, name: x509.GeneralName) -> bool:
        """Tell whether a Grant or a Limit says which names of this type there may be."""
        return self.judges_all or FIELDS.get(type(name), "") in self.fields

    def meets_key(self, public_key: PublicKeyTypes) -> bool:
        return any(requirement.is_met_by(public_key) for requirement in self.keys)


@dataclass(frozen=True, slots=True)
class PolicyIndex:
    """All policies; those that name namespaces are looked at only for certificates there."""

    policies: tuple[CompiledPolicy, ...]
    _everywhere: tuple[CompiledPolicy, ...]
    _by_namespace: Mapping[str, tuple[CompiledPolicy, ...]]
    has_rules: bool = False

    def about(
        self, namespace: str, issuer: str, profile: str, labels: frozenset[tuple[str, str]]
    ) -> list[CompiledPolicy]:
        """Return the policies that are about such a certificate."""
        found = (*self._everywhere, *self._by_namespace.get(namespace, ()))
        return [policy for policy in found if policy.is_about(namespace, issuer, profile, labels)]


def policies_of(manifests: ManifestSet) -> PolicyIndex:
    """Return the policies of these manifests, made ready when they are first asked for."""
    return manifests.once(
        "policies", lambda: make_policy_index(tuple(manifests.of(Policy).values()))
    )


def make_policy_index(loaded: Sequence[Loaded[Policy]]) -> PolicyIndex:
    policies = tuple(map(compile_policy, loaded))
    by_namespace: dict[str, list[CompiledPolicy]] = {}
    for policy in policies:
        for namespace in policy.namespaces:
            by_namespace.setdefault(namespace, []).append(policy)
    return PolicyIndex(
        policies,
        tuple(policy for policy in policies if not policy.namespaces),
        {namespace: tuple(found) for namespace, found in by_namespace.items()},
        has_rules=any(policy.rules for policy in policies),
    )


def compile_policy(loaded: Loaded[Policy]) -> CompiledPolicy:
    spec, selector = loaded.manifest.spec, loaded.manifest.spec.selector
    terms: Allowed | Matched = spec.allow or spec.match or Matched()
    fields = written_fields(terms)
    return CompiledPolicy(
        name=loaded.object_id.name,
        path=loaded.path,
        effect=spec.effect,
        namespaces=frozenset(selector.namespaces),
        issuers=frozenset(selector.issuers),
        profiles=frozenset(selector.profiles),
        labels=frozenset(selector.labels.items()),
        fields=fields,
        names=make_name_terms(terms),
        subject=_subject_of(terms),
        keys=tuple(map(parse_key_requirement, terms.keys or ())),
        extensions=frozenset(NAMES_BY_OID.get(name, name) for name in terms.extensions or ()),
        purposes=frozenset(terms.extended_key_usage or ()),
        max_validity=terms.max_validity if isinstance(terms, Allowed) else None,
        judges_all=spec.effect == "Grant",
        denies_all=spec.effect == "Deny" and spec.match is None and not spec.rules,
        rules=spec.rules,
        loaded=loaded,
    )


def _subject_of(terms: Allowed | Matched) -> Mapping[str, frozenset[str]]:
    """Return the values by object identifier: `O` and `organizationName` are one type."""
    found: dict[str, frozenset[str]] = {}
    for name, values in (terms.subject or {}).items():
        known = BY_NAME.get(name.lower())
        oid = known.oid.dotted_string if known else name
        found[oid] = found.get(oid, frozenset()) | frozenset(values)
    return found
