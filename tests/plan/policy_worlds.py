"""Worlds with policies, and what they say of one certificate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pki_as_code.model import Evaluate, Finding
from pki_as_code.plan.linting import Linting
from pki_as_code.plan.policy_findings import DENIALS
from pki_as_code.plan.validate import resolve_all, validate_manifests
from tests.plan.worlds import BASE, NOW, Files, certificate, load, manifest


def policy(name: str, **spec: Any) -> Files:
    return {f"policies/{name}.yaml": manifest("Policy", name, spec)}


def grant(name: str = "grant", selector: Mapping[str, Any] | None = None, **allow: Any) -> Files:
    return policy(name, effect="Grant", selector=selector or {}, allow=allow)


def limit(name: str = "limit", selector: Mapping[str, Any] | None = None, **allow: Any) -> Files:
    return policy(name, effect="Limit", selector=selector or {}, allow=allow)


def deny(name: str = "deny", selector: Mapping[str, Any] | None = None, **match: Any) -> Files:
    terms = {"match": match} if match else {}
    return policy(name, effect="Deny", selector=selector or {}, **terms)


def denials(*parts: Files, evaluate: Evaluate | None = None) -> list[Finding]:
    """Return what policies have against the certificates, when nobody else has anything."""
    desired = resolve_all(load(BASE, *parts))
    findings = validate_manifests(desired, NOW, Linting(), evaluate=evaluate)
    errors = [finding for finding in findings if finding.severity == "error"]
    assert {finding.code for finding in errors} <= DENIALS, [str(finding) for finding in errors]
    return errors


def codes(*parts: Files) -> list[str]:
    return [finding.code for finding in denials(*parts)]


def asked(*names: str, path: str = "payments/api", **spec: Any) -> Files:
    """Return a certificate for these names."""
    return certificate(path, subjectAltNames=list(names), **spec)


def may(terms: Files, *names: str, **spec: Any) -> bool:
    return not codes(terms, asked(*names, **spec))
