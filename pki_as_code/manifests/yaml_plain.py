"""
Documents that give no reason to object, in one pass: what nearly all are.

Whatever is odd is left to `yaml_nodes`, which finds out what it is and says where. So that this
takes nothing that would be refused there, it refuses more: a quoted key, a key that begins with a
digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml
from yaml._yaml import CParser

from pki_as_code.manifests.unquoted import UnquotedText
from pki_as_code.manifests.yaml_text import unseen_character
from pki_as_code.model import JsonValue

MAX_DEPTH: Final = 32
MAX_NODES: Final = 20_000
MAX_DOCUMENTS: Final = 100
LONGEST_INTEGER: Final = 18
"""Digits: what every reader of YAML and JSON takes for the same number."""

WORDS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
"""What means something else without quotes than with them."""

_NUMERIC_START: Final = frozenset("-0123456789")
_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")


class NodeLoader(CParser):
    """
    Composes nodes without tags.

    PyYAML asks in Python, for each node, which tag it has; here none is ever used, and those that
    are written were refused before.
    """

    def descend_resolver(self, _parent: object, _index: object) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass

    def resolve(self, _kind: object, _value: object, _implicit: object) -> str:
        return ""


class OddError(Exception):
    """There may be something to object to."""


def plain_documents(text: str) -> Iterator[tuple[Any, JsonValue]]:
    """
    Yield node and data of each document; the data of an empty one is None.

    The text has neither tags nor anchors, and brackets that do not nest too deep for the composer.
    Raises `OddError`, or `yaml.YAMLError`; then nothing that was yielded counts.
    """
    loader = NodeLoader(text)
    reading = _Reading()
    count = 0
    while loader.check_node():
        count += 1
        if count > MAX_DOCUMENTS:
            raise OddError
        node: Any = loader.get_node()
        yield node, reading.value(node, 1)


class _Reading:
    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = 0

    def value(self, node: Any, depth: int) -> JsonValue:
        kind = type(node)
        if kind is yaml.ScalarNode:
            self._add(1)
            return _scalar(node)
        if depth > MAX_DEPTH:
            raise OddError
        self._add(1)
        below = depth + 1
        if kind is yaml.SequenceNode:
            return [self.value(item, below) for item in node.value]
        data: dict[str, JsonValue] = {}
        self._add(len(node.value))
        for key, item in node.value:
            name = _key(key)
            if name in data:
                raise OddError
            data[name] = self.value(item, below)
        return data

    def _add(self, count: int) -> None:
        self._count += count
        if self._count > MAX_NODES:
            raise OddError


def _scalar(node: Any) -> JsonValue:
    text: str = node.value
    if node.style:
        # Only here: escapes write characters that the file itself may not have.
        if node.style == '"' and unseen_character(text):
            raise OddError
        return text
    if text in WORDS:
        return WORDS[text]
    if text[0] in _NUMERIC_START and _INTEGER.fullmatch(text):
        if len(text) > LONGEST_INTEGER:
            raise OddError
        return int(text)
    return UnquotedText(text)


def _key(node: Any) -> str:
    if type(node) is not yaml.ScalarNode or node.style:
        raise OddError
    name: str = node.value
    if name in WORDS or name[0] in _NUMERIC_START or name == "<<":
        raise OddError
    return name
