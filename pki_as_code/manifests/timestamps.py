"""Points in time: RFC 3339 with a zone, in quotes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.manifests.unquoted import require_quoted
from pki_as_code.model import format_time

TIMESTAMP_PATTERN: Final = (
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
_TIMESTAMP = re.compile(TIMESTAMP_PATTERN[1:-1])
_FIRST: Final = datetime(1950, 1, 1, tzinfo=UTC)
"""UTCTime, in which RFC 5280 section 4.1.2.5.1 has times encoded, begins here."""

_HELP: Final = 'write it as "2027-01-31T00:00:00Z", or with an offset such as +01:00'


def parse_timestamp(value: object) -> datetime:
    """
    Return the time a quoted RFC 3339 text stands for, in UTC.

    Whole seconds, with a zone, from 1950 (RFC 5280 section 4.1.2.5). Raises `InvalidValueError`
    with a code `timestamp.…`, or `manifest.unquoted`.
    """
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidValueError("the time has no zone", code="timestamp.no_zone", help=_HELP)
        return _in_range(value, value.isoformat())
    text = require_quoted(value, "the time")
    if _TIMESTAMP.fullmatch(text) is None:
        raise _not_a_timestamp(text)
    try:
        return _in_range(datetime.fromisoformat(text), text)
    except ValueError as error:
        if isinstance(error, InvalidValueError):
            raise
        raise InvalidValueError(
            f"there is no such time as {quoted(text)}", code="timestamp.no_such_time", help=_HELP
        ) from None


def _in_range(when: datetime, text: str) -> datetime:
    try:
        in_utc = when.astimezone(UTC)
    except OverflowError:
        in_utc = None
    if in_utc is None or in_utc < _FIRST:
        raise InvalidValueError(
            f"the time {quoted(text)} is outside the years 1950 to 9999",
            code="timestamp.out_of_range",
            help=_HELP,
        )
    return in_utc


def _not_a_timestamp(text: str) -> InvalidValueError:
    if re.fullmatch(r"[0-9-]{10}([Tt ][0-9:.]+)?", text):
        return InvalidValueError(
            f"the time {quoted(text)} does not say in which zone, or not at what time of the day",
            code="timestamp.no_zone",
            help=_HELP,
        )
    return InvalidValueError(
        f"{quoted(text)} is not a time in RFC 3339 form with whole seconds",
        code="timestamp.syntax",
        help=_HELP,
    )


def _format(when: datetime | None) -> str | None:
    return None if when is None else format_time(when)


Timestamp = Annotated[
    datetime,
    PlainValidator(parse_timestamp),
    PlainSerializer(_format),
    WithJsonSchema(
        {"type": "string", "pattern": TIMESTAMP_PATTERN, "examples": ["2027-01-31T00:00:00Z"]}
    ),
]
"""Aware, in UTC."""
