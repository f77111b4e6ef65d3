"""A reviewed plan is carried out as it was reviewed, or not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.outcome import Outcome, Settings
from pki_as_code.apply.reviewed import reconcile_reviewed
from pki_as_code.errors import StalePlanError
from pki_as_code.formats import format_plan_json
from pki_as_code.formats.reviewed_plan import ReviewedPlan, parse_reviewed_plan
from pki_as_code.model import Plan
from pki_as_code.stores.entries import Issued, Reconciled
from tests.apply.site import Site, told
from tests.apply.test_reconcile import BrokenIssuers, reserve
from tests.plan.worlds import DAY, NOW, certificate_id


def review(site: Site, now: datetime = NOW) -> ReviewedPlan:
    return parse_reviewed_plan(format_plan_json(site.plan(now=now)).encode())


def apply_reviewed(
    site: Site,
    reviewed: ReviewedPlan,
    *,
    now: datetime = NOW,
    rest: list[Plan] | None = None,
    on_plan=lambda _: None,
    issuers=Issuers,
) -> list[Outcome]:
    workspace = site.workspace()
    settings = Settings(issuers(workspace, site.secrets), now)
    remaining = [] if rest is None else rest
    return list(reconcile_reviewed(workspace, settings, reviewed, on_plan, remaining.append))


def test_what_was_reviewed_is_done_at_the_time_it_is_done(site):
    site.certificate("a")
    commit = site.commit()
    reviewed = review(site)
    rest: list[Plan] = []
    assert told(apply_reviewed(site, reviewed, now=NOW + DAY, rest=rest)) == ["issue a"]
    assert site.record("a").issued_at == NOW + DAY
    assert site.payloads()[-1] == Reconciled(commit)
    assert [plan.changes for plan in rest] == [()]


def test_what_follows_from_it_is_left_for_the_next_plan(site):
    """The plan has the end of one reservation; that the manifest asks for more by then is new."""
    site.certificate("a")
    site.commit()
    reserve(site, "a")
    site.certificate("a", subjectAltNames=["other.example.com"])
    commit = site.commit()
    reviewed = review(site)
    rest: list[Plan] = []
    assert told(apply_reviewed(site, reviewed, rest=rest)) == ["abandon a"]
    assert [told_change.action for told_change in rest[0].changes] == ["issue"]
    assert Reconciled(commit) not in site.payloads()
    assert told(site.run()) == ["issue a"]


def test_a_runner_that_is_faster_in_the_middle_of_it_makes_it_stale(site):
    site.certificate("a")
    site.certificate("b")
    site.commit()
    reviewed = review(site)

    def overtake(_: Plan) -> None:
        assert told(site.run(only=[certificate_id("a")])) == ["issue a"]

    with pytest.raises(StalePlanError) as stale:
        apply_reviewed(site, reviewed, on_plan=overtake)
    assert stale.value.exit_code == 6
    assert [p.serial_number for p in site.payloads() if isinstance(p, Issued)].count(
        site.record("a").serial_number
    ) == 1  # fmt: skip
    assert [record.object_id.name for record in site.records()] == ["a"]
    site.verify()


def test_a_failure_is_remembered_as_in_any_run(site):
    site.certificate("a")
    commit = site.commit()
    outcomes = apply_reviewed(site, review(site), issuers=BrokenIssuers)
    assert told(outcomes) == ["issue a: issuance.signature_invalid"]
    [failure] = site.workspace().store.failures()
    assert failure.attempts == 1
    assert Reconciled(commit) not in site.payloads()


def test_clocks_may_differ_a_little(site):
    site.certificate("a")
    site.commit()
    reviewed = review(site, NOW + timedelta(minutes=5))
    assert told(apply_reviewed(site, reviewed)) == ["issue a"]
    ahead = review(site, NOW + timedelta(minutes=5, seconds=1))
    with pytest.raises(StalePlanError) as refused:
        apply_reviewed(site, ahead)
    assert refused.value.code == "plan.from_the_future"
