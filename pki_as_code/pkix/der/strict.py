"""The one check that an encoding is DER throughout."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Mapping
from typing import Final

from pki_as_code.pkix.der.read import not_strict, read_head, read_single
from pki_as_code.pkix.der.tags import (
    BIT_STRING,
    BOOLEAN,
    ENUMERATED,
    GENERALIZED_TIME,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    SEQUENCE,
    SET,
    UTC_TIME,
    UTF8_STRING,
)

MAX_DEPTH: Final = 32
"""Certificates in practice have fewer than 16 levels."""

_REMEMBERED_OCTETS: Final = 512
"""Larger values are rarely the same in two certificates."""


def check_strict_der(data: bytes, *, level: int = 1) -> None:
    """
    Raise `InvalidValueError` (`der.not_strict`) unless `data` is one value in DER (X.690 10, 11).

    Checked on every level: definite minimal lengths, minimal INTEGER and ENUMERATED, BOOLEAN 00 or
    FF, well-formed OBJECT IDENTIFIER, BIT STRING with zero unused bits, empty NULL, primitive
    strings, valid UTF-8, times in UTC with seconds, SET OF in ascending order, nothing behind the
    end, at most `MAX_DEPTH` levels. What needs the schema (DEFAULT omitted, named bits trimmed,
    alphabets of strings) is the business of the caller; OCTET STRINGs are not looked into.

    `level` is the one on which the value stands, 1 for one that is in no other.
    """
    tlv = read_single(data)
    _check(tlv.encoding[0], tlv.tag, tlv.content, level)


def _check(first_octet: int, tag: int, content: bytes, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise not_strict(f"values are nested more than {MAX_DEPTH} levels deep")
    if not first_octet & _CLASS_MASK:
        _check_universal(tag, bool(first_octet & _CONSTRUCTED), content)
    if first_octet & _CONSTRUCTED:
        small = len(content) <= _REMEMBERED_OCTETS
        (_check_members_once if small else _check_members)(content, tag == SET, depth + 1)


def _check_members(data: bytes, in_order: bool, depth: int) -> None:
    """Check what stands inside a constructed value; with `in_order`, that it is a SET OF."""
    offset, size = 0, len(data)
    members: list[bytes] = []
    while offset < size:
        start, first_octet, content_at = offset, data[offset], offset + 2
        # One octet each for tag and length, as most have, is read here: this is the whole cost.
        is_short = first_octet & _LONG_TAG != _LONG_TAG and content_at <= size
        if is_short and (length := data[offset + 1]) < _LONG_LENGTH:
            tag, offset = first_octet, content_at + length
        else:
            tag, content_at, offset = read_head(data, offset)
        if offset > size:
            raise not_strict("a value is longer than what holds it")
        _check(first_octet, tag, data[content_at:offset], depth)
        if in_order:
            members.append(data[start:offset])
    _check_order(members)


# The certificates of an authority have most of their values in common.
_check_members_once = functools.lru_cache(maxsize=4096)(_check_members)


def _check_universal(tag: int, is_constructed: bool, content: bytes) -> None:
    if is_constructed != (tag | _CONSTRUCTED in _CONSTRUCTED_TYPES):
        raise not_strict(f"the constructed bit of the value with tag {tag:#04x} is wrong")
    if tag == 0:
        raise not_strict("end-of-contents octets stand where a value belongs")
    check = _PRIMITIVE_CHECKS.get(tag)
    if check is not None:
        check(content)


def _check_order(members: list[bytes]) -> None:
    """X.690 11.6: the components of a SET OF stand in ascending order of their encodings."""
    for earlier, later in itertools.pairwise(members):
        if earlier > later:
            raise not_strict("the members of a SET are not in order")


def _check_boolean(content: bytes) -> None:
    if content not in {b"\x00", b"\xff"}:
        raise not_strict("a BOOLEAN is neither 00 nor FF")


def _check_integer(content: bytes) -> None:
    if not content:
        raise not_strict("an INTEGER has no octets")
    if len(content) > 1 and (content[0], content[1] >> 7) in {(0x00, 0), (0xFF, 1)}:
        raise not_strict("an INTEGER is longer than needed")


def _check_bit_string(content: bytes) -> None:
    """X.690 8.6.2 and 11.2.1."""
    if not content:
        raise not_strict("a BIT STRING has no initial octet")
    unused_bits, octets = content[0], content[1:]
    if unused_bits > 7 or (unused_bits and not octets):  # noqa: PLR2004
        raise not_strict("a BIT STRING has an impossible number of unused bits")
    if octets and octets[-1] & ((1 << unused_bits) - 1):
        raise not_strict("unused bits of a BIT STRING are set")


def _check_null(content: bytes) -> None:
    if content:
        raise not_strict("a NULL has contents")


def _check_oid(content: bytes) -> None:
    """X.690 8.19.2: whole subidentifiers without leading zeros."""
    if not content or content[-1] & 0x80:
        raise not_strict("an OBJECT IDENTIFIER ends inside a number")
    at_start = True
    for octet in content:
        if at_start and octet == 0x80:  # noqa: PLR2004
            raise not_strict("a number of an OBJECT IDENTIFIER has leading zeros")
        at_start = not octet & 0x80


def _check_utf8(content: bytes) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise not_strict("a UTF8String is not UTF-8") from None


def _check_utc_time(content: bytes) -> None:
    if not _UTC_TIME.fullmatch(content):
        raise not_strict("a UTCTime is not of the form YYMMDDHHMMSSZ")


def _check_generalized_time(content: bytes) -> None:
    if not _GENERALIZED_TIME.fullmatch(content):
        raise not_strict("a GeneralizedTime is not of the form YYYYMMDDHHMMSSZ")


_UTC_TIME = re.compile(rb"[0-9]{12}Z")
_GENERALIZED_TIME = re.compile(rb"[0-9]{14}(\.[0-9]*[1-9])?Z")

_CONSTRUCTED = 0x20
_CLASS_MASK = 0xC0
_LONG_TAG = 0x1F
_LONG_LENGTH = 0x80
_EXTERNAL, _EMBEDDED_PDV = 0x28, 0x2B
_CONSTRUCTED_TYPES = frozenset({SEQUENCE, SET, _EXTERNAL, _EMBEDDED_PDV})
_PRIMITIVE_CHECKS: Mapping[int, Callable[[bytes], None]] = {
    BOOLEAN: _check_boolean,
    INTEGER: _check_integer,
    ENUMERATED: _check_integer,
    BIT_STRING: _check_bit_string,
    NULL: _check_null,
    OBJECT_IDENTIFIER: _check_oid,
    UTF8_STRING: _check_utf8,
    UTC_TIME: _check_utc_time,
    GENERALIZED_TIME: _check_generalized_time,
}
