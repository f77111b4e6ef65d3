"""
Requests that policies must allow or deny: what `pkictl policy test` reads and tries.

A request is tried as if somebody had written its manifest: the same defaults, the same draft, the
same judgement. Its key is a stand-in that nobody has, so that no CSR is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pydantic import Field, ValidationError

from pki_as_code.errors import InvalidValueError, ManifestError
from pki_as_code.manifests.base import API_VERSION, WRITTEN, Maybe, Spec
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.durations import Duration, format_duration
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.locations import Email
from pki_as_code.manifests.pkix_values import GeneralName, Subject
from pki_as_code.manifests.scalars import NOT_EMPTY, Labels, Name, Text, one_to
from pki_as_code.manifests.validation_errors import validation_findings
from pki_as_code.manifests.yaml_nodes import compose_documents
from pki_as_code.manifests.yaml_text import decode_text
from pki_as_code.model import (
    DEFAULT_NAMESPACE,
    Endorsement,
    Evaluate,
    Finding,
    JsonValue,
    ObjectId,
    Severity,
    Source,
)
from pki_as_code.pkix.csr import Csr
from pki_as_code.pkix.extensions import ExtensionSet
from pki_as_code.pkix.key_types import KeySpec
from pki_as_code.plan.policy_index import policies_of
from pki_as_code.plan.policy_judging import judge_certificate, rulebooks
from pki_as_code.plan.preview import Preview, stand_in_public_key
from pki_as_code.plan.requests import resolve_request

_NO_CSR = "-----BEGIN CERTIFICATE REQUEST-----"
"""Stands where a manifest has its CSR; the key comes from elsewhere, and nothing is read of it."""

TrialKey = Literal["RSA-2048", "RSA-3072", "RSA-4096", "P-256", "P-384", "P-521", "Ed25519"]


class TrialRequest(Spec):
    """What somebody asks for, as in a Certificate."""

    namespace: Name = DEFAULT_NAMESPACE
    """The directory of the manifest."""

    author: Maybe[Email] = None
    """Who made the commit. Rules look at it."""

    signers: Annotated[tuple[Email, ...], Field(max_length=64)] = ()
    """Who signed: the author, others. Rules look at it."""

    approvals: Maybe[Annotated[tuple[Email, ...], Field(max_length=64)]] = None
    """Owners of the namespace who signed. Left out, what policies ask under `approvals` is taken
    for given, and rules see none."""

    subject_alt_names: Annotated[tuple[GeneralName, ...], Field(max_length=1024)] = ()
    subject: Maybe[Subject] = None
    issuer: Maybe[Name] = None
    profile: Maybe[Name] = None
    validity: Maybe[Duration] = None
    labels: Labels = Field(default_factory=dict)
    extensions: Maybe[ExtensionSet] = None
    key: TrialKey = "P-256"


class PolicyTrial(Spec):
    """One request, and what is to become of it."""

    name: Text
    request: TrialRequest
    expect: Literal["allowed", "denied"]
    by: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """Policies that must be among those that allow it."""

    codes: Annotated[tuple[Text, ...], Field(max_length=16)] = ()
    """Codes that must be among those it is denied with."""


class PolicyTrials(Spec):
    """A file of them."""

    tests: Annotated[tuple[PolicyTrial, ...], one_to(1024), NOT_EMPTY]


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one request."""

    name: str
    source: Source
    expected: str
    allowed: bool
    allowed_by: tuple[str, ...]
    findings: tuple[Finding, ...]
    problem: str
    """Why it is not as expected; empty when it is."""


def parse_trials(data: bytes, path: str) -> list[tuple[PolicyTrial, Source]]:
    """
    Return the requests of one file, and where each stands.

    Raises `ManifestError` with everything that is wrong with it.
    """
    text = decode_text(data, path)
    if isinstance(text, Finding):
        raise _unreadable(path, [text])
    composed = compose_documents(text)
    if composed.findings:
        raise _unreadable(path, [finding.at(Source(path)) for finding in composed.findings])
    found: list[tuple[PolicyTrial, Source]] = []
    for document in composed.documents:
        try:
            trials = PolicyTrials.model_validate(
                document.data, context=WRITTEN, by_alias=True, by_name=False
            )
        except ValidationError as error:
            findings = list(validation_findings(error, PolicyTrials, document))
            raise _unreadable(path, findings) from None
        found += [(t, document.source("tests", n)) for n, t in enumerate(trials.tests)]
    return found


def _unreadable(path: str, findings: list[Finding]) -> ManifestError:
    return ManifestError(
        f"{path} cannot be read", code="policy.bad_test", findings=findings,
        help="docs/policies.md says how requests to try are written",
    )  # fmt: skip


def try_request(
    trial: PolicyTrial,
    source: Source,
    manifests: ManifestSet,
    preview: Preview,
    evaluate: Evaluate | None = None,
) -> Tried:
    """Return what the policies of `manifests` say to a request, and whether that was expected."""
    findings, allowed_by = _judge(trial.request, manifests, preview, evaluate)
    errors = tuple(f for f in findings if f.severity is Severity.ERROR)
    problem = "; ".join(_problems(trial, errors, allowed_by, manifests))
    return Tried(trial.name, source, trial.expect, not errors, allowed_by, errors, problem)


def _judge(
    request: TrialRequest, manifests: ManifestSet, preview: Preview, evaluate: Evaluate | None
) -> tuple[list[Finding], tuple[str, ...]]:
    loaded = _loaded(request)
    resolved = resolve_request(loaded, manifests, _stand_in(request.key))
    findings = list(resolved.findings)
    if resolved.request is None:
        return findings, ()
    certificate, problems = preview.examine(resolved.request)
    # The stand-in is no key that lint would let pass; here, policies are what is tried.
    findings += [f for f in problems if certificate is None]
    if certificate is None:
        return findings, ()
    books = rulebooks(manifests, None)
    judged = judge_certificate(
        books,
        loaded,
        resolved.request,
        certificate,
        preview.now,
        _endorsement(request),
        evaluate=evaluate,
        judge_approvals=request.approvals is not None,
    )
    return [*findings, *judged.findings], judged.allowed_by


def _endorsement(request: TrialRequest) -> Endorsement:
    return Endorsement(
        author_address=request.author or "",
        signers=frozenset({*request.signers, *(request.approvals or ())}),
        approvals=frozenset(address.casefold() for address in request.approvals or ()),
    )


def _problems(
    trial: PolicyTrial,
    errors: tuple[Finding, ...],
    allowed_by: tuple[str, ...],
    manifests: ManifestSet,
) -> Iterator[str]:
    """Yield what is not as it was expected."""
    if trial.expect == "allowed" and errors:
        yield "denied: " + "; ".join(finding.message for finding in errors)
        return
    if trial.expect == "denied" and not errors:
        yield f"allowed by {', '.join(allowed_by) or 'everything: there is no policy'}"
        return
    paths = {policy.name: policy.path for policy in policies_of(manifests).policies}
    for name in trial.by:
        told = " ".join(finding.help for finding in errors)
        if name not in paths:
            yield f"there is no policy {name}"
        elif paths[name] not in allowed_by and paths[name] not in told:
            yield f"policies/{name} has no part in it"
    codes = {finding.code for finding in errors}
    for code in trial.codes:
        if code not in codes:
            yield f"not denied with {code}, but with {', '.join(sorted(codes)) or 'nothing'}"


def _loaded(request: TrialRequest) -> Loaded[Certificate]:
    """Return the manifest that somebody would have written."""
    written = request.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True)
    spec: dict[str, JsonValue] = {
        name: value
        for name, value in written.items()
        if name in {"subjectAltNames", "subject", "issuer", "profile", "extensions"}
    }
    if request.validity is not None:
        spec["validity"] = format_duration(request.validity)
    data: Mapping[str, JsonValue] = {
        "apiVersion": API_VERSION,
        "kind": "Certificate",
        "metadata": {"name": "trial", "labels": dict(request.labels)},
        "spec": {"csr": _NO_CSR, **spec},
    }
    path = f"certificates/{request.namespace}/trial.yaml"
    text = decode_text(json.dumps(data).encode(), path)
    if isinstance(text, Finding):
        raise InvalidValueError(text.message, code=text.code)
    manifest = Certificate.model_validate(data)
    return Loaded(manifest, ObjectId("Certificate", request.namespace, "trial"), text, 0)


def _stand_in(key: str) -> Csr:
    """Return a CSR with a public key of that type that nobody has the private key of."""
    kind, _, size = key.partition("-")
    spec = {
        "RSA": KeySpec("RSA", size=int(size)) if kind == "RSA" else None,
        "P": KeySpec("EC", curve=key) if kind == "P" else None,
        "Ed25519": KeySpec("Ed25519") if kind == "Ed25519" else None,
    }[kind]
    der = stand_in_public_key(spec or KeySpec("EC", curve="P-256"))
    return Csr(b"", load_der_public_key(der), der, x509.Name([]), (), (), key)
