"""For every store: deletion policies, certificates that others followed, keys that were lost."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.model import BlockedKey, ObjectId
from pki_as_code.stores.entries import Blocked, Payload, Renamed, Retired, Revoked, Updated
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.stores.key_queries import superseded_statement
from tests.stores.conftest import Place
from tests.stores.material import NOW, certificate_id, issue, reservation

WEB = certificate_id("web")
API = certificate_id("api", "payments")
INC = ObjectId("Revocation", "", "inc")
LATER = NOW + timedelta(days=1)


@pytest.fixture
def store(place: Place) -> Any:
    return place.open()


def record(store: Any, *payloads: Payload) -> None:
    store.record(payloads, now=LATER, message="Record")


def revoked(object_id: ObjectId, serial_number: int, reason: str) -> Revoked:
    return Revoked(object_id, "root", serial_number, reason, LATER, None, "d" * 40, "inc.yaml", INC)


def updated(object_id: ObjectId) -> Updated:
    return Updated(object_id, "Retain", "e" * 40, "certificates/web.yaml")


def blocked(digest: str) -> Blocked:
    return Blocked(digest, "keyCompromise", "e" * 40, "revocations/inc.yaml", INC)


# --- Deletion policies ---------------------------------------------------------------------------


def test_a_deletion_policy_changes_without_a_signature(place: Place, store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    record(store, updated(WEB))
    current = place.open_elsewhere().observe([WEB])[WEB].current
    assert (current.serial_number, current.deletion_policy) == (0x2001, "Retain")
    issue(store, reservation(WEB, 0x2002, replaces=0x2001), LATER)
    assert store.observe([WEB])[WEB].current.deletion_policy == "Refuse", "that of its reservation"
    assert list(store.verify()) == []


def test_only_a_certificate_in_force_has_a_policy_to_change(store: Any) -> None:
    with pytest.raises(ContentionError):
        record(store, updated(WEB))
    issue(store, reservation(WEB, 0x2001))
    record(store, Retired(WEB, "a" * 40))
    with pytest.raises(ContentionError):
        record(store, updated(WEB))


# --- Superseded ----------------------------------------------------------------------------------


def test_what_was_superseded_is_found_until_it_is_revoked_or_expired(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(API, 0x2003))
    issue(store, reservation(WEB, 0x2002, replaces=0x2001), LATER)
    issue(store, reservation(API, 0x2004, replaces=0x2003), LATER)
    [found] = store.superseded([WEB, WEB], LATER)
    assert (found.serial_number, found.superseded_at) == (0x2001, LATER)
    assert found.request, "the whole record"
    assert len(list(store.superseded([WEB, API], LATER))) == 2
    assert list(store.superseded([], LATER)) == []
    assert list(store.superseded([WEB], NOW + timedelta(days=91))) == []
    record(store, revoked(WEB, 0x2001, "superseded"))
    assert list(store.superseded([WEB], LATER)) == []
    assert store.observe([WEB])[WEB].current.superseded_at is None
    assert list(store.verify()) == []


def test_what_follows_a_retired_object_supersedes_nothing(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    record(store, Retired(WEB, "a" * 40))
    issue(store, reservation(WEB, 0x2002), LATER)
    assert list(store.superseded([WEB], LATER)) == []


def test_a_superseded_certificate_goes_along_with_a_new_name(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(WEB, 0x2002, replaces=0x2001))
    new = certificate_id("new")
    record(store, Renamed(new, WEB, "a" * 40, "certificates/new.yaml"))
    assert [found.serial_number for found in store.superseded([new], NOW)] == [0x2001]
    assert list(store.superseded([WEB], NOW)) == []
    record(store, updated(new))
    assert store.observe([new])[new].current.deletion_policy == "Retain"
    assert list(store.verify()) == []


def test_superseded_certificates_are_found_by_an_index(sqlite_place: Place) -> None:
    store = sqlite_place.open()
    issue(store, reservation(WEB, 0x2001))
    text = superseded_statement("Certificate", "default", ["web", "api"], NOW).compile(
        dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}
    )
    with store.reading_index() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    [used] = [row[3] for row in rows if " certificates USING" in row[3]]
    assert "SEARCH certificates USING INDEX certificates_superseded" in used
    assert "(kind=? AND namespace=? AND name=?)" in used


# --- Keys ----------------------------------------------------------------------------------------


def test_a_key_is_used_since_the_first_certificate_with_it(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(WEB, 0x2002, replaces=0x2001), LATER)
    [digest] = {found.public_key_sha256 for found in store.find(CertificateFilter(name="web"))}
    assert store.first_uses([digest, "00" * 32]) == {digest: NOW - timedelta(minutes=5)}
    assert store.first_uses([]) == {}


def test_a_blocked_key_stays_blocked_whoever_asks(place: Place, store: Any) -> None:
    record(store, blocked("ab" * 32))
    other = place.open_elsewhere()
    found = other.blocked_keys(["ab" * 32, "cd" * 32])
    assert found == {"ab" * 32: BlockedKey("ab" * 32, None, INC)}
    assert [entry.payload.type for entry in other.entries(INC)] == ["blocked"]
    assert list(other.verify()) == []


def test_a_key_is_blocked_by_a_certificate_that_was_revoked_for_its_compromise(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(API, 0x2002))
    record(store, revoked(WEB, 0x2001, "keyCompromise"), revoked(API, 0x2002, "superseded"))
    found = store.find(CertificateFilter())
    keys = {item.object_id.name: item.public_key_sha256 for item in found}
    lost = keys["web"]
    assert store.blocked_keys(keys.values()) == {lost: BlockedKey(lost, WEB, INC)}


@pytest.mark.parametrize("text", ["", "ab", "AB" * 32, "zz" * 32])
def test_a_key_is_named_by_its_sha_256(sqlite_place: Place, text: str) -> None:
    store = sqlite_place.open()
    before = store.head()
    with pytest.raises(StoreError) as caught:
        record(store, blocked(text))
    assert caught.value.code == "store.entry_mismatch"
    assert store.head() == before
