"""Times, durations and records in the forms that every output shares."""

from __future__ import annotations

from datetime import datetime

from pki_as_code.model import CertificateRecord, CrlRecord, JsonValue, Source, format_time

_MINUTE = 60
_HOUR = 60 * _MINUTE
_DAY = 24 * _HOUR


def format_seconds(seconds: int) -> str:
    """Return a duration as manifests write it, in the largest unit that fits: `90d`, `36h`."""
    for unit, length in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= length and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def format_date(when: datetime) -> str:
    """Return the day in UTC: `2027-02-21`."""
    return when.strftime("%Y-%m-%d")


def optional_time(when: datetime | None) -> str | None:
    return None if when is None else format_time(when)


def source_json(source: Source | None) -> JsonValue:
    if source is None:
        return None
    return {"path": source.path, "line": source.line, "column": source.column}


def revocation_json(record: CertificateRecord) -> JsonValue:
    revocation = record.revocation
    if revocation is None:
        return None
    return {
        "reason": revocation.reason,
        "revocationDate": format_time(revocation.revocation_date),
        "invalidityDate": optional_time(revocation.invalidity_date),
    }


def crl_json(crl: CrlRecord) -> dict[str, JsonValue]:
    return {
        "issuer": crl.issuer,
        "scope": crl.scope,
        "number": crl.number,
        "thisUpdate": format_time(crl.this_update),
        "nextUpdate": format_time(crl.next_update),
        "entries": crl.entry_count,
        "sha256": crl.digest,
    }
