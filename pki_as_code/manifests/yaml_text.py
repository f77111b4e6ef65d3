"""From the bytes of a file to text that is worth parsing, and places in that text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from pki_as_code.model import Finding, Source

MAX_BYTES: Final = 256 * 1024

_BOM: Final = b"\xef\xbb\xbf"

# What YAML does not allow, or reads as a line break where no editor shows one (NEL, LS, PS), or
# what makes text look other than it is (bidi controls, zero-width characters: UTR 36 section 2).
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]|\r(?!\n)"
)
_UNSEEN_IN_VALUE = re.compile(_UNSEEN.pattern + "|[\r\ud800-\udfff]")

_PRIVATE_KEY = re.compile(r"-----BEGIN ([A-Z0-9]+ )*PRIVATE KEY-----|AGE-SECRET-KEY-1[0-9A-Z]{8}")


_SEEN_OCTETS: Final = bytes((0x09, 0x0A, *range(0x20, 0x7F)))
"""ASCII that `_UNSEEN` does not match."""


@dataclass(frozen=True, slots=True)
class SourceText:
    """The text of one file, for pointing at places in it. Lines and columns count from 1."""

    path: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """Return a line without its break; empty when there is none."""
        start = 0
        for _ in range(number - 1):
            start = self.text.find("\n", start) + 1
            if not start:
                return ""
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else None].rstrip("\r")

    def source(self, line: int, column: int, length: int | None = None) -> Source:
        """Return the place of `length` characters, of the rest of the line when it is None."""
        snippet = self.line(line)
        rest = len(snippet.rstrip()) + 1
        end = max(rest, column) if length is None else column + length
        return Source(self.path, line, column, line, end, snippet)

    def source_at(self, index: int, length: int = 1) -> Source:
        """Return the place of the character with that index."""
        line = self.text.count("\n", 0, index) + 1
        return self.source(line, index - self.text.rfind("\n", 0, index), length)


def decode_text(data: bytes, path: str) -> SourceText | Finding:
    """
    Return the text of a manifest file, or why it is refused before YAML is even looked at.

    Strict UTF-8, with or without a byte order mark; 256 KiB at most; no characters that cannot be
    seen; no private key, since a repository is the last place for one.
    """
    if len(data) > MAX_BYTES:
        return Finding(
            "yaml.too_large",
            f"the file has {len(data)} bytes, {MAX_BYTES} are the most",
            Source(path),
            help="write one object per file",
        )
    data = data.removeprefix(_BOM)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        column = len(before) - (before.rfind("\n") + 1) + 1
        return Finding(
            "yaml.not_utf8",
            "the file is not UTF-8 text",
            Source(path, before.count("\n") + 1, column),
            help="save it as UTF-8",
        )
    source_text = SourceText(path, text)
    if not data.translate(None, _SEEN_OCTETS) and not _may_hold_private_key(data):
        return source_text  # what nearly all are
    if match := _PRIVATE_KEY.search(text):
        place = source_text.source_at(match.start())
        return Finding(
            "manifest.private_key",
            "the manifest holds a private key",
            Source(path, place.line, place.column),  # without the line: it may be the key
            help="remove it, and make a new key: what was in a repository is no longer private",
        )
    if match := _UNSEEN.search(text):
        return Finding(
            "yaml.control_character",
            f"the file has the invisible character U+{ord(match.group()[0]):04X}",
            source_text.source_at(match.start()),
            help="remove it; in a double-quoted value, a line break is \\n and a tab \\t",
        )
    return source_text


def _may_hold_private_key(data: bytes) -> bool:
    """Tell whether it is worth looking for one: what every match of `_PRIVATE_KEY` has in it."""
    return b"PRIVATE KEY-----" in data or b"AGE-SECRET-KEY-1" in data


def unseen_character(value: str) -> str | None:
    """Return the first character of a value that cannot be seen as it is, None without one."""
    if value.isascii() and value.isprintable():
        return None
    match = _UNSEEN_IN_VALUE.search(value)
    return match.group()[0] if match else None


def holds_private_key(data: bytes) -> bool:
    """
    Tell whether a file that should hold a request or a certificate holds a private key.

    PEM anywhere in it; DER by its beginning: PKCS#8, PKCS#1, SEC 1 and PKCS#12 are a SEQUENCE that
    starts with a version, requests and certificates one that starts with another SEQUENCE.
    """
    if _may_hold_private_key(data) and _PRIVATE_KEY.search(data.decode("latin-1")):
        return True
    header = re.match(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x83...)(.)", data, re.DOTALL)
    return header is not None and header[1] == b"\x02"
