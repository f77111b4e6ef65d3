"""`pkictl status`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from pki_as_code.escape import safe
from pki_as_code.formats.plan import format_counts
from pki_as_code.formats.terminal import GREEN, YELLOW, count_of, paint
from pki_as_code.formats.values import crl_json, format_date
from pki_as_code.model import CrlRecord, JsonValue, StatusReport, crl_id, format_time
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.quiet.wording import abbreviate


def format_status(status: StatusReport, *, color: bool = False) -> str:
    return "\n".join(_lines(status, color=color)) + "\n"


def _lines(status: StatusReport, *, color: bool) -> Iterator[str]:
    plan = status.plan
    word = "in sync" if status.in_sync else "out of sync"
    mark = paint(word, GREEN if status.in_sync else YELLOW, color=color)
    yield f"{mark} at {abbreviate(plan.commit)}, store {safe(plan.store)}"
    if not status.in_sync:
        yield f"pending: {format_counts(plan)}"
    last = abbreviate(status.last_reconciled) or "never"
    yield f"last reconciled: {last}; {count_of(status.entries, 'entry', 'entries')} in the ledger"
    if status.reservations:
        yield f"{count_of(len(status.reservations), 'open reservation')}: the next run signs"
        for reservation in status.reservations:
            serial = format_serial_number(reservation.serial_number)
            yield f"  {safe(reservation.object_id.path)} {serial}"
    for failure in status.failures:
        yield (
            f"failed {count_of(failure.attempts, 'time')}: {safe(str(failure.object_id))}, "
            f"tried again after {format_time(failure.retry_at)}: {safe(failure.message)}"
        )
    for crl in status.crls:
        yield _crl_line(crl, status)
    for record in status.expiring:
        days = (record.not_after - status.checked_at).days
        ends = f"{format_date(record.not_after)}, in {count_of(days, 'day')}"
        yield f"expires {ends}: {safe(record.object_id.path)}"


def _crl_line(crl: CrlRecord, status: StatusReport) -> str:
    name = safe(crl_id(crl.issuer, crl.scope).path)
    ends = format_time(crl.next_update)
    if crl.next_update <= status.checked_at:
        return f"CRL {crl.number} of {name} ended at {ends}: relying parties refuse it"
    listed = count_of(crl.entry_count, "entry", "entries")
    return f"CRL {crl.number} of {name}: {listed}, valid until {ends}"


def status_json(status: StatusReport) -> dict[str, JsonValue]:
    plan = status.plan
    return {
        "schemaVersion": 1,
        "inSync": status.in_sync,
        "commit": plan.commit,
        "lastReconciled": status.last_reconciled or None,
        "store": plan.store,
        "entries": status.entries,
        "pending": len(plan.changes),
        "refused": len(plan.refused),
        "waiting": len(plan.waiting),
        "reservations": [
            {
                **reservation.object_id.to_json(),
                "issuer": reservation.issuer,
                "serialNumber": format_serial_number(reservation.serial_number),
            }
            for reservation in status.reservations
        ],
        "failures": [
            {
                **failure.object_id.to_json(),
                "message": failure.message,
                "attempts": failure.attempts,
                "failedAt": format_time(failure.failed_at),
                "retryAt": format_time(failure.retry_at),
            }
            for failure in status.failures
        ],
        "crls": [
            {**crl_json(crl), "fresh": crl.next_update > status.checked_at} for crl in status.crls
        ],
        "expiring": [
            {
                **record.object_id.to_json(),
                "serialNumber": format_serial_number(record.serial_number),
                "notAfter": format_time(record.not_after),
            }
            for record in status.expiring
        ],
    }
