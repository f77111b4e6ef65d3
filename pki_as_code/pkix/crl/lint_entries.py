"""Lints of the entries of a CRL (RFC 5280 sections 5.1.2.6 and 5.3), all in one pass."""

from __future__ import annotations

from datetime import datetime

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Finding
from pki_as_code.pkix.crl.entries import EntryDecoder, raw_entries
from pki_as_code.pkix.crl.fields import Octets, Span
from pki_as_code.pkix.crl.ordering import LONGEST_KEY, repeated_serial_numbers, serial_key
from pki_as_code.pkix.crl.tally import Tally

_MAX_SERIAL_NUMBER_OCTETS = 20


def entry_findings(data: Octets, span: Span | None, this_update: datetime | None) -> list[Finding]:
    """
    Return what is wrong with the entries: one finding for each kind of fault.

    Raises `InvalidValueError` (`der.not_strict`) when they are not DER.
    """
    tally = Tally()
    decoder = EntryDecoder()
    last_key = b""
    is_sorted = is_short = True
    for serial_number, time, extensions, _ in raw_entries(data, span):
        key = serial_key(serial_number)
        # Ascending without a repetition: nothing can be there twice.
        if key <= last_key:
            is_sorted = False
        last_key = key
        if len(serial_number) > _MAX_SERIAL_NUMBER_OCTETS or serial_number[0] >= 0x80 or not key:  # noqa: PLR2004
            text = "has a serial number that is not positive, or longer than 20 octets"
            tally.add("rfc5280.crl_serial_number", text, serial_number)
            is_short = is_short and len(key) <= LONGEST_KEY
        try:
            when = decoder.when(time)
        except InvalidValueError:
            text = "has a revocation date that is not encoded as its year wants it"
            tally.add("rfc5280.crl_time_encoding", text, serial_number)
        else:
            if this_update is not None and when > this_update:
                text = "is revoked later than the CRL was made"
                tally.add("rfc5280.crl_revocation_date", text, serial_number)
        for code, text in decoder.extensions(extensions).problems:
            tally.add(code, text, serial_number)
    if is_short and not is_sorted:
        # Section 5.3: one entry for a certificate, and not two that may differ.
        for serial_number in repeated_serial_numbers(data, span):
            tally.add("rfc5280.crl_duplicate_serial", "is there twice", serial_number)
    return tally.findings()
