"""Whatever happens to a store, its ledger read from the beginning gives the index it has."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import StoreError
from pki_as_code.model import CERTIFICATE_HOLD, ObjectId
from pki_as_code.stores import open_store
from pki_as_code.stores.entries import (
    Adopted,
    Blocked,
    Crl,
    Failed,
    Notified,
    Payload,
    Reconciled,
    Released,
    Renamed,
    Reserved,
    Retired,
    Revoked,
    Updated,
)
from tests.stores.material import (
    NOW,
    certificate,
    certificate_id,
    der,
    issued,
    reservation,
    root_payloads,
)

OBJECTS = [certificate_id("a"), certificate_id("b"), certificate_id("a", "payments")]
SERIAL_NUMBERS = [0x2001, 0x2002, 0x2003, 0x2004]

objects = st.sampled_from(OBJECTS)
numbers = st.sampled_from(SERIAL_NUMBERS)


def reserved(object_id: ObjectId, number: int, replaces: int | None) -> Reserved:
    return reservation(object_id, number, replaces=replaces)


def revoked(object_id: ObjectId, number: int, reason: str) -> Revoked:
    return Revoked(object_id, "root", number, reason, NOW, None, "c", "p", object_id)


payloads: st.SearchStrategy[Payload] = st.one_of(
    st.builds(reserved, objects, numbers, st.none() | numbers),
    st.builds(lambda o, n: issued(reserved(o, n, None)), objects, numbers),
    st.builds(revoked, objects, numbers, st.sampled_from([CERTIFICATE_HOLD, "keyCompromise"])),
    st.builds(Released, objects, st.just("root"), numbers, st.just("c"), st.just("p")),
    st.builds(Renamed, objects, objects, st.just("c"), st.just("p")),
    st.builds(Retired, objects, st.just("c")),
    st.builds(Updated, objects, st.sampled_from(["Retain", "Revoke"]), st.just("c"), st.just("p")),
    st.builds(
        Blocked,
        st.sampled_from(["ab" * 32, "cd" * 32]),
        st.just("keyCompromise"),
        st.just("c"),
        st.just("p"),
        objects,
    ),
    st.builds(Failed, objects, st.just("no"), st.integers(1, 3), st.just(NOW + timedelta(hours=1))),
    st.builds(Notified, objects, st.just("root"), numbers, st.just("e"), st.just(1), st.just("m")),
    st.builds(
        lambda o, n: Adopted(o, "other", n, der(certificate(o.name, n)), "c", "p", "Retain"),
        objects,
        numbers,
    ),
    st.builds(Crl, st.just("root"), st.integers(1, 5), st.just(NOW), st.just(NOW), st.just("d")),
    st.builds(Reconciled, st.sampled_from(["a" * 40, "b" * 40])),
)

fresh = count()


def helpful(store: Any, payload: Payload) -> Payload:
    """Make a reservation of what is current, so that more than the first one is accepted."""
    if isinstance(payload, Reserved):
        observed = store.observe([payload.reservation.object_id])
        state = observed.get(payload.reservation.object_id)
        current = state.current if state and not state.retired else None
        number = current.serial_number if current else None
        return Reserved(replace(payload.reservation, replaces=number))
    return payload


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.lists(payloads, min_size=1, max_size=3), st.booleans()), max_size=12))
def test_replay_of_the_ledger_equals_the_live_index(
    memory_directory: Path, batches: list[tuple[list[Payload], bool]]
) -> None:
    store = open_store(f"sqlite:///replay{next(fresh)}.db", None, root=memory_directory)
    try:
        store.record(root_payloads(), now=NOW, message="root")
        for batch, help_it in batches:
            before = store.head()
            wanted = [helpful(store, p) for p in batch] if help_it else batch
            try:
                store.record(wanted, now=NOW, message="batch")
            except StoreError:
                assert store.head() == before
            else:
                again = store.head()
                entries = list(store.entries(first_sequence=before.sequence + 1))
                assert len(entries) == again.sequence - before.sequence
        assert list(store.verify()) == []
        number_of = [
            (e.payload.reservation.issuer, e.payload.reservation.serial_number)
            for e in store.entries()
            if isinstance(e.payload, Reserved)
        ]
        assert len(number_of) == len(set(number_of))
    finally:
        store.close()
