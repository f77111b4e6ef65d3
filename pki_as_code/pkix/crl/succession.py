"""From one CRL to the next: what may change, and what may not (RFC 5280 sections 3.3 and 5)."""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator
from datetime import datetime

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import CERTIFICATE_HOLD, Finding, Severity, format_time
from pki_as_code.pkix.crl.entries import EntryDecoder, RawEntry
from pki_as_code.pkix.crl.fields import RawCrl, read_raw_crl
from pki_as_code.pkix.crl.frame import CRL_NUMBER, ISSUING_DISTRIBUTION_POINT
from pki_as_code.pkix.crl.ordering import entries_in_order, serial_key
from pki_as_code.pkix.crl.read import read_crl_number
from pki_as_code.pkix.crl.tally import Tally
from pki_as_code.pkix.lint.base import error

ExpiryOf = Callable[[int], datetime | None]
"""From a serial number to the notAfter of that certificate; None when it is not known."""


def lint_succession(
    previous: bytes | mmap.mmap, new: bytes | mmap.mmap, expiry_of: ExpiryOf
) -> list[Finding]:
    """
    Return why `new` cannot follow `previous`, both complete CRLs in DER.

    Sections 5.1.2.4, 5.2.3, 3.3 and 5.3.1: of one issuer and scope; the number grew and thisUpdate
    did not go back; an entry is gone only after the CRL that was made after its certificate ended,
    or when it was on hold; reason and date are what they were, unless it was on hold.
    """
    try:
        before, after = read_raw_crl(previous), read_raw_crl(new)
        last_update = EntryDecoder().when(before.tbs.this_update.encoding)
        findings = list(_frame_findings(before, after, last_update))
        return findings + _entry_findings(
            entries_in_order(previous, before.tbs.revoked_certificates),
            entries_in_order(new, after.tbs.revoked_certificates),
            lambda serial_number: _may_leave(expiry_of(serial_number), last_update),
        )
    except InvalidValueError as refusal:
        return [error("rfc5280.crl_not_der", refusal.message)]


def _frame_findings(before: RawCrl, after: RawCrl, last_update: datetime) -> Iterator[Finding]:
    if before.tbs.issuer.encoding != after.tbs.issuer.encoding:
        text = "the CRL is of another issuer than the one it follows"
        yield error("rfc5280.crl_issuer_changed", text)
    if _value(before, ISSUING_DISTRIBUTION_POINT) != _value(after, ISSUING_DISTRIBUTION_POINT):
        text = "the CRL is about other certificates than the one it follows"
        yield error("rfc5280.crl_scope_changed", text)
    last_number, number = (read_crl_number(_value(raw, CRL_NUMBER)) for raw in (before, after))
    if number <= last_number:
        text = f"the number of the CRL is {number}, and that of the one before was {last_number}"
        yield error("rfc5280.crl_number_not_greater", text)
    this_update = EntryDecoder().when(after.tbs.this_update.encoding)
    if this_update < last_update:
        text = (
            f"the CRL is of {format_time(this_update)}, and the one before was of "
            f"{format_time(last_update)}"
        )
        yield error("rfc5280.crl_this_update_back", text)


def _entry_findings(
    before: Iterator[RawEntry], after: Iterator[RawEntry], may_leave: Callable[[int], bool]
) -> list[Finding]:
    tally = Tally()
    decoder = EntryDecoder()
    for old, new in _pairs(before, after):
        serial_number, time, extensions, _ = old
        if new is not None and new[1:3] == (time, extensions):
            continue
        said = decoder.extensions(extensions)
        if said.reason == CERTIFICATE_HOLD:
            continue
        if new is None:
            if not may_leave(int.from_bytes(serial_number, "big")):
                text = (
                    "is gone, and has not been on a CRL that was made after its certificate ended"
                )
                tally.add("rfc5280.crl_entry_left", text, serial_number)
            continue
        says = decoder.extensions(new[2])
        if (said.reason, decoder.when(time)) != (says.reason, decoder.when(new[1])):
            text = "has another reason or revocation date than before"
            tally.add("rfc5280.crl_entry_changed", text, serial_number)
        elif said.invalidity_date != says.invalidity_date:
            text = "has another invalidity date than before"
            tally.add("rfc5280.crl_entry_changed", text, serial_number, Severity.WARNING)
    return tally.findings()


def _pairs(
    before: Iterator[RawEntry], after: Iterator[RawEntry]
) -> Iterator[tuple[RawEntry, RawEntry | None]]:
    """Yield each entry of before with that of the same serial number; both are in order."""
    new = next(after, None)
    for old in before:
        key = serial_key(old[0])
        while new is not None and serial_key(new[0]) < key:
            new = next(after, None)
        yield old, new if new is not None and serial_key(new[0]) == key else None


def _may_leave(not_after: datetime | None, last_update: datetime) -> bool:
    """Section 3.3: after it has been on a regular CRL issued beyond the end of the certificate."""
    return not_after is not None and not_after < last_update


def _value(raw: RawCrl, oid: str) -> bytes | None:
    return next((e.value_der for e in raw.tbs.extensions or () if e.oid == oid), None)
