"""
Certificates of a plan, or of a repository, under the policies that hold for them.

What holds are the policies of the revision that is looked at and, with a trust base, also those of
that one: a change that edits a policy and uses the edit at once is judged by what was there before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509

from pki_as_code.errors import PolicyDeniedError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.policy import Policy
from pki_as_code.model import (
    CERTIFICATE,
    AdoptCertificate,
    CertificateRequest,
    Endorsement,
    Evaluate,
    Finding,
    FinishReservation,
    IssueCertificate,
    Plan,
    RequestedExtension,
    Severity,
)
from pki_as_code.plan.authorities import find_authority
from pki_as_code.plan.policy import judge
from pki_as_code.plan.policy_candidates import Candidate, make_candidate
from pki_as_code.plan.policy_facts import expressions_about, facts_of
from pki_as_code.plan.policy_findings import finding_of
from pki_as_code.plan.policy_index import PolicyIndex, policies_of
from pki_as_code.plan.requests import given_extensions


@dataclass(frozen=True, slots=True)
class TrustBase:
    """What was agreed on before the change: the shared manifests of another revision."""

    commit: str
    manifests: ManifestSet


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The policies of one revision, and the profiles and authorities they take for granted."""

    manifests: ManifestSet
    index: PolicyIndex
    base: str = ""
    """The commit of a trust base; empty for the revision that is looked at."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What policies have against a certificate, or the files of the Grants that allow it."""

    findings: tuple[Finding, ...] = ()
    allowed_by: tuple[str, ...] = ()


def rulebooks(manifests: ManifestSet, base: TrustBase | None) -> tuple[Rulebook, ...]:
    """
    Return what holds: nothing without any policy.

    A base without policies does not judge: the repository is just getting its first one.
    """
    revisions = [Rulebook(manifests, policies_of(manifests))]
    if base is not None:
        revisions.append(Rulebook(base.manifests, policies_of(base.manifests), base.commit))
    return tuple(revision for revision in revisions if revision.index.policies)


def judge_certificate(
    books: tuple[Rulebook, ...],
    loaded: Loaded[Certificate],
    request: CertificateRequest,
    certificate: x509.Certificate,
    now: datetime,
    endorsement: Endorsement | None = None,
    *,
    evaluate: Evaluate | None,
    judge_approvals: bool = True,
) -> Judged:
    """
    Judge `certificate`, which is `request` as it would be signed, under every rulebook.

    `endorsement` says who stands behind it; None where that is not looked at, and with
    `judge_approvals` off only rules look at it. `evaluate` is asked once, for the rules of all
    policies that are about the certificate; without it a policy that has rules denies.
    """
    findings: list[Finding] = []
    allowed_by: dict[str, None] = {}
    seen: set[tuple[str, str]] = set()
    labels = loaded.manifest.metadata.labels.items()
    candidates: list[tuple[Rulebook, Candidate]] = []
    for book in books:
        given = _given(book, request, certificate)
        if given is None:
            findings.append(_not_in_base(book, request, loaded))
            continue
        made = make_candidate(certificate, request, given, labels, now, endorsement)
        candidates.append((book, made if judge_approvals else replace(made, approvals=None)))
    for book, candidate in _with_outcomes(candidates, evaluate):
        verdict = judge(book.index, candidate)
        # What both revisions object to is said once.
        new = [v for v in verdict.violations if (v.code, v.thing) not in seen]
        seen |= {(v.code, v.thing) for v in new}
        findings += (_of(book, finding_of(v, loaded)) for v in new)
        if not book.base:
            allowed_by |= dict.fromkeys(policy.path for policy in verdict.granted_by)
    return Judged(tuple(findings), () if findings else tuple(allowed_by))


def _with_outcomes(
    candidates: Sequence[tuple[Rulebook, Candidate]], evaluate: Evaluate | None
) -> Sequence[tuple[Rulebook, Candidate]]:
    """
    Return the certificate as each rulebook sees it, with what became of the rules of all.

    What a rule sees is the same by every rulebook.
    """
    wanted = dict.fromkeys(
        expression
        for book, candidate in candidates
        for expression in expressions_about(book.index, candidate)
    )
    if not wanted or evaluate is None:
        return candidates
    outcomes = evaluate(tuple(wanted), facts_of(candidates[0][1]))
    return [(book, replace(candidate, outcomes=outcomes)) for book, candidate in candidates]


def judge_adopted(
    books: tuple[Rulebook, ...],
    loaded: Loaded[Certificate],
    change: AdoptCertificate,
    profile: str,
    now: datetime,
    evaluate: Evaluate | None,
) -> Finding | None:
    """
    Return a warning about a certificate made elsewhere that no policy would have allowed.

    No error: it exists, whatever is said here, and not to look after it would only mean that nobody
    is told when it ends. What signs is its renewal, which is judged like every other. Its
    extensions are somebody else's, and are not looked at.
    """
    certificate = x509.load_der_x509_certificate(change.certificate_der)
    request = CertificateRequest(
        object_id=change.object_id,
        issuer=change.issuer,
        profile=profile,
        subject=change.subject,
        subject_alternative_names=change.subject_alternative_names,
        public_key_der=b"",
        validity_seconds=None,
        not_after=change.not_after,
        backdate_seconds=0,
        hash_algorithm=None,
    )
    labels = loaded.manifest.metadata.labels.items()
    candidate = replace(
        make_candidate(certificate, request, (), labels, now),
        own_extensions=(),
        extended_key_usages=None,
        is_readable=True,
    )
    for book, seen in _with_outcomes([(book, candidate) for book in books], evaluate):
        for violation in judge(book.index, seen).violations:
            told = _of(book, finding_of(violation, loaded))
            return Finding(
                "policy.adopted_not_allowed",
                f"it is observed, and its renewal would be denied: {told.message}",
                change.source,
                Severity.WARNING,
                help=told.help,
            )
    return None


def check_allowed(plan: Plan, manifests: ManifestSet) -> None:
    """
    See that whatever signs certificates was judged first, whichever way it came here.

    Raises:
        PolicyDeniedError: there are policies, and a certificate that none of them granted.
    """
    if not manifests.of(Policy):
        return
    for change in plan.changes:
        if not isinstance(change, IssueCertificate | FinishReservation):
            continue
        if change.object_id.kind == CERTIFICATE and not change.allowed_by:
            raise PolicyDeniedError(
                f"no policy was asked about {change.object_id.path}",
                help="plan again; if that does not help, please report it",
            )


def _given(
    book: Rulebook, request: CertificateRequest, certificate: x509.Certificate
) -> tuple[RequestedExtension, ...] | None:
    """Return the extensions that profile and authority of that revision give; None without them."""
    issuer = find_authority(book.manifests, request.issuer)
    profile = book.manifests.profile(request.profile)
    if issuer is None or profile is None:
        return None
    return given_extensions(book.manifests, issuer, profile, certificate.public_key())


def _of(book: Rulebook, finding: Finding) -> Finding:
    if not book.base:
        return finding
    return replace(finding, message=f"{finding.message}, under the base ({book.base[:7]})")


def _not_in_base(
    book: Rulebook, request: CertificateRequest, loaded: Loaded[Certificate]
) -> Finding:
    known = find_authority(book.manifests, request.issuer) is not None
    what = f"profile {request.profile}" if known else f"authority {request.issuer}"
    finding = Finding(
        "policy.not_in_base",
        f"there is no {what}",
        loaded.source("spec", "profile" if known else "issuer"),
        help="have it merged first, and ask for certificates in a second change",
    )
    return _of(book, finding)
