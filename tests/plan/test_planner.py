"""A plan as a whole: what is in it, in which order, and what names it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import (
    Action,
    CertificateRecord,
    CertificateRequest,
    FinishReservation,
    IssueCertificate,
    Observed,
    Revocation,
    RevokeCertificate,
)
from pki_as_code.plan.authorities import resolve_authority
from pki_as_code.plan.observation import Observation, PlanFrame
from pki_as_code.plan.planner import make_plan
from pki_as_code.plan.validate import Desired, resolve_all
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    Files,
    authority,
    certificate,
    certificate_id,
    load,
    observe,
    plan,
    record,
    refused,
    request,
    reserved,
    resolve,
    told,
    web,
)

NAMES = {"subjectAltNames": ["www.example.com"]}
WEB = certificate("web", **NAMES)


def three(**spec: Any) -> Files:
    return {
        **certificate("a", subjectAltNames=["a.example.com"], **spec),
        **certificate("b", key="P-256/2", subjectAltNames=["b.example.com"], **spec),
        **certificate("payments/a", key="P-256/3", subjectAltNames=["pa.example.com"], **spec),
    }


def issued(manifests: ManifestSet, path: str, serial_number: int = 9, **more: Any) -> Any:
    wanted = resolve(manifests, path).request
    return record(wanted, serial_number, **more)


# --- Order and digest ----------------------------------------------------------------------------


def test_authorities_come_first_and_parents_before_what_they_sign():
    parts = {**authority("a-child", parent="z-root"), **authority("z-root"), **three()}
    planned = plan(load(BASE, parts), Observation())
    assert [line.split(":")[0] for line in told(planned)] == [
        "issue root", "issue z-root", "issue a-child", "issue issuing",
        "issue a", "issue b", "issue payments/a",
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(seed=st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_what_it_is_made_of(seed):
    manifests = load(BASE, three())
    gone = [
        issued(load(BASE, certificate(name, **NAMES)), name, serial, deletion_policy=policy)
        for serial, (name, policy) in enumerate(
            [("x", "Refuse"), ("y", "Revoke"), ("z", "Retain"), ("w", "Revoke")], start=100
        )
    ]
    open_one = request(BASE, certificate("r", **NAMES), path="r")
    observation = reserved(observe(manifests, *gone), manifests, open_one)
    expected = plan(manifests, observation)

    live = list(observation.live)
    objects = list(observation.objects.items())
    parts = list({**BASE, **three()}.items())
    for shuffled in (live, objects, parts):
        seed.shuffle(shuffled)
    other = replace(observation, live=tuple(live), objects=dict(objects))
    assert plan(load(dict(parts)), other) == expected


def test_the_digest_names_the_effect_and_not_the_time_or_the_commit():
    manifests = load(BASE, three())
    desired, observation = resolve_all(manifests), observe(manifests)
    plans = [
        make_plan(desired, observation, PlanFrame(commit, base, "test", now))
        for commit, base, now in (("a" * 40, "", NOW), ("", "b" * 40, NOW + DAY))
    ]
    assert plans[0] != plans[1]
    assert plans[0].digest == plans[1].digest


@pytest.mark.parametrize(
    "other",
    [
        certificate("b", key="P-256/2", subjectAltNames=["other.example.com"]),
        certificate("b", key="P-256/4", subjectAltNames=["b.example.com"]),
        certificate("c", key="P-256/5", subjectAltNames=["c.example.com"]),
    ],
    ids=["names", "key", "one more"],
)
def test_another_effect_is_another_digest(other):
    assert plan(load(BASE, three())).digest != plan(load(BASE, three(), other)).digest


def test_what_is_replaced_is_part_of_the_digest():
    manifests = load(BASE, certificate("web", key="P-256/2", **NAMES))
    digests = {plan(manifests, observe(manifests, record(web(), n))).digest for n in (1, 2)}
    assert len(digests) == 2


def test_a_refusal_is_part_of_the_digest():
    manifests = load(BASE)
    assert plan(manifests).digest != plan(manifests, observe(manifests, record(web()))).digest


def test_planning_again_after_everything_was_issued_gives_nothing():
    manifests = load(BASE, three())
    records = [
        record(item.request, 100 + n) for n, item in enumerate(resolve_all(manifests).certificates)
    ]
    planned = plan(manifests, observe(manifests, *records))
    assert (planned.changes, planned.refused, planned.unchanged) == ((), (), 5)


# --- Reservations --------------------------------------------------------------------------------


def open_for(parts: Files, *wanted: CertificateRequest, now: Any = NOW) -> list[str]:
    manifests = load(parts)
    return told(plan(manifests, reserved(observe(manifests), manifests, *wanted), now=now))


def test_an_open_reservation_is_finished_first_and_its_object_not_planned_twice():
    manifests = load(BASE, three())
    wanted = resolve(manifests, "b").request
    planned = plan(manifests, reserved(observe(manifests), manifests, wanted))
    assert told(planned) == [
        "finish b: ReservationOpen", "issue a: DoesNotExist", "issue payments/a: DoesNotExist",
    ]  # fmt: skip
    assert isinstance(planned.changes[0], FinishReservation)
    assert planned.changes[0].request == wanted


def test_a_reservation_is_finished_hours_later_as_it_was_reserved():
    assert open_for({**BASE, **WEB}, web(), now=NOW + DAY) == ["finish web: ReservationOpen"]


def test_a_reservation_that_nobody_asks_for_any_more_is_given_up():
    """The ledger is where anybody who can push writes: what is open there is no order to sign."""
    assert open_for(BASE, web()) == ["abandon web: NoLongerAsked"]
    other = certificate("web", subjectAltNames=["other.example.com"])
    assert open_for({**BASE, **other}, web()) == ["abandon web: NoLongerAsked"]


def test_a_reservation_that_would_have_expired_is_given_up():
    assert open_for({**BASE, **WEB}, web(), now=NOW + 91 * DAY) == ["abandon web: Expired"]


@pytest.mark.parametrize(
    "other",
    [
        {"validity": "91d"},
        {"subjectAltNames": ["www.example.com", "evil.example"]},
        {"key": "P-256/2"},
        {"extensions": {"extendedKeyUsage": {"value": ["clientAuth"]}}},
    ],
    ids=["longer", "names", "key", "extensions"],
)
def test_reserved_bytes_that_are_not_what_the_manifest_asks_for_are_given_up(other):
    manifests = load(BASE, WEB)
    observation = reserved(observe(manifests), manifests, web())
    forged = reserved(observation, manifests, web(**other)).reservations[0]
    digest = observation.reservations[0].request_digest
    observation = replace(observation, reservations=(replace(forged, request_digest=digest),))
    assert told(plan(manifests, observation)) == ["abandon web: NotWhatWasAsked"]


def test_reservations_of_authorities_come_before_those_of_certificates():
    manifests = load(BASE, WEB)
    root = resolve_authority(manifests.authority("root"), manifests, web().public_key_der)
    observation = reserved(observe(manifests), manifests, web(), root)
    assert told(plan(manifests, observation))[:2] == [
        "finish root: ReservationOpen", "finish web: ReservationOpen",
    ]  # fmt: skip


# --- Only ----------------------------------------------------------------------------------------


def test_only_restricts_a_plan_to_the_objects_named():
    manifests = load(BASE, three())
    gone = issued(load(BASE, WEB), "web")
    observation = observe(manifests, gone)
    planned = plan(manifests, observation, only=[certificate_id("b")])
    assert (told(planned), refused(planned)) == (["issue b: DoesNotExist"], [])
    assert planned.unchanged == 0


def test_only_leaves_the_reservations_of_others_open():
    manifests = load(BASE, three())
    wanted = resolve(manifests, "b").request
    observation = reserved(observe(manifests), manifests, wanted)
    assert told(plan(manifests, observation, only=[certificate_id("a")])) == [
        "issue a: DoesNotExist"
    ]
    assert told(plan(manifests, observation, only=[certificate_id("b")])) == [
        "finish b: ReservationOpen"
    ]


# --- Manifests that are gone ---------------------------------------------------------------------


def removed(policy: str, **more: Any) -> Any:
    manifests = load(BASE)
    return plan(manifests, observe(manifests, record(web(), deletion_policy=policy, **more)))


def test_refuse_fails_the_plan_and_names_the_ways_out():
    planned = removed("Refuse")
    assert (told(planned), refused(planned)) == ([], ["web: RemovedWhileValid"])
    [refusal] = planned.refused
    assert "2027-02-21T09:59:59Z" in refusal.reason.message
    for way in ("put certificates/web.yaml back", "Revocation", "deletionPolicy: Retain or Revoke"):
        assert way in refusal.help


def test_retain_keeps_the_certificate_and_looks_after_it_no_longer():
    planned = removed("Retain")
    assert (told(planned), refused(planned)) == (["retire web: Retained"], [])


def test_revoke_revokes_and_retires():
    planned = removed("Revoke")
    assert told(planned) == ["revoke web: Removed", "retire web: Removed"]
    revoke = planned.changes[0]
    assert isinstance(revoke, RevokeCertificate)
    assert revoke.revocation_reason == "cessationOfOperation"


@pytest.mark.parametrize("policy", ["Refuse", "Retain", "Revoke"])
def test_what_is_revoked_already_is_retired_silently(policy):
    revocation = Revocation("superseded", NOW)
    assert told(removed(policy, revocation=revocation)) == ["retire web: Removed"]


@pytest.mark.parametrize("policy", ["Refuse", "Retain", "Revoke"])
def test_what_has_expired_is_retired_silently(policy):
    manifests = load(BASE)
    old = record(web(), deletion_policy=policy)
    planned = plan(manifests, observe(manifests, old), now=old.not_after + DAY)
    assert told(planned) == ["retire web: Removed"]


def test_a_hold_is_not_the_end_of_a_certificate():
    hold = Revocation("certificateHold", NOW)
    assert refused(removed("Refuse", revocation=hold)) == ["web: RemovedWhileValid"]
    assert told(removed("Revoke", revocation=hold)) == [
        "revoke web: Removed", "retire web: Removed",
    ]  # fmt: skip


def test_the_stored_deletion_policy_counts_and_not_the_one_removed_with_the_file():
    """A manifest that said `Revoke` in the same change in which it went away was never in force."""
    manifests = load(BASE)
    stored = issued(load(BASE, certificate("web", deletionPolicy="Revoke", **NAMES)), "web")
    assert stored.deletion_policy == "Refuse"
    assert refused(plan(manifests, observe(manifests, stored))) == ["web: RemovedWhileValid"]


def test_what_was_retired_is_not_looked_at_again():
    manifests = load(BASE)
    gone = record(web())
    planned = plan(manifests, observe(manifests, gone, retired=[gone.object_id]))
    assert (planned.changes, planned.refused) == ((), ())


def test_a_new_manifest_under_a_retired_name_starts_anew():
    manifests = load(BASE, WEB)
    gone = record(web())
    planned = plan(manifests, observe(manifests, gone, retired=[gone.object_id]))
    assert told(planned) == ["issue web: DoesNotExist"]


def test_a_manifest_that_cannot_be_resolved_is_not_gone():
    """Its finding stops the plan elsewhere; the certificate is not retired behind its back."""
    broken = dict(certificate("web", issuer="nobody", **NAMES))
    manifests = load(BASE, broken)
    planned = plan(manifests, observe(manifests, record(web(), deletion_policy="Revoke")))
    assert (planned.changes, planned.refused) == ((), ())


# --- Authorities ---------------------------------------------------------------------------------


def test_an_authority_that_is_removed_is_refused_whatever_its_policy():
    manifests = load(BASE)
    wanted = resolve_authority_request("old")
    for policy in ("Refuse", "Retain", "Revoke"):
        old = record(wanted, 77, deletion_policy=policy)
        planned = plan(manifests, observe(manifests, old))
        assert (told(planned), refused(planned)) == ([], ["old: RemovedWhileValid"])
        assert "usages: [crl, ocsp]" in planned.refused[0].help


def test_an_authority_that_has_expired_can_be_removed():
    manifests = load(BASE)
    old = record(resolve_authority_request("old"), 77)
    planned = plan(manifests, observe(manifests, old), now=old.not_after + DAY)
    assert "retire old: Removed" in told(planned)


def resolve_authority_request(name: str) -> Any:
    manifests = load(BASE, authority(name))
    return resolve_authority(manifests.authority(name), manifests, b"key")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "CN=Other"),
        ("parent", None),
        ("pathLength", 3),
        ("nameConstraints", {"permitted": ["DNS:example.com"]}),
        ("key", {"uri": "file:keys/issuing.pem", "type": "Ed25519"}),
    ],
)
def test_an_authority_that_was_issued_cannot_be_changed(field, value):
    before = load(BASE)
    after = load(BASE, authority("issuing", **{"parent": "root", "pathLength": 0, field: value}))
    planned = plan(after, observe(before))
    assert refused(planned) == ["issuing: AuthorityChanged"]
    assert planned.refused[0].source.path == "authorities/issuing.yaml"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("validity", "100d"),
        ("usages", ["crl"]),
        ("crl", {"validity": "3d"}),
        ("signs", {"extensions": {"tlsFeature": {"value": ["status_request"]}}}),
        ("key", {"uri": "file:elsewhere.pem"}),
    ],
)
def test_what_an_authority_does_can_be_changed(field, value):
    before = load(BASE)
    after = load(BASE, authority("issuing", **{"parent": "root", "pathLength": 0, field: value}))
    planned = plan(after, observe(before))
    assert (planned.changes, planned.refused) == ((), ())


def test_a_parent_that_no_longer_signs_signs_no_new_authority():
    old = authority("old", usages=["crl", "ocsp"])
    before = load(BASE, old)
    after = load(BASE, old, authority("new", parent="old"))
    planned = plan(after, observe(before))
    assert refused(planned) == ["new: ParentDoesNotSign"]


def test_a_parent_that_no_longer_signs_is_no_matter_for_what_it_signed():
    parts = {**authority("old", usages=["crl"]), **authority("under", parent="old")}
    planned = plan(load(BASE, parts))
    assert (planned.changes, planned.refused) == ((), ())


# --- The rest ------------------------------------------------------------------------------------


def test_a_change_says_where_it_was_asked_for():
    manifests = load(BASE, certificate("payments/web", deletionPolicy="Retain", **NAMES))
    [change] = plan(manifests).changes
    assert isinstance(change, IssueCertificate)
    assert change.action is Action.ISSUE
    assert (change.path, change.csr_path) == (
        "certificates/payments/web.yaml", "certificates/payments/web.csr",
    )  # fmt: skip
    assert change.source.path == "certificates/payments/web.yaml"
    assert change.deletion_policy == "Retain"
    assert change.replaces is None


def test_desired_may_come_without_certificates():
    manifests = load(BASE)
    frame = PlanFrame("", "", "test", NOW)
    planned = make_plan(Desired(manifests, ()), observe(manifests), frame)
    assert planned.unchanged == 2


def test_an_authority_that_no_longer_signs_issues_nothing_and_renews_nothing():
    """What it signed before is left alone, and no reason to stop."""
    manifests = load(BASE, authority("issuing", parent="root", pathLength=0, usages=["crl"]), WEB)
    current = record(web())
    assert plan(manifests, observe(manifests, current)).findings == ()
    for observation, now in (
        (observe(manifests), NOW),
        (observe(manifests, current), NOW + 85 * DAY),
    ):
        planned = plan(manifests, observation, now=now)
        [finding] = planned.findings
        assert (planned.changes, finding.code) == ((), "authority.does_not_sign")
        assert finding.source.path == "certificates/web.yaml"


def test_an_authority_that_is_revoked_or_below_one_that_is_issues_nothing():
    manifests = load(BASE, WEB)
    for name in ("root", "issuing"):
        wanted = resolve_authority(manifests.authority(name), manifests, b"key")
        gone = record(wanted, 3, revocation=Revocation("cACompromise", NOW))
        planned = plan(manifests, observe(manifests, gone))
        assert [f.code for f in planned.findings] == ["authority.revoked"]
        assert planned.changes == ()


def test_a_record_of_another_object_is_not_taken_for_ones_own():
    manifests = load(BASE, WEB, certificate("payments/web", key="P-256/2", **NAMES))
    other: CertificateRecord = record(web())
    observation = observe(manifests, other)
    assert told(plan(manifests, observation)) == ["issue payments/web: DoesNotExist"]
    assert Observed(other.object_id).current is None
