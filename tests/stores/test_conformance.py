"""What holds for every store. A new one is covered by adding it to `conftest.KINDS`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pki_as_code.errors import ContentionError, InvalidValueError, NotFoundError, StoreError
from pki_as_code.model import ObjectId, Status
from pki_as_code.stores.entries import (
    Abandoned,
    Adopted,
    Authority,
    Blocked,
    Failed,
    Genesis,
    Issued,
    Notified,
    Payload,
    Reconciled,
    Released,
    Renamed,
    Reserved,
    Retired,
    Revoked,
    Updated,
)
from pki_as_code.stores.interface import CertificateFilter
from tests.stores.conftest import Place
from tests.stores.material import (
    NOW,
    ROOT,
    certificate,
    certificate_id,
    der,
    issue,
    issued,
    payloads_of,
    reservation,
)

WEB = certificate_id("web")
API = certificate_id("api", "payments")


@pytest.fixture
def store(place: Place) -> Any:
    return place.open()


def revocation(object_id: ObjectId, serial_number: int, reason: str = "keyCompromise") -> Revoked:
    return Revoked(
        object_id=object_id,
        issuer="root",
        serial_number=serial_number,
        reason=reason,
        revocation_date=NOW,
        invalidity_date=NOW - timedelta(days=1),
        commit="d" * 40,
        path="revocations/inc.yaml",
        requested_by=ObjectId("Revocation", "", "inc"),
    )


def record(store: Any, *payloads: Payload) -> None:
    store.record(payloads, now=NOW, message="Record")


# --- Empty ---------------------------------------------------------------------------------------


def test_a_new_store_is_empty_and_sound(empty_place: Place) -> None:
    store = empty_place.open()
    assert store.head().sequence == -1
    assert store.head().digest == "0" * 64
    assert store.head().at is None
    assert store.observe([WEB]) == {}
    assert list(store.find(CertificateFilter())) == []
    assert list(store.live_objects()) == list(store.due(NOW)) == list(store.entries()) == []
    assert store.last_reconciled() is None
    assert store.authority_certificate("root") is None
    assert list(store.verify()) == []


def test_a_new_store_can_be_read_before_anything_was_written(empty_place: Place) -> None:
    store = empty_place.open(read_only=True)
    assert store.head().sequence == -1
    with pytest.raises(StoreError) as caught:
        record(store, Reconciled("a" * 40))
    assert caught.value.code == "store.read_only"


# --- Reserve, sign, record -----------------------------------------------------------------------


def test_what_is_reserved_is_there_for_another_run_when_reserve_returns(
    place: Place, store: Any
) -> None:
    reserved = reservation(WEB, 0x2001)
    store.reserve([reserved], now=NOW, message="Reserve web")
    other = place.open_elsewhere()
    assert list(other.open_reservations()) == [reserved.reservation]
    assert other.observe([WEB])[WEB].reservation == reserved.reservation
    assert other.observe([WEB])[WEB].current is None


def test_another_run_finishes_a_reservation(place: Place, store: Any) -> None:
    reserved = reservation(WEB, 0x2001, names=("web.example.com",))
    store.reserve([reserved], now=NOW, message="Reserve web")
    other = place.open_elsewhere()
    record(other, issued(reserved))
    assert other.certificate_der("root", 0x2001) == der(
        certificate("web", 0x2001, names=("web.example.com",))
    )
    # The run that reserved it comes back to life, and records the same.
    record(store, issued(reserved))
    assert [type(p) for p in payloads_of(store)].count(Issued) == 2  # the root, and once the web
    assert list(store.open_reservations()) == []
    assert list(store.verify()) == []


def test_an_issued_certificate_is_described_from_its_own_bytes(store: Any) -> None:
    reserved = reservation(API, 0x00A1B2, names=("api.example.com", "api2.example.com"))
    issue(store, reserved)
    record_of_api = store.observe([API])[API].current
    assert record_of_api.serial_number == 0x00A1B2
    assert record_of_api.subject == "CN=api"
    assert record_of_api.subject_alternative_names == (
        "DNS:api.example.com",
        "DNS:api2.example.com",
    )
    assert record_of_api.profile == "tls-server"
    assert record_of_api.not_after == NOW + timedelta(days=90)
    assert record_of_api.not_after.tzinfo is not None
    assert record_of_api.request == reserved.reservation.request
    assert record_of_api.intent == reserved.reservation.intent
    assert record_of_api.issued_at == NOW
    assert record_of_api.status(NOW) is Status.VALID
    assert store.authorities() == {"root": store.authority_certificate("root")}


def test_entries_come_in_order_and_name_the_one_before(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    entries = list(store.entries())
    assert [entry.sequence for entry in entries] == list(range(5))
    assert [type(entry.payload) for entry in entries] == [
        Genesis, Reserved, Issued, Reserved, Issued,
    ]  # fmt: skip
    assert store.head().sequence == 4
    assert [e.sequence for e in store.entries(first_sequence=3)] == [3, 4]
    assert [e.sequence for e in store.entries(WEB)] == [3, 4]
    assert [e.sequence for e in store.entries(WEB, first_sequence=4)] == [4]
    assert list(store.entries(certificate_id("nobody"))) == []


def test_a_signature_without_a_reservation_is_refused(store: Any) -> None:
    before = store.head()
    with pytest.raises(StoreError) as caught:
        record(store, issued(reservation(WEB, 0x2001)))
    assert caught.value.code == "store.not_reserved"
    assert store.head() == before


def test_a_signature_for_another_object_than_was_reserved_is_refused(store: Any) -> None:
    reserved = reservation(WEB, 0x2001)
    store.reserve([reserved], now=NOW, message="Reserve")
    signed = issued(reserved)
    with pytest.raises(StoreError):
        record(store, Issued(API, signed.issuer, signed.serial_number, signed.signature))
    assert store.observe([API]) == {}


def test_a_batch_is_refused_as_a_whole(store: Any) -> None:
    before = store.head()
    with pytest.raises(ContentionError):
        store.reserve(
            [reservation(API, 0x3001), reservation(WEB, 0x2001, replaces=0x1234)],
            now=NOW,
            message="Reserve",
        )
    assert store.head() == before
    assert list(store.open_reservations()) == []


# --- Preconditions -------------------------------------------------------------------------------


def test_an_object_with_an_open_reservation_gets_no_second_one(place: Place, store: Any) -> None:
    store.reserve([reservation(WEB, 0x2001)], now=NOW, message="Reserve")
    with pytest.raises(ContentionError):
        place.open_elsewhere().reserve([reservation(WEB, 0x2002)], now=NOW, message="Reserve")


def test_a_reservation_that_replaces_what_is_no_longer_current_is_refused(
    place: Place, store: Any
) -> None:
    issue(store, reservation(WEB, 0x2001))
    other = place.open_elsewhere()
    issue(other, reservation(WEB, 0x2002, replaces=0x2001))
    for stale in (0x2001, None):
        with pytest.raises(ContentionError):
            store.reserve([reservation(WEB, 0x2003, replaces=stale)], now=NOW, message="Reserve")
    issue(store, reservation(WEB, 0x2003, replaces=0x2002))
    assert store.observe([WEB])[WEB].current.serial_number == 0x2003


def test_a_serial_number_is_never_used_twice(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    with pytest.raises(StoreError) as caught:
        store.reserve([reservation(API, 0x2001)], now=NOW, message="Reserve")
    assert caught.value.code == "store.serial_number_used"
    store.reserve([reservation(API, 0x2002)], now=NOW, message="Reserve")
    with pytest.raises(StoreError) as caught:
        store.reserve([reservation(certificate_id("x"), 0x2002)], now=NOW, message="Reserve")
    assert caught.value.code == "store.serial_number_used"


def test_a_serial_number_is_used_up_even_by_the_same_batch(store: Any) -> None:
    with pytest.raises(StoreError) as caught:
        store.reserve(
            [reservation(WEB, 0x2001), reservation(API, 0x2001)], now=NOW, message="Reserve"
        )
    assert caught.value.code == "store.serial_number_used"


def test_a_reservation_must_be_of_the_serial_number_in_its_tbs_certificate(store: Any) -> None:
    reserved = reservation(WEB, 0x2001)
    wrong = Reserved(replace(reserved.reservation, serial_number=0x2002))
    with pytest.raises(StoreError) as caught:
        store.reserve([wrong], now=NOW, message="Reserve")
    assert caught.value.code == "store.entry_mismatch"
    garbage = Reserved(replace(reserved.reservation, tbs_certificate=b"\x30\x03\x02\x01\x01"))
    with pytest.raises(StoreError):
        store.reserve([garbage], now=NOW, message="Reserve")


# --- Idempotency ---------------------------------------------------------------------------------


def test_recording_once_more_writes_nothing(place: Place, store: Any) -> None:
    old = certificate_id("old")
    store.reserve([reservation(WEB, 0x2001), reservation(old, 0x2002)], now=NOW, message="Reserve")
    payloads = [
        issued(reservation(WEB, 0x2001)),
        issued(reservation(old, 0x2002)),
        Renamed(certificate_id("new"), old, "a" * 40, "certificates/new.yaml"),
        revocation(WEB, 0x2001),
        Notified(WEB, "root", 0x2001, "expiring", 86400, "mailto:ops@example.com"),
        Updated(certificate_id("new"), "Revoke", "a" * 40, "certificates/new.yaml"),
        Blocked(
            "ab" * 32, "keyCompromise", "a" * 40, "inc.yaml", ObjectId("Revocation", "", "inc")
        ),
        Retired(WEB, "a" * 40),
        Authority(ROOT, der(certificate("root", 0x1001, not_after=NOW + timedelta(days=3650)))),
        Adopted(API, "other", 0x77, der(certificate("api", 0x77)), "b" * 40, "api.yaml", "Retain"),
        Failed(API, "the token is gone", 2, NOW + timedelta(hours=1), "sha256:ab"),
        Reconciled("a" * 40),
    ]
    record(store, *payloads)
    head = store.head()
    for payload in payloads:
        assert type(payload) in {type(entry.payload) for entry in store.entries()} | {Authority}
    other = place.open_elsewhere()
    other.record(payloads, now=NOW + timedelta(hours=1), message="Again")
    for payload in payloads:
        other.record([payload, payload], now=NOW + timedelta(hours=1), message="And again")
    assert other.head() == head
    assert list(other.verify()) == []


def test_recording_nothing_writes_nothing(store: Any) -> None:
    before = store.head()
    record(store)
    store.reserve([], now=NOW, message="Nothing")
    assert store.head() == before


# --- Revocation ----------------------------------------------------------------------------------


def test_a_revocation_is_kept_with_its_reason_and_dates(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(API, 0x1F01))
    record(store, revocation(WEB, 0x2001), revocation(API, 0x1F01, "superseded"))
    found = list(store.revoked("root"))
    assert [serial for serial, _, _ in found] == [0x1F01, 0x2001]
    _, kept, not_after = found[1]
    assert (kept.reason, kept.revocation_date) == ("keyCompromise", NOW)
    assert kept.invalidity_date == NOW - timedelta(days=1)
    assert kept.requested_by == ObjectId("Revocation", "", "inc")
    assert not_after == NOW + timedelta(days=90)
    assert store.observe([WEB])[WEB].current.status(NOW) is Status.REVOKED
    assert list(store.revoked("other")) == []


def test_only_a_hold_can_be_lifted_or_made_final(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    lift = Released(WEB, "root", 0x2001, "a" * 40, "revocations/inc.yaml")
    record(store, revocation(WEB, 0x2001, "certificateHold"))
    assert store.observe([WEB])[WEB].current.status(NOW) is Status.ON_HOLD
    record(store, lift)
    assert store.observe([WEB])[WEB].current.status(NOW) is Status.VALID
    record(store, revocation(WEB, 0x2001, "certificateHold"))
    record(store, revocation(WEB, 0x2001, "keyCompromise"))
    assert store.observe([WEB])[WEB].current.status(NOW) is Status.REVOKED
    record(store, revocation(WEB, 0x2001, "certificateHold"))  # no way back
    assert store.observe([WEB])[WEB].current.status(NOW) is Status.REVOKED
    with pytest.raises(StoreError) as caught:
        record(store, lift)
    assert caught.value.code == "store.not_on_hold"


def test_what_was_never_issued_cannot_be_revoked(store: Any) -> None:
    with pytest.raises(StoreError) as caught:
        record(store, revocation(WEB, 0x2001))
    assert caught.value.code == "store.unknown_certificate"


# --- Objects -------------------------------------------------------------------------------------


def test_a_retired_object_is_not_looked_after_and_starts_anew(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    record(store, Retired(WEB, "a" * 40))
    observed = store.observe([WEB])[WEB]
    assert observed.retired
    assert observed.current.serial_number == 0x2001
    assert WEB not in list(store.live_objects())
    assert WEB not in list(store.due(NOW + timedelta(days=365)))
    issue(store, reservation(WEB, 0x2002))
    assert not store.observe([WEB])[WEB].retired
    assert WEB in list(store.live_objects())


def test_a_renamed_object_takes_its_certificates_and_its_history_along(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(WEB, 0x2002, replaces=0x2001))
    www = certificate_id("www")
    record(store, Renamed(www, WEB, "a" * 40, "certificates/www.yaml"))
    observed = store.observe([WEB, www])
    assert WEB not in observed
    assert observed[www].current.serial_number == 0x2002
    assert {r.serial_number for r in store.find(CertificateFilter(name="www"))} == {0x2001, 0x2002}
    assert len(list(store.entries(www))) == 5
    assert list(store.entries(WEB)) == []
    assert list(store.verify()) == []
    # The name is free for something new.
    issue(store, reservation(WEB, 0x2003))
    record(store, revocation(www, 0x2002))
    assert list(store.verify()) == []


def test_a_rename_onto_an_object_with_a_certificate_is_refused(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(API, 0x2002))
    with pytest.raises(ContentionError):
        record(store, Renamed(API, WEB, "a" * 40, "x.yaml"))
    with pytest.raises(ContentionError):
        record(store, Renamed(certificate_id("y"), certificate_id("nobody"), "a" * 40, "x.yaml"))


def test_an_authority_made_elsewhere_has_a_certificate_and_issues(empty_place: Place) -> None:
    store = empty_place.open()
    root = certificate("root", 0x1001, not_after=NOW + timedelta(days=3650))
    record(store, Authority(ROOT, der(root)))
    assert store.authority_certificate("root") == der(root)
    assert store.observe([ROOT])[ROOT].current.issuer == "root"
    issue(store, reservation(WEB, 0x2001))
    assert list(store.verify()) == []
    found = store.find(CertificateFilter(kinds=("CertificateAuthority",)))
    assert [r.object_id for r in found] == [ROOT]


def test_an_adopted_certificate_is_observed(store: Any) -> None:
    adopted = Adopted(
        WEB, "elsewhere", 0x77, der(certificate("web", 0x77)), "b" * 40, "web.yaml", "Retain"
    )
    record(store, adopted)
    current = store.observe([WEB])[WEB].current
    assert (current.request, current.deletion_policy) == ({}, "Retain")
    assert store.certificate_der("elsewhere", 0x77) == adopted.certificate_der
    with pytest.raises(StoreError):
        store.reserve(
            [reservation(API, 0x77, issuer="elsewhere")], now=NOW, message="the number is used"
        )


def test_failures_are_kept_until_it_works(store: Any) -> None:
    retry_at = NOW + timedelta(hours=1)
    record(store, Failed(WEB, "the token is gone", 1, retry_at, "sha256:ab"))
    (failure,) = store.failures()
    assert (failure.object_id, failure.attempts, failure.failed_at) == (WEB, 1, NOW)
    assert store.observe([WEB])[WEB].failure == failure
    assert WEB not in list(store.due(NOW))
    assert WEB in list(store.due(retry_at))
    issue(store, reservation(WEB, 0x2001))
    assert list(store.failures()) == []


def test_due_names_what_ends_in_order(store: Any) -> None:
    for number, days in enumerate((10, 30, 60)):
        end = NOW + timedelta(days=days)
        issue(store, reservation(certificate_id(f"d{days}"), 0x2000 + number, not_after=end))
    assert list(store.due(NOW + timedelta(days=31))) == [
        certificate_id("d10"),
        certificate_id("d30"),
    ]
    assert list(store.due(NOW)) == []


# --- Time ----------------------------------------------------------------------------------------


def test_time_in_the_ledger_never_runs_backwards(store: Any) -> None:
    store.record([Reconciled("a" * 40)], now=NOW - timedelta(minutes=4), message="slow clock")
    assert store.head().at == NOW
    with pytest.raises(StoreError) as caught:
        store.record([Reconciled("b" * 40)], now=NOW - timedelta(minutes=6), message="bad clock")
    assert caught.value.code == "store.clock_went_back"
    assert store.last_reconciled() == "a" * 40
    store.record([Reconciled("b" * 40)], now=NOW + timedelta(days=1), message="later")
    assert store.head().at == NOW + timedelta(days=1)


# --- Finding -------------------------------------------------------------------------------------


@pytest.fixture
def three(store: Any) -> Any:
    batch = [
        reservation(
            certificate_id(name, namespace),
            0x0A01 + number * 0x10,
            not_after=NOW + timedelta(days=days),
            names=(f"{name}.example.com", "shared.example.com"),
            request={"profile": f"p{number}"},
        )
        for number, (name, namespace, days) in enumerate(
            [("c", "default", 10), ("b", "payments", 20), ("a", "payments", 30)]
        )
    ]
    store.reserve(batch, now=NOW, message="Reserve")
    record(store, *map(issued, batch), revocation(certificate_id("b", "payments"), 0x0A11))
    return store


FILTERS: list[tuple[CertificateFilter, str]] = [
    (CertificateFilter(), "cba"),
    (CertificateFilter(descending=True), "abc"),
    (CertificateFilter(order=("name",)), "abc"),
    (CertificateFilter(order=("namespace", "name")), "cab"),
    (CertificateFilter(limit=2), "cb"),
    (CertificateFilter(namespace="payments"), "ba"),
    (CertificateFilter(namespace="payments", name="a"), "a"),
    (CertificateFilter(issuer="root", profile="p1"), "b"),
    (CertificateFilter(issuer="nobody"), ""),
    (CertificateFilter(serial_prefix="0a"), "cba"),
    (CertificateFilter(serial_prefix="0a1"), "b"),
    (CertificateFilter(serial_prefix="a0"), ""),
    (CertificateFilter(common_name="c"), "c"),
    (CertificateFilter(subject_alternative_name="DNS:shared.example.com"), "cba"),
    (CertificateFilter(subject_alternative_name="DNS:a.example.com"), "a"),
    (CertificateFilter(not_after_before=NOW + timedelta(days=20)), "c"),
    (CertificateFilter(not_after_from=NOW + timedelta(days=20)), "ba"),
    (CertificateFilter(revoked=True), "b"),
    (CertificateFilter(revoked=False), "ca"),
]


def test_find_streams_what_fits_in_order(three: Any) -> None:
    for wanted, names in FILTERS:
        found = [r.object_id.name for r in three.find(wanted)]
        assert found == list(names), wanted
    found = [r.object_id.name for r in three.find(CertificateFilter(kinds=()))]
    assert found == ["c", "b", "a", "root"]


def test_find_by_key_and_fingerprint(three: Any) -> None:
    (wanted,) = three.find(CertificateFilter(name="a"))
    for one in (
        CertificateFilter(public_key_sha256=wanted.public_key_sha256),
        CertificateFilter(fingerprint_sha256=wanted.fingerprint_sha256),
    ):
        assert list(three.find(one)) == [wanted]


def test_find_can_leave_out_what_was_replaced(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(WEB, 0x2002, replaces=0x2001))
    found = store.find(CertificateFilter(current_only=True))
    assert [r.serial_number for r in found] == [0x2002]
    assert len(list(store.find(CertificateFilter()))) == 2


def test_find_refuses_an_order_it_does_not_know(store: Any) -> None:
    with pytest.raises(InvalidValueError, match="der"):
        list(store.find(CertificateFilter(order=("der; DROP TABLE certificates",))))


def test_writing_goes_on_while_a_stream_is_read(three: Any) -> None:
    stream = three.find(CertificateFilter())
    next(stream)
    record(three, Reconciled("a" * 40))
    assert len(list(stream)) == 2


def test_a_certificate_that_does_not_exist_is_not_found(store: Any) -> None:
    with pytest.raises(NotFoundError):
        store.certificate_der("root", 0x9999)


def test_observe_takes_more_objects_than_one_query_holds(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    wanted = [certificate_id(f"n{i}") for i in range(1200)] + [WEB]
    assert list(store.observe(wanted)) == [WEB]


# --- Rebuilding ----------------------------------------------------------------------------------


def test_rebuilding_gives_the_same_index(place: Place, three: Any) -> None:
    record(three, Renamed(certificate_id("z"), certificate_id("c"), "a" * 40, "z.yaml"))
    before = list(three.find(CertificateFilter(kinds=())))
    assert three.rebuild() == three.head().sequence + 1
    assert list(three.find(CertificateFilter(kinds=()))) == before
    assert list(three.verify()) == []
    record(three, Reconciled("f" * 40))
    assert place.open().last_reconciled() == "f" * 40


def test_a_text_that_is_not_unicode_is_refused_and_nothing_is_written(store: Any) -> None:
    before = store.head()
    with pytest.raises(StoreError) as caught:
        record(store, Failed(WEB, "\ud800", 1, NOW, ""))
    assert caught.value.code == "store.unencodable"
    with pytest.raises(StoreError):
        record(store, Retired(ObjectId("Certificate", "..", "web"), "a" * 40))
    assert store.head() == before


# --- Single serial numbers -----------------------------------------------------------------------


def test_only_what_was_issued_or_given_up_has_a_status(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    held = reservation(API, 0x2002)
    store.reserve([held], now=NOW, message="Reserve")
    found = store.serial_status("root", 0x2001)
    assert (found.serial_number, found.revocation) == (0x2001, None)
    assert found.not_after == NOW + timedelta(days=90)
    for issuer, number in (("root", 0x2002), ("root", 0x2003), ("other", 0x2001), ("root", -1)):
        assert store.serial_status(issuer, number) is None
    record(store, revocation(WEB, 0x2001))
    record(store, Abandoned(API, "root", 0x2002, "NoLongerAsked", "c" * 40))
    assert store.serial_status("root", 0x2001).revocation.reason == "keyCompromise"
    given_up = store.serial_status("root", 0x2002).revocation
    assert (given_up.reason, given_up.revocation_date) == ("unspecified", NOW)


def test_serial_numbers_are_streamed_in_order_and_agree_with_what_is_revoked(store: Any) -> None:
    issue(store, reservation(API, 0x2005, not_after=NOW + timedelta(days=10)))
    issue(store, reservation(WEB, 0x2004))
    record(store, revocation(WEB, 0x2004))
    held = reservation(certificate_id("db"), 0x2003)
    store.reserve([held], now=NOW, message="Reserve")
    record(store, Abandoned(certificate_id("db"), "root", 0x2003, "Gone", "c" * 40))
    numbers = [status.serial_number for status in store.serial_statuses("root")]
    assert numbers == sorted(numbers) and {0x2003, 0x2004, 0x2005} <= set(numbers)
    late = NOW + timedelta(days=11)
    assert 0x2005 not in [
        s.serial_number for s in store.serial_statuses("root", not_after_from=late)
    ]
    revoked = {number: found for number, found, _ in store.revoked("root")}
    streamed = {
        s.serial_number: s.revocation for s in store.serial_statuses("root") if s.revocation
    }
    assert streamed == revoked
    assert all(store.serial_status("root", number).revocation == r for number, r in revoked.items())


def test_certificates_are_counted_as_their_records_say(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(API, 0x2002))
    record(store, revocation(WEB, 0x2001), revocation(API, 0x2002, "certificateHold"))
    issue(store, reservation(certificate_id("db"), 0x2003, not_after=NOW + timedelta(days=1)))
    for now in (NOW, NOW + timedelta(days=2)):
        expected = dict.fromkeys(Status, 0)
        for found in store.find(CertificateFilter(kinds=())):
            expected[found.status(now)] += 1
        assert store.count_certificates(now) == expected
