"""What is not done without being asked twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pki_as_code.errors import UnsafePlanError
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import FinishReservation, ObjectId, Plan
from pki_as_code.plan.guards import CLASSES, guard_plan
from tests.plan.worlds import (
    BASE,
    certificate,
    load,
    observe,
    plan,
    project,
    record,
    request,
    reserved,
    revocation,
    web,
)


def guarded(**guards: Any) -> ManifestSet:
    return load(BASE, project(guards=guards), revocation("inc", spkiSha256="ab" * 32))


def revoking(count: int) -> Plan:
    inc = ObjectId("Revocation", "", "inc")
    manifests = guarded()
    targets = tuple(record(web(), 100 + n) for n in range(count))
    return plan(manifests, observe(manifests, revocation_targets={inc: targets}))


def issuing(count: int, *, before: str = "") -> Plan:
    parts: dict[str, bytes] = dict(BASE)
    records = []
    for number in range(count):
        name = f"c{number}"
        if before:
            old = certificate(name, subjectAltNames=[before])
            records.append(record(request(BASE, old, path=name), 100 + number))
        parts |= certificate(name, subjectAltNames=[f"{name}.example.com"])
    manifests = load(parts)
    return plan(manifests, observe(manifests, *records))


def test_as_many_revocations_as_allowed_pass_and_one_more_does_not():
    guard_plan(revoking(3), guarded(maxRevocations=3), {})
    with pytest.raises(UnsafePlanError, match="would revoke 4 certificates, the limit is 3") as no:
        guard_plan(revoking(4), guarded(maxRevocations=3), {})
    assert no.value.exit_code == 4
    assert "--allow-unsafe revoke=4" in no.value.help
    assert [finding.code for finding in no.value.findings] == ["plan.too_many_revocations"]


def test_the_built_in_limit_of_revocations_is_20():
    guard_plan(revoking(20), guarded(), {})
    guard_plan(revoking(20), load(BASE), {})
    for manifests in (guarded(), load(BASE)):
        with pytest.raises(UnsafePlanError):
            guard_plan(revoking(21), manifests, {})


def test_no_revocation_at_all_can_be_the_limit():
    with pytest.raises(UnsafePlanError):
        guard_plan(revoking(1), guarded(maxRevocations=0), {})


@pytest.mark.parametrize(
    ("before", "name", "setting", "code"),
    [
        ("", "issue", "maxIssues", "plan.too_many_issues"),
        ("old.example.com", "replace", "maxReplacements", "plan.too_many_replacements"),
    ],
)
def test_new_certificates_and_replacements_are_limited(before, name, setting, code):
    planned = issuing(3, before=before)
    guard_plan(planned, guarded(**{setting: 3}), {})
    with pytest.raises(UnsafePlanError, match=f"would {name} 3 certificates, the limit is 2") as no:
        guard_plan(planned, guarded(**{setting: 2}), {})
    assert [finding.code for finding in no.value.findings] == [code]
    assert f"--allow-unsafe {name}=3" in no.value.help
    assert setting in no.value.help


def test_a_limit_is_lifted_for_its_class_and_up_to_its_number():
    planned, manifests = revoking(5), guarded(maxRevocations=1)
    guard_plan(planned, manifests, {"revoke": 5})
    for allowed in ({"revoke": 4}, {"issue": 100}, {}):
        with pytest.raises(UnsafePlanError):
            guard_plan(planned, manifests, allowed)
    assert set(CLASSES) >= {"revoke", "issue", "replace"}


def test_a_permission_never_lowers_a_limit():
    guard_plan(revoking(3), guarded(maxRevocations=3), {"revoke": 1})


def test_nothing_lifts_a_refusal():
    manifests = load(BASE)
    planned = plan(manifests, observe(manifests, record(web())))
    allowed = dict.fromkeys(CLASSES, 1000)
    with pytest.raises(UnsafePlanError) as no:
        guard_plan(planned, manifests, allowed)
    [finding] = no.value.findings
    assert (no.value.code, finding.code) == ("plan.refused", "plan.refused")
    assert "deletionPolicy" in finding.help


def test_renewals_are_limited_too():
    manifests = load(BASE, certificate("web", subjectAltNames=["www.example.com"]))
    current = record(web())
    planned = plan(manifests, observe(manifests, current), now=current.not_after)
    guard_plan(planned, guarded(maxIssues=1), {})
    with pytest.raises(UnsafePlanError, match="would renew 1 certificate, the limit is 0"):
        guard_plan(planned, guarded(maxIssues=0), {})
    guard_plan(planned, guarded(maxIssues=0), {"renew": 1})


@pytest.mark.parametrize(("live", "safe"), [(9, True), (10, False), (14, False), (15, True)])
def test_a_share_of_what_is_live_is_limited_where_there_are_more_than_a_few(live, safe):
    """Three of nine are a handful, three of ten are thirty percent."""
    planned = replace(revoking(3), live=live)
    if safe:
        guard_plan(planned, guarded(), {})
        return
    with pytest.raises(UnsafePlanError, match="the limit is 20%"):
        guard_plan(planned, guarded(), {})
    guard_plan(planned, guarded(), {"revoke": 3})
    guard_plan(planned, guarded(maxRevocationsPercent=100), {})


def test_a_repository_that_lost_all_its_certificates_is_refused():
    """However the manifests went: a misspelt directory looks just like that."""
    manifests = load(BASE)
    planned = plan(manifests, observe(manifests, record(web(), deletion_policy="Retain")))
    with pytest.raises(UnsafePlanError, match="no certificate is asked for any more") as no:
        guard_plan(planned, manifests, {})
    assert "empty=1" in no.value.help
    guard_plan(planned, manifests, {"empty": 1})
    guard_plan(replace(planned, asked=1), manifests, {})


# --- Shares, and everything gone -----------------------------------------------------------------


def fleet(live: int, revoked: int) -> tuple[Plan, ManifestSet]:
    """Return a plan that revokes some of the live certificates, with no other limit in reach."""
    guards = {"maxRevocations": 1000, "maxRevocationsPercent": 20}
    parts: dict[str, bytes] = {**BASE, **project(guards=guards)}
    parts |= revocation("inc", spkiSha256="ab" * 32)
    records = []
    for number in range(live):
        wanted = certificate(f"c{number}", subjectAltNames=[f"c{number}.example.com"])
        parts |= wanted
        records.append(record(request(BASE, wanted, path=f"c{number}"), 100 + number))
    manifests = load(parts)
    targets = {ObjectId("Revocation", "", "inc"): tuple(records[:revoked])}
    return plan(manifests, observe(manifests, *records, revocation_targets=targets)), manifests


def test_a_plan_knows_how_many_certificates_are_live():
    assert fleet(3, 1)[0].live == 3
    assert plan(load(BASE)).live == 0, "authorities are none of them"


@pytest.mark.parametrize(("live", "most"), [(10, 2), (14, 2), (15, 3), (20, 4)])
def test_a_share_of_the_revocations_is_the_limit_from_10_certificates_up(live, most):
    guard_plan(*fleet(live, most), {})
    planned, manifests = fleet(live, most + 1)
    with pytest.raises(
        UnsafePlanError, match=f"revoke {most + 1} certificates, the limit is 20% of {live}"
    ) as no:
        guard_plan(planned, manifests, {})
    assert [finding.code for finding in no.value.findings] == ["plan.too_many_revocations"]
    assert f"--allow-unsafe revoke={most + 1}" in no.value.help
    guard_plan(planned, manifests, {"revoke": most + 1})
    for allowed in ({"revoke": most}, {"empty": 100, "replay": 1}):
        with pytest.raises(UnsafePlanError):
            guard_plan(planned, manifests, allowed)


def test_a_share_says_nothing_of_a_handful():
    guard_plan(*fleet(9, 9), {})


def emptied(policy: str, *parts: Any) -> tuple[Plan, ManifestSet]:
    records = [
        record(request(BASE, certificate(n, subjectAltNames=[f"{n}.example"]), path=n), 100 + i,
               deletion_policy=policy)
        for i, n in enumerate(("a", "b"))
    ]  # fmt: skip
    manifests = load(BASE, *parts)
    return plan(manifests, observe(manifests, *records)), manifests


@pytest.mark.parametrize("policy", ["Revoke", "Retain"])
def test_that_nothing_is_asked_for_any_more_is_refused_until_it_is_meant(policy):
    planned, manifests = emptied(policy)
    assert (len(manifests.of(Certificate)), planned.live) == (0, 2)
    for allowed in ({}, {"empty": 1}, {"revoke": 100}):
        with pytest.raises(UnsafePlanError) as no:
            guard_plan(planned, manifests, allowed)
        assert [finding.code for finding in no.value.findings] == ["plan.emptied"]
        assert "--allow-unsafe empty=2" in no.value.help
    guard_plan(planned, manifests, {"empty": 2})


def test_one_certificate_that_is_left_shows_that_the_directory_is_there():
    left = certificate("c", subjectAltNames=["c.example.com"])
    guard_plan(*emptied("Retain", left), {})


def test_a_store_without_certificates_is_not_emptied():
    guard_plan(plan(load(BASE)), load(BASE), {})


def test_every_class_can_be_named():
    assert CLASSES == (
        "revoke", "issue", "replace", "renew", "adopt", "empty", "replay", "new-store",
        "unsigned",
    )  # fmt: skip


# --- No way around -------------------------------------------------------------------------------


def test_a_number_and_a_share_that_are_both_exceeded_are_told_at_once():
    planned = replace(revoking(30), live=100)
    with pytest.raises(UnsafePlanError) as no:
        guard_plan(planned, guarded(), {})
    [finding] = no.value.findings
    assert finding.message == (
        "the plan would revoke 30 certificates, the limits are 20 and 20% of 100"
    )
    assert "raise maxRevocations and maxRevocationsPercent" in finding.help


def test_every_limit_that_is_exceeded_is_told_and_each_must_be_lifted():
    planned = issuing(3)
    both = replace(planned, changes=(*planned.changes, *revoking(3).changes))
    manifests = guarded(maxIssues=2, maxRevocations=2)
    for allowed in ({}, {"issue": 3}, {"revoke": 3}):
        with pytest.raises(UnsafePlanError) as no:
            guard_plan(both, manifests, allowed)
        assert len(no.value.findings) == 2 - len(allowed)
    guard_plan(both, manifests, {"issue": 3, "revoke": 3})


def test_refusals_and_limits_are_told_together():
    manifests = load(BASE)
    planned = plan(manifests, observe(manifests, record(web())))
    with pytest.raises(UnsafePlanError) as no:
        guard_plan(planned, manifests, {})
    assert [f.code for f in no.value.findings] == ["plan.refused", "plan.emptied"]


def test_what_the_run_has_done_already_counts():
    planned, manifests = revoking(2), guarded(maxRevocations=3)
    done = [
        change
        for change in revoking(4).changes
        if change.certificate.serial_number >= 102  # type: ignore[union-attr]
    ]
    guard_plan(planned, manifests, {})
    guard_plan(planned, manifests, {}, done[:1])
    with pytest.raises(UnsafePlanError, match=r"revoke 4 certificates \(2 of them in this run"):
        guard_plan(planned, manifests, {}, done)
    guard_plan(planned, manifests, {"revoke": 4}, done)
    guard_plan(replace(planned, changes=()), manifests, {}, done)


def test_one_certificate_that_two_manifests_revoke_counts_once():
    twice = revoking(2)
    again = tuple(
        replace(change, object_id=ObjectId("Revocation", "", "other")) for change in twice.changes
    )
    guard_plan(replace(twice, changes=twice.changes + again), guarded(maxRevocations=2), {})


def test_what_was_reserved_before_counts_as_what_it_is():
    """Whoever can write to the store could else have any number of them signed."""
    manifests = load(BASE, certificate("web", subjectAltNames=["www.example.com"]))
    first = plan(manifests, reserved(observe(manifests), manifests, web()))
    assert [str(change.action) for change in first.changes] == ["finish"]
    with pytest.raises(UnsafePlanError, match="would issue 1 certificate, the limit is 0"):
        guard_plan(first, guarded(maxIssues=0), {})

    [finish] = first.changes
    assert isinstance(finish, FinishReservation)
    for reason, name, limit in (
        ("RequestChanged", "replace", "maxReplacements"),
        ("NearingExpiry", "renew", "maxIssues"),
    ):
        open_one = replace(finish.reservation, replaces=7, reason=reason)
        planned = replace(first, changes=(replace(finish, reservation=open_one),))
        with pytest.raises(UnsafePlanError, match=f"would {name} 1 certificate"):
            guard_plan(planned, guarded(**{limit: 0}), {})
        guard_plan(planned, guarded(**{limit: 1}), {})


def test_a_certificate_that_is_edited_and_due_is_a_replacement():
    """Else a large edit could be made to look like renewals."""
    old = certificate("web", subjectAltNames=["old.example.com"])
    new = load(BASE, certificate("web", subjectAltNames=["www.example.com"]))
    current = record(request(BASE, old))
    planned = plan(new, observe(new, current), now=current.not_after)
    with pytest.raises(UnsafePlanError, match="would replace 1 certificate"):
        guard_plan(planned, guarded(maxReplacements=0), {})


@pytest.mark.parametrize(("live", "safe"), [(9, True), (10, False), (12, True)])
def test_a_share_of_replacements_is_limited_where_there_are_more_than_a_few(live, safe):
    planned = replace(issuing(6, before="old.example.com"), live=live)
    if safe:
        guard_plan(planned, guarded(), {})
        return
    with pytest.raises(UnsafePlanError, match="replace 6 certificates, the limit is 50% of 10"):
        guard_plan(planned, guarded(), {})
    guard_plan(planned, guarded(maxReplacementsPercent=60), {})


def test_a_share_of_new_certificates_is_limited_when_somebody_says_so():
    planned = replace(issuing(6), live=10)
    guard_plan(planned, guarded(), {})
    with pytest.raises(UnsafePlanError, match="issue 6 certificates, the limit is 50% of 10"):
        guard_plan(planned, guarded(maxIssuesPercent=50), {})
