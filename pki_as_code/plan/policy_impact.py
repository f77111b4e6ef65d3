"""What a change of policies means for the certificates there are, and for each namespace."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Evaluate, Finding, ObjectId
from pki_as_code.plan.policy_findings import granted_words
from pki_as_code.plan.policy_index import policies_of
from pki_as_code.plan.policy_judging import Judged, TrustBase, judge_certificate, rulebooks
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.validate import Desired

EVERYWHERE = ""
"""Stands for all namespaces, where a policy names none."""


@dataclass(frozen=True, slots=True)
class Affected:
    """A certificate whose renewal is judged otherwise than before."""

    object_id: ObjectId
    findings: tuple[Finding, ...]
    """Why it would be denied; of one that is allowed now, why it was denied before."""


@dataclass(frozen=True, slots=True)
class NamespaceImpact:
    """What the Grants of a namespace say now and did not say before, and the other way round."""

    namespace: str
    gains: tuple[str, ...]
    loses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Impact:
    base: str
    denied: tuple[Affected, ...]
    """Certificates that could be renewed before, and no more."""

    allowed: tuple[Affected, ...]
    """Certificates that can be renewed now, and could not before."""

    namespaces: tuple[NamespaceImpact, ...]
    looked_at: int


def make_impact(
    desired: Desired,
    base: TrustBase,
    live: Collection[ObjectId],
    preview: Preview,
    evaluate: Evaluate | None,
) -> Impact:
    """Judge every certificate in `live` as its renewal would be, under both revisions."""
    denied, allowed = [], []
    looked_at = 0
    for resolved in desired.certificates:
        if resolved.loaded.object_id not in live or resolved.request is None:
            continue
        looked_at += 1
        before, now = (
            _judge(resolved, manifests, preview, evaluate)
            for manifests in (base.manifests, desired.manifests)
        )
        if now.findings and not before.findings:
            denied.append(Affected(resolved.loaded.object_id, now.findings))
        elif before.findings and not now.findings:
            allowed.append(Affected(resolved.loaded.object_id, before.findings))
    namespaces = tuple(_namespaces(base.manifests, desired.manifests))
    return Impact(base.commit, tuple(denied), tuple(allowed), namespaces, looked_at)


def _judge(
    resolved: ResolvedCertificate,
    manifests: ManifestSet,
    preview: Preview,
    evaluate: Evaluate | None,
) -> Judged:
    request = resolved.request
    certificate = preview.examine(request)[0] if request is not None else None
    if request is None or certificate is None:
        return Judged()
    books = rulebooks(manifests, None)
    return judge_certificate(
        books, resolved.loaded, request, certificate, preview.now, evaluate=evaluate
    )


def _namespaces(before: ManifestSet, now: ManifestSet) -> Iterator[NamespaceImpact]:
    old, new = _granted(before), _granted(now)
    known = {object_id.namespace for object_id in now.of(Certificate)}
    for namespace in sorted({*old, *new, *known}):
        had, has = old.get(namespace, set()), new.get(namespace, set())
        if had != has:
            yield NamespaceImpact(namespace, tuple(sorted(has - had)), tuple(sorted(had - has)))


def _granted(manifests: ManifestSet) -> dict[str, set[str]]:
    """Return in words what the policies say, by namespace."""
    found: dict[str, set[str]] = {}
    for policy in policies_of(manifests).policies:
        words = {f"{policy.effect} {word}" for word in granted_words(policy)}
        for namespace in policy.namespaces or {EVERYWHERE}:
            found.setdefault(namespace, set()).update(words)
    return found
