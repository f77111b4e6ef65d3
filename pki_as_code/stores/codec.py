"""
Entries from and to the lines of the ledger.

The JSON follows the fields of the payload: their names in camelCase, `object_id` as `object`,
serial numbers as `49:BC:…`, DER as base64, times as RFC 3339 in UTC with whole seconds. A
reservation stands in its entry directly. One entry has one text: a line that says the same in
another way is refused.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
import json
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, get_args

from pki_as_code.errors import PkiAsCodeError, StoreError
from pki_as_code.escape import quoted
from pki_as_code.model import JsonValue, ObjectId, Reservation, canonical_json, format_time
from pki_as_code.pkix.serial_numbers import format_serial_number, parse_serial_number
from pki_as_code.stores.entries import FORMAT_VERSION, Entry, Genesis, Payload, Reserved

MAX_LINE_BYTES: Final = 4 << 20
"""No entry is longer; a certificate with thousands of names has a tenth of it."""

PAYLOADS: Final[Mapping[str, type[Any]]] = {payload.type: payload for payload in get_args(Payload)}

_ENVELOPE: Final = frozenset({"seq", "at", "type", "prev"})
_SERIAL_NUMBERS: Final = frozenset({"serial_number", "replaces"})
_LARGEST_SERIAL_NUMBER_BITS: Final = 160
_RENAMED: Final = {"object_id": "object"}
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_PART: Final = re.compile(r"(?![.-])[^\x00-\x20\x7f-\x9f/\\:\"]{0,255}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)


class _MalformedError(ValueError):
    """What is wrong with a line, in words; `codec` turns it into a `StoreError`."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    key: str
    encode: Callable[[Any], JsonValue]
    decode: Callable[[JsonValue], Any]


def digest(line: bytes) -> str:
    """Return the hex SHA-256 that the next entry has as `prev`."""
    return hashlib.sha256(line).hexdigest()


def make_entry(sequence: int, at: datetime, previous_digest: str, payload: Payload) -> Entry:
    """
    Return the entry with its line.

    Raises `StoreError` (`store.unencodable`) for a payload that no line can hold.
    """
    at = at.astimezone(UTC).replace(microsecond=0)
    try:
        line = canonical_json(to_json(sequence, at, previous_digest, payload)).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(
            f"the {payload.type} entry cannot be written: {type(error).__name__}",
            help="a text in it is not Unicode, or a value is nested too deeply",
            code="store.unencodable",
        ) from error
    if len(line) > MAX_LINE_BYTES:
        raise StoreError(
            f"the {payload.type} entry has {len(line)} bytes, more than {MAX_LINE_BYTES}",
            help="issue certificates with fewer names",
            code="store.unencodable",
        )
    return Entry(sequence, at, previous_digest, payload, line)


def to_json(
    sequence: int, at: datetime, previous_digest: str, payload: Payload
) -> dict[str, JsonValue]:
    """Return the object that one line holds."""
    content: Any = payload.reservation if isinstance(payload, Reserved) else payload
    content_type: Any = type(content)
    fields = {
        field.key: field.encode(getattr(content, field.name))
        for field in _fields_of_type(content_type)
    }
    return fields | {
        "seq": sequence,
        "at": _encode_time(at),
        "type": payload.type,
        "prev": previous_digest,
    }


def parse_line(line: bytes, expected_sequence: int) -> Entry:
    """
    Return the entry that a line of the ledger (without its newline) holds.

    Raises `StoreError`: `store.newer_format` for a type this version does not know, else
    `store.corrupt` with the sequence number the line should have.
    """
    try:
        value = _load(line)
        payload_type = PAYLOADS.get(_text(value.get("type")))
        if payload_type is None:
            raise _newer(expected_sequence, f"the unknown type {quoted(_text(value['type']))}")
        return from_json(value, payload_type, line)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        why = str(error) if isinstance(error, _MalformedError) else type(error).__name__
        if isinstance(error, PkiAsCodeError):
            why = error.message
        raise corrupt(expected_sequence, why) from error


def from_json(value: Mapping[str, JsonValue], payload_type: type[Any], line: bytes) -> Entry:
    """Return the entry in a parsed object. Raises `ValueError` or `TypeError`."""
    content_type: Any = payload_type if payload_type is not Reserved else Reservation
    fields = _fields_of_type(content_type)
    unknown = value.keys() - {field.key for field in fields} - _ENVELOPE
    missing = ({field.key for field in fields} | _ENVELOPE) - value.keys()
    if unknown or missing:
        names = ", ".join(quoted(name) for name in sorted(unknown | missing))
        raise _MalformedError(f"unknown or missing keys: {names}")
    content = content_type(**{field.name: field.decode(value[field.key]) for field in fields})
    sequence, previous = value["seq"], _text(value["prev"])
    if type(sequence) is not int or sequence < 0 or _DIGEST.fullmatch(previous) is None:
        raise _MalformedError("seq or prev is malformed")
    if payload_type is Genesis and content.format_version > FORMAT_VERSION:
        raise _newer(sequence, f"format {content.format_version}")
    payload: Payload = Reserved(content) if payload_type is Reserved else content
    return Entry(sequence, _decode_time(value["at"]), previous, payload, line)


def _newer(sequence: int, what: str) -> StoreError:
    return StoreError(
        f"entry {sequence} has {what}",
        help="a newer version of this program wrote the store; use that version",
        code="store.newer_format",
    )


def corrupt(sequence: int, why: str) -> StoreError:
    """Return the error for a ledger that does not agree with itself at `sequence`."""
    return StoreError(
        f"the ledger is damaged at entry {sequence}: {why}",
        help="nothing is issued from a damaged ledger; `pkictl store verify` finds every fault, "
        "and a clone or a backup has the entries as they were",
        code="store.corrupt",
    )


def _load(line: bytes) -> dict[str, JsonValue]:
    if len(line) > MAX_LINE_BYTES:
        raise _MalformedError(f"it has more than {MAX_LINE_BYTES} bytes")
    value = json.loads(line.decode("utf-8"))
    if not isinstance(value, dict):
        raise _MalformedError("it is no JSON object")
    # One comparison finds duplicate keys, other spacing, other escapes and lone surrogates.
    if canonical_json(value).encode() != line:
        raise _MalformedError("it is not canonical JSON")
    return value


# --- Fields --------------------------------------------------------------------------------------


@cache
def _fields_of_type(content_type: Any) -> tuple[_Field, ...]:
    return tuple(_make_fields(content_type))


def _make_fields(content_type: type[Any]) -> Iterator[_Field]:
    hints = typing.get_type_hints(content_type)
    for field in dataclasses.fields(content_type):
        kind, optional = _without_none(hints[field.name])
        is_serial_number = field.name in _SERIAL_NUMBERS
        encode, decode = _CONVERTERS[
            "serial number" if is_serial_number else typing.get_origin(kind) or kind
        ]
        if optional:
            encode, decode = _or_none(encode), _or_none(decode)
        yield _Field(field.name, _RENAMED.get(field.name, _camel_case(field.name)), encode, decode)


def _without_none(hint: Any) -> tuple[Any, bool]:
    if isinstance(hint, types.UnionType):
        (kind,) = (part for part in get_args(hint) if part is not type(None))
        return kind, True
    return hint, False


def _or_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


# --- Values --------------------------------------------------------------------------------------


def _text(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise _MalformedError("a text is expected")
    return value


def _number(value: JsonValue) -> int:
    if type(value) is not int:
        raise _MalformedError("a whole number is expected")
    return value


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    if not isinstance(value, Mapping):
        raise _MalformedError("an object is expected")
    return dict(value)


def _encode_bytes(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _decode_bytes(value: JsonValue) -> bytes:
    text = _text(value)
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise _MalformedError("base64 is malformed") from None
    if _encode_bytes(data) != text:
        raise _MalformedError("base64 is not canonical")
    return data


def _encode_time(value: datetime) -> str:
    return format_time(value.astimezone(UTC))


def _decode_time(value: JsonValue) -> datetime:
    text = _text(value)
    if _TIME.fullmatch(text) is None:
        raise _MalformedError("a time is malformed")
    return datetime.fromisoformat(text)


def _encode_serial_number(value: int) -> str:
    if value <= 0 or value.bit_length() > _LARGEST_SERIAL_NUMBER_BITS:
        raise _MalformedError("a serial number is positive and has at most 20 octets")
    return format_serial_number(value)


def _decode_serial_number(value: JsonValue) -> int:
    text = _text(value)
    number = parse_serial_number(text)
    if format_serial_number(number) != text:
        raise _MalformedError("a serial number is not canonical")
    return number


def _encode_object_id(value: ObjectId) -> dict[str, str]:
    # The parts become names of files, and columns of databases that refuse control characters.
    for part in (value.kind, value.namespace, value.name):
        if _PART.fullmatch(part) is None:
            raise _MalformedError("a name has a character that no file name should have")
    if not value.kind or not value.name:
        raise _MalformedError("an object has a kind and a name")
    return value.to_json()


def _decode_object_id(value: JsonValue) -> ObjectId:
    fields = _mapping(value)
    if fields.keys() != {"kind", "namespace", "name"}:
        raise _MalformedError("an object has a kind, a namespace and a name")
    object_id = ObjectId(_text(fields["kind"]), _text(fields["namespace"]), _text(fields["name"]))
    _encode_object_id(object_id)
    return object_id


_CONVERTERS: Final[Mapping[Any, tuple[Callable[[Any], JsonValue], Callable[[JsonValue], Any]]]] = {
    str: (_text, _text),
    int: (_number, _number),
    bytes: (_encode_bytes, _decode_bytes),
    datetime: (_encode_time, _decode_time),
    "serial number": (_encode_serial_number, _decode_serial_number),
    Mapping: (_mapping, _mapping),
    ObjectId: (_encode_object_id, _decode_object_id),
}
