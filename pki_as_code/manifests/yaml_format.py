"""
Data to YAML: block style, in the order given, quoted wherever any reader might take it for other
than text (`NO`, `7E0`, `12:34`, a date).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from pki_as_code.model import JsonValue

INDENT: Final = 2

ALWAYS_QUOTED: Final = frozenset({"serial", "spkiSha256", "notAfter", "compromisedAt"})
"""Fields that the loader wants quoted whatever their characters are."""

_PLAIN = re.compile(r"[A-Za-z0-9_/][A-Za-z0-9_./+=@-]*( [A-Za-z0-9_(./+=@][A-Za-z0-9_()./+=@-]*)*")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")

# YAML 1.1 is PyYAML's resolver, less its short truth values; these are 1.2's numbers besides.
_YAML_12 = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)|[yYnN]|[0-9][0-9_:.]*"
)
_TEXT_TAG: Final = "tag:yaml.org,2002:str"
_YAML_11 = Resolver()


def format_block(value: JsonValue, indent: int, key: str = "") -> str:
    """
    Return what follows `key:`, with the blank or line break before it, without one behind it.

    `indent` is the column at which the lines of a collection or of a block of text begin.
    """
    if isinstance(value, Mapping) and value:
        return "\n" + "\n".join(format_entries(value, indent))
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        return "\n" + "\n".join(_items(value, indent, key))
    if isinstance(value, str) and _fits_literal(value):
        head = "|" if value.endswith("\n") else "|-"
        body = "\n".join(
            f"{' ' * indent}{line}" if line else "" for line in value.removesuffix("\n").split("\n")
        )
        return f" {head}\n{body}"
    return f" {format_flow(value, key)}"


def format_entries(mapping: Mapping[str, JsonValue], indent: int) -> Iterator[str]:
    """Yield the text of each `key: value` of a mapping at that column."""
    for key, value in mapping.items():
        yield f"{' ' * indent}{format_key(key)}:{format_block(value, indent + INDENT, key)}"


def _items(values: Sequence[JsonValue], indent: int, key: str) -> Iterator[str]:
    for value in values:
        if isinstance(value, Mapping) and value:
            entries = "\n".join(format_entries(value, indent + INDENT))
            yield f"{' ' * indent}- {entries.lstrip(' ')}"
        else:
            yield f"{' ' * indent}-{format_block(value, indent + INDENT, key)}"


def format_flow(value: JsonValue, key: str = "") -> str:
    """Return a value on one line: `[a, b]`, `{mode: Automatic}`, or a scalar."""
    if isinstance(value, Mapping):
        entries = (f"{format_key(name)}: {format_flow(item, name)}" for name, item in value.items())
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, str):
        return _format_text(value, quoted=key in ALWAYS_QUOTED)
    if isinstance(value, Sequence):
        return "[" + ", ".join(format_flow(item, key) for item in value) + "]"
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) and _is_text(key) else json.dumps(key)


def _format_text(text: str, *, quoted: bool) -> str:
    if not quoted and _PLAIN.fullmatch(text) and _is_text(text):
        return text
    return json.dumps(text, ensure_ascii=False)


def _is_text(plain: str) -> bool:
    """Tell whether readers of YAML 1.1 and 1.2 take the unquoted word for text."""
    if _YAML_12.fullmatch(plain):
        return False
    tag: str = _YAML_11.resolve(ScalarNode, plain, (True, False))  # type: ignore[no-untyped-call]
    return tag == _TEXT_TAG


def _fits_literal(text: str) -> bool:
    """Tell whether a text of several lines reads back the same from a `|` block."""
    body = text.removesuffix("\n")
    return (
        "\n" in text
        and body != ""
        and body[0] not in " \t\n"
        and not body.endswith("\n")
        and "\r" not in text
        and "\t" not in text
    )
