"""
What must hold for the entries of CRLs.

Numbers of one authority grow over all of its scopes (RFC 5280 section 5.2.3). A CRL is signed only
when nothing changed since what it was built from: one that was overtaken would take something back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.escape import quoted
from pki_as_code.model import TOLERATED_CLOCK_ERROR, CrlRecord, JsonValue
from pki_as_code.stores.entries import Crl, CrlAdopted, CrlReserved, Entry
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.states import CrlProgress
from pki_as_code.stores.working_set import WorkingSet

_AGAIN = "run the command again"


def check_crl_files(payloads: Iterable[object], crls: Mapping[CrlKey, Path]) -> None:
    """Raise `StoreError` unless each CRL comes with its file, and no other file does."""
    expected = {
        (payload.issuer, payload.scope): payload.digest
        for payload in payloads
        if isinstance(payload, Crl | CrlAdopted)
    }
    found = {}
    for key, path in crls.items():
        with path.open("rb") as file:
            found[key] = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise StoreError(
            "the files of the CRLs are not the CRLs that are to be recorded",
            help="this is a fault of the program: please report it",
            code="store.entry_mismatch",
        )


def apply_crl_reserved(working: WorkingSet, entry: Entry, payload: CrlReserved) -> None:
    progress = working.crls.progress(payload.issuer, payload.scope)
    _check_order(working, entry, payload)
    if (progress.changed_at or 0) > payload.as_of:
        raise ContentionError(
            f"what the CRL of {quoted(payload.issuer)} lists changed while it was built",
            help=_AGAIN,
        )
    working.crls.reserve(
        payload.issuer,
        payload.scope,
        CrlProgress(payload.number, payload.as_of, payload.this_update, progress.changed_at),
    )


def apply_crl(working: WorkingSet, _: Entry, payload: Crl) -> None:
    progress = working.crls.progress(payload.issuer, payload.scope)
    last = working.crls.last(payload.issuer, payload.scope)
    if last is not None and payload.number <= last.number:
        raise ContentionError(
            f"CRL number {payload.number} of {quoted(payload.issuer)} was overtaken: "
            f"the last is {last.number}",
            help=_AGAIN,
        )
    reserved = (progress.reserved_number, progress.reserved_this_update)
    if progress.reserved_as_of is None or reserved != (payload.number, payload.this_update):
        if (progress.reserved_number or 0) > payload.number:
            raise ContentionError(
                f"another run is making the next CRL of {quoted(payload.issuer)}", help=_AGAIN
            )
        raise StoreError(
            f"CRL number {payload.number} of {quoted(payload.issuer)} was not reserved",
            help="reserve before signing; the CRL is not recorded",
            code="store.not_reserved",
        )
    working.crls.set_last(_record_of(payload, progress.reserved_as_of))


def apply_crl_adopted(working: WorkingSet, entry: Entry, payload: CrlAdopted) -> None:
    _check_order(working, entry, payload)
    working.crls.set_last(_record_of(payload, payload.as_of))


def _check_order(working: WorkingSet, entry: Entry, payload: CrlReserved | CrlAdopted) -> None:
    """Numbers grow, times do not go back."""
    highest = working.crls.highest_number(payload.issuer)
    if payload.number <= highest:
        raise ContentionError(
            f"CRL number {payload.number} of {quoted(payload.issuer)} was used: "
            f"the last is {highest}",
            help=_AGAIN,
        )
    last = working.crls.last(payload.issuer, payload.scope)
    back = last.this_update - payload.this_update if last is not None else timedelta()
    if timedelta() < back <= TOLERATED_CLOCK_ERROR:
        # Of a run that began a little earlier, or has a clock that is a little behind.
        raise ContentionError(
            f"CRL number {payload.number} of {quoted(payload.issuer)} was overtaken by another run",
            help=_AGAIN,
        )
    if payload.next_update <= payload.this_update or back > timedelta():
        raise StoreError(
            f"the times of CRL {payload.number} of {quoted(payload.issuer)} are in the wrong order",
            help="check the clock of this machine",
            code="store.crl_times",
        )
    if not 0 <= payload.as_of < entry.sequence:
        raise StoreError(
            f"CRL number {payload.number} of {quoted(payload.issuer)} is said to be of entry "
            f"{payload.as_of}, which is not there yet",
            code="store.entry_mismatch",
        )


def _record_of(payload: Crl | CrlAdopted, as_of: int) -> CrlRecord:
    values: dict[str, JsonValue] = {
        name: getattr(payload, name)
        for name in ("issuer", "scope", "number", "this_update", "next_update", "digest")
    }
    return CrlRecord(**values, entry_count=payload.entry_count, as_of=as_of)
