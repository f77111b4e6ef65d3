"""What was told is remembered for each certificate, whatever its object is called by then."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from pki_as_code.stores.bulk_reads import CHUNK
from pki_as_code.stores.entries import Notified, Renamed
from tests.stores.conftest import Place
from tests.stores.material import NOW, certificate_id, issue, reservation

WEB = certificate_id("web")
OPS = "mailto:ops@example.com"


@pytest.fixture
def store(place: Place) -> Any:
    return place.open()


def told(serial_number: int = 0x2001, threshold: int = 86_400, address: str = OPS) -> Notified:
    return Notified(WEB, "root", serial_number, "expiring", threshold, address)


def record(store: Any, *payloads: Any) -> None:
    store.record(payloads, now=NOW, message="Notify")


def test_notices_are_found_by_certificate(place: Place, store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    record(store, told(), told(threshold=7 * 86_400), told(0x2002), told(address="mailto:b@x.org"))
    assert place.open_elsewhere().notified([("root", 0x2001), ("root", 0x2002), ("root", 9)]) == {
        ("root", 0x2001): frozenset(
            {
                ("expiring", 86_400, OPS),
                ("expiring", 7 * 86_400, OPS),
                ("expiring", 86_400, "mailto:b@x.org"),
            }
        ),
        ("root", 0x2002): frozenset({("expiring", 86_400, OPS)}),
    }
    assert store.notified([("other", 0x2001)]) == {}
    assert store.notified([]) == {}


def test_a_rename_keeps_what_was_told(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    record(store, told())
    record(store, Renamed(certificate_id("new"), WEB, "a" * 40, "certificates/new.yaml"))
    assert store.notified([("root", 0x2001)]) == {
        ("root", 0x2001): frozenset({("expiring", 86_400, OPS)})
    }


def test_more_certificates_than_one_query_takes(store: Any) -> None:
    serial_numbers = range(0x3000, 0x3000 + CHUNK + 10)
    record(store, *(told(number) for number in serial_numbers))
    found = store.notified([("root", number) for number in range(0x2F00, 0x3000 + CHUNK + 100)])
    assert sorted(serial for _, serial in found) == list(serial_numbers)


def test_the_question_is_answered_by_an_index(sqlite_place: Place) -> None:
    store = sqlite_place.open()
    record(store, told())
    with store.reading_index() as connection:
        plan = connection.execute(
            text(
                "EXPLAIN QUERY PLAN SELECT * FROM notices "
                "WHERE (issuer, serial_number) IN (VALUES ('root', '2001'))"
            )
        )
        assert "notices_by_certificate" in " ".join(str(row) for row in plan)
