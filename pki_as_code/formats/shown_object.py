"""One object as `pkictl show` prints it: manifest, certificate, who asked, what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from pki_as_code.escape import safe
from pki_as_code.formats.certificates import certificate_json
from pki_as_code.formats.terminal import BOLD, paint
from pki_as_code.formats.values import format_date, source_json
from pki_as_code.model import (
    CertificateRecord,
    JsonValue,
    ObjectId,
    Source,
    Status,
    format_time,
)
from pki_as_code.pkix.serial_numbers import format_serial_number


@dataclass(frozen=True, slots=True)
class Provenance:
    """The commit that asked for a certificate; author and summary are None where git lacks it."""

    commit: str
    author: str | None = None
    summary: str | None = None
    signers: Sequence[str] = ()
    """Whose signature it bore, as far as it was believed when the certificate was issued."""

    blob_id: str | None = None
    """Of the manifest, as it was then."""

    plan_digest: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the ledger about the object, in words."""

    sequence: int
    at: datetime
    type: str
    serial_number: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class ShownObject:
    object_id: ObjectId
    manifest: Source | None
    """None when the manifest is gone."""

    record: CertificateRecord | None
    """None when nothing was issued yet."""

    watchers: Sequence[str]
    provenance: Provenance | None
    history: Sequence[Event]
    now: datetime


def format_object(shown: ShownObject, *, color: bool = False) -> str:
    return "\n".join(_lines(shown, color=color)) + "\n"


def _lines(shown: ShownObject, *, color: bool) -> Iterator[str]:
    yield paint(f"{shown.object_id.thing} {safe(shown.object_id.path)}", BOLD, color=color)
    for label, text in _fields(shown):
        yield f"  {label:<14} {text}"
    if shown.history:
        yield "  history"
    for event in shown.history:
        serial = "" if event.serial_number is None else format_serial_number(event.serial_number)
        words = "  ".join(part for part in (event.type, serial, safe(event.detail)) if part)
        yield f"    {format_time(event.at)}  {words}"


def _fields(shown: ShownObject) -> Iterator[tuple[str, str]]:
    place = shown.manifest
    yield "manifest", f"{safe(place.path)}:{place.line}" if place else "none: it is gone"
    record, origin = shown.record, shown.provenance
    if record is None:
        yield "status", "not issued yet"
        return
    yield "status", _status(record, shown.now)
    yield "serial number", format_serial_number(record.serial_number)
    yield "subject", safe(record.subject) or "(empty)"
    if record.subject_alternative_names:
        yield "names", safe(", ".join(record.subject_alternative_names))
    yield "issuer", safe(record.issuer)
    if record.profile:
        yield "profile", safe(record.profile)
    yield "valid", f"{format_time(record.not_before)} to {format_time(record.not_after)}"
    yield "fingerprint", f"sha256 {record.fingerprint_sha256}"
    if record.policies:
        yield "allowed by", safe(", ".join(record.policies))
    for code, reason in record.waivers.items():
        yield "waived", f"{safe(code)}: {safe(reason)}"
    if shown.watchers:
        yield "watchers", safe(", ".join(shown.watchers))
    if origin is not None:
        yield "commit", safe(f"{origin.commit[:12]} {origin.summary or ''}".rstrip())
        if origin.author:
            yield "author", safe(origin.author)
        if origin.signers:
            yield "signed by", safe(", ".join(origin.signers))
        if origin.plan_digest:
            yield "plan", safe(origin.plan_digest)


def _status(record: CertificateRecord, now: datetime) -> str:
    status = record.status(now)
    if record.revocation is not None:
        since = format_date(record.revocation.revocation_date)
        return f"{status} since {since} ({record.revocation.reason})"
    word = "until" if status is Status.VALID else "on"
    return f"{status} {word} {format_date(record.not_after)}"


def object_json(shown: ShownObject) -> dict[str, JsonValue]:
    record, origin = shown.record, shown.provenance
    return {
        "schemaVersion": 1,
        **shown.object_id.to_json(),
        "manifest": source_json(shown.manifest),
        "certificate": None
        if record is None
        else certificate_json(record, now=shown.now, watchers=lambda _: list(shown.watchers)),
        "provenance": None
        if origin is None
        else {
            "commit": origin.commit,
            "author": origin.author,
            "summary": origin.summary,
            "signers": list(origin.signers),
            "blobId": origin.blob_id,
            "planDigest": origin.plan_digest,
            "policies": list(record.policies) if record is not None else [],
            "waivers": dict(record.waivers) if record is not None else {},
        },
        "history": [
            {
                "sequence": event.sequence,
                "at": format_time(event.at),
                "type": event.type,
                "serialNumber": None
                if event.serial_number is None
                else format_serial_number(event.serial_number),
                "detail": event.detail or None,
            }
            for event in shown.history
        ],
    }
