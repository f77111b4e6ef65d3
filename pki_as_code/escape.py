"""Text that others wrote, made harmless for a terminal, a log and the log of a workflow."""

from __future__ import annotations

import re
from typing import Final

# Characters that change what a reader sees instead of being seen: C0, DEL, C1, soft hyphen, fillers
# that show nothing, bidi marks and overrides (UTR 36), zero-width characters, line separators,
# variation and annotation controls, surrogates and tags.
_HIDDEN_RANGES: Final = (
    "\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff"
)
_HIDDEN = re.compile(f"[{_HIDDEN_RANGES}]")
_HIDDEN_BUT_TAB = re.compile(f"(?!\t)[{_HIDDEN_RANGES}]")

# A runner reads `::name::` at the start of a line (blanks before it do not matter), and `##[name]`
# and `##vso[name]` anywhere in it.
_COMMAND_AT_START = re.compile(r"^(\s*):(?=:.*::)", re.DOTALL)
_COMMAND_ANYWHERE = re.compile(r"##(?=\[|vso\[)")


def safe(text: str) -> str:
    """
    Return `text` on one line, with every character that is not simply seen as an escape.

    Control, bidi and zero-width characters, line breaks and surrogates become `\\x1b` or `\\u202e`;
    the start of a workflow command (`::error::`, `##[group]`) is broken in the same way. Ordinary
    text, whatever its script, comes back unchanged.
    """
    return _without_commands(_HIDDEN.sub(_escape, text))


def safe_line(text: str) -> str:
    """Return the same as `safe`, with tabs kept: for a line of a file shown above a caret."""
    return _without_commands(_HIDDEN_BUT_TAB.sub(_escape, text))


def quoted(text: str, longest: int = 80) -> str:
    """Return `text` in quotes for a message: escaped, and cut after `longest` characters."""
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return f"'{safe(cut)}'"


def has_hidden_characters(text: str) -> bool:
    """Tell whether `text` has a character that `safe` would escape for what it is."""
    if text.isascii():
        return not text.isprintable()
    return _HIDDEN.search(text) is not None


def _escape(match: re.Match[str]) -> str:
    code_point = ord(match.group())
    if code_point <= 0xFF:  # noqa: PLR2004
        return f"\\x{code_point:02x}"
    return f"\\u{code_point:04x}" if code_point <= 0xFFFF else f"\\U{code_point:08x}"  # noqa: PLR2004


def _without_commands(text: str) -> str:
    if ":" not in text and "#" not in text:
        return text
    text = _COMMAND_AT_START.sub(r"\1\\x3a", text)
    return _COMMAND_ANYWHERE.sub(r"\\x23#", text)
