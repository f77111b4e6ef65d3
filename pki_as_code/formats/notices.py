"""Notices, as lines and as JSON; and who is told about a certificate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.escape import safe
from pki_as_code.formats.terminal import GREEN, RED, YELLOW, count_of, paint
from pki_as_code.formats.values import format_seconds
from pki_as_code.model import JsonValue, Notice, ObjectId, format_time
from pki_as_code.notify.wording import headline
from pki_as_code.pkix.serial_numbers import format_serial_number

SENT, DUE, FAILED = "sent", "due", "failed"

_WORDS = {SENT: "told", DUE: "due for", FAILED: "not told"}
_STYLES = {SENT: (GREEN,), DUE: (YELLOW,), FAILED: (RED,)}


def format_notice(
    notice: Notice,
    outcome: str,
    now: datetime,
    error: PkiAsCodeError | None = None,
    *,
    color: bool = False,
) -> str:
    """Return one line: `told ops@example.com: certificate www.example.com ends in 14 days, …`."""
    word = paint(_WORDS[outcome], *_STYLES[outcome], color=color)
    address = safe(notice.address.removeprefix("mailto:"))
    serial = format_serial_number(notice.certificate.serial_number)
    told = f"{headline(notice, now)} ({serial})"
    reason = f": {error.code}" if error is not None else ""
    return f"{word} {address}: {told}{reason}\n"


def format_notice_summary(sent: int, failed: int, *, dry_run: bool) -> str:
    if not sent and not failed:
        return "No notice is due.\n"
    if dry_run:
        wrong = f", {failed} of them cannot be made" if failed else ""
        count = count_of(sent + failed, "notice is", "notices are")
        return f"{count} due{wrong}; nothing was sent.\n"
    due = f", {failed} not sent and still due" if failed else ""
    return f"{count_of(sent, 'notice')} sent{due}.\n"


def notice_json(
    notice: Notice, outcome: str, error: PkiAsCodeError | None = None
) -> dict[str, JsonValue]:
    record = notice.certificate
    seconds = notice.threshold_seconds
    return {
        "id": notice.id,
        "outcome": outcome,
        "event": str(notice.event),
        "address": notice.address,
        "threshold": format_seconds(seconds) if seconds else None,
        "certificate": {
            **record.object_id.to_json(),
            "issuer": record.issuer,
            "serialNumber": format_serial_number(record.serial_number),
            "subject": record.subject,
            "notAfter": format_time(record.not_after),
            "manifest": record.path,
        },
        "error": None if error is None else {"code": error.code, "message": error.message},
    }


def notices_json(
    notices: Sequence[JsonValue], now: datetime, *, dry_run: bool
) -> dict[str, JsonValue]:
    """Return what `notify_expiring_certs --output json` prints."""
    outcomes = [notice["outcome"] for notice in notices]
    return {
        "schemaVersion": 1,
        "checkedAt": format_time(now),
        "dryRun": dry_run,
        "notices": list(notices),
        "summary": {outcome: outcomes.count(outcome) for outcome in (SENT, DUE, FAILED)},
    }


def watchers_json(
    object_id: ObjectId, watchers: Iterable[tuple[str, Sequence[str]]]
) -> dict[str, JsonValue]:
    """Return what `cert_watchers --output json` prints."""
    listed = [{"address": mailbox, "namedBy": list(origins)} for mailbox, origins in watchers]
    return {"schemaVersion": 1, **object_id.to_json(), "watchers": listed}


def format_watchers(watchers: Iterable[tuple[str, Sequence[str]]]) -> str:
    """
    Return one line for each (mailbox or URL, manifests that name it).

    What the certificate's own manifest names stands alone on its line.
    """
    lines = []
    for mailbox, origins in watchers:
        others = ", ".join(safe(origin) for origin in origins if origin != "manifest")
        lines.append(f"{safe(mailbox)} ({others})\n" if others else f"{safe(mailbox)}\n")
    return "".join(lines)
