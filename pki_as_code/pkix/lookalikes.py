"""
Words that a reader takes for others: letters of two scripts, or letters that look like Latin ones.

What may stand together is what UTS 39 section 5.2 calls highly restrictive: one script, or Latin
with those of Chinese, of Japanese or of Korean. The script of a letter is the first word of its
Unicode name, which is all that Python knows of it; it is the same for every letter that matters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import idna

from pki_as_code.escape import quoted

_A_LABEL: Final = re.compile(r"(?<![a-z0-9-])xn--[a-z0-9-]+", re.IGNORECASE)
_WORD: Final = re.compile(r"[^\W\d_]+")

_ONE_WRITING_SYSTEM: Final = (
    frozenset({"Latin", "Han", "Hiragana", "Katakana"}),
    frozenset({"Latin", "Han", "Bopomofo"}),
    frozenset({"Latin", "Han", "Hangul"}),
)
_SCRIPTS: Final = {"CJK": "Han", "IDEOGRAPHIC": "Han"}
_OF_NO_SCRIPT: Final = frozenset({"MODIFIER", "KATAKANA-HIRAGANA"})

# Of confusables.txt (UTS 39) those that most fonts draw just like the Latin letter.
_LIKE_LATIN: Final = frozenset(
    "асԁеһіјӏорԛѕԝхуАВСЕНІЈКМОРЅТХҮ"  # noqa: RUF001 (Cyrillic)
    "ανορυΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"  # noqa: RUF001 (Greek)
    "օսԼՕ"
)


def shown_name(name: str) -> str:
    """
    Return a name with what its A-labels stand for, as nobody reads Punycode.

    `xn--bcher-kva.example` becomes `xn--bcher-kva.example (bücher.example)`; not escaped.
    """
    if "xn--" not in name.lower():
        return name
    decoded = _A_LABEL.sub(lambda match: _decoded(match.group()), name)
    return name if decoded == name else f"{name} ({decoded})"


def why_misread(text: str) -> str | None:
    """
    Return why a reader may take `text` (a value, a host name) for another one, None if not so.

    Words are judged one by one, so that a company may have a name in two scripts; labels of a host
    name as well, and A-labels as what they decode to.
    """
    if text.isascii():
        if "xn--" not in text.lower():
            return None
        text = _A_LABEL.sub(lambda match: _decoded(match.group()), text)
    for word in _WORD.findall(text):
        if not word.isascii() and (reason := _why_word_misread(word)):
            return reason
    return _why_whole_misread(text)


def _why_word_misread(word: str) -> str | None:
    for letter in _letters(word):
        plain = unicodedata.normalize("NFKC", letter)
        if not letter.isascii() and plain.isascii() and plain.isalpha():
            return f"{quoted(word)} has {_named(letter)}, which looks like {quoted(plain)}"
    first: dict[str, str] = {}
    for letter in _letters(word):
        if script := _script(letter):
            first.setdefault(script, letter)
    if len(first) < 2 or any(first.keys() <= allowed for allowed in _ONE_WRITING_SYSTEM):  # noqa: PLR2004
        return None
    told = ", ".join(_named(letter) for letter in first.values() if not letter.isascii())
    return f"{quoted(word)} mixes {' and '.join(sorted(first))} letters: {told}"


def _why_whole_misread(text: str) -> str | None:
    """A label or a value in which no letter tells a reader that not all of it is Latin."""
    for part in [text] if " " in text else text.split("."):
        strange = [c for c in part if c in _LIKE_LATIN]
        if strange and all(c in _LIKE_LATIN or _script(c) == "Latin" for c in _letters(part)):
            return f"{quoted(part)} looks like Latin letters and has {_named(strange[0])}"
    return None


def _letters(text: str) -> list[str]:
    return [character for character in text if character.isalpha()]


def _script(letter: str) -> str:
    """Return `Latin` for `a`; nothing for what stands in several scripts, or has no name."""
    word = unicodedata.name(letter, "").split(" ", 1)[0]
    if not word or word in _OF_NO_SCRIPT:
        return ""
    return _SCRIPTS.get(word, word.title())


def _named(letter: str) -> str:
    return f"U+{ord(letter):04X} {unicodedata.name(letter, '')}".rstrip()


def _decoded(label: str) -> str:
    try:
        return idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return label
