"""A CRL's entries, streamed to a file as a TBSCertList (RFC 5280 section 5.1.2)."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import BinaryIO, Final

from pki_as_code import model
from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.pkix import der
from pki_as_code.pkix.crl.frame import CRL_REASON, INVALIDITY_DATE, REASON_NUMBERS, CrlFrame

MAX_SERIAL_NUMBER_BITS: Final = 159
"""RFC 5280 section 4.1.2.2: positive, at most 20 octets."""

_ENTRIES_AT_A_TIME = 4096
_COPIED_AT_A_TIME = 1 << 20
_MAX_LENGTH = 2**32 - 1
_ANY_DATE = b"20261123100000Z"
_TIME_OF_DAY_SIZE = len(b"235959Z")
_FIRST_YEAR, _FIRST_YEAR_OF_GENERALIZED_TIME = 1950, 2050


def write_tbs_cert_list(
    frame: CrlFrame, entries: Iterable[tuple[int, model.Revocation]], file: BinaryIO
) -> int:
    """
    Write a TBSCertList to `file`, from where it stands, as its end; return the number of entries.

    `file` can be read, written and sought in. `entries` are serial number and revocation; they are
    written in the order they come in, and no more than a few thousand are in memory.

    1. The entries, behind room for the longest front there could be.
    2. The extensions behind them.
    3. Now that the lengths are known: everything moves up to where the real front ends.

    Raises:
        InvalidValueError: an entry cannot be written (`crl.bad_entry`, `der.bad_time`), or the CRL
            would have more than 4 GiB (`crl.too_large`).
    """
    start = file.tell()
    fields, extensions = frame.encode_fields(), frame.encode_extensions()
    room = start + len(_front(fields, _MAX_LENGTH, 0))
    file.seek(room)
    count = 0
    encoded = encode_entries(entries)
    while chunk := tuple(itertools.islice(encoded, _ENTRIES_AT_A_TIME)):
        count += len(chunk)
        file.write(b"".join(chunk))
    size = file.tell() - room
    if room + size + len(extensions) > _MAX_LENGTH:
        raise InvalidValueError("the CRL would have more than 4 GiB", code="crl.too_large")
    file.write(extensions)
    front = _front(fields, size, len(extensions))
    _move(file, room, start + len(front), size + len(extensions))
    file.truncate()
    file.seek(start)
    file.write(front)
    file.seek(0, 2)
    return count


def encode_entries(entries: Iterable[tuple[int, model.Revocation]]) -> Iterator[bytes]:
    """
    Yield each entry of revokedCertificates in DER (section 5.1.2.6, 5.3).

    Raises `InvalidValueError` (`crl.bad_entry`, `der.bad_time`).
    """
    days = _Days()
    tails = {reason: _entry_extensions(reason) for reason in REASON_NUMBERS}
    tails_to_date = {reason: _entry_extensions(reason, _ANY_DATE) for reason in REASON_NUMBERS}
    minutes = [b"%02d%02d" % divmod(minute, 60) for minute in range(24 * 60)]
    seconds = [b"%02dZ" % second for second in range(60)]
    for serial_number, revocation in entries:
        if not 0 < serial_number.bit_length() <= MAX_SERIAL_NUMBER_BITS or serial_number < 0:
            raise _bad_entry(f"{serial_number:#x} cannot be a serial number in a CRL")
        number = serial_number.to_bytes(serial_number.bit_length() // 8 + 1, "big")
        when = revocation.revocation_date
        if when.tzinfo is not UTC or when.microsecond:
            when = _whole_seconds_in_utc(when)
        tail = tails.get(revocation.reason)
        if tail is None:
            raise _bad_entry(f"{quoted(revocation.reason)} cannot be a reason in a complete CRL")
        if revocation.invalidity_date is not None:
            tail = tails_to_date[revocation.reason] + _date_text(revocation.invalidity_date)
        day = days[when.toordinal()]
        yield b"\x30%c\x02%c%b%b%b%b%b" % (
            # Less than 80 octets: 22 of the number, 17 of the time, 40 of the extensions.
            2 + len(number) + len(day) + _TIME_OF_DAY_SIZE + len(tail),
            len(number),
            number,
            day,
            minutes[when.hour * 60 + when.minute],
            seconds[when.second],
            tail,
        )


class _Days(dict[int, bytes]):
    """From the ordinal of a day to the start of a Time on it, tag and length included."""

    def __missing__(self, ordinal: int) -> bytes:
        day = date.fromordinal(ordinal)
        if day.year < _FIRST_YEAR:
            raise _bad_entry(f"the year {day.year} cannot be written in a CRL")
        # RFC 5280 section 5.1.2.6: as thisUpdate, so UTCTime up to 2049.
        if day.year < _FIRST_YEAR_OF_GENERALIZED_TIME:
            encoded = b"\x17\x0d" + day.strftime("%y%m%d").encode("ascii")
        else:
            encoded = b"\x18\x0f" + day.strftime("%Y%m%d").encode("ascii")
        self[ordinal] = encoded
        return encoded


def _entry_extensions(reason: str, before_date: bytes = b"") -> bytes:
    """
    Return crlEntryExtensions, none of them critical; nothing where there is nothing to say.

    With `_ANY_DATE` they end where the text of an invalidity date follows.
    """
    extensions = []
    if number := REASON_NUMBERS[reason]:  # section 5.3.1: left out rather than unspecified
        extensions.append(_extension(CRL_REASON, der.encode_tlv(der.ENUMERATED, bytes((number,)))))
    if before_date:
        value = der.encode_tlv(der.GENERALIZED_TIME, before_date)
        extensions.append(_extension(INVALIDITY_DATE, value))
    encoded = der.encode_sequence(*extensions) if extensions else b""
    return encoded.removesuffix(before_date)


def _date_text(when: datetime) -> bytes:
    """Section 5.3.2: always as a GeneralizedTime."""
    when = _whole_seconds_in_utc(when)
    return f"{when.year:04}{when:%m%d%H%M%S}Z".encode("ascii")


def _extension(oid: str, value: bytes) -> bytes:
    return der.encode_sequence(der.encode_oid(oid), der.encode_octet_string(value))


def _whole_seconds_in_utc(when: datetime) -> datetime:
    if when.tzinfo is None or when.microsecond:
        raise _bad_entry(f"{when.isoformat()} is not a time with a zone and whole seconds")
    return when.astimezone(UTC)


def _front(fields: bytes, entries_size: int, extensions_size: int) -> bytes:
    """Return what stands before the first entry; revokedCertificates is absent when empty."""
    revoked = der.encode_head(der.SEQUENCE, entries_size) if entries_size else b""
    size = len(fields) + len(revoked) + entries_size + extensions_size
    # As long as it gets, when the room for it is measured.
    return der.encode_head(der.SEQUENCE, min(size, _MAX_LENGTH)) + fields + revoked


def _move(file: BinaryIO, source: int, target: int, size: int) -> None:
    """Move `size` bytes towards the start of the file, and leave it standing behind them."""
    while size:
        file.seek(source)
        chunk = file.read(min(size, _COPIED_AT_A_TIME))
        file.seek(target)
        file.write(chunk)
        source, target, size = source + len(chunk), target + len(chunk), size - len(chunk)


def _bad_entry(message: str) -> InvalidValueError:
    return InvalidValueError(message, code="crl.bad_entry")
