"""Durations (`90d`, `PT5M`) and percentages (`33%`) as manifests write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted

LONGEST_DURATION: Final = timedelta(days=36_525)
"""A hundred years: longer than any certificate, short enough for every calendar."""

_UNIT_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SHORT = re.compile(r"(0|[1-9][0-9]{0,9})([wdhms])")
_ISO = re.compile(
    r"P(?:(?P<w>[0-9]{1,10})W|(?:(?P<d>[0-9]{1,10})D)?"
    r"(?:T(?=[0-9])(?:(?P<h>[0-9]{1,10})H)?(?:(?P<m>[0-9]{1,10})M)?(?:(?P<s>[0-9]{1,10})S)?)?)"
)
_ISO_PATTERN: Final = (
    "P(?=[0-9T])([0-9]{1,10}W|([0-9]{1,10}D)?"
    "(T(?=[0-9])([0-9]{1,10}H)?([0-9]{1,10}M)?([0-9]{1,10}S)?)?)"
)
DURATION_PATTERN: Final = f"^([1-9][0-9]{{0,9}}[wdhms]|{_ISO_PATTERN})$"
DURATION_OR_ZERO_PATTERN: Final = f"^((0|[1-9][0-9]{{0,9}})[wdhms]|{_ISO_PATTERN})$"
PERCENTAGE_PATTERN: Final = "^[1-9][0-9]?%$"

_CALENDAR = re.compile(r"[0-9]+ ?(mo|mon|months?|M|y|yr|years?|Y)|P[0-9]+[YM].*", re.IGNORECASE)
_LARGEST_PERCENTAGE: Final = 99
_EXAMPLES: Final = "90d, 36h, 15m, 300s, P90D"


class Percentage(int):
    """A whole percentage of a lifetime, 1 to 99. `validity * percentage / 100` is that part."""

    def __repr__(self) -> str:
        return f"{int(self)}%"

    __str__ = __repr__


def parse_duration(text: object, *, zero_allowed: bool = False) -> timedelta:
    """
    Return the duration `text` stands for: `90d`, `36h`, `15m`, `300s`, `1w`, or ISO 8601 in weeks,
    days, hours, minutes and seconds.

    Months and years are refused, since they have no fixed length, and so is a number without a
    unit. Raises `InvalidValueError` with a code `duration.…`.
    """
    if isinstance(text, timedelta):
        return _check_range(text, str(text), zero_allowed)
    if isinstance(text, bool) or not isinstance(text, str):
        raise _not_a_duration(text)
    if match := _SHORT.fullmatch(text):
        seconds = int(match[1]) * _UNIT_SECONDS[match[2]]
    elif (match := _ISO.fullmatch(text)) and len(text) > 1:
        seconds = sum(int(n) * _UNIT_SECONDS[unit] for unit, n in match.groupdict("0").items())
    else:
        raise _not_a_duration(text)
    if seconds > LONGEST_DURATION.total_seconds():
        raise _too_long(text)
    return _check_range(timedelta(seconds=seconds), text, zero_allowed)


def format_duration(duration: timedelta | None) -> str | None:
    """Return a duration in the largest unit up to days that fits: `90d`, `36h`. None stays None."""
    if duration is None:
        return None
    seconds = int(duration.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNIT_SECONDS[unit] == 0:
            return f"{seconds // _UNIT_SECONDS[unit]}{unit}"
    return f"{seconds}s"


def parse_duration_or_zero(text: object) -> timedelta:
    """Return the same as `parse_duration`, with `0s` allowed."""
    return parse_duration(text, zero_allowed=True)


def parse_renewal_time(text: object) -> timedelta | Percentage:
    """
    Return how long before the end of a certificate: a duration, or a percentage of its lifetime.

    Raises `InvalidValueError`.
    """
    if isinstance(text, Percentage):
        return text
    if isinstance(text, str) and text.endswith("%"):
        digits = text[:-1]
        if re.fullmatch("[1-9][0-9]?", digits) is None:
            raise InvalidValueError(
                f"{quoted(text)} is not a percentage from 1% to 99%",
                code="duration.percentage",
                help=f"write a whole number from 1 to {_LARGEST_PERCENTAGE}, such as `33%`",
            )
        return Percentage(int(digits))
    return parse_duration(text)


def format_renewal_time(value: timedelta | Percentage | None) -> str | None:
    return str(value) if isinstance(value, Percentage) else format_duration(value)


def _check_range(duration: timedelta, text: str, zero_allowed: bool) -> timedelta:
    if duration > LONGEST_DURATION:
        raise _too_long(text)
    if duration < timedelta(0) or (not duration and not zero_allowed):
        raise InvalidValueError(
            f"the duration {quoted(text)} is not longer than nothing",
            code="duration.zero",
            help=f"write a duration such as {_EXAMPLES}",
        )
    return duration


def _too_long(text: str) -> InvalidValueError:
    return InvalidValueError(
        f"the duration {quoted(text)} is longer than 100 years",
        code="duration.too_long",
        help=f"{LONGEST_DURATION.days}d is the most",
    )


def _not_a_duration(value: object) -> InvalidValueError:
    """Return the error that says what is wrong with `value`, as exactly as its form allows."""
    text = str(value)
    number = isinstance(value, int) and not isinstance(value, bool)
    if number or re.fullmatch("-?[0-9]+", text):
        digits = text.lstrip("-")[:40]
        return InvalidValueError(
            f"the duration {digits} has no unit",
            code="duration.no_unit",
            help=f"write `{digits}d` for days; hours are `h`, minutes `m`, seconds `s`",
        )
    if not isinstance(value, str):
        return InvalidValueError(
            f"a duration cannot be {'null' if value is None else f'a {type(value).__name__}'}",
            code="manifest.wrong_type",
            help=f"write one such as {_EXAMPLES}",
        )
    if _CALENDAR.fullmatch(text):
        return InvalidValueError(
            f"{quoted(text)}: months and years have no fixed length",
            code="duration.calendar",
            help="say it in days: `30d`, `365d`",
        )
    return InvalidValueError(
        f"{quoted(text)} is not a duration",
        code="duration.syntax",
        help=f"write one such as {_EXAMPLES}",
    )


Duration = Annotated[
    timedelta,
    PlainValidator(parse_duration),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN, "examples": ["90d", "36h"]}),
]
"""More than nothing, 100 years at most."""

DurationOrZero = Annotated[
    timedelta,
    PlainValidator(parse_duration_or_zero),
    PlainSerializer(format_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_OR_ZERO_PATTERN, "examples": ["5m"]}),
]

RenewalTime = Annotated[
    timedelta | Percentage,
    PlainValidator(parse_renewal_time),
    PlainSerializer(format_renewal_time),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"pattern": DURATION_PATTERN}, {"pattern": PERCENTAGE_PATTERN}],
            "examples": ["30d", "33%"],
        }
    ),
]
