"""
Checks across manifests, without a store: references, circles, what would be signed.

CHECKS and `references.REFERENCE_CHECKS` are the lists; all findings of all checks are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Evaluate, Finding, ObjectId, Severity, format_time
from pki_as_code.plan.authorities import (
    cycle_findings,
    parents_first,
    resolve_authority,
)
from pki_as_code.plan.given_certificates import certificate_differs, lasting_differences
from pki_as_code.plan.linting import (
    Linting,
    unknown_codes,
    unused_waivers,
    waived_by,
    waiver_findings,
)
from pki_as_code.plan.policy_judging import Rulebook, TrustBase, judge_certificate, rulebooks
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.references import REFERENCE_CHECKS
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.resolving import resolve_certificates
from pki_as_code.workers import Work


@dataclass(frozen=True, slots=True)
class Desired:
    """Manifests with every certificate resolved: what `validate` looks at and the planner takes."""

    manifests: ManifestSet
    certificates: tuple[ResolvedCertificate, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """All a check may look at."""

    desired: Desired
    preview: Preview
    books: tuple[Rulebook, ...] = ()
    """The policies that hold."""

    evaluate: Evaluate | None = None
    """Evaluates their rules."""

    @property
    def manifests(self) -> ManifestSet:
        return self.desired.manifests


Check = Callable[[Context], Iterator[Finding]]


def resolve_all(manifests: ManifestSet) -> Desired:
    """Resolve every Certificate, in the order of their identities."""
    return Desired(manifests, resolve_certificates(manifests))


def validate_manifests(
    desired: Desired,
    now: datetime,
    linting: Linting,
    *,
    drafts: bool = True,
    base: TrustBase | None = None,
    evaluate: Evaluate | None = None,
) -> list[Finding]:
    """
    Return every problem that can be seen without a store and without a key.

    With `drafts` each certificate is judged as it would be signed. A plan leaves that out here and
    does it for what it is going to issue, against the authorities as they really are. With a trust
    `base` its policies hold as well; `evaluate` is for their rules.
    """
    preview = Preview(desired.manifests, _given_certificates(desired.manifests), now, linting)
    # A plan compiles the policies where it judges by them.
    books = rulebooks(desired.manifests, base) if drafts else ()
    context = Context(desired, preview, books, evaluate)
    checks = (*CHECKS, *DRAFT_CHECKS) if drafts else CHECKS
    findings = [
        finding for reference in REFERENCE_CHECKS for finding in reference(desired.manifests)
    ]
    findings += [finding for check in checks for finding in check(context)]
    return sorted(
        dict.fromkeys(findings),
        key=lambda f: (str(f.source.path) if f.source else "", f.source.line if f.source else 0),
    )


def _given_certificates(manifests: ManifestSet) -> dict[str, x509.Certificate]:
    """Return the certificates of authorities made elsewhere, which stand in their manifests."""
    found = {}
    for object_id, authority in manifests.of(CertificateAuthority).items():
        pem = authority.manifest.spec.certificate
        if pem:
            try:
                found[object_id.name] = x509.load_pem_x509_certificate(pem.encode())
            except ValueError:
                continue  # given_certificates_fit reports it
    return found


# --- Checks --------------------------------------------------------------------------------------


def given_certificates_fit(context: Context) -> Iterator[Finding]:
    """An authority made elsewhere: its certificate is the one its manifest describes."""
    for authority in context.manifests.of(CertificateAuthority).values():
        pem = authority.manifest.spec.certificate
        if not pem:
            continue
        source = authority.source("spec", "certificate")
        certificate = context.preview.issued.get(authority.object_id.name)
        if certificate is None:
            yield Finding(
                "authority.certificate_unreadable", "this is not a PEM certificate", source
            )
            continue
        differences = lasting_differences(certificate, authority, context.manifests)
        if differences:
            yield certificate_differs(differences, source)


def authorities_can_be_signed(context: Context) -> Iterator[Finding]:
    cyclic = {finding.source for finding in cycle_findings(context.manifests)}
    for authority in parents_first(context.manifests):
        if authority.manifest.spec.certificate or authority.source("spec", "parent") in cyclic:
            continue
        try:
            request = resolve_authority(authority, context.manifests)
        except InvalidValueError as error:
            yield error.finding().at(authority.source("spec"))
            continue
        for finding in context.preview.findings(request):
            yield finding.at(authority.source("spec"))


def certificates_are_complete(context: Context) -> Iterator[Finding]:
    linting, now = context.preview.linting, context.preview.now
    for resolved in context.desired.certificates:
        waived = waived_by(context.manifests, resolved.loaded.object_id, now)
        yield from linting.counted(resolved.findings, waived)


def lint_codes_are_known(context: Context) -> Iterator[Finding]:
    yield from unknown_codes(context.manifests)


def waivers_are_permitted(context: Context) -> Iterator[Finding]:
    rules, now = context.preview.linting.rules, context.preview.now
    for resolved in context.desired.certificates:
        yield from waiver_findings(resolved.loaded, rules, now)


def certificates_can_be_signed(context: Context) -> Iterator[Finding]:
    complete = [c for c in context.desired.certificates if c.request is not None]
    with closing(Work(partial(_draft_findings, context), complete)) as work:
        for resolved, found in zip(complete, work.results(), strict=True):
            for finding in found:
                yield finding.at(resolved.place_of_names())


def _draft_findings(context: Context, resolved: ResolvedCertificate) -> list[Finding]:
    """Return what standards and policies have against a certificate as it would be signed."""
    request = resolved.request
    if request is None:
        return []
    now = context.preview.now
    certificate, findings = context.preview.examine(request)
    waived = waived_by(context.manifests, request.object_id, now)
    told = context.preview.linting.counted(resolved.findings, waived)
    findings += unused_waivers(resolved.loaded, [*told, *findings], now)
    if certificate is not None and context.books:
        now = context.preview.now
        judged = judge_certificate(
            context.books, resolved.loaded, request, certificate, now, evaluate=context.evaluate
        )
        findings += judged.findings
    return findings


def end_dates_keep_to_the_profile(context: Context) -> Iterator[Finding]:
    """`notAfter` is no way around the longest validity of a profile."""
    for resolved in context.desired.certificates:
        request = resolved.request
        profile = context.manifests.profile(request.profile) if request else None
        limit = profile.spec.validity.max if profile else None
        if request is None or request.not_after is None or limit is None:
            continue
        latest = context.preview.now + limit
        if request.not_after > latest:
            yield Finding(
                "profile.validity_too_long",
                f"{format_time(request.not_after)} is later than profile {request.profile} allows",
                resolved.loaded.source("spec", "notAfter"),
                help=f"ask for {format_time(latest)} or earlier",
            )


def keys_are_not_shared(context: Context) -> Iterator[Finding]:
    """One key under two names: a loss of one is a loss of both (row K10)."""
    seen: dict[str, ObjectId] = {}
    for resolved in context.desired.certificates:
        if resolved.request is None:
            continue
        digest = resolved.request.public_key_sha256
        other = seen.setdefault(digest, resolved.loaded.object_id)
        if other != resolved.loaded.object_id:
            yield Finding(
                "csr.key_shared",
                f"{other.path} has the same key",
                resolved.loaded.csr_source,
                Severity.WARNING,
                help="make a key of its own for each certificate",
            )


CHECKS: tuple[Check, ...] = (
    given_certificates_fit,
    certificates_are_complete,
    lint_codes_are_known,
    waivers_are_permitted,
    end_dates_keep_to_the_profile,
    keys_are_not_shared,
)
DRAFT_CHECKS: tuple[Check, ...] = (authorities_can_be_signed, certificates_can_be_signed)
