"""When certificates are renewed, or a new CSR is asked for; and how old a key may become."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.model import CERTIFICATE, ObjectId, Plan
from pki_as_code.plan.renewal import jitter_of, renewal_time
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    certificate,
    load,
    observe,
    plan,
    profile,
    record,
    told,
    web,
)

NAMES = {"subjectAltNames": ["www.example.com"]}


def codes(planned: Plan) -> list[tuple[str, str]]:
    return [(finding.code, str(finding.severity)) for finding in planned.findings]


def planned_after(days: float, *parts: Any, first_used: Any = None, **spec: Any) -> Plan:
    """Plan `web` so many days after it was issued for 90 days."""
    manifests = load(BASE, *parts, certificate("web", **NAMES, **spec))
    current = record(web(*parts, **{k: v for k, v in spec.items() if k == "profile"}))
    uses = {current.public_key_sha256: first_used} if first_used else {}
    return plan(manifests, observe(manifests, current, first_uses=uses), now=NOW + days * DAY)


# --- The time ------------------------------------------------------------------------------------


@given(
    name=st.text("abcdef", min_size=1),
    lifetime=st.integers(60, 10**8),
    before=st.integers(1, 10**9),
)
def test_a_renewal_is_in_the_first_tenth_of_its_window_and_before_the_end(name, lifetime, before):
    from dataclasses import replace

    current = replace(
        record(web()),
        object_id=ObjectId(CERTIFICATE, "default", name),
        not_before=NOW,
        not_after=NOW + timedelta(seconds=lifetime),
    )
    due = renewal_time(current, timedelta(seconds=before))
    window = min(timedelta(seconds=before), timedelta(seconds=lifetime) * 9 / 10)
    begin = current.not_after - window
    assert begin <= due <= begin + window / 10
    assert NOW < due < current.not_after
    assert due == renewal_time(current, timedelta(seconds=before))


def test_what_was_issued_together_is_not_renewed_together():
    points = {jitter_of(ObjectId(CERTIFICATE, "default", f"web{n}")) for n in range(100)}
    assert len(points) == 100
    assert min(points) < 0.1
    assert max(points) > 0.9


def test_namesakes_of_two_namespaces_have_a_time_of_their_own():
    first, second = (ObjectId(CERTIFICATE, n, "web") for n in ("default", "payments"))
    assert jitter_of(first) != jitter_of(second)


# --- Mode Request --------------------------------------------------------------------------------


@pytest.mark.parametrize(("days", "wanted"), [(59, False), (64, True), (95, True)])
def test_with_mode_request_a_csr_is_wanted_when_the_time_has_come(days, wanted):
    planned = planned_after(days, renewal={"mode": "Request", "before": "30d"})
    assert told(planned) == []
    assert codes(planned) == ([("certificate.csr_wanted", "warning")] if wanted else [])


def test_a_csr_that_came_is_signed_and_no_longer_wanted():
    planned = planned_after(64, renewal={"mode": "Request", "before": "30d"}, key="P-256/2")
    assert (told(planned), codes(planned)) == (["replace web: KeyChanged"], [])


# --- The age of keys -----------------------------------------------------------------------------


def test_a_key_within_its_age_is_renewed():
    own = profile("own", keys={"maxAge": "100d"})
    planned = planned_after(65, own, profile="own", first_used=NOW)
    assert (told(planned), codes(planned)) == (["renew web: NearingExpiry"], [])


def test_the_age_counts_from_the_first_certificate_with_the_key():
    own = profile("own", keys={"maxAge": "100d"})
    planned = planned_after(65, own, profile="own", first_used=NOW - 35 * DAY)
    assert (told(planned), codes(planned)) == ([], [("key.max_age", "warning")])
    assert "since 2026-10-19" in planned.findings[0].message


def test_an_old_key_that_is_not_to_be_signed_anew_is_left_alone():
    own = profile("own", keys={"maxAge": "100d"})
    planned = planned_after(1, own, profile="own", first_used=NOW - 200 * DAY)
    assert (told(planned), codes(planned)) == ([], [])


def test_asking_for_something_new_with_an_old_key_is_an_error_at_the_csr():
    own = profile("own", keys={"maxAge": "100d"})
    old = NOW - 200 * DAY
    planned = planned_after(1, own, profile="own", first_used=old, reissue=1)
    assert (told(planned), codes(planned)) == ([], [("key.max_age", "error")])
    assert planned.findings[0].source.path == "certificates/web.yaml"
    manifests = load(BASE, own, certificate("web", profile="own", **NAMES))
    uses = {web().public_key_sha256: old}
    planned = plan(manifests, observe(manifests, first_uses=uses))
    assert (told(planned), codes(planned)) == ([], [("key.max_age", "error")])


def test_a_reissue_of_the_profile_waits_for_a_new_csr_where_the_key_is_old():
    before = profile("own", keys={"maxAge": "100d"})
    current = record(web(before, profile="own"))
    after = profile("own", keys={"maxAge": "100d"}, algorithm="SHA-512", onChange="Reissue")
    manifests = load(BASE, after, certificate("web", profile="own", **NAMES))
    uses = {current.public_key_sha256: NOW - 200 * DAY}
    planned = plan(manifests, observe(manifests, current, first_uses=uses))
    assert told(planned) == []
    assert codes(planned)[0] == ("key.max_age", "warning")
