"""What HTTP says about how long something may be kept, and what others have already (RFC 9110)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

NO_STORE: Final = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Validity:
    """Of something that can be kept: what names it, when it was made, until when it is fresh."""

    etag: str
    """Hex, without quotes."""

    modified: datetime
    fresh_until: datetime

    def headers(self, now: datetime) -> dict[str, str]:
        """RFC 5019 section 6.2: to be kept, and asked for again as soon as it is old."""
        seconds = max(int((self.fresh_until - now).total_seconds()), 0)
        return {
            "Cache-Control": f"max-age={seconds}, public, no-transform, must-revalidate",
            "ETag": f'"{self.etag}"',
            "Expires": format_datetime(max(self.fresh_until, now), usegmt=True),
            "Last-Modified": format_datetime(self.modified, usegmt=True),
        }


def not_modified(
    request: Request, validity: Validity, headers: Mapping[str, str]
) -> Response | None:
    """Return the 304 for who has it already; If-None-Match goes before If-Modified-Since."""
    if request.method not in {"GET", "HEAD"}:
        return None
    tags = request.headers.get("if-none-match")
    if tags is not None:
        known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
        fits = "*" in known or f'"{validity.etag}"' in known
        return Response(status_code=304, headers=dict(headers)) if fits else None
    since = _time(request.headers.get("if-modified-since"))
    if since is not None and validity.modified <= since:
        return Response(status_code=304, headers=dict(headers))
    return None


def _time(text: str | None) -> datetime | None:
    try:
        found = parsedate_to_datetime(text) if text else None
    except (ValueError, IndexError, OverflowError):
        return None
    return found if found is not None and found.tzinfo is not None else None
