"""
The entries of a CRL by serial number, whatever order they stand in.

The order is that of the store: serial numbers as lower-case hex with an even number of digits
compare like their octets without a leading zero. What is in that order is streamed. For what is
not, 26 octets of each entry are sorted in memory: about 70 MB for a million.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.crl.entries import RawEntry, raw_entries, read_raw_entry
from pki_as_code.pkix.crl.fields import Octets, Span

_OFFSET_OCTETS: Final = 5
LONGEST_KEY: Final = 20
"""Octets: RFC 5280 section 4.1.2.2 has no longer serial numbers."""


def serial_key(serial_number: bytes) -> bytes:
    """Return what serial numbers are compared by, from the content of the INTEGER."""
    return serial_number.lstrip(b"\x00")


def entries_in_order(data: Octets, span: Span | None) -> Iterator[RawEntry]:
    """
    Yield the entries in the order of their keys.

    Raises `InvalidValueError` (`der.not_strict`; `crl.too_large` for a serial number of more than
    20 octets in a CRL that is not in order).
    """
    keys = (serial_key(serial_number) for serial_number, _, _, _ in raw_entries(data, span))
    if all(earlier <= later for earlier, later in pairwise(keys)):
        yield from raw_entries(data, span)
        return
    for record in _sorted_records(data, span):
        yield read_raw_entry(data, int.from_bytes(record[-_OFFSET_OCTETS:], "big"))


def repeated_serial_numbers(data: Octets, span: Span | None) -> Iterator[bytes]:
    """Yield each serial number that is there already. Raises like `entries_in_order`."""
    records = (record[:-_OFFSET_OCTETS] for record in _sorted_records(data, span))
    for earlier, later in pairwise(records):
        if earlier == later:
            yield later[: later[-1]]


def _sorted_records(data: Octets, span: Span | None) -> list[bytes]:
    """Return key, filled up with zeros, its length, and offset: they compare like the keys."""
    records = []
    for serial_number, _, _, offset in raw_entries(data, span):
        key = serial_key(serial_number)
        if len(key) > LONGEST_KEY:
            raise InvalidValueError(
                f"a serial number in the CRL has {len(key)} octets", code="crl.too_large"
            )
        where = offset.to_bytes(_OFFSET_OCTETS, "big")
        records.append(b"%b%c%b" % (key.ljust(LONGEST_KEY, b"\x00"), len(key), where))
    records.sort()
    return records
