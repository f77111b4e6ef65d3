"""What findings mean for a plan: whom they concern, and what is kept out of it for them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeGuard

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import ManifestError, PolicyDeniedError
from pki_as_code.increments.scope import Scope
from pki_as_code.linters import opinions
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.model import (
    CERTIFICATE,
    RESPONDER,
    AdoptAuthority,
    AdoptCertificate,
    BlockedKey,
    CertificateRequest,
    Change,
    Endorsement,
    Evaluate,
    Finding,
    FinishReservation,
    IssueCertificate,
    ObjectId,
    Plan,
    RevokeCertificate,
    Severity,
)
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.names import format_name
from pki_as_code.plan.blocked_keys import compromised, lost_keys
from pki_as_code.plan.linting import Linting, lint_rules, waived_by
from pki_as_code.plan.observation import Observation
from pki_as_code.plan.policy_findings import only_denied
from pki_as_code.plan.policy_judging import (
    Rulebook,
    TrustBase,
    judge_certificate,
    rulebooks,
)
from pki_as_code.plan.policy_readings import distinguished_name_read_as
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.shared_changes import TAKEN_UP_LATER
from pki_as_code.plan.validate import Desired
from pki_as_code.stores.interface import Store
from pki_as_code.workers import Work, settled_memory
from pki_as_code.workspace.adopted import (
    adopted_not_allowed,
    known_elsewhere,
    revoked_by_others,
)
from pki_as_code.workspace.shared_keys import keys_of_others

OF_ONE_OBJECT = ("certificates/", "revocations/", "watchers/")
"""Places whose manifests nothing else stands on."""


def linting_of(manifests: ManifestSet, base: TrustBase | None) -> Linting:
    """Return who judges drafts besides our own lints, and what they may object to."""
    return Linting(lint_rules(manifests, base.manifests if base else None), opinions)


def load_certificates(authorities: Mapping[str, bytes]) -> dict[str, x509.Certificate]:
    return {name: x509.load_der_x509_certificate(der) for name, der in authorities.items()}


def check_findings(findings: Sequence[Finding]) -> None:
    """
    Raise with all findings when one of them is an error.

    Raises:
        PolicyDeniedError: it is policies that object, and nothing else.
        ManifestError: anything else is wrong.
    """
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    if only_denied(findings):
        raise PolicyDeniedError("a policy does not allow it", findings=findings)
    if errors:
        raise ManifestError(f"{errors} errors in the manifests", findings=findings)


def concerns_all(finding: Finding) -> bool:
    """Tell whether an error stops everything: it is not in a manifest of one object."""
    return finding.source is None or not finding.source.path.startswith(OF_ONE_OBJECT)


def about(
    findings: Iterable[Finding], only: Collection[ObjectId], desired: Desired
) -> list[Finding]:
    """Return the findings that matter to these objects: their own, and those that concern all."""
    paths = {path for object_id in only for path in _paths_of(object_id, desired)}
    return [f for f in findings if concerns_all(f) or (f.source and f.source.path in paths)]


def _paths_of(object_id: ObjectId, desired: Desired) -> Iterator[str]:
    """Yield where an object is, or would be when it cannot be read."""
    for kind in (Certificate, Revocation):
        loaded = desired.manifests.of(kind).get(object_id)
        if loaded is not None:
            yield loaded.path
            yield loaded.csr_path
    for entry in desired.manifests.unreadable:
        if entry.name in {None, object_id.name} and entry.namespace in {None, object_id.namespace}:
            yield entry.path


def without_faulty(plan: Plan, findings: Sequence[Finding]) -> Plan:
    """Return the plan with these findings, and without the changes that an error speaks of."""
    everything = [*findings, *plan.findings]
    faulty = {f.source.path for f in everything if f.severity is Severity.ERROR and f.source}
    changes = tuple(change for change in plan.changes if not _paths(change) & faulty)
    shown = tuple(dict.fromkeys(everything))
    return replace(plan, changes=changes, findings=shown)


def without_old_notices(plan: Plan, scope: Scope | None) -> Plan:
    """
    Return the plan without notices of what changed earlier in something shared.

    How many certificates take it up later is known to a plan that looks at all of them: one of
    everything, or one of the change itself.
    """
    if scope is None:
        return plan
    findings = tuple(
        f
        for f in plan.findings
        if f.code != TAKEN_UP_LATER or (f.source is not None and f.source.path in scope.changed)
    )
    return replace(plan, findings=findings)


def _paths(change: Change) -> set[str]:
    places = {getattr(change, "path", ""), getattr(change, "csr_path", "")}
    if change.source is not None:
        places.add(change.source.path)
    return places - {""}


# --- Judging what would be signed ----------------------------------------------------------------


def judge_changes(
    plan: Plan,
    desired: Desired,
    observation: Observation,
    store: Store,
    now: datetime,
    base: TrustBase | None = None,
    *,
    evaluate: Evaluate | None = None,
) -> tuple[Plan, list[Finding]]:
    """
    Judge what would be signed, against the authorities as they really are; `evaluate` is for the
    rules of policies.

    Returns the plan with the policies that allow each certificate and the marks of the drafts that
    are without an error, and what there is to object to.
    """
    certificates = load_certificates(observation.authorities)
    preview = Preview(desired.manifests, certificates, now, linting_of(desired.manifests, base))
    resolved = {item.loaded.object_id: item for item in desired.certificates}
    keys = {_key_digest(certificate): name for name, certificate in certificates.items()}
    subjects = {
        distinguished_name_read_as(format_name(certificate.subject))
        for certificate in certificates.values()
    }
    blocked = _blocked_keys(plan, desired, observation, store)
    books = rulebooks(desired.manifests, base)
    problems = [*keys_of_others(plan, desired, observation, store)]
    changes: list[Change] = []
    marks: set[bytes] = set()
    results = _judged(preview, plan, books, resolved, observation.endorsements, evaluate)
    for change in plan.changes:
        if isinstance(change, AdoptCertificate):
            problems += known_elsewhere(change, store)
            problems += adopted_not_allowed(change, desired.manifests, books, now, evaluate)
        if isinstance(change, RevokeCertificate):
            problems += revoked_by_others(change, books, store)
        if isinstance(change, AdoptAuthority):
            adopted = _compromised(change, _key_of_adopted(change), blocked)
            problems += [finding.at(change.source) for finding in adopted]
        if not _is_judged(change):
            changes.append(change)
            continue
        item = resolved.get(change.object_id)
        of_key = [*_compromised(change, change.request.public_key_sha256, blocked)]
        if item is not None:
            of_key += _of_an_authority(change.request, keys, subjects)
        if of_key:  # only then: finding the place means reading the YAML once more
            source = item.loaded.csr_source if item is not None else change.source
            problems += [finding.at(source) for finding in of_key]
        found, allowed_by, mark = next(results)
        if mark is not None:
            marks.add(mark)
        place = item.place_of_names() if item and found else change.source
        problems += [finding.at(place) for finding in found]
        waived = _waived(preview, item, found)
        told = allowed_by or waived
        changes.append(replace(change, allowed_by=allowed_by, waived=waived) if told else change)
    return replace(plan, changes=tuple(changes), judged=frozenset(marks)), problems


def _waived(
    preview: Preview, item: ResolvedCertificate | None, found: Sequence[Finding]
) -> tuple[tuple[str, str], ...]:
    """Return what is put up with, in the draft and in the CSR, with the reasons."""
    if item is None or not item.loaded.manifest.spec.waivers:
        return ()
    waived = waived_by(preview.manifests, item.loaded.object_id, preview.now)
    told = [*found, *preview.linting.counted(item.findings, waived)]
    return tuple(dict.fromkeys((f.code, f.waiver) for f in told if f.waiver))


_Resolved = Mapping[ObjectId, ResolvedCertificate]
_Signed = IssueCertificate | FinishReservation
_Verdict = tuple[list[Finding], tuple[str, ...], bytes | None]
"""What there is against a certificate, who allows it, and the mark of its draft."""


def _judged(
    preview: Preview,
    plan: Plan,
    books: tuple[Rulebook, ...],
    resolved: _Resolved,
    endorsements: Mapping[ObjectId, Endorsement],
    evaluate: Evaluate | None,
) -> Iterator[_Verdict]:
    """Yield what is said of each certificate that would be signed, in the order of the plan."""
    changes = [change for change in plan.changes if _is_judged(change)]
    judge = partial(_judge_change, preview, books, resolved, endorsements, evaluate)
    with settled_memory(), closing(Work(judge, changes)) as work:
        yield from work.results()


def _judge_change(
    preview: Preview,
    books: tuple[Rulebook, ...],
    resolved: _Resolved,
    endorsements: Mapping[ObjectId, Endorsement],
    evaluate: Evaluate | None,
    change: _Signed,
) -> _Verdict:
    request = change.request
    certificate, findings, mark = preview.judge(request)
    if not books or certificate is None or request.object_id.kind != CERTIFICATE:
        return findings, (), mark
    if isinstance(change, FinishReservation):
        # Not what would be made now: these very bytes are what will be signed.
        certificate = load_draft(change.reservation.tbs_certificate)
    loaded = resolved[change.object_id].loaded
    # Who asked nobody is approved by nobody.
    behind = endorsements.get(change.object_id, Endorsement())
    judged = judge_certificate(
        books, loaded, request, certificate, preview.now, behind, evaluate=evaluate
    )
    return [*findings, *judged.findings], judged.allowed_by, mark


def _is_judged(change: Change) -> TypeGuard[IssueCertificate | FinishReservation]:
    if not isinstance(change, IssueCertificate | FinishReservation):
        return False  # nothing is signed; and a reservation opens no way around being judged
    # An OCSP responder was judged when it was planned; its key is made here, and by nobody else.
    return change.object_id.kind != RESPONDER


def _blocked_keys(
    plan: Plan, desired: Desired, observation: Observation, store: Store
) -> dict[str, BlockedKey]:
    """
    Return which keys of this plan were lost, whoever asks, under whatever name.

    By what the store knows, and by the Revocations of this revision, carried out or not.
    """
    keys = {
        change.request.public_key_sha256
        for change in plan.changes
        if isinstance(change, IssueCertificate | FinishReservation)
    }
    keys |= {_key_of_adopted(c) for c in plan.changes if isinstance(c, AdoptAuthority)}
    lost = lost_keys(desired.manifests, observation.revocation_targets)
    asked = {digest: BlockedKey(digest, None, by) for digest, by in lost.items() if digest in keys}
    return asked | dict(store.blocked_keys(keys))


def _compromised(change: Change, key: str, blocked: Mapping[str, BlockedKey]) -> Iterator[Finding]:
    """A key that was lost once is never certified again."""
    found = blocked.get(key)
    if found is not None:
        yield compromised(found, change.object_id)


def _key_of_adopted(change: AdoptAuthority) -> str:
    return _key_digest(x509.load_der_x509_certificate(change.certificate_der))


def _of_an_authority(
    request: CertificateRequest, keys: Mapping[str, str], subjects: set[str]
) -> Iterator[Finding]:
    """An end entity must not be able to pass for an authority: neither by key nor by name."""
    owner = keys.get(request.public_key_sha256)
    if owner is not None:
        yield Finding(
            "csr.key_of_authority",
            f"the key is that of authority {owner}",
            help="make a key of its own; an authority's key signs certificates and nothing else",
        )
    if distinguished_name_read_as(request.subject) in subjects:
        yield Finding(
            "certificate.subject_of_authority",
            f"{request.subject!r} is the name of an authority",
            help="give the certificate a subject of its own",
        )


def _key_digest(certificate: x509.Certificate) -> str:
    der = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
