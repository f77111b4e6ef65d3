"""
Checks of what manifests say of each other.

REFERENCE_CHECKS is the list; each takes the manifests and yields findings.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from pki_as_code.escape import quoted
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.places import place_of
from pki_as_code.manifests.policy import Policy
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.model import AUTHORITY, Finding
from pki_as_code.plan.authorities import authority_id, crl_urls, cycle_findings, find_authority
from pki_as_code.plan.certificate_adoption import adopted_findings
from pki_as_code.plan.defaults import dangling

ReferenceCheck = Callable[[ManifestSet], Iterator[Finding]]


def a_project_exists(manifests: ManifestSet) -> Iterator[Finding]:
    if manifests.project is None and not manifests.is_unreadable("Project", "", None):
        yield Finding(
            "project.missing",
            "there is no pki.yaml (kind Project) at the root of the repository",
            help="`pkictl init` writes one",
        )


def parents_exist(manifests: ManifestSet) -> Iterator[Finding]:
    authorities = manifests.of(CertificateAuthority)
    for authority in authorities.values():
        parent = authority.manifest.spec.parent
        if parent is None or authority_id(parent) in authorities:
            continue
        if not manifests.is_unreadable(AUTHORITY, "", parent):
            names = [object_id.name for object_id in authorities]
            finding = dangling("parent", AUTHORITY, parent, names)
            yield finding.at(authority.source("spec", "parent"))


def authorities_form_trees(manifests: ManifestSet) -> Iterator[Finding]:
    yield from cycle_findings(manifests)


def default_references_exist(manifests: ManifestSet) -> Iterator[Finding]:
    """Defaults of the project and of namespaces, also where no certificate uses them yet."""
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


def revocations_name_something(manifests: ManifestSet) -> Iterator[Finding]:
    for revocation in manifests.of(Revocation).values():
        spec = revocation.manifest.spec
        if spec.issuer and find_authority(manifests, spec.issuer) is None:
            names = [object_id.name for object_id in manifests.of(CertificateAuthority)]
            finding = dangling("issuer", AUTHORITY, spec.issuer, names)
            yield finding.at(revocation.source("spec", "issuer"))


def watchers_name_something(manifests: ManifestSet) -> Iterator[Finding]:
    names = [object_id.name for object_id in manifests.of(CertificateAuthority)]
    for watcher in manifests.of(Watcher).values():
        selector = watcher.manifest.spec.selector
        for position, issuer in enumerate(selector.issuers):
            if find_authority(manifests, issuer) is None:
                finding = dangling("issuers", AUTHORITY, issuer, names)
                yield finding.at(watcher.source("spec", "selector", "issuers", position))


def policies_name_something(manifests: ManifestSet) -> Iterator[Finding]:
    """A policy about a misspelt authority or profile would be about nothing, and limit nothing."""
    authorities = [object_id.name for object_id in manifests.of(CertificateAuthority)]
    for policy in manifests.of(Policy).values():
        selector = policy.manifest.spec.selector
        for field, kind, wanted, known in (
            ("issuers", AUTHORITY, selector.issuers, authorities),
            ("profiles", "Profile", selector.profiles, manifests.profile_names()),
        ):
            for position, name in enumerate(wanted):
                if not _is_known(manifests, kind, name, known):
                    finding = dangling(field, kind, name, known)
                    yield finding.at(policy.source("spec", "selector", field, position))


def teams_keep_to_themselves(manifests: ManifestSet) -> Iterator[Finding]:
    """What lies below `certificates/<team>/` reaches that team's certificates only."""
    for revocation in manifests.of(Revocation).values():
        own, named = revocation.object_id.namespace, revocation.manifest.spec.certificate or ""
        other = named.rpartition("/")[0]
        if own and other and other != own:
            yield _reaches_out(revocation, other, "spec", "certificate")
    for watcher in manifests.of(Watcher).values():
        own = watcher.object_id.namespace
        for position, other in enumerate(watcher.manifest.spec.selector.namespaces):
            if own and other != own:
                yield _reaches_out(watcher, other, "spec", "selector", "namespaces", position)


def _reaches_out(loaded: Loaded[Any], other: str, *field: str | int) -> Finding:
    return Finding(
        "reference.other_namespace",
        f"{loaded.object_id.kind} {loaded.object_id.path} names something of namespace {other}",
        loaded.source(*field),
        help="administrators can, in the directory of that kind at the root",
    )


def signed_files_are_in_places(manifests: ManifestSet) -> Iterator[Finding]:
    """
    Where commits are judged by who signed them, all that a signature stands on has to be judged.

    A file elsewhere in the repository can be changed by anybody.
    """
    project = manifests.project
    if project is None or not project.manifest.spec.trust.require_signed_commits:
        return
    for certificate in manifests.of(Certificate).values():
        if certificate.csr_path and not place_of(certificate.csr_path).directory:
            yield _outside(certificate, certificate.csr_path, "spec", "csrFile")
        if certificate.adopted_path and not place_of(certificate.adopted_path).directory:
            yield _outside(certificate, certificate.adopted_path, "spec", "adopt")
    for authority in manifests.of(CertificateAuthority).values():
        if authority.crl_path and not place_of(authority.crl_path).directory:
            yield _outside(authority, authority.crl_path, "spec", "crl", "file")


def _outside(loaded: Loaded[Any], path: str, *field: str) -> Finding:
    return Finding(
        "trust.file_outside",
        f"{quoted(path)} is outside of all places of manifests, and can be changed by commits that "
        "nobody signed",
        loaded.source(*field),
        help="move it beside the manifest",
    )


def shards_are_found(manifests: ManifestSet) -> Iterator[Finding]:
    """A certificate has to say in which shard it is looked for: its CRL URL names that."""
    for authority in manifests.of(CertificateAuthority).values():
        if authority.manifest.spec.crl.shards == 1:
            continue
        urls = crl_urls(authority, manifests)
        if not urls or not all("{CRL_PATH}" in url for url in urls):
            yield Finding(
                "authority.shards_without_path",
                f"the CRL URLs of {authority.object_id.name} do not say which shard is meant",
                authority.source("spec", "crl", "urls" if urls else "shards"),
                help="write {CRL_PATH} in each of crl.urls, or set baseUrl in pki.yaml",
            )


REFERENCE_CHECKS: tuple[ReferenceCheck, ...] = (
    a_project_exists,
    parents_exist,
    authorities_form_trees,
    default_references_exist,
    revocations_name_something,
    watchers_name_something,
    policies_name_something,
    teams_keep_to_themselves,
    shards_are_found,
    signed_files_are_in_places,
    adopted_findings,
)
