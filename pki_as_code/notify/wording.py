"""What a notice says, in words and as data. Text of others is escaped here, once."""

from __future__ import annotations

from datetime import datetime, timedelta

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import safe
from pki_as_code.model import AUTHORITY, CertificateRecord, Event, JsonValue, Notice, format_time
from pki_as_code.pkix.names import common_name, parse_name
from pki_as_code.pkix.serial_numbers import format_serial_number

_MOST_NAMES = 20
_LONGEST_TITLE = 80
_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


def facts(notice: Notice, now: datetime) -> dict[str, JsonValue]:
    """Return what templates may use: plain texts, numbers and lists, nothing to call."""
    record = notice.certificate
    names = [safe(name) for name in record.subject_alternative_names]
    more = len(names) - _MOST_NAMES
    return {
        "event": str(notice.event),
        "recipient": {
            "address": safe(notice.address.removeprefix("mailto:")),
            "name": safe(notice.name),
        },
        "title": title(record),
        "headline": plain_subject(notice, now),
        "remaining": remaining(record.not_after - now) if record.not_after > now else "",
        "days": max((record.not_after - now) // _DAY, 0),
        "threshold_seconds": notice.threshold_seconds,
        "failure": safe(notice.failure),
        "advice": advice(notice),
        "certificate": {
            "kind": record.object_id.kind,
            "namespace": record.object_id.namespace,
            "name": record.object_id.name,
            "path": safe(record.object_id.path),
            "subject": safe(record.subject),
            "names": [*names[:_MOST_NAMES], *([f"and {more} more"] if more > 0 else [])],
            "serial": format_serial_number(record.serial_number),
            "issuer": safe(record.issuer),
            "profile": safe(record.profile),
            "not_before": format_time(record.not_before),
            "not_after": format_time(record.not_after),
            "manifest": safe(record.path),
            "fingerprint_sha256": record.fingerprint_sha256,
        },
    }


def title(record: CertificateRecord) -> str:
    """Return what people call a certificate: its common name, its first name, its object."""
    name = _common_name(record.subject) or next(
        (n.partition(":")[2] for n in record.subject_alternative_names), record.object_id.path
    )
    text = safe(name)
    return text if len(text) <= _LONGEST_TITLE else f"{text[:_LONGEST_TITLE]}…"


def headline(notice: Notice, now: datetime) -> str:
    """Return the one sentence, without its full stop."""
    record = notice.certificate
    thing = "authority" if record.object_id.kind == AUTHORITY else "certificate"
    name = f"{thing} {title(record)}"
    ends = format_time(record.not_after)
    match notice.event:
        case Event.EXPIRING:
            return f"{name} ends in {remaining(record.not_after - now)}, at {ends}"
        case Event.EXPIRED:
            return f"{name} has ended, at {ends}"
        case Event.RENEWAL_FAILED:
            return f"{name} could not be renewed; it ends at {ends}"
    if record.revocation is None:
        return f"{name} was revoked"
    since = format_time(record.revocation.revocation_date)
    if notice.event is Event.ON_HOLD:
        return f"{name} is on hold since {since}"
    return f"{name} was revoked at {since}: {record.revocation.reason}"


def remaining(span: timedelta) -> str:
    """Return whole days, rounded to the nearest; hours on the last day."""
    if span >= _DAY - _HOUR / 2:
        days = (span + _DAY / 2) // _DAY
        return "1 day" if days == 1 else f"{days} days"
    if span < _HOUR:
        return "less than an hour"
    hours = (span + _HOUR / 2) // _HOUR
    return "1 hour" if hours == 1 else f"{hours} hours"


def advice(notice: Notice) -> list[str]:
    """Return what to do, a sentence each."""
    record = notice.certificate
    path = safe(record.object_id.path)
    if notice.event in {Event.REVOKED, Event.ON_HOLD}:
        return [
            "Stop using it: whoever checks revocation refuses it.",
            f"If {path} is still needed, make a new key and CSR and have that merged.",
        ]
    if record.object_id.kind == AUTHORITY:
        return [
            "Make its successor in time: everything it signed ends with it.",
            "Until then, certificates that would outlive it are refused.",
        ]
    steps = _renewal_steps(notice, path)
    if notice.event is Event.RENEWAL_FAILED:
        reason = safe(notice.failure).rstrip(".")
        steps.insert(0, f"The last attempt failed: {reason}." if reason else "See `pkictl status`.")
    return steps


def _renewal_steps(notice: Notice, path: str) -> list[str]:
    manifest = safe(notice.certificate.path)
    fetch = f"Then install the new certificate: `pkictl dump_cert {path} FILE` writes it."
    match notice.renewal:
        case "Automatic":
            return [
                "`pkictl reconcile` renews it by itself, with the same key; `pkictl status` tells "
                "whether anything is in the way.",
                fetch,
            ]
        case "Request":
            place = f"`{safe(notice.csr_path)}`" if notice.csr_path else "the manifest's `csrFile`"
            return [
                f"A new CSR is wanted: make a new key, put its CSR in {place}, and have that "
                "merged.",
                fetch,
            ]
        case "None":
            return [
                "Nothing renews it by itself.",
                f"If it is still needed, put a new CSR beside `{manifest}` or raise `reissue` "
                "there, and have that merged.",
                "If not, remove the manifest when it has ended.",
            ]
    return [
        "No manifest says how it is renewed, so nothing does it.",
        "If it is still needed, request a certificate for its names anew.",
    ]


def plain_subject(notice: Notice, now: datetime) -> str:
    """Return the subject of a mail, without templates."""
    text = headline(notice, now)
    return f"{text[0].upper()}{text[1:]}"


def plain_text(notice: Notice, now: datetime) -> str:
    """Return the text of a mail, without templates; the built-in template says the same."""
    found = facts(notice, now)
    certificate = found["certificate"]
    lines = [f"{plain_subject(notice, now)}.", ""]
    rows = [
        ("Object", certificate["path"]),
        ("Subject", certificate["subject"]),
        ("Names", ", ".join(certificate["names"])),
        ("Serial", certificate["serial"]),
        ("Issued by", certificate["issuer"]),
        ("Ends", certificate["not_after"]),
        ("Manifest", certificate["manifest"]),
    ]
    lines += [f"  {label:<10}{value}" for label, value in rows if value]
    lines += ["", "What to do", ""]
    lines += [f"  - {sentence}" for sentence in found["advice"]]
    lines += ["", f"You get this because a manifest names {found['recipient']['address']}."]
    return "\n".join(lines) + "\n"


def _common_name(subject: str) -> str | None:
    try:
        return common_name(parse_name(subject)) if "CN=" in subject else None
    except InvalidValueError:
        return None  # made elsewhere, with a name that our own rules do not allow
