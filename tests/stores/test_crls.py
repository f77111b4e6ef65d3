"""CRLs in the ledger, for every store: numbers, order, and what a CRL has to list."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pki_as_code.errors import ContentionError, NotFoundError, StoreError
from pki_as_code.model import AUTHORITY, ObjectId
from pki_as_code.stores import tables
from pki_as_code.stores.entries import Abandoned, CrlAdopted, Released, Revoked
from tests.stores.conftest import GIT_KINDS, Place, git
from tests.stores.material import (
    NOW,
    ROOT,
    certificate_id,
    crl_payloads,
    faults,
    issue,
    record_crl,
    reservation,
)

WEB, API = certificate_id("web"), certificate_id("api")
SUB = ObjectId(AUTHORITY, "", "issuing")


@pytest.fixture
def store(place: Place) -> Any:
    return place.open()


def record(store: Any, *payloads: Any) -> None:
    store.record(payloads, now=NOW, message="Record")


def revoke(store: Any, object_id: ObjectId, number: int, reason: str = "superseded") -> int:
    """Revoke a certificate of the root; returns the sequence number of the entry."""
    record(store, Revoked(object_id, "root", number, reason, NOW, None, "c", "p", None))
    return int(store.head().sequence)


def listed(store: Any, scope: str = "full", **options: Any) -> list[int]:
    return [number for number, _, _ in store.revoked("root", scope, **options)]


def test_a_crl_is_read_as_it_was_recorded(place: Place, store: Any, tmp_path: Path) -> None:
    reserved, signed = crl_payloads(7, b"first")
    record(store, reserved)
    record_crl(store, tmp_path, signed, b"first")
    for reader in (store, place.open_elsewhere()):
        assert reader.open_crl("root").read() == b"first"
        (crl,) = reader.crls()
        assert (crl.issuer, crl.scope, crl.number) == ("root", "full", 7)
        assert (crl.this_update, crl.as_of, crl.digest) == (NOW, 0, signed.digest)
        assert faults(reader) == []
    with pytest.raises(NotFoundError):
        store.open_crl("root", "user")


def test_crl_numbers_rise_over_all_scopes_of_an_authority(store: Any, tmp_path: Path) -> None:
    record(store, crl_payloads(7)[0])
    for number, scope in ((6, "full"), (7, "full"), (7, "user")):
        with pytest.raises(ContentionError):
            record(store, crl_payloads(number, scope=scope)[0])
    record(store, crl_payloads(8, scope="user")[0], crl_payloads(1, issuer="issuing")[0])
    assert store.highest_crl_number("root") == 8
    assert store.highest_crl_number("issuing") == 1


def test_a_number_that_was_reserved_is_never_reserved_again(place: Place, store: Any) -> None:
    """A run died after the reservation: it may have signed, so the next takes another number."""
    record(store, crl_payloads(7)[0])
    with pytest.raises(ContentionError):
        place.open_elsewhere().record([crl_payloads(7)[0]], now=NOW, message="Again")


def test_a_crl_is_recorded_only_after_its_reservation(store: Any, tmp_path: Path) -> None:
    reserved, signed = crl_payloads(7)
    with pytest.raises(StoreError) as caught:
        record_crl(store, tmp_path, signed)
    assert caught.value.code == "store.not_reserved"
    record(store, reserved)
    with pytest.raises(StoreError):
        record_crl(store, tmp_path, replace(signed, this_update=NOW - timedelta(hours=1)))
    record_crl(store, tmp_path, signed)
    before = store.head()
    record_crl(store, tmp_path, signed)
    assert store.head() == before


def test_a_crl_that_another_run_overtook_is_not_recorded(store: Any, tmp_path: Path) -> None:
    first, slow = crl_payloads(7)
    second, fast = crl_payloads(8)
    record(store, first)
    record(store, second)
    with pytest.raises(ContentionError):
        record_crl(store, tmp_path, slow)
    record_crl(store, tmp_path, fast)
    with pytest.raises(ContentionError):
        record_crl(store, tmp_path, slow)
    assert store.crls()[0].number == 8


def test_a_crl_built_before_a_revocation_is_not_signed(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    built = store.head().sequence
    revoke(store, WEB, 0x2001)
    with pytest.raises(ContentionError):
        record(store, crl_payloads(7, as_of=built)[0])
    record(store, crl_payloads(7, as_of=store.head().sequence)[0])


def test_the_file_must_be_the_crl_of_the_entry(store: Any, tmp_path: Path) -> None:
    reserved, signed = crl_payloads(7, b"what was signed")
    record(store, reserved)
    for content in (b"something else", b""):
        with pytest.raises(StoreError) as caught:
            record_crl(store, tmp_path, signed, content)
        assert caught.value.code == "store.entry_mismatch"
    with pytest.raises(StoreError):
        record(store, signed)
    assert store.crls() == ()


def test_times_of_crls_do_not_go_back(store: Any, tmp_path: Path) -> None:
    reserved, signed = crl_payloads(7)
    record(store, reserved)
    record_crl(store, tmp_path, signed)
    with pytest.raises(StoreError) as caught:
        record(store, crl_payloads(8, this_update=NOW - timedelta(minutes=6))[0])
    assert caught.value.code == "store.crl_times"


def test_a_run_that_began_a_little_earlier_is_overtaken(store: Any, tmp_path: Path) -> None:
    reserved, signed = crl_payloads(7)
    record(store, reserved)
    record_crl(store, tmp_path, signed)
    with pytest.raises(ContentionError):
        record(store, crl_payloads(8, this_update=NOW - timedelta(seconds=1))[0])


def test_a_crl_made_elsewhere_needs_no_reservation(store: Any, tmp_path: Path) -> None:
    _, signed = crl_payloads(41)
    given = CrlAdopted(
        "root", "full", 41, NOW, signed.next_update, 0, signed.digest, 0, "c" * 40, "root.crl"
    )
    path = tmp_path / "root.crl"
    path.write_bytes(b"a CRL")
    store.record([given], now=NOW, message="Adopt", crls={("root", "full"): path})
    assert store.crls()[0].number == 41
    with pytest.raises(ContentionError):
        record(store, crl_payloads(41)[0])


def test_each_scope_lists_its_own(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(API, 0x2002, request={"crlShards": 4}))
    issue(store, reservation(SUB, 0x2003))
    for object_id, number in ((WEB, 0x2001), (API, 0x2002), (SUB, 0x2003)):
        revoke(store, object_id, number)
    assert listed(store) == [0x2001, 0x2002, 0x2003]
    assert listed(store, "user") == [0x2001, 0x2002]
    assert listed(store, "ca") == [0x2003]
    assert listed(store, "shard-2") == [0x2002]
    assert listed(store, "shard-1") == []


def test_the_shard_of_a_certificate_is_that_of_its_issuance(place: Place, store: Any) -> None:
    issue(store, reservation(API, 0x2003, request={"crlShards": 4}))
    revoke(store, API, 0x2003)
    assert listed(store, "shard-3") == [0x2003]
    again = place.open_elsewhere()
    again.rebuild()
    assert [n for n, _, _ in again.revoked("root", "shard-3")] == [0x2003]


def test_what_ended_before_is_left_out_when_asked(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001, not_after=NOW + timedelta(days=1)))
    issue(store, reservation(API, 0x2002, not_after=NOW + timedelta(days=9)))
    revoke(store, WEB, 0x2001)
    revoke(store, API, 0x2002)
    later = NOW + timedelta(days=5)
    assert listed(store, not_after_from=later) == [0x2002]
    assert listed(store, not_after_from=NOW + timedelta(days=1)) == [0x2001, 0x2002]


def test_every_change_of_what_a_crl_lists_is_noted(store: Any) -> None:
    issue(store, reservation(WEB, 0x2001))
    assert store.crl_changes() == {}
    held = revoke(store, WEB, 0x2001, "certificateHold")
    assert store.crl_changes() == {("root", "full"): held, ("root", "user"): held}
    record(store, Released(WEB, "root", 0x2001, "c", "p"))
    lifted = store.head().sequence
    assert set(store.crl_changes().values()) == {lifted}
    store.reserve([reservation(API, 0x2002)], now=NOW, message="Reserve")
    record(store, Abandoned(API, "root", 0x2002, "NoLongerAsked", ""))
    assert store.crl_changes()["root", "full"] == store.head().sequence
    assert listed(store) == [0x2002]


def test_other_authorities_are_not_concerned(store: Any) -> None:
    issue(store, reservation(SUB, 0x1F01))
    issue(store, reservation(WEB, 0x2001, issuer="issuing"))
    record(store, Revoked(WEB, "issuing", 0x2001, "superseded", NOW, None, "c", "p", None))
    assert {issuer for issuer, _ in store.crl_changes()} == {"issuing"}
    assert listed(store) == []
    assert ROOT.name == "root"


def test_a_crl_that_was_put_back_is_not_handed_out(
    place: Place, store: Any, tmp_path: Path
) -> None:
    """The older one is genuine, and lacks what was revoked since."""
    older, signed = crl_payloads(7, b"older")
    record(store, older)
    record_crl(store, tmp_path, signed, b"older")
    newer, signed = crl_payloads(8, b"newer")
    record(store, newer)
    record_crl(store, tmp_path, signed, b"newer")
    put_back(place, b"older")
    again = place.open()
    with pytest.raises(StoreError) as caught:
        again.open_crl("root")
    assert caught.value.code == "store.projection_differs"


def put_back(place: Place, content: bytes) -> None:
    """Replace the CRL of `root` behind the back of the store."""
    if place.kind in GIT_KINDS:
        scratch = place.root.parent / "scratch"
        git(place.root, "worktree", "add", "--quiet", str(scratch), "pki-issued")
        (scratch / "crl/root.crl").write_bytes(content)
        git(scratch, "commit", "--quiet", "--all", "--message", "put back")
    else:
        with place.open()._writing() as connection:
            connection.execute(tables.crl_files.update().values(der=content))


def test_a_changed_crl_is_found_by_verification(place: Place, store: Any, tmp_path: Path) -> None:
    reserved, signed = crl_payloads(7, b"first")
    record(store, reserved)
    record_crl(store, tmp_path, signed, b"first")
    if place.kind == "sqlite":
        import sqlite3

        with sqlite3.connect(place.root / "issued.db") as connection:
            connection.execute("UPDATE crl_files SET der = x'00'")
        connection.close()
        (finding,) = place.open().verify()
        assert finding.code == "store.projection_differs"
