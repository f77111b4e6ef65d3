"""Manifests without files, and what a store would know of them: worlds to plan in."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import NotFoundError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import LoadResult, ManifestSet, load_manifests
from pki_as_code.manifests.tree import WorkingFile, is_among
from pki_as_code.model import (
    AUTHORITY,
    CERTIFICATE,
    RESPONDER,
    CertificateRecord,
    CertificateRequest,
    CrlRecord,
    ObjectId,
    Observed,
    Plan,
    PublishCrl,
    Reservation,
    Revocation,
)
from pki_as_code.pkix.certificate import validity_of
from pki_as_code.pkix.drafts import make_draft
from pki_as_code.plan.authorities import parents_first, resolve_authority
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.observation import Observation, PlanFrame
from pki_as_code.plan.planner import make_plan
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.requests import ResolvedCertificate, resolve_request
from pki_as_code.plan.validate import resolve_all
from tests.pkix.csr_maker import make_csr, private_key

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
DAY = timedelta(days=1)

Files = Mapping[str, bytes]


@dataclass(frozen=True)
class MemoryTree:
    content: Files

    @property
    def description(self) -> str:
        return "test"

    def files(self) -> Iterator[WorkingFile]:
        return (WorkingFile(path, "100644", len(data)) for path, data in self.content.items())

    def select(self, paths: Collection[str]) -> Iterator[WorkingFile]:
        return (file for file in self.files() if is_among(file.path, paths))

    def read(self, path: str) -> bytes:
        if path not in self.content:
            raise NotFoundError(f"there is no {path}", code="path.not_found")
        return self.content[path]


# --- Manifests -----------------------------------------------------------------------------------


def manifest(kind: str, name: str, spec: Mapping[str, Any], **metadata: Any) -> bytes:
    """Return a manifest as JSON, which is YAML, too."""
    value = {
        "apiVersion": "pki-as-code/v1",
        "kind": kind,
        "metadata": {"name": name, **metadata},
        "spec": spec,
    }
    return json.dumps(value, indent=1).encode()


def project(**spec: Any) -> Files:
    return {"pki.yaml": manifest("Project", "test", spec)}


def authority(name: str, **spec: Any) -> Files:
    """Return an authority; of itself one without an OCSP responder, which is planned like it."""
    given = {
        "subject": f"CN={name}",
        "key": {"uri": f"file:keys/{name}.pem"},
        "usages": ["sign", "crl"],
        **spec,
    }
    given = {field: value for field, value in given.items() if value is not None}
    return {f"authorities/{name}.yaml": manifest("CertificateAuthority", name, given)}


def profile(name: str, **spec: Any) -> Files:
    return {f"profiles/{name}.yaml": manifest("Profile", name, spec)}


def namespace(name: str, **defaults: Any) -> Files:
    spec = {"defaults": defaults}
    return {f"certificates/{name}/_namespace.yaml": manifest("Namespace", name, spec)}


def certificate(
    path: str, *, key: str = "P-256", metadata: Mapping[str, Any] | None = None, **spec: Any
) -> Files:
    """Return a Certificate, called `web` or `payments/api`, and its CSR."""
    name = path.rpartition("/")[2]
    given = {"csrFile": f"{name}.csr", **spec}
    given = {field: value for field, value in given.items() if value is not None}
    return {
        f"certificates/{path}.yaml": manifest("Certificate", name, given, **(metadata or {})),
        f"certificates/{path}.csr": csr(key),
    }


def revocation(path: str, **spec: Any) -> Files:
    """Return a Revocation: `inc-1` is an administrator's, `payments/inc-1` a team's."""
    owner, _, name = path.rpartition("/")
    directory = f"certificates/{owner}" if owner else "revocations"
    return {f"{directory}/{name}.yaml": manifest("Revocation", name, spec)}


def watcher(path: str, **spec: Any) -> Files:
    owner, _, name = path.rpartition("/")
    directory = f"certificates/{owner}" if owner else "watchers"
    return {f"{directory}/{name}.yaml": manifest("Watcher", name, spec)}


@cache
def csr(key: str) -> bytes:
    """Return a CSR; `P-256`, `RSA-2048`, and `P-256/2` for a second key of one type."""
    return make_csr(second_key(key) if "/" in key else private_key(key))


@cache
def second_key(key: str) -> Any:
    return private_key.__wrapped__(key.partition("/")[0])


def load_result(*parts: Files) -> LoadResult:
    content: dict[str, bytes] = {}
    for part in parts:
        content |= part
    return load_manifests(MemoryTree(content))


def load(*parts: Files) -> ManifestSet:
    """Load manifests that have nothing wrong with them."""
    loaded = load_result(*parts)
    assert not loaded.findings, [str(finding) for finding in loaded.findings]
    return loaded.manifests


BASE: Files = {
    **project(defaults={"issuer": "issuing"}),
    **authority("root", pathLength=1, validity="7300d"),
    **authority("issuing", parent="root", pathLength=0),
}
"""A project with a root and the authority that issues by default."""


# --- Resolving and planning ----------------------------------------------------------------------


def certificate_id(path: str) -> ObjectId:
    owner, _, name = path.rpartition("/")
    return ObjectId(CERTIFICATE, owner or "default", name)


def authority_id(name: str) -> ObjectId:
    return ObjectId(AUTHORITY, "", name)


def resolve(manifests: ManifestSet, path: str = "web") -> ResolvedCertificate:
    return resolve_request(manifests.of(Certificate)[certificate_id(path)], manifests)


def request(*parts: Files, path: str = "web") -> CertificateRequest:
    """Return the request of a Certificate in which there is nothing to object to."""
    resolved = resolve(load(*parts), path)
    errors = [str(finding) for finding in resolved.findings if finding.severity == "error"]
    assert resolved.request is not None, errors
    assert not errors
    return resolved.request


def web(*parts: Files, **spec: Any) -> CertificateRequest:
    """Return the request of `web` in the world of BASE, as `parts` change it."""
    spec = {"subjectAltNames": ["www.example.com"], **spec}
    return request(BASE, *parts, certificate("web", **spec))


def record(
    wanted: CertificateRequest,
    serial_number: int = 0x1001,
    *,
    issued: datetime = NOW,
    deletion_policy: str = "Refuse",
    revocation: Revocation | None = None,
) -> CertificateRecord:
    """Return what a store knows after `wanted` was issued."""
    not_before, not_after = validity_of(wanted, issued)
    return CertificateRecord(
        object_id=wanted.object_id,
        issuer=wanted.issuer,
        serial_number=serial_number,
        subject=wanted.subject,
        subject_alternative_names=wanted.subject_alternative_names,
        profile=wanted.profile,
        not_before=not_before,
        not_after=not_after,
        public_key_sha256=wanted.public_key_sha256,
        fingerprint_sha256=f"{serial_number:064x}",
        request=wanted.to_json(),
        request_digest=wanted.digest,
        intent_digest=wanted.intent_digest,
        intent=dict(wanted.intent),
        issued_at=issued,
        commit="c" * 40,
        path=f"certificates/{wanted.object_id.path}.yaml",
        deletion_policy=deletion_policy,
        revocation=revocation,
    )


def reserved(
    observation: Observation, manifests: ManifestSet, *requests: CertificateRequest
) -> Observation:
    """Return the observation after these were reserved, at NOW, by a run that died then."""
    reservations = tuple(
        _reservation(observation, manifests, wanted, 0x2000 + number)
        for number, wanted in enumerate(requests)
    )
    return replace(observation, reservations=reservations)


def _reservation(
    observation: Observation, manifests: ManifestSet, wanted: CertificateRequest, number: int
) -> Reservation:
    issued = {n: x509.load_der_x509_certificate(d) for n, d in observation.authorities.items()}
    issuer = manifests.authority(wanted.issuer)
    own = wanted.object_id == issuer.object_id
    chain = [] if own else Preview(manifests, issued, NOW, Linting()).chain(issuer)
    return Reservation(
        object_id=wanted.object_id,
        issuer=wanted.issuer,
        serial_number=number,
        tbs_certificate=make_draft(wanted, chain, serial_number=number, now=NOW),
        request=wanted.to_json(),
        request_digest=wanted.digest,
        intent=dict(wanted.intent),
        reason="DoesNotExist",
        replaces=None,
        commit="c" * 40,
        path="",
        deletion_policy="Refuse",
    )


def observe(
    manifests: ManifestSet,
    *records: CertificateRecord,
    retired: Sequence[ObjectId] = (),
    **more: Any,
) -> Observation:
    """Return an observation in which every authority has its certificate, and these are issued."""
    authorities = [
        record(resolve_authority(found, manifests, csr("P-256")), 1 + position)
        for position, found in enumerate(parents_first(manifests))
    ]
    objects = {
        item.object_id: Observed(item.object_id, item, retired=item.object_id in retired)
        for item in (*authorities, *records)
    }
    live = tuple(object_id for object_id in objects if object_id not in retired)
    preview = Preview(manifests, {}, NOW, Linting())
    drafts = {
        found.object_id.name: preview.chain(found)[0].public_bytes(Encoding.DER)
        for found in parents_first(manifests)
    }
    given = {"objects": objects, "live": live, "authorities": drafts, "crls": fresh_crls(drafts)}
    return Observation(**{**given, **more})


def fresh_crls(authorities: Iterable[str], scope: str = "full") -> dict[tuple[str, str], CrlRecord]:
    """Return a CRL of each that stays valid whatever the time of the test."""
    times = (NOW, NOW + timedelta(days=10_000))
    return {
        (name, scope): CrlRecord(name, scope, 7, *times, "0" * 64, 0, 100) for name in authorities
    }


def plan(
    manifests: ManifestSet,
    observation: Observation | None = None,
    *,
    now: datetime = NOW,
    only: Sequence[ObjectId] = (),
    crls: bool = False,
) -> Plan:
    """Plan, and leave out the CRLs that follow from it, unless they are what is looked at."""
    frame = PlanFrame("c" * 40, "", "test", now, frozenset(only))
    made = make_plan(resolve_all(manifests), observation or observe(manifests), frame)
    others = tuple(change for change in made.changes if not isinstance(change, PublishCrl))
    return made if crls else replace(made, changes=others)


def told(planned: Plan, *, responders: bool = False, crls: bool = False) -> list[str]:
    """
    Return what a plan does, in words: `issue web: DoesNotExist`; the CRLs only when asked.

    OCSP responders are told of apart: each authority has one, whatever a test is about.
    """
    return [
        f"{change.action} {change.object_id.path}: "
        f"{', '.join(reason.code for reason in change.reasons)}"
        for change in planned.changes
        if (change.object_id.kind == RESPONDER) is responders
        and (crls or not isinstance(change, PublishCrl))
    ]


def refused(planned: Plan) -> list[str]:
    return [f"{refusal.object_id.path}: {refusal.reason.code}" for refusal in planned.refused]
