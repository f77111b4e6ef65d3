"""Text that was written without quotes, where that makes a difference."""

from __future__ import annotations

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted


class UnquotedText(str):
    """
    A YAML scalar written without quotes.

    Equal to the plain `str`. Serial numbers, fingerprints and times ask for quotes, because other
    YAML readers take some of them for numbers (`7E0`, `12:34:56`) and dates, and which ones depends
    on their digits.
    """

    __slots__ = ()


def require_quoted(value: object, what: str) -> str:
    """
    Return `value` as a `str`, given that it was written as quoted text.

    Raises `InvalidValueError` with code `manifest.unquoted` that shows how to write it.
    """
    if isinstance(value, str) and not isinstance(value, UnquotedText):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InvalidValueError(
            f"{what} is a quoted text", code="manifest.wrong_type", help=f"write {what} in quotes"
        )
    raise InvalidValueError(
        f"{what} {quoted(str(value))} is not quoted",
        code="manifest.unquoted",
        help=f'quote it: "{str(value)[:100]}"',
    )
