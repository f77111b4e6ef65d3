"""A whole store in a file, and stores of every kind made of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pki_as_code.errors import StoreError
from pki_as_code.stores import transfer
from pki_as_code.stores.entries import Adopted, Failed, Reconciled, Renamed, Revoked
from tests.stores.conftest import KINDS, Place
from tests.stores.material import (
    NOW,
    certificate,
    certificate_id,
    crl_payloads,
    der,
    faults,
    issue,
    record_crl,
    reservation,
)

WEB, API = certificate_id("web"), certificate_id("api", "payments")
CRL = b"a CRL " * 20


def fill(store: Any, directory: Path) -> None:
    issue(store, reservation(WEB, 0x2001, names=("web.example.com",)))
    issue(store, reservation(API, 0x2002), NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=2)
    store.record(
        [
            Revoked(WEB, "root", 0x2001, "superseded", NOW, None, "c", "p", None),
            Renamed(certificate_id("www"), WEB, "a" * 40, "www.yaml"),
            Adopted(
                WEB, "other", 0x77, der(certificate("web", 0x77)), "b" * 40, "w.yaml", "Retain"
            ),
            Failed(certificate_id("no"), "es ging nicht: ü\0", 1, later, "d"),
            Reconciled("a" * 40),
        ],
        now=later,
        message="Record",
    )
    reserved, signed = crl_payloads(1, CRL, as_of=store.head().sequence)
    store.record([reserved], now=later, message="Reserve a CRL")
    record_crl(store, directory, signed, CRL, now=later)
    store.reserve([reservation(certificate_id("open"), 0x2003)], now=later, message="Reserve")


def write(store: Any, path: Path) -> Path:
    path.write_bytes(b"".join(store.export_lines()))
    return path


@pytest.fixture
def exported(make_place: Callable[[str], Place], directory: Path, tmp_path: Path) -> Path:
    store = make_place("sqlite").open()
    fill(store, tmp_path)
    path = write(store, tmp_path / "store.jsonl")
    store.close()
    return path


@pytest.fixture
def new_target(make_empty: Callable[..., Place], directory: Path) -> Callable[[str], Place]:
    return lambda kind: make_empty(kind, directory / f"new {kind}")


@pytest.mark.parametrize("source", KINDS[:-1])
def test_a_store_is_the_same_in_every_kind(
    make_place: Callable[[str], Place],
    new_target: Callable[[str], Place],
    tmp_path: Path,
    source: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transfer, "_CRL_PART_BYTES", 50)
    original = make_place(source).open()
    fill(original, tmp_path)
    path = write(original, tmp_path / "store.jsonl")
    lines = [raw.line for raw in original.raw_lines()]
    for kind in KINDS:
        place = new_target(kind)
        store = place.open()
        assert store.import_file(path) == original.head()
        assert [raw.line for raw in store.raw_lines()] == lines
        assert faults(store) == []
        with store.open_crl("root") as crl:
            assert crl.read() == CRL
        assert list(store.open_reservations()) == list(original.open_reservations())
        assert write(store, tmp_path / "again.jsonl").read_bytes() == path.read_bytes()
        # Life goes on there, and others see it.
        issue(store, reservation(certificate_id("new"), 0x3001), NOW + timedelta(hours=3))
        assert place.open_elsewhere().head() == store.head()
        store.close()


def test_a_large_ledger_is_taken_batch_by_batch(
    exported: Path, new_target: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pki_as_code.stores.projection.BATCH", 3)
    for kind in KINDS[:-1]:
        store = new_target(kind).open()
        store.import_file(exported)
        assert faults(store) == []


def test_the_same_file_once_more_changes_nothing(
    exported: Path, new_target: Callable[[str], Place]
) -> None:
    for kind in KINDS[:-1]:
        store = new_target(kind).open()
        head = store.import_file(exported)
        assert store.import_file(exported) == head


def test_an_empty_store_goes_into_an_empty_one_only(
    new_target: Callable[[str], Place], exported: Path, tmp_path: Path
) -> None:
    store = new_target("sqlite").open()
    path = write(store, tmp_path / "empty.jsonl")
    assert store.import_file(path).sequence == -1
    store.import_file(exported)
    with pytest.raises(StoreError) as caught:
        store.import_file(path)
    assert caught.value.code == "store.not_empty"


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_a_store_with_another_ledger_is_not_touched(
    exported: Path, make_empty: Callable[..., Place], tmp_path: Path, kind: str
) -> None:
    store = make_empty(kind, tmp_path / "other").open()
    store.record([Reconciled("b" * 40)], now=NOW, message="another history")
    before = store.head()
    with pytest.raises(StoreError) as caught:
        store.import_file(exported)
    assert caught.value.code == "store.not_empty"
    assert store.head() == before
    assert faults(store) == []


def _first(lines: list[bytes], **changes: Any) -> list[bytes]:
    return [json.dumps(json.loads(lines[0]) | changes).encode(), *lines[1:]]


def _other_crl(lines: list[bytes]) -> list[bytes]:
    value = json.loads(lines[1]) | {"der": base64.b64encode(b"another").decode()}
    return [lines[0], json.dumps(value).encode(), *lines[2:]]


def _renamed_crl(lines: list[bytes]) -> list[bytes]:
    value = json.loads(lines[1]) | {"crl": ["root", "user"]}
    return [lines[0], json.dumps(value).encode(), *lines[2:]]


DAMAGED: list[tuple[str, Callable[[list[bytes]], list[bytes]], str]] = [
    ("nothing", lambda lines: [], "store.bad_export"),
    ("something else", lambda lines: [b"hello"], "store.bad_export"),
    ("a list", lambda lines: [b"[]"], "store.bad_export"),
    ("a ledger alone", lambda lines: lines[2:], "store.bad_export"),
    ("a newer format", lambda lines: _first(lines, formatVersion=2), "store.newer_format"),
    ("no count", lambda lines: _first(lines, entries=None), "store.bad_export"),
    ("a wild count", lambda lines: _first(lines, entries=-1), "store.bad_export"),
    ("the last line is gone", lambda lines: lines[:-1], "store.bad_export"),
    ("a line is gone", lambda lines: [*lines[:5], *lines[6:]], "store.corrupt"),
    ("two lines changed places", lambda lines: [*lines[:5], lines[6], lines[5], *lines[7:]],
     "store.corrupt"),
    ("more than was said", lambda lines: [*lines, lines[-1]], "store.bad_export"),
    ("fewer than there are", lambda lines: _first(lines, entries=4), "store.bad_export"),
    ("another head", lambda lines: _first(lines, head="0" * 63 + "1"), "store.bad_export"),
    ("a changed entry", lambda lines: [x.replace(b"web.csr", b"evl.csr") for x in lines],
     "store.corrupt"),
    ("no CRL", lambda lines: [_first(lines, crls=0)[0], *lines[2:]], "store.bad_export"),
    ("another CRL", _other_crl, "store.bad_export"),
    ("a CRL of another scope", _renamed_crl, "store.bad_export"),
    ("a CRL twice", lambda lines: [_first(lines, crls=2)[0], lines[1], *lines[1:]],
     "store.bad_export"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "git"])
def test_a_file_that_is_not_whole_and_sound_makes_no_store(
    exported: Path, new_target: Callable[[str], Place], tmp_path: Path, kind: str
) -> None:
    lines = exported.read_bytes().splitlines()
    store = new_target(kind).open()
    for what, damage, code in DAMAGED:
        damaged = tmp_path / "damaged.jsonl"
        damaged.write_bytes(b"".join(line + b"\n" for line in damage(list(lines))))
        with pytest.raises(StoreError) as caught:
            store.import_file(damaged)
        assert caught.value.code == code, what
        assert store.head().sequence == -1, what
    damaged.write_bytes(exported.read_bytes()[:-1])
    with pytest.raises(StoreError):
        store.import_file(damaged)
    store.import_file(exported)
    assert faults(store) == []


def test_a_file_that_is_not_there_is_said_to_be_so(new_target: Callable[[str], Place]) -> None:
    with pytest.raises(StoreError) as caught:
        new_target("sqlite").open().import_file(Path("/nonexistent/file"))
    assert caught.value.code == "store.bad_export"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_crl_that_is_not_the_ledgers_is_not_exported(
    make_place: Callable[[str], Place], tmp_path: Path, kind: str
) -> None:
    store = make_place(kind).open()
    fill(store, tmp_path)
    with store._writing() as connection:
        connection.exec_driver_sql("UPDATE crl_files SET scope = 'full', der = line FROM ledger")
    with pytest.raises(StoreError) as caught:
        list(store.export_lines())
    assert caught.value.code == "store.projection_differs"
