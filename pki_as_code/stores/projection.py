"""
Bringing the index forward by entries, in order: chain, precondition, effect.

The same `rules` run when an entry is made and when the ledger is read again, for every store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from sqlalchemy import Connection

from pki_as_code.errors import ContentionError, InvalidValueError, StoreError
from pki_as_code.model import format_time
from pki_as_code.stores import codec
from pki_as_code.stores.entries import Entry, Genesis
from pki_as_code.stores.rules import RULES
from pki_as_code.stores.working_set import WorkingSet

BATCH: Final = 1000
"""Entries projected between two writes."""

Observer = Callable[[WorkingSet, Entry], None]
"""Is shown each entry just after it was applied."""


def project(
    connection: Connection, entries: Iterable[Entry], observe: Observer | None = None
) -> int:
    """
    Bring the index of `connection` forward by `entries`; return how many there were.

    Raises `StoreError` (`store.corrupt`) for an entry that does not follow from those before it.
    """
    return sum(len(batch) for batch in project_batches(connection, entries, observe))


def project_batches(
    connection: Connection, entries: Iterable[Entry], observe: Observer | None = None
) -> Iterator[list[Entry]]:
    """Do the same, and yield the entries whenever some of them are in the index."""
    remaining = iter(entries)
    while batch := list(islice(remaining, BATCH)):
        working = WorkingSet(connection)
        working.prefetch(entry.payload for entry in batch)
        for entry in batch:
            try:
                apply_entry(working, entry)
            except ContentionError as error:
                raise codec.corrupt(entry.sequence, error.message) from error
            if observe is not None:
                observe(working, entry)
        working.flush()
        yield batch


def apply_entry(working: WorkingSet, entry: Entry) -> None:
    """Apply one entry to `working`. Raises `StoreError` or `ContentionError`."""
    head = working.head()
    if entry.sequence != head.sequence + 1:
        raise codec.corrupt(head.sequence + 1, f"the next one has sequence {entry.sequence}")
    if entry.previous_digest != head.digest:
        raise codec.corrupt(entry.sequence, "its `prev` is not the digest of the entry before")
    if head.at is not None and entry.at < head.at:
        raise codec.corrupt(entry.sequence, "it is older than the entry before")
    if isinstance(entry.payload, Genesis) != (entry.sequence == 0):
        raise codec.corrupt(entry.sequence, "genesis is the first entry, and no other")
    try:
        RULES[type(entry.payload)](working, entry, entry.payload)
    except InvalidValueError as error:
        raise StoreError(
            f"entry {entry.sequence} ({entry.payload.type}): {error.message}",
            help=error.help,
            code="store.unreadable_certificate",
        ) from error
    working.set_meta("sequence", str(entry.sequence))
    working.set_meta("digest", codec.digest(entry.line))
    working.set_meta("at", format_time(entry.at))
