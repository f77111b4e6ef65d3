"""What an edit of something shared does to the certificates below it."""

from __future__ import annotations

from typing import Any

import pytest

from pki_as_code.model import Plan, Revocation
from tests.plan.worlds import (
    BASE,
    NOW,
    Files,
    authority,
    certificate,
    load,
    namespace,
    observe,
    plan,
    profile,
    project,
    record,
    resolve,
    told,
)

OWN = {"profile": "own"}


def certificates(**spec: Any) -> Files:
    return {
        **certificate("a", subjectAltNames=["a.example.com"], **spec),
        **certificate("b", key="P-256/2", subjectAltNames=["b.example.com"], **spec),
        **certificate("payments/c", key="P-256/3", subjectAltNames=["c.example.com"], **spec),
    }


def planned_with(before: Files, after: Files, parts: Files, **revoked: Any) -> Plan:
    """Plan `parts` after what they share was edited."""
    old, new = load(BASE, before, parts), load(BASE, after, parts)
    paths = [path for path in ("a", "b", "payments/c") if f"certificates/{path}.yaml" in parts]
    records = [record(resolve(old, path).request, 9 + n) for n, path in enumerate(paths)]
    return plan(new, observe(new, *records))


def notices(planned: Plan) -> list[tuple[str, str]]:
    assert {f.code for f in planned.findings} <= {"plan.taken_up_at_renewal"}
    return [
        (finding.message, finding.source.path if finding.source else "")
        for finding in planned.findings
    ]


def test_an_edited_profile_is_told_once_with_the_number_of_its_certificates():
    planned = planned_with(profile("own"), profile("own", algorithm="SHA-512"), certificates(**OWN))
    assert told(planned) == []
    assert notices(planned) == [
        ("3 certificates take this up at renewal (profile own: algorithm)", "profiles/own.yaml")
    ]
    assert planned.unchanged == 5


@pytest.mark.parametrize(
    ("before", "after", "count", "path"),
    [
        ({}, authority("issuing", parent="root", pathLength=0, issuerUrls=["http://a.example/i"]),
         3, "authorities/issuing.yaml"),
        ({}, project(defaults={"issuer": "issuing", "subject": "O=Example"}), 3, "pki.yaml"),
        (profile("own"), profile("own", subject="O=Example"), 3, "profiles/own.yaml"),
        (namespace("payments"), namespace("payments", issuer="root"), 1,
         "certificates/payments/_namespace.yaml"),
        (profile("own", extensions={"tlsFeature": {"value": ["status_request"]}}),
         profile("own"), 3, "profiles/own.yaml"),
    ],
    ids=["authority", "project", "profile", "namespace", "removed extension"],
)  # fmt: skip
def test_each_shared_thing_is_told_where_it_stands(before, after, count, path):
    own = {} if "profiles/own.yaml" in after else profile("own")
    planned = planned_with({**own, **before}, {**own, **after}, certificates(**OWN))
    assert told(planned) == []
    [(message, where)] = notices(planned)
    assert where == path
    assert message.startswith(f"{count} certificate")


def test_what_a_manifest_decides_itself_is_not_told():
    parts = certificate("a", subjectAltNames=["a.example.com"], algorithm="SHA-384", **OWN)
    planned = planned_with(profile("own"), profile("own", algorithm="SHA-512"), parts)
    assert (told(planned), notices(planned)) == ([], [])


def test_certificates_that_nobody_renews_are_told_apart():
    never = {**OWN, "renewal": {"mode": "None"}}
    planned = planned_with(
        profile("own"), profile("own", algorithm="SHA-512"), certificates(**never)
    )
    [(message, _)] = notices(planned)
    assert "3 of them" in message


def test_a_revoked_certificate_takes_nothing_up():
    old = load(BASE, profile("own"), certificate("a", subjectAltNames=["a.example.com"], **OWN))
    lost = record(resolve(old, "a").request, revocation=Revocation("keyCompromise", NOW))
    new = load(
        BASE, profile("own", algorithm="SHA-512"),
        certificate("a", subjectAltNames=["a.example.com"], **OWN),
    )  # fmt: skip
    planned = plan(new, observe(new, lost))
    assert [finding.code for finding in planned.findings] == ["certificate.revoked"]


# --- onChange: Reissue ---------------------------------------------------------------------------


def reissue(**spec: Any) -> Files:
    return profile("own", onChange="Reissue", **spec)


def test_reissue_replaces_everything_that_uses_the_profile():
    planned = planned_with(profile("own"), reissue(algorithm="SHA-512"), certificates(**OWN))
    assert told(planned) == [
        "replace a: ProfileChanged", "replace b: ProfileChanged",
        "replace payments/c: ProfileChanged",
    ]  # fmt: skip
    assert planned.changes[0].reasons[0].message == (
        "algorithm SHA-256 -> SHA-512 (onChange Reissue of profile own)"
    )
    assert planned.findings == ()


def test_the_profile_in_force_decides_about_an_edit_of_the_authority_too():
    edited = authority("issuing", parent="root", pathLength=0, issuerUrls=["http://a.example/i"])
    planned = planned_with(reissue(), {**reissue(), **edited}, certificates(**OWN))
    assert {line.partition(": ")[2] for line in told(planned)} == {"ProfileChanged"}
    assert "extensions.authorityInfoAccess" in planned.changes[0].reasons[0].message


def test_reissue_without_an_effect_signs_nothing():
    for edited in (
        reissue(),
        reissue(description="other words"),
        reissue(renewal={"before": "9d"}),
    ):
        planned = planned_with(profile("own"), edited, certificates(**OWN))
        assert (told(planned), planned.findings) == ([], ())


def test_an_edited_manifest_is_not_a_changed_profile():
    old = load(BASE, reissue(), certificate("a", subjectAltNames=["a.example.com"], **OWN))
    new = load(BASE, reissue(), certificate("a", subjectAltNames=["x.example.com"], **OWN))
    planned = plan(new, observe(new, record(resolve(old, "a").request)))
    assert told(planned) == ["replace a: RequestChanged"]
    lowered = load(BASE, reissue(), certificate("a", subjectAltNames=["a.example.com"], **OWN))
    raised = load(
        BASE, reissue(), certificate("a", subjectAltNames=["a.example.com"], reissue=2, **OWN)
    )
    planned = plan(lowered, observe(lowered, record(resolve(raised, "a").request)))
    assert (told(planned), planned.findings) == ([], ())
