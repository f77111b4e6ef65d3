"""What failed waits longer each time, and is left out until then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pki_as_code.model import Failure, ObjectId, Observed, Severity
from pki_as_code.plan.authorities import parents_first, resolve_authority
from pki_as_code.plan.observation import Observation, PlanFrame
from pki_as_code.plan.planner import make_plan
from pki_as_code.plan.validate import resolve_all
from pki_as_code.plan.waiting import FIRST_WAIT, LONGEST_WAIT, asked_digest, retry_time
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    authority_id,
    certificate,
    certificate_id,
    load,
    observe,
    plan,
    reserved,
    told,
    web,
)

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
WORLD = load(
    BASE,
    certificate("web", subjectAltNames=["www.example.com"]),
    certificate("other", key="P-256/2", subjectAltNames=["b.example.com"]),
)


def failing(observation: Observation, failure: Failure) -> Observation:
    known = observation.objects.get(failure.object_id) or Observed(failure.object_id)
    objects = {**observation.objects, failure.object_id: replace(known, failure=failure)}
    return replace(observation, objects=objects)


def failed(*, attempts: int = 3, digest: str | None = None, retry_at=NOW + HOUR) -> Observation:
    asked = asked_digest(web()) if digest is None else digest
    failure = Failure(
        certificate_id("web"), "the token is gone", attempts, NOW - MINUTE, retry_at, asked
    )
    return failing(observe(WORLD), failure)


def test_what_failed_a_while_ago_is_left_out_with_a_warning_and_all_else_goes_on():
    planned = plan(WORLD, failed())
    assert told(planned) == ["issue other: DoesNotExist"]
    assert planned.waiting == (certificate_id("web"),)
    [finding] = planned.findings
    assert (finding.code, finding.severity) == ("certificate.waiting_to_retry", Severity.WARNING)
    assert finding.message == (
        "web failed 3 times, and is tried again after 2026-11-23T11:00:00Z: the token is gone"
    )
    assert finding.source is not None
    assert finding.source.path == "certificates/web.yaml"


def test_it_is_tried_when_the_time_has_come():
    assert len(plan(WORLD, failed(), now=NOW + HOUR - timedelta(seconds=1)).waiting) == 1
    planned = plan(WORLD, failed(), now=NOW + HOUR)
    assert (len(planned.changes), planned.waiting) == (2, ())


def test_something_else_is_tried_at_once():
    assert plan(WORLD, failed(digest="sha256:other")).waiting == ()


def test_what_is_named_is_tried_at_once_and_everything_when_asked():
    [change] = plan(WORLD, failed(), only=[certificate_id("web")]).changes
    assert change.object_id == certificate_id("web")
    frame = PlanFrame("", "", "test", NOW, retry=True)
    assert make_plan(resolve_all(WORLD), failed(), frame).waiting == ()


def test_nothing_waits_longer_than_the_longest_wait_whatever_the_ledger_says():
    assert len(plan(WORLD, failed(retry_at=NOW + LONGEST_WAIT)).waiting) == 1
    assert plan(WORLD, failed(retry_at=NOW + LONGEST_WAIT + MINUTE)).waiting == ()


def test_a_reservation_whose_signature_failed_waits_too():
    observation = failed()
    planned = plan(WORLD, reserved(observation, WORLD, web()))
    assert planned.waiting == (certificate_id("web"),)
    later = plan(WORLD, reserved(observation, WORLD, web()), now=NOW + HOUR)
    assert "finish web: ReservationOpen" in told(later)


def test_what_stands_on_an_authority_that_waits_waits_with_it():
    root, _ = parents_first(WORLD)
    asked = asked_digest(resolve_authority(root, WORLD))
    failure = Failure(authority_id("root"), "the token is gone", 1, NOW, NOW + HOUR, asked)
    planned = plan(WORLD, failing(Observation(), failure))
    assert planned.changes == ()
    assert [str(object_id) for object_id in planned.waiting] == [
        "CertificateAuthority root", "CertificateAuthority issuing",
        "Certificate other", "Certificate web",
    ]  # fmt: skip
    assert "issuing waits for authority root, which failed once" in planned.findings[1].message
    assert "--only CertificateAuthority/root" in planned.findings[0].help


def test_an_authority_that_is_issued_already_makes_nobody_wait():
    root, _ = parents_first(WORLD)
    asked = asked_digest(resolve_authority(root, WORLD))
    failure = Failure(authority_id("root"), "the token is gone", 1, NOW, NOW + HOUR, asked)
    assert plan(WORLD, failing(observe(WORLD), failure)).waiting == ()


def test_the_key_of_an_authority_is_not_part_of_what_was_asked():
    """It may be made between the plan and the failure."""
    root, _ = parents_first(WORLD)
    request = resolve_authority(root, WORLD)
    assert asked_digest(request) == asked_digest(replace(request, public_key_der=b"key"))
    assert asked_digest(web()) != asked_digest(replace(web(), public_key_der=b"key"))


# --- How long ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [
        (1, FIRST_WAIT),
        (2, 2 * FIRST_WAIT),
        (5, 16 * FIRST_WAIT),
        (9, 256 * FIRST_WAIT),
        (10, LONGEST_WAIT),
        (100_000, LONGEST_WAIT),
    ],
)
def test_each_failure_doubles_the_wait_up_to_a_day(attempts, wait):
    for name in ("a", "b", "c"):
        waits = retry_time(ObjectId("Certificate", "default", name), attempts, NOW) - NOW
        assert wait * 0.8 - timedelta(seconds=1) <= waits <= wait


def test_what_fails_together_is_not_tried_together_and_chance_has_no_part_in_it():
    ids = [ObjectId("Certificate", "default", f"c{number}") for number in range(100)]
    times = [retry_time(object_id, 10, NOW) for object_id in ids]
    assert len(set(times)) > 90
    assert times == [retry_time(object_id, 10, NOW) for object_id in ids]
    assert retry_time(ids[0], 1, NOW + DAY) - DAY == retry_time(ids[0], 1, NOW)
