"""
What policies look at in a certificate: TERMS, which a Grant or a Limit sets, and MATCHES, which a
Deny looks for. Each is a function of its own; to add one, write it and put it into its table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from pki_as_code.escape import quoted
from pki_as_code.manifests.durations import format_duration
from pki_as_code.model import RuleOutcome
from pki_as_code.pkix.algorithms import describe_key
from pki_as_code.pkix.attributes import attribute_name
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.plan.policy_candidates import ANY_PURPOSE, Candidate
from pki_as_code.plan.policy_index import CompiledPolicy
from pki_as_code.plan.policy_names import is_allowed, is_kept_out
from pki_as_code.plan.policy_subjects import attribute_allowed, attribute_kept_out, name_in

RULE_NOT_MET: Final = "policy.rule_not_met"

_EXTENDED_KEY_USAGE: Final = "extendedKeyUsage"
_PURPOSES: Final = "extended_key_usage"
_NOT_EVALUATED: Final = RuleOutcome(problem="nobody evaluated it")


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that a policy has against a certificate."""

    code: str
    field: str
    """Where it is written: `names`, `subject`, `key`, `validity`, `extensions`, `purposes`; empty
    for all.
    `rules` and `approvals` are of the policy."""

    thing: str
    """The name, the attribute or the extension, as a manifest writes it; the rule."""

    message: str
    policies: tuple[CompiledPolicy, ...] = ()
    """The policies that say so; of a missing Grant those that were asked."""

    whole: bool = False
    """Each part of the certificate is allowed by some Grant, and the whole by none."""


# --- What is allowed -----------------------------------------------------------------------------


def _names(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    for name in candidate.names:
        if policy.bounds(name) and not is_allowed(name, policy.names):
            text = format_general_name(name)
            yield Violation(
                "policy.name_not_allowed",
                "names",
                text,
                f"{candidate.object_id.namespace} may not have {bare('names', text)}",
            )


def _subject(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    for attribute in candidate.subject:
        if not attribute_allowed(attribute, policy) and not _told_as_name(
            attribute, policy, candidate
        ):
            text = f"{attribute_name(attribute.oid)}={_value(attribute)}"
            yield Violation(
                "policy.subject_not_allowed",
                "subject",
                text,
                f"{candidate.object_id.namespace} may not have {text} in the subject",
            )


def _told_as_name(
    attribute: x509.NameAttribute[str | bytes], policy: CompiledPolicy, candidate: Candidate
) -> bool:
    """The common name mostly is one of the names, and is not objected to twice."""
    name = name_in(attribute)
    return name is not None and name in candidate.names and policy.bounds(name)


def _value(attribute: x509.NameAttribute[str | bytes]) -> str:
    return attribute.value if isinstance(attribute.value, str) else attribute.value.hex()


def _key(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    if "keys" in policy.fields and not policy.meets_key(candidate.public_key):
        key = describe_key(candidate.public_key)
        message = f"{candidate.object_id.namespace} may not have a key of type {key}"
        yield Violation("policy.key_not_allowed", "key", key, message)


def _validity(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    most = policy.max_validity
    if most is not None and candidate.lifetime > most:
        asked = f"{format_duration(candidate.lifetime)}"
        yield Violation(
            "policy.validity_too_long",
            "validity",
            asked,
            f"a validity of {asked} is longer than {format_duration(most)}, the most that "
            f"{candidate.object_id.namespace} may have",
        )


def _extensions(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    if "extensions" not in policy.fields and not policy.judges_all:
        return
    for name in candidate.own_extensions:
        if name not in policy.extensions and not _judged_by_purpose(name, policy):
            yield Violation(
                "policy.extension_not_allowed",
                "extensions",
                name,
                f"{candidate.object_id.namespace} may not have a {name} of its own",
            )


def _judged_by_purpose(name: str, policy: CompiledPolicy) -> bool:
    """A policy that lists purposes says more of that extension than its name does."""
    return name == _EXTENDED_KEY_USAGE and _PURPOSES in policy.fields


def _purposes(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    if _PURPOSES not in policy.fields:
        return
    others = [name for name in candidate.purposes if name not in policy.purposes]
    if others:
        yield Violation(
            "policy.purpose_not_allowed",
            "purposes",
            _EXTENDED_KEY_USAGE,
            f"{candidate.object_id.namespace} may not have a certificate for "
            f"{_told_purposes(others)}",
        )


def _told_purposes(purposes: Sequence[str]) -> str:
    return "any purpose" if ANY_PURPOSE in purposes else ", ".join(purposes)


def _approvals(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    asked, given = policy.loaded.manifest.spec.approvals, candidate.approvals
    if given is None:
        return
    owners = f"the owners of {candidate.object_id.namespace}"
    if asked.require_signature and not given:
        message = f"none of {owners} signed for it"
        yield Violation("policy.not_signed", "approvals", "requireSignature", message)
    elif len(given) < asked.min_owners:
        message = f"{len(given)} of {owners} signed for it, and {asked.min_owners} have to"
        yield Violation("policy.approvals_missing", "approvals", "minOwners", message)
    elif candidate.filled_in and (asked.require_signature or asked.min_owners):
        fields = " and ".join(candidate.filled_in)
        message = f"what {owners} signed does not say its {fields}, which _namespace.yaml fills in"
        yield Violation("policy.approval_incomplete", "approvals", candidate.filled_in[0], message)


def rule_violations(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    for rule in policy.rules:
        outcome = candidate.outcomes.get(rule.expression, _NOT_EVALUATED)
        unasked = outcome.is_unknown and candidate.author is None
        if outcome.holds or unasked:
            continue
        message = rule.message or (
            f"{candidate.object_id.namespace} does not meet the rule {quoted(rule.expression)}"
        )
        if outcome.problem:
            message += (
                f": could not be evaluated: {outcome.problem}; what cannot be judged is denied"
            )
        yield Violation(RULE_NOT_MET, "rules", rule.expression, message, (policy,))


Term = Callable[[CompiledPolicy, Candidate], Iterator[Violation]]

TERMS: Final[tuple[Term, ...]] = (
    _names,
    _subject,
    _key,
    _validity,
    _extensions,
    _purposes,
    _approvals,
    rule_violations,
)
"""What a Grant or a Limit says of a certificate, each by itself."""


def violations_of(policy: CompiledPolicy, candidate: Candidate) -> list[Violation]:
    """Return all that `policy`, a Grant or a Limit, does not allow in a certificate."""
    return [violation for term in TERMS for violation in term(policy, candidate)]


# --- What is kept out ----------------------------------------------------------------------------


def _kept_out_names(policy: CompiledPolicy, candidate: Candidate) -> Iterator[tuple[str, str]]:
    for name in candidate.names:
        if is_kept_out(name, policy.names):
            yield "names", format_general_name(name)


def _kept_out_subject(policy: CompiledPolicy, candidate: Candidate) -> Iterator[tuple[str, str]]:
    for attribute in candidate.subject:
        name = name_in(attribute)
        is_told = name is not None and name in candidate.names and is_kept_out(name, policy.names)
        if attribute_kept_out(attribute, policy) and not is_told:
            yield "subject", f"{attribute_name(attribute.oid)}={_value(attribute)}"


def _kept_out_key(policy: CompiledPolicy, candidate: Candidate) -> Iterator[tuple[str, str]]:
    if policy.meets_key(candidate.public_key):
        yield "key", describe_key(candidate.public_key)


def _kept_out_extensions(policy: CompiledPolicy, candidate: Candidate) -> Iterator[tuple[str, str]]:
    for name in candidate.extensions:
        if name in policy.extensions:
            yield "extensions", name


def _kept_out_purposes(policy: CompiledPolicy, candidate: Candidate) -> Iterator[tuple[str, str]]:
    if policy.purposes and ANY_PURPOSE in candidate.purposes:
        yield "purposes", "a certificate for any purpose"
    yield from (
        ("purposes", f"a certificate for {name}")
        for name in candidate.purposes
        if name in policy.purposes and name != ANY_PURPOSE
    )


Match = Callable[[CompiledPolicy, Candidate], Iterator[tuple[str, str]]]

MATCHES: Final[tuple[Match, ...]] = (
    _kept_out_names,
    _kept_out_subject,
    _kept_out_key,
    _kept_out_extensions,
    _kept_out_purposes,
)
"""What a Deny looks for; one find is enough."""


def bare(field: str, thing: str) -> str:
    """Return the thing as messages name it."""
    return thing.partition(":")[2] if field == "names" else thing
