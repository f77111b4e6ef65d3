"""
Checks across manifests, without a store: references, circles, what would be signed.

CHECKS is the list; each takes the context and yields findings, all of them are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.model import AUTHORITY, Finding, ObjectId, Severity
from pki_as_code.pkix.names import format_name
from pki_as_code.plan.authorities import (
    authority_id,
    cycle_findings,
    find_authority,
    parents_first,
    resolve_authority,
)
from pki_as_code.plan.defaults import dangling
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.requests import ResolvedCertificate, resolve_request


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

    @property
    def manifests(self) -> ManifestSet:
        return self.desired.manifests


Check = Callable[[Context], Iterator[Finding]]


def resolve_all(manifests: ManifestSet) -> Desired:
    """Resolve every Certificate, in the order of their identities."""
    certificates = manifests.of(Certificate)
    return Desired(
        manifests,
        tuple(
            resolve_request(certificates[object_id], manifests)
            for object_id in sorted(certificates)
        ),
    )


def validate_manifests(desired: Desired, now: datetime, *, drafts: bool = True) -> list[Finding]:
    """
    Return every problem that can be seen without a store and without a key.

    With `drafts` each certificate is judged as it would be signed. A plan leaves that out here and
    does it for what it is going to issue, against the authorities as they really are.
    """
    preview = Preview(desired.manifests, _given_certificates(desired.manifests), now)
    context = Context(desired, preview)
    checks = (*CHECKS, *DRAFT_CHECKS) if drafts else CHECKS
    findings = [finding for check in checks for finding in check(context)]
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


def a_project_exists(context: Context) -> Iterator[Finding]:
    manifests = context.manifests
    if manifests.project is None and not manifests.is_unreadable("Project", "", None):
        yield Finding(
            "project.missing",
            "there is no pki.yaml (kind Project) at the root of the repository",
            help="`pkictl init` writes one",
        )


def parents_exist(context: Context) -> Iterator[Finding]:
    authorities = context.manifests.of(CertificateAuthority)
    for authority in authorities.values():
        parent = authority.manifest.spec.parent
        if parent is None or authority_id(parent) in authorities:
            continue
        if not context.manifests.is_unreadable(AUTHORITY, "", parent):
            names = [object_id.name for object_id in authorities]
            finding = dangling("parent", AUTHORITY, parent, names)
            yield finding.at(authority.source("spec", "parent"))


def authorities_form_trees(context: Context) -> Iterator[Finding]:
    yield from cycle_findings(context.manifests)


def default_references_exist(context: Context) -> Iterator[Finding]:
    """Defaults of the project and of namespaces, also where no certificate uses them yet."""
    manifests = context.manifests
    holders = [*manifests.of(Namespace).values()]
    if manifests.project is not None:
        holders.append(manifests.project)  # type: ignore[arg-type]
    authorities = [object_id.name for object_id in manifests.of(CertificateAuthority)]
    for holder in holders:
        defaults = holder.manifest.spec.defaults
        if defaults is None:
            continue
        wanted = defaults.issuer
        if wanted and not _is_known(manifests, AUTHORITY, wanted, authorities):
            finding = dangling("issuer", AUTHORITY, wanted, authorities)
            yield finding.at(holder.source("spec", "defaults", "issuer"))
        wanted = defaults.profile
        if wanted and not _is_known(manifests, "Profile", wanted, manifests.profile_names()):
            finding = dangling("profile", "Profile", wanted, manifests.profile_names())
            yield finding.at(holder.source("spec", "defaults", "profile"))


def _is_known(manifests: ManifestSet, kind: str, name: str, known: Collection[str]) -> bool:
    """Tell whether there is one, or a file that could not be read holds it."""
    return name in known or manifests.is_unreadable(kind, "", name)


def revocations_name_something(context: Context) -> Iterator[Finding]:
    manifests = context.manifests
    for revocation in manifests.of(Revocation).values():
        spec = revocation.manifest.spec
        if spec.issuer and find_authority(manifests, spec.issuer) is None:
            names = [object_id.name for object_id in manifests.of(CertificateAuthority)]
            finding = dangling("issuer", AUTHORITY, spec.issuer, names)
            yield finding.at(revocation.source("spec", "issuer"))


def watchers_name_something(context: Context) -> Iterator[Finding]:
    manifests = context.manifests
    names = [object_id.name for object_id in manifests.of(CertificateAuthority)]
    for watcher in manifests.of(Watcher).values():
        selector = watcher.manifest.spec.selector
        for position, issuer in enumerate(selector.issuers):
            if find_authority(manifests, issuer) is None:
                finding = dangling("issuers", AUTHORITY, issuer, names)
                yield finding.at(watcher.source("spec", "selector", "issuers", position))


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
        request = resolve_authority(authority, context.manifests)
        if format_name(certificate.subject) != request.subject:
            yield Finding(
                "authority.certificate_differs",
                f"the certificate is for {format_name(certificate.subject)!r}, "
                f"the manifest says {request.subject!r}",
                source,
                help="put the certificate's subject, in its order, under spec.subject",
            )


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
    for resolved in context.desired.certificates:
        yield from resolved.findings


def certificates_can_be_signed(context: Context) -> Iterator[Finding]:
    for resolved in context.desired.certificates:
        if resolved.request is not None:
            for finding in context.preview.findings(resolved.request):
                yield finding.at(resolved.place_of_names())


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
    a_project_exists,
    parents_exist,
    authorities_form_trees,
    default_references_exist,
    revocations_name_something,
    watchers_name_something,
    given_certificates_fit,
    certificates_are_complete,
    keys_are_not_shared,
)
DRAFT_CHECKS: tuple[Check, ...] = (authorities_can_be_signed, certificates_can_be_signed)
