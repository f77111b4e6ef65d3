"""
The entries of a CRL (RFC 5280 section 5.1.2.6), a million of them in a second or two.

`raw_entries` takes the bytes apart, `EntryDecoder` makes sense of them. Nearly all entries of a CRL
have one of a few forms; these are recognised by their bytes, all others are walked as DER.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.crl.fields import Octets, Span
from pki_as_code.pkix.crl.frame import (
    CERTIFICATE_ISSUER,
    CRL_REASON,
    INVALIDITY_DATE,
    REASON_NUMBERS,
)
from pki_as_code.pkix.raw_certificate import RawExtension, read_extension

MAX_ENTRY_SIZE: Final = 4096
"""Bytes. Ours have less than 80; the longest extension that is known has a name in it."""

RawEntry = tuple[bytes, bytes, bytes, int]
"""Content of the serial number, Time, Extensions (empty when absent), where the entry starts."""

_CHUNK_SIZE = 256 * 1024
_LONG_FORM = 0x80
_SHAPES = {
    bytes((der.SEQUENCE, size, der.INTEGER, octets)): (2 + size, 4 + octets)
    for size in range(18, _LONG_FORM)
    for octets in range(1, 22)
}
"""From the first four octets of an entry to its size, and to where its time starts."""

_UNUSUAL = (0, 0)
_TIME_SIZES = {b"\x17\x0d": 15, b"\x18\x0f": 17}
_MOST_REMEMBERED = 4096
_INVALIDITY_TIME_SIZE = 17
_FIRST_YEAR_OF_GENERALIZED_TIME = 2050


def raw_entries(data: Octets, span: Span | None) -> Iterator[RawEntry]:
    """
    Yield the entries in the content of revokedCertificates.

    Extensions are not looked into. Raises `InvalidValueError` (`der.not_strict`, `crl.too_large`).
    """
    start, end = (span.start, span.end) if span else (0, 0)
    while start < end:
        chunk = data[start : min(start + _CHUNK_SIZE, end)]
        # An entry that may go on in the next chunk is left to it.
        limit = len(chunk) if start + len(chunk) == end else len(chunk) - MAX_ENTRY_SIZE
        at = 0
        while at < limit:
            size, time_from = _SHAPES.get(chunk[at : at + 4], _UNUSUAL)
            stop, time_at = at + size, at + time_from
            time_end = time_at + _TIME_SIZES.get(chunk[time_at : time_at + 2], _CHUNK_SIZE)
            if time_end <= stop <= len(chunk) and (
                0 < chunk[at + 4] < _LONG_FORM or _is_minimal(chunk[at + 4 : time_at])
            ):
                yield (
                    chunk[at + 4 : time_at],
                    chunk[time_at:time_end],
                    chunk[time_end:stop],
                    start + at,
                )
            else:
                serial_number, time, extensions, stop = _read_entry(chunk, at)
                yield serial_number, time, extensions, start + at
            at = stop
        start += at


def read_raw_entry(data: Octets, start: int) -> RawEntry:
    """Return the entry that starts there; one that `raw_entries` came across."""
    chunk = data[start : start + MAX_ENTRY_SIZE]
    serial_number, time, extensions, _ = next(raw_entries(chunk, Span(0, len(chunk))))
    return serial_number, time, extensions, start


def _is_minimal(content: bytes) -> bool:
    return (
        content[:1] not in {b"\x00", b"\xff"}
        or len(content) == 1
        or ((content[0] ^ content[1]) >= _LONG_FORM)
    )


def _read_entry(chunk: bytes, at: int) -> tuple[bytes, bytes, bytes, int]:
    """Return serial number, time, extensions, and where the entry ends. Raises if it is not DER."""
    _, _, end = der.read_head(chunk, at)
    if end - at > MAX_ENTRY_SIZE:
        raise InvalidValueError(
            f"an entry of the CRL has more than {MAX_ENTRY_SIZE} bytes", code="crl.too_large"
        )
    encoding = chunk[at:end]
    der.check_strict_der(encoding)
    members = der.children(der.expect(der.read_single(encoding), der.SEQUENCE))
    if len(members) not in {2, 3}:
        raise der.not_strict(f"an entry has {len(members)} fields where 2 or 3 belong")
    if members[1].tag not in {der.UTC_TIME, der.GENERALIZED_TIME}:
        raise der.not_strict("an entry has no revocation date")
    extensions = der.expect(members[2], der.SEQUENCE).encoding if len(members) > 2 else b""  # noqa: PLR2004
    serial_number = der.expect(members[0], der.INTEGER).content
    return serial_number, members[1].encoding, extensions, end


# --- What they say -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EntryExtensions:
    """What crlEntryExtensions say (section 5.3), and what is wrong with them."""

    reason: str = "unspecified"
    invalidity_date: datetime | None = None
    problems: tuple[tuple[str, str], ...] = ()
    """Finding code and text."""


class EntryDecoder:
    """Decodes times and extensions; what it has seen once it remembers, within bounds."""

    def __init__(self) -> None:
        self._days = _Days()
        self._minutes, self._seconds = _clock()
        self._extensions = {b"": EntryExtensions()}
        self._reasons_before_invalidity: dict[bytes, EntryExtensions] = {}

    def when(self, time: bytes) -> datetime:
        """
        Return what a Time says. Its tag must be the one for its year (section 5.1.2.4).

        Raises `InvalidValueError` (`crl.bad_time`).
        """
        try:
            return self._days[time[:-7]] + self._minutes[time[-7:-3]] + self._seconds[time[-3:]]
        except KeyError:
            raise _bad_time() from None

    def extensions(self, encoding: bytes) -> EntryExtensions:
        """Return what crlEntryExtensions say. Raises `InvalidValueError` (`der.not_strict`)."""
        known = self._extensions.get(encoding)
        if known is not None:
            return known
        # Invalidity dates differ from entry to entry, so the rest is remembered without them.
        before = self._reasons_before_invalidity.get(encoding[:-_INVALIDITY_TIME_SIZE])
        if before is not None:
            return self._with_date(before, encoding)
        decoded = _decode_extensions(encoding, self)
        if decoded.invalidity_date is None or decoded.problems:
            if len(self._extensions) < _MOST_REMEMBERED:
                self._extensions[encoding] = decoded
        elif len(self._reasons_before_invalidity) < _MOST_REMEMBERED and _ends_in_date(encoding):
            prefix = encoding[:-_INVALIDITY_TIME_SIZE]
            self._reasons_before_invalidity[prefix] = EntryExtensions(decoded.reason)
        return decoded

    def invalidity_date(self, value: bytes) -> datetime | None:
        """Return what a GeneralizedTime without fractions says, of any year; None for others."""
        if not _GENERALIZED_TIME.fullmatch(value):
            return None
        text = value[2:].decode("ascii")
        try:
            return datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
        except ValueError:
            return None

    def _with_date(self, before: EntryExtensions, encoding: bytes) -> EntryExtensions:
        date = self.invalidity_date(encoding[-_INVALIDITY_TIME_SIZE:])
        if date is None:
            return _decode_extensions(encoding, self)
        return EntryExtensions(before.reason, date)


@cache
def _clock() -> tuple[dict[bytes, timedelta], dict[bytes, timedelta]]:
    """Return hour and minute, and second, as they stand in a Time, to how long that is."""
    minutes = {
        b"%02d%02d" % divmod(minute, 60): timedelta(minutes=minute) for minute in range(1440)
    }
    return minutes, {b"%02dZ" % second: timedelta(seconds=second) for second in range(60)}


class _Days(dict[bytes, datetime]):
    """From tag, length and day of a Time to the start of that day."""

    def __missing__(self, encoded: bytes) -> datetime:
        match = _DAY.fullmatch(encoded)
        if match is None:
            raise _bad_time()
        short, long = match.groups()
        # RFC 5280 section 4.1.2.5.1: two digits from 50 on are of the twentieth century.
        text = (b"19" if short >= b"50" else b"20") + short if short else long
        year, month, day = int(text[:4]), int(text[4:6]), int(text[6:])
        try:
            start = datetime(year, month, day, tzinfo=UTC)
        except ValueError:
            raise _bad_time() from None
        if long and year < _FIRST_YEAR_OF_GENERALIZED_TIME:
            raise _bad_time()
        if len(self) < _MOST_REMEMBERED:
            self[encoded] = start
        return start


_DAY = re.compile(rb"\x17\x0d([0-9]{6})|\x18\x0f([0-9]{8})", re.DOTALL)
_GENERALIZED_TIME = re.compile(rb"\x18\x0f[0-9]{8}([01][0-9]|2[0-3])[0-9]{4}Z", re.DOTALL)
_REASONS_BY_NUMBER = {bytes((number,)): reason for reason, number in REASON_NUMBERS.items()}


def _ends_in_date(encoding: bytes) -> bool:
    """Tell whether the invalidity date is the last thing in the extensions."""
    last = read_extension(der.children(der.read_single(encoding))[-1])
    return last.oid == INVALIDITY_DATE


def _decode_extensions(encoding: bytes, decoder: EntryDecoder) -> EntryExtensions:
    der.check_strict_der(encoding)
    found: dict[str, RawExtension] = {}
    problems: list[tuple[str, str]] = []
    for member in der.children(der.expect(der.read_single(encoding), der.SEQUENCE)):
        extension = read_extension(member)
        if extension.oid in found:
            problems.append(("rfc5280.crl_duplicate_extension", "has an extension twice"))
        found.setdefault(extension.oid, extension)
        problems += _problems_of(extension)
    if not found:
        problems.append(("rfc5280.crl_extensions_empty", "has an empty list of extensions"))
    reason, invalidity_date = "unspecified", None
    if CRL_REASON in found:
        reason = _REASONS_BY_NUMBER.get(_enumerated(found[CRL_REASON].value_der), "")
        if reason in {"", "unspecified"}:
            text = "has a reason that a complete CRL does not have, or writes out unspecified"
            problems.append(("rfc5280.crl_reason", text))
    if INVALIDITY_DATE in found:
        invalidity_date = decoder.invalidity_date(found[INVALIDITY_DATE].value_der)
        if invalidity_date is None:
            text = "has an invalidity date that is no GeneralizedTime with whole seconds"
            problems.append(("rfc5280.crl_invalidity_date", text))
    return EntryExtensions(reason or "unspecified", invalidity_date, tuple(problems))


def _problems_of(extension: RawExtension) -> Iterator[tuple[str, str]]:
    der.check_strict_der(extension.value_der)
    if extension.has_default:
        yield "rfc5280.crl_default_encoded", "writes out critical FALSE"
    if extension.oid == CERTIFICATE_ISSUER:
        yield "rfc5280.crl_indirect", "names another issuer, as only an indirect CRL does"
    elif extension.critical:
        yield (
            "rfc5280.crl_criticality",
            "has a critical extension that must not be, or is not known",
        )


def _enumerated(value_der: bytes) -> bytes:
    value = der.read_single(value_der)
    return value.content if value.tag == der.ENUMERATED else b""


def _bad_time() -> InvalidValueError:
    return InvalidValueError(
        "a time of the CRL is not encoded as its year wants it",
        help="UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 section 5.1.2.4)",
        code="crl.bad_time",
    )
