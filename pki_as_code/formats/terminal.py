"""Colour, and how wide text is on a terminal. Colour is never the only sign of anything."""

from __future__ import annotations

import unicodedata

RED = "31"
GREEN = "32"
YELLOW = "33"
BLUE = "34"
CYAN = "36"
BOLD = "1"
DIM = "2"


def paint(text: str, *styles: str, color: bool) -> str:
    """Return `text` in these styles (SGR parameters, ECMA-48 section 8.3.117) when `color`."""
    if not color or not styles or not text:
        return text
    return f"\x1b[{';'.join(styles)}m{text}\x1b[0m"


def display_width(text: str) -> int:
    """Return how many columns a terminal uses for `text`, which has no control characters."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def pad(text: str, width: int) -> str:
    """Return `text` filled up to `width` columns; what is wider already is left as it is."""
    return text + " " * (width - display_width(text))


def count_of(number: int, thing: str, things: str = "") -> str:
    """Return `1 error`, `2 errors`, `1,200 errors`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"
