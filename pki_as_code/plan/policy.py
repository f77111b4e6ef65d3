"""
Who may have which certificate, judged on the certificate as it would be signed.

    policy_candidates.make_candidate   everything that is in it, and for whom it is
    judge                              Denies, none of which may match; Limits, all of which must
                                       hold; Grants, one of which must allow the whole certificate

Pure, and closed: what is not known, a name, an attribute or an extension, is not allowed. TERMS and
MATCHES are the tables of what is looked at. Rules in CEL were evaluated elsewhere: what became of
them comes with the candidate.
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
from pki_as_code.plan.policy_candidates import Candidate
from pki_as_code.plan.policy_index import CompiledPolicy, PolicyIndex
from pki_as_code.plan.policy_names import FIELDS, is_allowed, is_kept_out
from pki_as_code.plan.policy_subjects import attribute_allowed, attribute_kept_out, name_in

RULE_NOT_MET: Final = "policy.rule_not_met"

_NOT_EVALUATED: Final = RuleOutcome(problem="nobody evaluated it")


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that a policy has against a certificate."""

    code: str
    field: str
    """Where it is written: `names`, `subject`, `key`, `validity`, `extensions`; empty for all.
    `rules` and `approvals` are of the policy."""

    thing: str
    """The name, the attribute or the extension, as a manifest writes it; the rule."""

    message: str
    policies: tuple[CompiledPolicy, ...] = ()
    """The policies that say so; of a missing Grant those that were asked."""

    whole: bool = False
    """Each part of the certificate is allowed by some Grant, and the whole by none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Nothing against it and the Grants that allow it, or what there is against it."""

    violations: tuple[Violation, ...]
    granted_by: tuple[CompiledPolicy, ...] = ()


# --- What is allowed -----------------------------------------------------------------------------


def _names(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
    for name in candidate.names:
        judged = policy.judges_all or FIELDS.get(type(name), "") in policy.fields
        if judged and not is_allowed(name, policy.names):
            text = format_general_name(name)
            yield Violation(
                "policy.name_not_allowed",
                "names",
                text,
                f"{candidate.object_id.namespace} may not have {_bare('names', text)}",
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
    if name is None or name not in candidate.names:
        return False
    return policy.judges_all or FIELDS[type(name)] in policy.fields


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
        if name not in policy.extensions:
            yield Violation(
                "policy.extension_not_allowed",
                "extensions",
                name,
                f"{candidate.object_id.namespace} may not have a {name} of its own",
            )


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


def _rules(policy: CompiledPolicy, candidate: Candidate) -> Iterator[Violation]:
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
    _approvals,
    _rules,
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
        if attribute_kept_out(attribute, policy) and name_in(attribute) not in candidate.names:
            yield "subject", f"{attribute_name(attribute.oid)}={_value(attribute)}"


def _kept_out_key(policy: CompiledPolicy, candidate: Candidate) -> Iterator[tuple[str, str]]:
    if policy.meets_key(candidate.public_key):
        yield "key", describe_key(candidate.public_key)


def _kept_out_extensions(policy: CompiledPolicy, candidate: Candidate) -> Iterator[tuple[str, str]]:
    for name in candidate.extensions:
        if name in policy.extensions:
            yield "extensions", name


Match = Callable[[CompiledPolicy, Candidate], Iterator[tuple[str, str]]]

MATCHES: Final[tuple[Match, ...]] = (
    _kept_out_names,
    _kept_out_subject,
    _kept_out_key,
    _kept_out_extensions,
)
"""What a Deny looks for; one find is enough."""


def _denied(policy: CompiledPolicy, candidate: Candidate) -> list[Violation]:
    own = (policy,)
    if policy.denies_all:
        message = f"{candidate.object_id.namespace} may have no such certificate"
        return [Violation("policy.denied", "", "", message, own)]
    return [
        Violation(
            "policy.denied", field, thing, f"{_bare(field, thing)} is kept out by a policy", own
        )
        for match in MATCHES
        for field, thing in match(policy, candidate)
    ] + list(_rules(policy, candidate))


def _bare(field: str, thing: str) -> str:
    return thing.partition(":")[2] if field == "names" else thing


# --- The verdict ---------------------------------------------------------------------------------


def judge(index: PolicyIndex, candidate: Candidate) -> Verdict:
    """
    Judge a certificate by all policies that are about it.

    1. What cannot be read, and what would be an authority, is nothing that a policy can allow.
    2. Denies: none may match, and the rules of each must hold.
    3. Limits: every one must hold.
    4. Grants: one must allow all of it.
    """
    violations = list(_never_allowed(candidate))
    policies = index.about(
        candidate.object_id.namespace, candidate.issuer, candidate.profile, candidate.labels
    )
    grants = []
    for policy in policies:
        if policy.effect == "Deny":
            violations += _denied(policy, candidate)
        elif policy.effect == "Limit":
            violations += (
                v
                if v.code == RULE_NOT_MET
                else Violation("policy.limit_exceeded", v.field, v.thing, v.message, (policy,))
                for v in violations_of(policy, candidate)
            )
        else:
            grants.append(policy)
    objections = [violations_of(grant, candidate) for grant in grants]
    granted_by = tuple(g for g, against in zip(grants, objections, strict=True) if not against)
    if not granted_by:
        violations += _not_granted(candidate, grants, objections)
    return Verdict(tuple(violations), () if violations else granted_by)


def _never_allowed(candidate: Candidate) -> Iterator[Violation]:
    if not candidate.is_readable:
        yield Violation("policy.extension_not_allowed", "", "", "its extensions cannot be read")
    if candidate.is_authority:
        message = "it would be an authority, which only admins make, in authorities/"
        yield Violation("policy.extension_not_allowed", "extensions", "basicConstraints", message)


def _not_granted(
    candidate: Candidate,
    grants: Sequence[CompiledPolicy],
    objections: Sequence[Sequence[Violation]],
) -> list[Violation]:
    """
    Return what no Grant allows; else, as each allows a part, what the closest of them does not.

    The closest is the one with the fewest objections: that is most likely the one that was meant.
    """
    asked = tuple(grants)
    if not grants:
        message = (
            f"no policy grants {candidate.object_id.namespace} anything from {candidate.issuer} "
            f"with profile {candidate.profile}"
        )
        return [Violation("policy.no_grant", "", "", message)]
    keys = [{(v.code, v.thing) for v in against} for against in objections]
    common = set.intersection(*keys)
    closest = min(objections, key=len)
    wanted = [v for v in closest if (v.code, v.thing) in common] or closest
    return [Violation(v.code, v.field, v.thing, v.message, asked, whole=not common) for v in wanted]
