"""What is not done without being asked twice."""

from __future__ import annotations

from typing import Any

import pytest

from pki_as_code.errors import UnsafePlanError
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import ObjectId, Plan
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
    assert [finding.code for finding in no.value.findings] == ["plan.too_many"]


def test_the_built_in_limit_of_revocations_is_20():
    guard_plan(revoking(20), guarded(), {})
    guard_plan(revoking(20), load(BASE), {})
    for manifests in (guarded(), load(BASE)):
        with pytest.raises(UnsafePlanError):
            guard_plan(revoking(21), manifests, {})


def test_no_revocation_at_all_can_be_the_limit():
    with pytest.raises(UnsafePlanError):
        guard_plan(revoking(1), guarded(maxRevocations=0), {})


@pytest.mark.parametrize(("before", "name"), [("", "issue"), ("old.example.com", "replace")])
def test_new_certificates_and_replacements_are_limited(before, name):
    planned = issuing(3, before=before)
    guard_plan(planned, guarded(maxIssues=3), {})
    with pytest.raises(UnsafePlanError, match=f"would {name} 3 certificates, the limit is 2"):
        guard_plan(planned, guarded(maxIssues=2), {})


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
