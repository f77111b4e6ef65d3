"""What a run was at when it died: each step of its writing is noted before it begins."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pki_as_code.apply import crls
from pki_as_code.stores.entries import Crl, CrlReserved, Issued, Payload
from pki_as_code.stores.git_refs import StoreBranch
from pki_as_code.stores.ledger_store import LedgerStore

READING = "read and plan"
"""Before it writes anything."""

PUSHING = "push"

_RECORDS = {
    CrlReserved: ("reserve a CRL", "between a CRL's reservation and its signature"),
    Crl: ("record a CRL", "after a CRL"),
    Issued: ("record", "after a batch"),
}


def note_phases(place: Path) -> None:
    """From now on, and in this process, each step of writing gets a line in `place`."""
    reserve, record, push = LedgerStore.reserve, LedgerStore.record, StoreBranch.push
    sign_crl = crls.sign_crl

    def note(step: str) -> None:
        descriptor = os.open(place, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
        os.write(descriptor, f"{step}\n".encode())
        os.close(descriptor)

    def reserve_noted(store: LedgerStore, *arguments: Any, **options: Any) -> None:
        note("reserve")
        reserve(store, *arguments, **options)
        note("sign")

    def record_noted(
        store: LedgerStore, payloads: Sequence[Payload], *arguments: Any, **options: Any
    ) -> None:
        before, after = _RECORDS.get(type(payloads[0]), ("record a decision", "after a decision"))
        note(before)
        record(store, payloads, *arguments, **options)
        note(after)

    def push_noted(branch: StoreBranch, commit: str) -> Any:
        step = read_phase(place)
        note(f"{step}: {PUSHING}")
        result = push(branch, commit)
        note(f"{step}: after the {PUSHING}")
        return result

    def sign_crl_noted(*arguments: Any) -> Any:
        note("sign a CRL")
        return sign_crl(*arguments)

    LedgerStore.reserve, LedgerStore.record = reserve_noted, record_noted  # type: ignore[method-assign,assignment]
    StoreBranch.push, crls.sign_crl = push_noted, sign_crl_noted  # type: ignore[method-assign]


def read_phase(place: Path) -> str:
    """Return the last step that was begun."""
    return place.read_text().splitlines()[-1] if place.exists() else READING
