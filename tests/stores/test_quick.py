"""A store that is read at once: it answers as the store itself, and leaves every doubt to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pki_as_code.errors import StoreError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.model import ObjectId
from pki_as_code.stores.entries import Reconciled, Revoked
from pki_as_code.stores.git import GitStore
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.stores.quick import QuickStore
from pki_as_code.stores.sql import SqlStore
from tests.stores.conftest import GIT_KINDS, Place, git
from tests.stores.material import (
    NOW,
    certificate_id,
    crl_payloads,
    faults,
    issue,
    record_crl,
    reservation,
)

WEB, API = certificate_id("web"), certificate_id("api", "payments")
LATER = NOW + timedelta(minutes=1)
ROOT = ObjectId("CertificateAuthority", "", "root")

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "head": lambda s: s.head(),
    "last_reconciled": lambda s: s.last_reconciled(),
    "observe": lambda s: s.observe([API, ROOT, WEB, certificate_id("nobody"), API]),
    "live_objects": lambda s: list(s.live_objects()),
    "count_live": lambda s: s.count_live("Certificate"),
    "find": lambda s: list(s.find(CertificateFilter(kinds=()))),
    "called": lambda s: list(s.find(CertificateFilter(called="w?b", descending=True, limit=3))),
    "der": lambda s: s.certificate_der("root", 0x2002),
    "authorities": lambda s: s.authorities(),
    "crls": lambda s: s.crls(),
    "crl_changes": lambda s: s.crl_changes(),
    "crl": lambda s: s.open_crl("root").read(),
    "open_reservations": lambda s: list(s.open_reservations()),
    "no_keys": lambda s: (s.first_uses([]), s.blocked_keys(set())),
}


@pytest.fixture(params=("sqlite", *GIT_KINDS))
def filled(
    request: pytest.FixtureRequest, make_place: Callable[[str], Place], tmp_path: Path
) -> Place:
    """A place with every kind of row that the questions are about."""
    place: Place = make_place(request.param)
    store, later = place.open(), LATER
    issue(store, reservation(WEB, 0x2001))
    issue(store, reservation(API, 0x2002))
    store.record(
        [
            Revoked(WEB, "root", 0x2001, "superseded", NOW, None, "c", "p", certificate_id("why")),
            Reconciled("a" * 40),
        ],
        now=later,
        message="Revoke",
    )
    reserved, signed = crl_payloads(1, as_of=store.head().sequence, this_update=later)
    store.record([reserved], now=later, message="Reserve a CRL")
    record_crl(store, tmp_path, signed, now=later)
    open_one = reservation(certificate_id("open"), 0x2003)
    store.reserve([open_one], now=later, message="Reserve")
    store.close()
    return place


def whole(place: Place) -> Any:
    repository = GitRepository.discover(place.root)
    kind = SqlStore if place.kind == "sqlite" else GitStore
    store = kind.open(place.uri, repository, root=place.root, read_only=True)
    place.opened.append(store)
    return store


def index_of(place: Place) -> Path:
    git_file = place.root / ".git/pki-as-code/pki-issued.index.db"
    return place.root / "issued.db" if place.kind == "sqlite" else git_file


def is_quick(store: Any) -> bool:
    store.head()
    return store._store is None


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_answers_as_the_store_itself(filled: Place, question: str) -> None:
    store = filled.open(read_only=True)
    assert isinstance(store, QuickStore)
    answer = QUESTIONS[question](store)
    assert answer == QUESTIONS[question](whole(filled))
    if (filled.kind, question) != ("sqlite", "crl"):  # of which the store itself has the file
        assert store._store is None


def test_what_it_does_not_know_is_asked_of_the_store_itself(filled: Place) -> None:
    store = filled.open(read_only=True)
    assert is_quick(store)
    assert store.serial_status("root", 0x2001) == whole(filled).serial_status("root", 0x2001)
    assert not is_quick(store)
    assert faults(store) == []


def test_streams_that_are_read_side_by_side_do_not_disturb_each_other(filled: Place) -> None:
    store = filled.open(read_only=True)
    first = store.find(CertificateFilter(kinds=()))
    second = store.find(CertificateFilter(kinds=()))
    assert next(first) == next(second)
    assert store.head() == whole(filled).head()
    assert list(first) == list(second)
    assert store._store is None


def test_another_runs_entries_are_seen(filled: Place) -> None:
    reader = filled.open(read_only=True)
    before = reader.head()
    issue(filled.open(), reservation(certificate_id("later"), 0x2004), LATER)
    assert reader.head().sequence > before.sequence
    assert is_quick(filled.open(read_only=True))


def damage(path: Path) -> None:
    path.write_bytes(b"no database at all, and long enough to be looked at\n" * 50)


def change(statement: str) -> Callable[[Path], None]:
    def run(path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(statement)
        connection.close()

    return run


DOUBTS: dict[str, Callable[[Path], None]] = {
    "damaged": damage,
    "no table": change("DROP TABLE meta"),
    "older": change("UPDATE meta SET value = '0' WHERE key = 'schema_version'"),
    "newer": change("UPDATE meta SET value = '99' WHERE key = 'schema_version'"),
    "behind": change("UPDATE meta SET value = '1' WHERE key = 'sequence'"),
    "other": change("UPDATE meta SET value = '" + "0" * 64 + "' WHERE key = 'digest'"),
    "elsewhere": change("UPDATE meta SET value = '" + "1" * 40 + "' WHERE key = 'commit'"),
}


def outcome(ask: Callable[[], Any]) -> tuple[str, Any]:
    try:
        return "found", list(ask().find(CertificateFilter(kinds=())))
    except StoreError as error:
        return error.code, error.message


@pytest.mark.parametrize("doubt", DOUBTS)
def test_every_doubt_is_the_stores_own_to_judge(filled: Place, doubt: str) -> None:
    if filled.kind == "sqlite" and doubt == "elsewhere":
        pytest.skip("an index of a branch alone follows a commit")
    for path in (index_of(filled), index_of(filled).with_name(index_of(filled).name + "-wal")):
        path.touch()
    DOUBTS[doubt](index_of(filled))
    before = {path: path.read_bytes() for path in index_of(filled).parent.glob("*issued*")}
    expected = outcome(lambda: whole(filled))
    for path, content in before.items():
        path.write_bytes(content)
    assert outcome(lambda: filled.open(read_only=True)) == expected


def test_a_branch_that_moved_is_followed(filled: Place) -> None:
    if filled.kind != "git with a remote":
        pytest.skip("only a remote moves without the index here")
    elsewhere = filled.open_elsewhere()
    issue(elsewhere, reservation(certificate_id("elsewhere"), 0x2005), LATER)
    store = filled.open(read_only=True)
    assert store.head() == elsewhere.head()
    assert store._store is not None
    assert is_quick(filled.open(read_only=True))


def test_a_branch_that_was_set_back_is_noticed(filled: Place) -> None:
    if filled.kind != "git":
        pytest.skip("a remote is asked first, and a database has no branch")
    git(filled.root, "update-ref", "refs/heads/pki-issued", "refs/heads/pki-issued~1")
    with pytest.raises(StoreError) as caught:
        filled.open(read_only=True).head()
    assert caught.value.code == "store.rolled_back"
