"""One entry, one line."""

from __future__ import annotations

import dataclasses
import json
import typing
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import StoreError
from pki_as_code.model import ObjectId, Reservation, canonical_json
from pki_as_code.stores import codec
from pki_as_code.stores.entries import Genesis, Payload, Reconciled, Reserved
from pki_as_code.stores.interface import EMPTY_DIGEST
from tests.stores.material import NOW, certificate_id, reservation

PREVIOUS = "ab" * 32

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
names = st.from_regex(r"[a-z0-9_][a-zA-Z0-9_.@*-]{0,20}", fullmatch=True)
serial_numbers = st.integers(1, 2**160 - 1)
times = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)).map(
    lambda t: t.replace(microsecond=0)
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts | st.floats(allow_nan=False, width=32),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.builds(ObjectId, names, st.just("") | names, names)

STRATEGIES: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(0, 2**80),
    bytes: st.binary(max_size=60),
    datetime: times,
    typing.get_origin(typing.Mapping[str, int]): st.dictionaries(texts, json_values, max_size=3),
    ObjectId: objects,
}


def strategy_of(content: type[Any]) -> st.SearchStrategy[Any]:
    hints = typing.get_type_hints(content)
    fields = {}
    for field in dataclasses.fields(content):
        kinds = get_args(hints[field.name]) if type(None) in get_args(hints[field.name]) else ()
        kind = next((k for k in kinds if k is not type(None)), hints[field.name])
        if field.name in {"serial_number", "replaces"}:
            strategy: st.SearchStrategy[Any] = serial_numbers
        elif field.name == "format_version":
            strategy = st.just(1)
        else:
            strategy = STRATEGIES[typing.get_origin(kind) or kind]
        fields[field.name] = st.none() | strategy if kinds else strategy
    return st.builds(content, **fields)


payloads = st.one_of(
    [
        strategy_of(Reservation).map(Reserved) if kind is Reserved else strategy_of(kind)
        for kind in get_args(Payload)
    ]
)


@settings(max_examples=300, deadline=None)
@given(payloads, st.integers(0, 10**9), times)
def test_every_entry_is_read_back_as_it_was_written(
    payload: Payload, sequence: int, at: datetime
) -> None:
    entry = codec.make_entry(sequence, at, PREVIOUS, payload)
    assert codec.parse_line(entry.line, sequence) == entry
    assert b"\n" not in entry.line
    value = json.loads(entry.line)
    assert canonical_json(value).encode() == entry.line
    assert (value["seq"], value["prev"], value["type"]) == (sequence, PREVIOUS, payload.type)


def test_the_format_is_what_the_documentation_says() -> None:
    entry = codec.make_entry(
        7, NOW + timedelta(microseconds=5), PREVIOUS, reservation(certificate_id("web"), 0x49BC)
    )
    value = json.loads(entry.line)
    assert value["serialNumber"] == "49:BC"
    assert value["at"] == "2026-11-23T10:00:00Z"
    assert value["object"] == {"kind": "Certificate", "namespace": "default", "name": "web"}
    assert value["replaces"] is None
    assert value["tbsCertificate"].startswith("MI")


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_changed_line_is_read_as_something_else(data: st.DataObject) -> None:
    """A flipped, removed or added byte is refused, or reads as what it now canonically says."""
    line = codec.make_entry(3, NOW, PREVIOUS, reservation(certificate_id("web"), 0x2001)).line
    place = data.draw(st.integers(0, len(line) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    changed = data.draw(
        st.sampled_from(
            [
                line[:place] + byte + line[place + 1 :],
                line[:place] + line[place + 1 :],
                line[:place],
            ]
        )
    )
    try:
        entry = codec.parse_line(changed, 3)
    except StoreError as error:
        assert error.code in {"store.corrupt", "store.newer_format"}
    else:
        again = codec.make_entry(entry.sequence, entry.at, entry.previous_digest, entry.payload)
        assert again.line == changed


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | json_values.map(lambda v: canonical_json(v).encode()))
def test_garbage_is_refused_with_the_sequence_number(line: bytes) -> None:
    with pytest.raises(StoreError) as caught:
        codec.parse_line(line, 41)
    assert caught.value.code in {"store.corrupt", "store.newer_format"}
    assert "41" in caught.value.message


def changed_line(**changes: Any) -> bytes:
    value = json.loads(codec.make_entry(3, NOW, PREVIOUS, Reconciled("a" * 40)).line)
    value |= changes
    return canonical_json({k: v for k, v in value.items() if v is not ...}).encode()


@pytest.mark.parametrize(
    "line",
    [
        changed_line(extra=1),
        changed_line(commit=...),
        changed_line(commit=7),
        changed_line(commit=None),
        changed_line(seq="3"),
        changed_line(seq=True),
        changed_line(seq=-1),
        changed_line(seq=3.0),
        changed_line(prev="AB" * 32),
        changed_line(prev="ab"),
        changed_line(at="2026-11-23T10:00:00+00:00"),
        changed_line(at="2026-13-23T10:00:00Z"),
        changed_line(at="2026-11-23"),
        changed_line(type=["reconciled"]),
        changed_line().replace(b'"seq":3', b'"seq":3,"seq":3'),
        changed_line().replace(b":", b": "),
        changed_line() + b" ",
        changed_line().replace(b'"reconciled"', b'"\\u0072econciled"'),
        changed_line(commit="a").replace(b'"a"', b'"\\ud800"'),
        b"[" * 100_000,
        b'{"seq":' + b"9" * 10_000 + b"}",
        b"\xff",
        b"null",
        b"",
    ],
)
def test_a_malformed_line_is_corrupt(line: bytes) -> None:
    with pytest.raises(StoreError) as caught:
        codec.parse_line(line, 3)
    assert caught.value.code == "store.corrupt"


@pytest.mark.parametrize(
    "change",
    [
        {"serialNumber": "49:bc"},
        {"serialNumber": "049:BC"},
        {"serialNumber": "00:49:BC"},
        {"serialNumber": "00"},
        {"serialNumber": "FF" * 21},
        {"serialNumber": 5},
        {"tbsCertificate": "MII"},
        {"tbsCertificate": "MIIB=="},
        {"tbsCertificate": "TR=="},
        {"tbsCertificate": "MII\n"},
        {"request": []},
        {"object": {"kind": "Certificate", "name": "web"}},
        {"object": {"kind": "Certificate", "namespace": "..", "name": "web"}},
        {"object": {"kind": "Certificate", "namespace": "a/b", "name": "web"}},
        {"object": {"kind": "Certificate", "namespace": "", "name": ""}},
        {"object": {"kind": "Certificate", "namespace": "", "name": "a\nb"}},
        {"object": {"kind": "Certificate", "namespace": "", "name": "-x"}},
        {"object": "web"},
    ],
)
def test_a_malformed_value_is_corrupt(change: dict[str, Any]) -> None:
    line = codec.make_entry(3, NOW, PREVIOUS, reservation(certificate_id("web"), 0x49BC)).line
    changed = canonical_json(json.loads(line) | change).encode()
    with pytest.raises(StoreError) as caught:
        codec.parse_line(changed, 3)
    assert caught.value.code == "store.corrupt"


def test_what_a_newer_version_wrote_is_not_skipped() -> None:
    for line in (
        changed_line(type="sealed"),
        codec.make_entry(0, NOW, EMPTY_DIGEST, Genesis("lineage", 2)).line,
    ):
        with pytest.raises(StoreError) as caught:
            codec.parse_line(line, 3)
        assert caught.value.code == "store.newer_format"


@pytest.mark.parametrize(
    "payload",
    [
        Reconciled("\ud800"),
        Genesis("x" * (codec.MAX_LINE_BYTES + 1)),
        reservation(certificate_id("web"), 0x49, request={"a": object()}),
        reservation(certificate_id("web"), 0x49, request={"a": 1, 2: "b"}),
    ],
)
def test_what_no_line_can_hold_is_refused_before_it_is_written(payload: Payload) -> None:
    with pytest.raises(StoreError) as caught:
        codec.make_entry(0, NOW, EMPTY_DIGEST, payload)
    assert caught.value.code == "store.unencodable"


@pytest.mark.parametrize("serial_number", [0, -5, 2**160])
def test_a_serial_number_out_of_range_is_refused(serial_number: int) -> None:
    with pytest.raises(StoreError):
        codec.make_entry(
            0, NOW, EMPTY_DIGEST,
            Reserved(dataclasses.replace(
                reservation(certificate_id("web"), 0x49).reservation, serial_number=serial_number
            )),
        )  # fmt: skip
