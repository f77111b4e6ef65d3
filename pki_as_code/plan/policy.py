"""
Who may have which certificate, judged on the certificate as it would be signed.

    policy_candidates.make_candidate   everything that is in it, and for whom it is
    judge                              Denies, none of which may match; Limits, all of which must
                                       hold; Grants, one of which must allow the whole certificate

Pure, and closed: what is not known, a name, an attribute or an extension, is not allowed. What is
looked at is in `policy_terms`. Rules in CEL were evaluated elsewhere: what became of them comes
with the candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pki_as_code.plan.policy_candidates import Candidate
from pki_as_code.plan.policy_index import CompiledPolicy, PolicyIndex
from pki_as_code.plan.policy_terms import (
    MATCHES,
    RULE_NOT_MET,
    Violation,
    bare,
    rule_violations,
    violations_of,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Nothing against it and the Grants that allow it, or what there is against it."""

    violations: tuple[Violation, ...]
    granted_by: tuple[CompiledPolicy, ...] = ()


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


def _denied(policy: CompiledPolicy, candidate: Candidate) -> list[Violation]:
    own = (policy,)
    if policy.denies_all:
        message = f"{candidate.object_id.namespace} may have no such certificate"
        return [Violation("policy.denied", "", "", message, own)]
    return [
        Violation(
            "policy.denied", field, thing, f"{bare(field, thing)} is kept out by a policy", own
        )
        for match in MATCHES
        for field, thing in match(policy, candidate)
    ] + list(rule_violations(policy, candidate))
