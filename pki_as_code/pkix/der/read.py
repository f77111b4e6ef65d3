"""DER to values, without leniency: definite minimal lengths, nothing read beyond the end."""

from __future__ import annotations

from typing import NamedTuple

from pki_as_code.errors import InvalidValueError

_CONSTRUCTED = 0x20
_CLASS_MASK = 0xC0
_TAG_NUMBER_MASK = 0x1F
_LONG_FORM = 0x80
_MAX_LENGTH_OCTETS = 4


class Tlv(NamedTuple):
    """One value as it stands in the encoding."""

    tag: int
    """The identifier octet; two to four octets, big-endian, for tag numbers above 30."""

    content: bytes
    encoding: bytes
    """Tag, length and content, byte for byte."""

    @property
    def is_constructed(self) -> bool:
        first = self.encoding[0]
        return bool(first & _CONSTRUCTED)

    @property
    def is_universal(self) -> bool:
        return not self.encoding[0] & _CLASS_MASK


def read_tlv(data: bytes, offset: int = 0) -> tuple[Tlv, int]:
    """
    Return the value that starts at `offset`, and where the next one starts.

    Accepts definite, minimal lengths only. Raises `InvalidValueError` (`der.not_strict`); never
    reads beyond `data`.
    """
    tag, content_at, end = read_head(data, offset)
    if end > len(data):
        raise not_strict("a value is longer than what holds it")
    return Tlv(tag, data[content_at:end], data[offset:end]), end


def read_head(data: bytes, offset: int = 0) -> tuple[int, int, int]:
    """
    Return the tag of the value that starts at `offset`, where its content starts and where it ends.

    The end may be beyond `data`, of which only tag and length are read. Raises `InvalidValueError`
    (`der.not_strict`).
    """
    tag, content_at = _read_tag(data, offset)
    length, content_at = _read_length(data, content_at)
    return tag, content_at, content_at + length


def read_single(data: bytes) -> Tlv:
    """Return the one value `data` consists of. Raises `InvalidValueError` for trailing bytes."""
    short = len(data) > 1 and data[1] < _LONG_FORM and data[0] & _TAG_NUMBER_MASK < _TAG_NUMBER_MASK
    if short and data[1] + 2 == len(data):
        return Tlv(data[0], data[2:], data)  # what nearly all are
    tlv, end = read_tlv(data)
    if end != len(data):
        raise not_strict(f"{len(data) - end} bytes follow the end of the value")
    return tlv


def children(tlv: Tlv) -> tuple[Tlv, ...]:
    """Return the values inside a constructed one. Raises `InvalidValueError`."""
    if not tlv.encoding[0] & _CONSTRUCTED:
        raise not_strict(f"the value with tag {tlv.tag:#04x} is not constructed")
    return tuple(_read_all(tlv.content))


def expect(tlv: Tlv, tag: int) -> Tlv:
    """Return `tlv` when it has that tag. Raises `InvalidValueError` otherwise."""
    if tlv.tag != tag:
        raise not_strict(f"tag {tlv.tag:#04x} stands where {tag:#04x} belongs")
    return tlv


def decode_integer(content: bytes) -> int:
    """Return the number in the content octets of an INTEGER."""
    return int.from_bytes(content, "big", signed=True)


def decode_oid(content: bytes) -> str:
    """Return dotted text for the content octets of an OBJECT IDENTIFIER that was checked."""
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - first * 40, *arcs[1:]))


def not_strict(reason: str) -> InvalidValueError:
    """Return the error for an encoding that is not DER."""
    return InvalidValueError(
        f"not strict DER (X.690): {reason}",
        help="make it anew with a current tool; old or broken encoders write this",
        code="der.not_strict",
    )


def _read_all(data: bytes) -> list[Tlv]:
    """As `read_tlv` to the end; one octet each for tag and length, as most have, is read here."""
    found: list[Tlv] = []
    offset, size = 0, len(data)
    while offset < size:
        tag, content_at = data[offset], offset + 2
        is_short = tag & _TAG_NUMBER_MASK != _TAG_NUMBER_MASK and content_at <= size
        if is_short and (length := data[offset + 1]) < _LONG_FORM:
            end = content_at + length
            if end > size:
                raise not_strict("a value is longer than what holds it")
            found.append(Tlv(tag, data[content_at:end], data[offset:end]))
            offset = end
        else:
            tlv, offset = read_tlv(data, offset)
            found.append(tlv)
    return found


def _read_tag(data: bytes, offset: int) -> tuple[int, int]:
    if offset >= len(data):
        raise not_strict("it ends before a tag")
    tag = data[offset]
    if tag & _TAG_NUMBER_MASK != _TAG_NUMBER_MASK:
        return tag, offset + 1
    # X.690 8.1.2.4: tag numbers above 30, seven bits an octet. Three are more than anybody uses.
    number = 0
    for position in range(offset + 1, offset + 4):
        if position >= len(data):
            raise not_strict("it ends inside a tag")
        octet = data[position]
        if position == offset + 1 and octet == _LONG_FORM:
            raise not_strict("a tag number has leading zeros")
        number = number << 7 | octet & 0x7F
        tag = tag << 8 | octet
        if not octet & _LONG_FORM:
            if number < _TAG_NUMBER_MASK:
                raise not_strict("a low tag number is in the long form")
            return tag, position + 1
    raise not_strict("a tag number is too large")


def _read_length(data: bytes, offset: int) -> tuple[int, int]:
    if offset >= len(data):
        raise not_strict("it ends before a length")
    length = data[offset]
    offset += 1
    if length < _LONG_FORM:
        return length, offset
    count = length & 0x7F
    if count == 0:
        raise not_strict("a length is indefinite")
    if count > _MAX_LENGTH_OCTETS or offset + count > len(data):
        raise not_strict("a value is longer than what holds it")
    octets = data[offset : offset + count]
    length = int.from_bytes(octets, "big")
    if octets[0] == 0 or length < _LONG_FORM:
        raise not_strict("a length is longer than needed")
    return length, offset + count
