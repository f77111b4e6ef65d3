"""What the text and its events already tell to be refused, before anything is composed of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from pki_as_code.escape import quoted
from pki_as_code.manifests.yaml_places import syntax_finding
from pki_as_code.manifests.yaml_plain import MAX_DEPTH, NodeLoader
from pki_as_code.manifests.yaml_text import SourceText
from pki_as_code.model import Finding

# The C composer is recursive and has no limit of its own (60,000 brackets end the process). Text
# with shorter lines and fewer brackets than this cannot nest deeper than its stack allows.
_SAFE_LINE: Final = 1_000
_SAFE_BRACKETS: Final = 1_000
_SUSPICIOUS = re.compile("[&*!%]")


def needs_scan(text: str) -> bool:
    """Tell whether the text might have what is refused by its events, or nest too deep."""
    if _SUSPICIOUS.search(text):
        return True
    return len(text) > min(_SAFE_LINE, _SAFE_BRACKETS) and (
        text.count("[") + text.count("{") > _SAFE_BRACKETS
        or max(map(len, text.split("\n"))) > _SAFE_LINE
    )


def scan(text: SourceText) -> Iterator[Finding]:
    """Yield what the events already tell to be refused; stops at what makes going on unsafe."""
    for match in re.finditer(r"^%.*", text.text, re.MULTILINE):
        yield Finding(
            "yaml.directive",
            "directives are not used in manifests",
            text.source_at(match.start(), len(match.group().rstrip())),
            help="remove the line",
        )
        return
    loader = NodeLoader(text.text)
    depth = 0
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    yield too_deep(text, event)
                    return
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if isinstance(event, yaml.NodeEvent):
                yield from _node_properties(event, text)
    except yaml.YAMLError as error:
        yield syntax_finding(error, text)


def _node_properties(event: Any, text: SourceText) -> Iterator[Finding]:
    """Yield what stands before a node: an anchor, a tag; or the alias that stands for one."""
    index = event.start_mark.index
    if isinstance(event, yaml.AliasEvent):
        yield _property("yaml.alias", "alias", text, index, "write the value out")
        return
    if event.anchor is not None:
        begin = text.text.find("&", index)
        yield _property("yaml.anchor", "anchor", text, begin, "remove it, and write values out")
    if getattr(event, "tag", None) is not None:
        begin = text.text.find("!", index)
        yield _property(
            "yaml.tag", "tag", text, begin, "remove it; text that begins with `!` needs quotes"
        )


def _property(code: str, what: str, text: SourceText, index: int, help: str) -> Finding:
    written = re.compile(r"[^\s,\[\]{}]*").match(text.text, index)
    length = len(written.group()) if written else 1
    shown = text.text[index : index + length]
    article = "an" if what[0] in "aeiou" else "a"
    place = text.source_at(index, max(length, 1))
    return Finding(
        code, f"{quoted(shown)} is {article} {what}, which manifests do not use", place, help=help
    )


def too_deep(text: SourceText, item: Any) -> Finding:
    mark = item.start_mark
    return Finding(
        "yaml.too_deep",
        f"values nest deeper than {MAX_DEPTH} levels",
        text.source(mark.line + 1, mark.column + 1, 1),
        help="no manifest needs that",
    )
