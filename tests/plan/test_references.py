"""What manifests say of each other."""

from __future__ import annotations

import pytest

from pki_as_code.plan.linting import Linting
from pki_as_code.plan.validate import resolve_all, validate_manifests
from tests.plan.worlds import (
    BASE,
    NOW,
    Files,
    authority,
    certificate,
    load,
    namespace,
    project,
    revocation,
    watcher,
)

NOTIFY = {"notify": ["mailto:ops@example.com"]}


def found(*parts: Files) -> list[tuple[str, str]]:
    """Return code and `path:line` of what validation finds."""
    findings = validate_manifests(resolve_all(load(BASE, *parts)), NOW, Linting())
    return [(f.code, f.source.path if f.source else "") for f in findings]


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        (namespace("payments", issuer="isuing"), "certificates/payments/_namespace.yaml"),
        (namespace("payments", profile="client2"), "certificates/payments/_namespace.yaml"),
        (revocation("inc", serial="4711", issuer="isuing"), "revocations/inc.yaml"),
        (watcher("w", selector={"issuers": ["isuing"]}, **NOTIFY), "watchers/w.yaml"),
        (authority("below", parent="rooot"), "authorities/below.yaml"),
    ],
    ids=["issuer", "profile", "revocation", "watcher", "parent"],
)
def test_a_reference_that_leads_nowhere_is_found_where_it_stands(parts, path):
    assert found(parts) == [("reference.not_found", path)]


def test_what_exists_can_be_named():
    parts = {
        **namespace("payments", issuer="issuing", profile="client"),
        **revocation("inc", serial="4711", issuer="issuing"),
        **watcher("w", selector={"issuers": ["issuing"], "namespaces": ["any"]}, **NOTIFY),
    }
    assert found(parts) == []


@pytest.mark.parametrize(
    "parts",
    [
        revocation("payments/inc", certificate="other/web"),
        watcher("payments/w", selector={"namespaces": ["payments", "other"]}, **NOTIFY),
    ],
    ids=["revocation", "watcher"],
)
def test_a_team_that_names_something_of_another_is_told_so(parts):
    [(code, path)] = found(parts)
    assert code == "reference.other_namespace"
    assert path.startswith("certificates/payments/")


def test_a_team_may_name_its_own_namespace():
    parts = {
        **revocation("payments/inc", certificate="payments/web"),
        **revocation("payments/other", certificate="web"),
        **revocation("anybodys", certificate="other/web"),
        **watcher("payments/w", selector={"namespaces": ["payments"]}, **NOTIFY),
    }
    assert found(parts) == []


def test_what_a_signature_stands_on_has_to_be_where_commits_are_judged():
    beside = certificate("payments/web", subjectAltNames=["www.example.com"])
    text = beside["certificates/payments/web.yaml"].replace(b"web.csr", b"../../csrs/web.csr")
    parts = {
        **project(defaults={"issuer": "issuing"}, trust={"requireSignedCommits": True}),
        "certificates/payments/web.yaml": text,
        "csrs/web.csr": beside["certificates/payments/web.csr"],
    }
    assert found(parts) == [("trust.file_outside", "certificates/payments/web.yaml")]
    assert found({**parts, **project(defaults={"issuer": "issuing"})}) == []
    assert found({**parts, **beside}) == []
