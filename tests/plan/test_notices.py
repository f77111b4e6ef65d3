"""Which notices are due, at any time, whatever was told before."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import CertificateRecord, Event, Failure, Notice, Revocation
from pki_as_code.plan.notices import STAYS_NEWS, longest_threshold, notices_about, wants_event
from pki_as_code.plan.watchers import recipients_of, remembered_address
from tests.plan.worlds import (
    BASE,
    DAY,
    NOW,
    authority_id,
    certificate,
    load,
    namespace,
    project,
    record,
    watcher,
    web,
)

ADDRESS = "mailto:ops@example.com"
NAMES = {"subjectAltNames": ["www.example.com"]}
ENDS = NOW + 90 * DAY


@cache
def issued() -> CertificateRecord:
    return replace(record(web()), not_after=ENDS)


@cache
def world(*watchers: str) -> ManifestSet:
    return load(BASE, certificate("web", **NAMES, watchers=list(watchers or ["ops@example.com"])))


def due(
    remaining: timedelta,
    manifests: ManifestSet | None = None,
    *,
    of: CertificateRecord | None = None,
    told: set[tuple[str, int, str]] | None = None,
    in_use: bool = True,
    failure: Failure | None = None,
    within: timedelta | None = None,
) -> list[Notice]:
    found = notices_about(
        of or issued(),
        manifests or world(),
        in_use=in_use,
        failure=failure,
        told=frozenset(told or ()),
        now=ENDS - remaining,
        within=within,
    )
    return list(found)


def days(notices: list[Notice]) -> list[float]:
    return [notice.threshold_seconds / 86_400 for notice in notices]


def memory(*thresholds: int, address: str = ADDRESS) -> set[tuple[str, int, str]]:
    return {("expiring", threshold * 86_400, address) for threshold in thresholds}


# --- Thresholds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("threshold", [14, 7, 3, 1])
def test_a_threshold_is_due_from_its_moment_on_and_not_before(threshold):
    larger = memory(*[t for t in (14, 7, 3) if t > threshold])
    assert due(threshold * DAY + timedelta(seconds=1), told=larger) == []
    assert days(due(threshold * DAY, told=larger)) == [threshold]
    assert days(due(threshold * DAY - DAY * 0.9, told=larger)) == [threshold]
    assert due(threshold * DAY, told=larger | memory(threshold)) == []


def test_the_largest_threshold_fires_in_a_run_at_any_hour_of_its_day():
    for hour in range(25):
        assert days(due(14 * DAY - timedelta(hours=hour))) == [14]


def test_after_missed_days_there_is_one_notice_that_stands_for_all():
    assert days(due(0.5 * DAY)) == [1]
    assert due(0.5 * DAY, told=memory(1)) == []
    assert days(due(2 * DAY, told=memory(14))) == [3]


def test_a_threshold_that_was_skipped_is_not_told_later():
    assert due(2 * DAY, told=memory(3)) == []
    wider = load(
        BASE,
        project(defaults={"issuer": "issuing"}, notifications={"before": ["30d", "10d"]}),
        certificate("web", **NAMES, watchers=["ops@example.com"]),
    )
    assert due(2 * DAY, wider, told=memory(3)) == []


def test_what_was_told_to_one_address_is_still_due_for_another():
    both = world("ops@example.com", "dev@example.com")
    [notice] = due(2 * DAY, both, told=memory(3))
    assert (notice.channel, notice.address) == ("mailto:dev@example.com",) * 2


def test_what_was_told_of_another_event_is_no_reminder():
    assert days(due(2 * DAY, told={("renewalFailed", 0, ADDRESS)})) == [3]


def test_the_project_sets_the_thresholds_of_addresses_and_an_empty_list_turns_them_off():
    def at(*before: str) -> list[float]:
        settings = project(defaults={"issuer": "issuing"}, notifications={"before": list(before)})
        one = certificate("web", **NAMES, watchers=["ops@example.com"])
        return days(due(20 * DAY, load(BASE, settings, one)))

    assert at("30d", "10d") == [30]
    assert at("10d") == []
    assert at() == []


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 20 * 86_400), min_size=1, max_size=12, unique=True))
def test_whatever_the_times_of_the_runs_nothing_is_told_twice_and_nothing_stays_untold(moments):
    told: set[tuple[str, int, str]] = set()
    for seconds in sorted(moments, reverse=True):
        remaining = timedelta(seconds=int(seconds))
        notices = due(remaining, told=told)
        assert len(notices) <= 1
        for notice in notices:
            entry = ("expiring", notice.threshold_seconds, notice.address)
            assert all(notice.threshold_seconds < earlier for _, earlier, _ in told)
            assert remaining.total_seconds() <= notice.threshold_seconds
            told.add(entry)
        passed = [t for t in (14, 7, 3, 1) if remaining <= t * DAY]
        if passed:
            assert ("expiring", min(passed) * 86_400, ADDRESS) in told
        assert due(remaining, told=told) == []


# --- --days --------------------------------------------------------------------------------------


def test_days_tells_of_everything_that_ends_in_that_time_and_of_nothing_else():
    assert days(due(25 * DAY, within=30 * DAY)) == [30]
    assert due(25 * DAY, within=30 * DAY, told=memory(30)) == []
    assert due(12 * DAY, within=10 * DAY) == []


def test_days_counts_as_the_thresholds_that_have_passed_with_it():
    [notice] = due(5 * DAY, within=14 * DAY)
    assert days([notice]) == [7]
    assert due(5 * DAY, told=memory(7)) == []
    assert due(5 * DAY, within=14 * DAY, told=memory(7)) == []
    assert days(due(13 * DAY, told=memory(30))) == [14]


# --- What is not told ----------------------------------------------------------------------------


def test_nothing_is_told_of_what_was_replaced_or_retired():
    assert due(2 * DAY, in_use=False) == []
    assert due(-2 * DAY, in_use=False) == []


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold"])
def test_nothing_is_told_of_the_end_of_what_is_revoked(reason):
    revoked = replace(issued(), revocation=Revocation(reason, NOW))
    assert due(2 * DAY, of=revoked) == []
    assert due(-2 * DAY, of=revoked) == []


def test_the_end_is_told_once_and_while_it_is_news():
    assert [n.event for n in due(-timedelta(seconds=1))] == [Event.EXPIRED]
    assert [n.event for n in due(-STAYS_NEWS)] == [Event.EXPIRED]
    assert due(-STAYS_NEWS - timedelta(seconds=1)) == []
    assert due(-DAY, told={("expired", 0, ADDRESS)}) == []


def test_at_its_very_last_second_a_certificate_is_still_expiring():
    assert [n.event for n in due(timedelta(0))] == [Event.EXPIRING]


# --- Watchers ------------------------------------------------------------------------------------


def watching(**spec: object) -> ManifestSet:
    return load(BASE, certificate("web", **NAMES), watcher("w", notify=[ADDRESS], **spec))


def test_a_watcher_has_thresholds_of_its_own():
    assert days(due(25 * DAY, watching(before=["30d"]))) == [30]
    assert due(10 * DAY, watching(before=["7d"])) == []


def test_a_watcher_names_its_events():
    assert due(2 * DAY, watching(events=["expired", "revoked"])) == []
    assert due(-DAY, watching(events=["expiring"])) == []
    assert [n.event for n in due(-DAY, watching(events=["expired"]))] == [Event.EXPIRED]


def revoked(reason: str, at: datetime) -> CertificateRecord:
    return replace(issued(), revocation=Revocation(reason, at))


def test_a_watcher_hears_of_a_revocation_once_and_a_bare_address_does_not():
    record = revoked("keyCompromise", ENDS - 6 * DAY)
    [notice] = due(5 * DAY, watching(), of=record, in_use=False)
    assert notice.event is Event.REVOKED
    assert due(5 * DAY, watching(), of=record, told={("revoked", 0, ADDRESS)}) == []
    assert due(5 * DAY, world(), of=record) == []


def test_an_old_revocation_is_no_news_and_neither_is_one_of_what_has_ended():
    record = revoked("keyCompromise", ENDS - 6 * DAY - STAYS_NEWS)
    assert due(5 * DAY, watching(), of=record) == []
    assert due(-DAY, watching(), of=revoked("superseded", ENDS - DAY)) == []


def test_a_hold_and_what_becomes_of_it_are_two_events():
    told: set[tuple[str, int, str]] = set()
    [held] = due(5 * DAY, watching(), of=revoked("certificateHold", ENDS - 6 * DAY), told=told)
    assert held.event is Event.ON_HOLD
    told.add((str(held.event), 0, held.address))
    [final] = due(4 * DAY, watching(), of=revoked("keyCompromise", ENDS - 5 * DAY), told=told)
    assert final.event is Event.REVOKED


def test_a_renewal_that_failed_is_told_once():
    failure = Failure(issued().object_id, "the key is gone", 1, NOW, NOW, "")
    [notice] = due(40 * DAY, watching(), failure=failure)
    assert (notice.event, notice.failure) == (Event.RENEWAL_FAILED, "the key is gone")
    assert due(40 * DAY, watching(), failure=failure, told={("renewalFailed", 0, ADDRESS)}) == []
    assert due(40 * DAY, world(), failure=failure) == []


def test_an_address_that_two_manifests_name_is_told_once_at_all_their_times():
    manifests = load(
        BASE,
        namespace("default", watchers=["Ops Team <ops@EXAMPLE.com>"]),
        certificate("web", **NAMES, watchers=["ops@example.com"]),
        watcher("w", notify=[ADDRESS, "https://hooks.example.com/T0KEN"], before=["30d"]),
    )
    first, hook = due(25 * DAY, manifests)
    assert (first.channel, first.name, days([first])) == (ADDRESS, "Ops Team", [30])
    assert hook.channel == "https://hooks.example.com/T0KEN"
    assert days(due(14 * DAY, manifests, told=memory(30))) == [14, 30]
    [recipient, _] = recipients_of(issued(), manifests)
    assert recipient.origins == ("manifest", "namespace default", "Watcher w")
    assert recipient.mailbox == "Ops Team <ops@example.com>"


def test_nothing_of_the_path_of_a_url_is_remembered():
    url = "https://Hooks.example.com/services/T0KEN?x=S3CRET"
    kept = remembered_address(url)
    assert kept.startswith("https://hooks.example.com/#")
    assert "T0KEN" not in kept
    assert "S3CRET" not in kept
    assert kept != remembered_address(url + "2")


def test_a_watcher_of_the_administrators_hears_of_authorities_and_one_with_names_does_not():
    root = replace(issued(), object_id=authority_id("issuing"), issuer="root")

    def told(**spec: object) -> bool:
        return bool(due(2 * DAY, watching(**spec), of=root))

    assert told()
    assert told(selector={"issuers": ["root"]})
    assert not told(selector={"issuers": ["issuing"]})
    assert not told(selector={"certificates": ["issuing"]})
    assert not told(selector={"namespaces": ["default"]})
    assert not told(selector={"labels": {"a": "b"}})
    team = load(BASE, certificate("payments/web", **NAMES), watcher("payments/w", notify=[ADDRESS]))
    assert due(2 * DAY, team, of=root) == []


# --- What a notice carries -----------------------------------------------------------------------


def renewal(**spec: object) -> str:
    manifests = load(BASE, certificate("web", **NAMES, watchers=["ops@example.com"], **spec))
    [notice] = due(2 * DAY, manifests)
    return notice.renewal


def test_a_notice_knows_how_the_certificate_is_renewed():
    assert renewal() == "Automatic"
    assert renewal(renewal={"mode": "Request"}) == "Request"
    assert renewal(renewal={"mode": "None"}) == "None"
    gone = load(BASE, watcher("w", notify=[ADDRESS]))
    [notice] = due(2 * DAY, gone)
    assert notice.renewal == ""


def test_the_id_of_a_notice_is_the_same_in_every_run_and_differs_by_what_it_is_about():
    [one], [again] = due(2 * DAY), due(1.5 * DAY)
    assert one.id == again.id
    others = [
        *due(2 * DAY, world("dev@example.com")),
        *due(0.5 * DAY),
        *due(-DAY),
        *due(2 * DAY, of=replace(issued(), serial_number=7)),
    ]
    assert len({one.id, *(notice.id for notice in others)}) == 5


def test_the_longest_threshold_of_anybody_bounds_what_is_looked_at():
    assert longest_threshold(world()) == 14 * DAY
    assert longest_threshold(watching(before=["60d", "1d"])) == 60 * DAY
    off = project(defaults={"issuer": "issuing"}, notifications={"before": []})
    assert longest_threshold(load(BASE, off)) == timedelta(0)
    assert wants_event(watching(events=["revoked"]), "revoked")
    assert not wants_event(watching(events=["expired"]), "revoked")
    assert not wants_event(world(), "revoked")
