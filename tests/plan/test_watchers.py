"""Who is told about a certificate."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pki_as_code.plan.watchers import watchers_of
from tests.plan.worlds import BASE, Files, certificate, certificate_id, load, record, watcher, web

LABELS = {"labels": {"service": "api", "team": "pay"}}
WEB = certificate("payments/web", subjectAltNames=["a.example.com"], metadata=LABELS)
RECORD = replace(record(web()), object_id=certificate_id("payments/web"))
NOTIFY = {"notify": ["https://hooks.example.com/x"]}
TOLD = ["https://hooks.example.com/x"]


def watching(*parts: Files) -> list[str]:
    return watchers_of(RECORD, load(BASE, WEB, *parts))


def test_watchers_of_manifest_namespace_and_watcher_manifests_each_once():
    own = certificate("payments/web", subjectAltNames=["a.example.com"], watchers=["a@example.com"])
    team = {
        "certificates/payments/_namespace.yaml": load_namespace("a@example.com", "b@example.com")
    }
    assert watching(own, team, watcher("all", **NOTIFY)) == [
        "a@example.com", "b@example.com", "https://hooks.example.com/x",
    ]  # fmt: skip


def load_namespace(*watchers: str) -> bytes:
    from tests.plan.worlds import namespace

    return namespace("payments", watchers=list(watchers))["certificates/payments/_namespace.yaml"]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"namespaces": ["payments"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"issuers": ["issuing"]}, True),
        ({"issuers": ["root"]}, False),
        ({"certificates": ["web"]}, True),
        ({"certificates": ["payments/web"]}, True),
        ({"certificates": ["api"]}, False),
        ({"labels": {"service": "api"}}, True),
        ({"labels": {"service": "api", "team": "other"}}, False),
        ({"labels": {"missing": "x"}}, False),
        ({"namespaces": ["payments"], "issuers": ["root"]}, False),
    ],
)
def test_every_condition_of_a_selector_must_hold(selector: dict[str, Any], expected: bool):
    assert watching(watcher("some", selector=selector, **NOTIFY)) == (TOLD if expected else [])


def test_the_watcher_of_a_team_sees_its_own_certificates_only():
    assert watching(watcher("payments/mine", **NOTIFY)) == TOLD
    assert watching(watcher("other/theirs", **NOTIFY)) == []


def test_a_certificate_whose_manifest_is_gone_is_still_watched():
    gone = load(BASE, watcher("all", **NOTIFY))
    assert watchers_of(RECORD, gone) == TOLD
