"""Values to DER."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.der.tags import (
    BIT_STRING,
    BOOLEAN,
    GENERALIZED_TIME,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    UTC_TIME,
)

_LONG_FORM = 0x80
_LAST_UTC_TIME_YEAR = 2049

# The bounds of cryptography's ObjectIdentifier. X.667 puts UUIDs into arcs, so 128 bits are needed;
# a larger one makes cryptography 50 panic.
_MAX_OID_OCTETS = 63
_MAX_ARC = 2**128

# Bounded, because an arc of a million digits is a denial of service in int().
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,38})){1,63}", re.ASCII)


def encode_tlv(tag: int, *parts: bytes) -> bytes:
    """Return one value: identifier octet `tag`, definite minimal length, the parts joined."""
    content = b"".join(parts)
    return encode_head(tag, len(content)) + content


def encode_head(tag: int, length: int) -> bytes:
    """Return identifier and length octets, for content of `length` octets that is elsewhere."""
    if length < _LONG_FORM:
        return bytes((tag, length))
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(octets))) + octets


def encode_sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE of values that are encoded already."""
    return encode_tlv(SEQUENCE, *parts)


def encode_integer(value: int) -> bytes:
    """Return an INTEGER in two's complement with as few octets as possible (X.690 8.3)."""
    magnitude = value if value >= 0 else ~value
    return encode_tlv(INTEGER, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


@functools.lru_cache(maxsize=256)
def encode_oid(dotted: str) -> bytes:
    """
    Return the OBJECT IDENTIFIER of `2.5.29.15`.

    Raises `InvalidValueError` (`der.bad_oid`) for anything else, an arc of more than 128 bits, or
    more than 63 octets.
    """
    if not _OID.fullmatch(dotted):
        raise _bad_oid(dotted)
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    # X.690 8.19.4: the first two arcs share a subidentifier, so the second is bounded below arc 2.
    if first < 2 and second > 39:  # noqa: PLR2004
        raise _bad_oid(dotted)
    arcs = (first * 40 + second, *rest)
    content = b"".join(map(_encode_base128, arcs))
    if len(content) > _MAX_OID_OCTETS or max(arcs) >= _MAX_ARC:
        raise _bad_oid(dotted)
    return encode_tlv(OBJECT_IDENTIFIER, content)


def encode_bit_string(octets: bytes, unused_bits: int = 0) -> bytes:
    """Return a BIT STRING; the `unused_bits` lowest bits of the last octet must be zero."""
    return encode_tlv(BIT_STRING, bytes((unused_bits,)), octets)


def encode_octet_string(octets: bytes) -> bytes:
    return encode_tlv(OCTET_STRING, octets)


def encode_boolean(value: bool) -> bytes:
    return encode_tlv(BOOLEAN, b"\xff" if value else b"\x00")


def encode_explicit(number: int, *parts: bytes) -> bytes:
    """Return `parts` inside the context-specific, constructed tag `[number]` (0 to 30)."""
    return encode_tlv(0xA0 | number, *parts)


@functools.lru_cache(maxsize=256)
def encode_time(when: datetime) -> bytes:
    """
    Return a Time as RFC 5280 4.1.2.5 wants it: UTCTime to 2049, GeneralizedTime from 2050.

    `when` is aware; it is written in UTC with seconds. Raises `InvalidValueError`
    (`der.bad_time`) for a naive time, a fraction of a second, or a year before 1950.
    """
    if when.tzinfo is None or when.microsecond:
        raise InvalidValueError(
            f"{when.isoformat()!r} is not a time with a zone and whole seconds", code="der.bad_time"
        )
    when = when.astimezone(UTC)
    if when.year < 1950:  # noqa: PLR2004
        raise InvalidValueError(
            f"the year {when.year} cannot be written in a certificate", code="der.bad_time"
        )
    # strftime does not pad years to four digits everywhere; all years here have four.
    if when.year <= _LAST_UTC_TIME_YEAR:
        return encode_tlv(UTC_TIME, when.strftime("%y%m%d%H%M%SZ").encode("ascii"))
    return encode_tlv(GENERALIZED_TIME, when.strftime("%Y%m%d%H%M%SZ").encode("ascii"))


def _encode_base128(arc: int) -> bytes:
    octets = [arc & 0x7F]
    while arc := arc >> 7:
        octets.append(0x80 | (arc & 0x7F))
    return bytes(reversed(octets))


def _bad_oid(dotted: str) -> InvalidValueError:
    return InvalidValueError(
        f"{dotted[:80]!r} is not an object identifier",
        help="write it in dotted form, for example 1.3.6.1.4.1.311.20.2.3",
        code="der.bad_oid",
    )
