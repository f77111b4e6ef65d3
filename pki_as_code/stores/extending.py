"""How entries come to be: at the end of a ledger, one after the other."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from pki_as_code.errors import StoreError
from pki_as_code.model import TOLERATED_CLOCK_ERROR, format_time
from pki_as_code.stores import codec
from pki_as_code.stores.entries import Entry, Genesis, Payload
from pki_as_code.stores.in_force import is_in_force
from pki_as_code.stores.projection import Observer, apply_entry
from pki_as_code.stores.working_set import WorkingSet

Step = Callable[[Connection, Observer | None], Iterable[Sequence[Entry]]]
"""
Applies entries to the index and yields them, batch by batch, to be written to the ledger.

The observer is to see the state just after each entry.
"""


def extend(
    connection: Connection,
    observe: Observer | None,
    payloads: Sequence[Payload],
    now: datetime,
) -> list[Entry]:
    """
    Make entries of what is not in force already, and apply them to the index.

    1. A new ledger begins with its genesis.
    2. What would say nothing new is left out.
    3. The entry gets its place in the chain, and its preconditions are checked.
    4. `observe` sees the state just after each entry.

    Raises `ContentionError` or `StoreError`; the transaction is then to be given up.
    """
    working = WorkingSet(connection)
    working.prefetch(payloads)
    entries: list[Entry] = []
    for payload in payloads:
        if is_in_force(working, payload):
            continue
        if working.head().sequence < 0:
            entries.append(_append_entry(working, Genesis(secrets.token_hex(16)), now, observe))
        entries.append(_append_entry(working, payload, now, observe))
    if entries:
        working.flush()
    return entries


def _append_entry(
    working: WorkingSet, payload: Payload, now: datetime, observe: Observer | None
) -> Entry:
    head = working.head()
    at = entry_time(head.at, now)
    entry = codec.make_entry(head.sequence + 1, at, head.digest, payload)
    apply_entry(working, entry)
    if observe is not None:
        observe(working, entry)
    return entry


def entry_time(last: datetime | None, now: datetime) -> datetime:
    """
    Return the time of the next entry: `now`, and never before the last entry's.

    Raises `StoreError` (`store.clock_went_back`) when `now` is more than five minutes before it.
    """
    now = now.astimezone(UTC).replace(microsecond=0)
    if last is None or now >= last:
        return now
    if last - now > TOLERATED_CLOCK_ERROR:
        raise StoreError(
            f"the clock says {format_time(now)}, and the store was written at {format_time(last)}",
            help="set the clock of this machine; if the last entry's time is wrong, "
            "wait for it to pass",
            code="store.clock_went_back",
        )
    return last
