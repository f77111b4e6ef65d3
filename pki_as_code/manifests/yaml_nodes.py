"""
YAML as manifests may use it: mappings, lists, text, whole numbers, true, false, null. No more.

PyYAML's C parser finds the nodes; what they mean is decided here, by the core schema of YAML 1.2
less its floats and its octal and hexadecimal numbers. `country: NO` is text, and so are `0123`,
`12:34:56`, `1e10` and `2027-01-31`. Nothing is ever constructed from a tag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import yaml
from yaml._yaml import CParser
from yaml.resolver import BaseResolver

from pki_as_code.escape import safe
from pki_as_code.manifests.unquoted import UnquotedText
from pki_as_code.manifests.yaml_places import node_source, source_of, syntax_finding
from pki_as_code.manifests.yaml_plain import (
    LONGEST_INTEGER,
    MAX_DEPTH,
    MAX_DOCUMENTS,
    MAX_NODES,
    NodeLoader,
    OddError,
    plain_documents,
)
from pki_as_code.manifests.yaml_scan import needs_scan, scan, too_deep
from pki_as_code.manifests.yaml_text import SourceText, unseen_character
from pki_as_code.model import Finding, JsonValue, Source

__all__ = [
    "MAX_DEPTH",
    "MAX_DOCUMENTS",
    "MAX_FINDINGS",
    "MAX_NODES",
    "Composed",
    "Document",
    "compose_document",
    "compose_documents",
    "compose_with_findings",
]

MAX_FINDINGS: Final = 100
"""In one file; more would help nobody."""

_NULL: Final = "tag:yaml.org,2002:null"
_BOOL: Final = "tag:yaml.org,2002:bool"
_INT: Final = "tag:yaml.org,2002:int"


class CoreLoader(CParser, BaseResolver):
    """Composes nodes; there is no constructor in it."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)


CoreLoader.add_implicit_resolver(_NULL, re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""])
CoreLoader.add_implicit_resolver(
    _BOOL, re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
CoreLoader.add_implicit_resolver(_INT, re.compile(r"^-?(0|[1-9][0-9]*)$"), list("-0123456789"))


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its data, and the nodes that know where each part of it stands."""

    text: SourceText = field(repr=False)
    index: int
    """Which document of the file, from 0; empty ones count."""

    node: yaml.Node = field(repr=False)
    data: JsonValue = field(repr=False)

    def source(self, *field_path: str | int, key: bool = False) -> Source:
        """
        Return where a field stands: its value, or its key.

        As far as the path leads: of a field that is not written, the innermost mapping around it
        that is, by its key.
        """
        return source_of(self.node, self.text, field_path, key=key)


@dataclass(frozen=True, slots=True)
class Composed:
    """What a file holds. With findings it is not to be believed to be all there is."""

    documents: tuple[Document, ...]
    findings: tuple[Finding, ...]


def compose_documents(text: SourceText) -> Composed:
    """
    Return the documents of a file that are not empty, and every reason to refuse it.

    Codes: `yaml.syntax`, `yaml.too_deep`, `yaml.too_many_documents`, `yaml.too_many_nodes`,
    `yaml.anchor`, `yaml.alias`, `yaml.tag`, `yaml.directive`, `yaml.merge_key`,
    `yaml.duplicate_key`, `yaml.non_string_key`, `yaml.control_character`, `yaml.too_long_integer`.
    """
    findings = tuple(islice(scan(text), MAX_FINDINGS)) if needs_scan(text.text) else ()
    if findings:
        return Composed((), findings)
    try:
        found = enumerate(plain_documents(text.text))
        documents = tuple(
            Document(text, index, node, data) for index, (node, data) in found if data is not None
        )
    except (OddError, yaml.YAMLError):
        return compose_with_findings(text)
    return Composed(documents, ())


def compose_with_findings(text: SourceText) -> Composed:
    """
    Return the same for a text of which `scan` found nothing, and say what is wrong with it.

    A test holds that it objects to nothing that is read without it.
    """
    documents: list[Document] = []
    construction = _Construction(text)
    loader = CoreLoader(text.text)
    index = 0
    try:
        while loader.check_node():
            if index >= MAX_DOCUMENTS:
                construction.add(
                    "yaml.too_many_documents",
                    f"the file has more than {MAX_DOCUMENTS} documents",
                    Source(text.path),
                    "write one object per file",
                )
                break
            node: Any = loader.get_node()
            data = construction.value(node, 1)
            if data is not None:
                documents.append(Document(text, index, node, data))
            index += 1
    except yaml.YAMLError as error:
        construction.findings.append(syntax_finding(error, text))
    except _GiveUpError:
        pass  # the findings that there are say enough
    return Composed(tuple(documents), tuple(construction.findings))


def compose_document(text: SourceText, index: int) -> Document:
    """Return one document of a text that composed without findings, once more."""
    loader = NodeLoader(text.text)
    loader.check_node()  # reads the start of the stream, which get_node expects to be behind it
    for _ in range(index):
        loader.get_node()
    node: Any = loader.get_node()
    return Document(text, index, node, None)


# --- Nodes to data -------------------------------------------------------------------------------


class _GiveUpError(Exception):
    """Ends the reading of a file in which too much is wrong."""


@dataclass(slots=True)
class _Construction:
    text: SourceText
    findings: list[Finding] = field(default_factory=list)
    count: int = 0

    def add(self, code: str, message: str, source: Source, help: str) -> None:
        self.findings.append(Finding(code, message, source, help=help))
        if len(self.findings) >= MAX_FINDINGS:
            raise _GiveUpError

    def value(self, node: Any, depth: int) -> JsonValue:
        """Return the data of `node`; what is refused becomes a finding, and None or left out."""
        self.count += 1
        if self.count > MAX_NODES:
            self.add(
                "yaml.too_many_nodes",
                f"the file has more than {MAX_NODES} values",
                node_source(node, self.text),
                "write one object per file",
            )
            raise _GiveUpError
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if depth > MAX_DEPTH:
            self.findings.append(too_deep(self.text, node))
            return None
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        return self._mapping(node, depth)

    def _scalar(self, node: Any) -> JsonValue:
        text: str = node.value
        if node.style:
            # Only here: escapes write characters that the file itself may not have.
            if node.style == '"' and (unseen := unseen_character(text)):
                self.add(
                    "yaml.control_character",
                    f"the value has the invisible character U+{ord(unseen):04X}",
                    node_source(node, self.text),
                    "remove it",
                )
            return text
        if node.tag == _INT:
            if len(text) > LONGEST_INTEGER:
                self.add(
                    "yaml.too_long_integer",
                    f"the number has {len(text)} digits",
                    node_source(node, self.text),
                    "quote it if it is text, such as a serial number",
                )
                return 0
            return int(text)
        if node.tag == _NULL:
            return None
        return text in {"true", "True", "TRUE"} if node.tag == _BOOL else UnquotedText(text)

    def _mapping(self, node: Any, depth: int) -> dict[str, JsonValue]:
        data: dict[str, JsonValue] = {}
        lines: dict[str, int] = {}
        for key, value in node.value:
            name = self._key(key)
            if name is None:
                self.value(value, depth + 1)
                continue
            if name in data:
                self.add(
                    "yaml.duplicate_key",
                    f"the key `{safe(name[:80])}` is there already, in line {lines[name]}",
                    node_source(key, self.text),
                    "keep one of the two",
                )
                self.value(value, depth + 1)
                continue
            lines[name] = key.start_mark.line + 1
            data[name] = self.value(value, depth + 1)
        return data

    def _key(self, key: Any) -> str | None:
        """Return the name of a key, or None with a finding."""
        self.count += 1
        if not isinstance(key, yaml.ScalarNode):
            return self._refuse_key(
                key, "yaml.non_string_key", "a key is text", "write `name: value`"
            )
        name = str(key.value)
        if name == "<<":
            return self._refuse_key(
                key,
                "yaml.merge_key",
                "`<<` is a merge key, which manifests do not use",
                "write the fields out; what many certificates share belongs into a Profile",
            )
        if not key.style and key.tag in {_NULL, _BOOL, _INT}:
            return self._refuse_key(
                key,
                "yaml.non_string_key",
                f"the key `{name[:40]}` is not text",
                f'quote it: "{name[:40]}"',
            )
        if key.style == '"' and unseen_character(name):
            return self._refuse_key(
                key, "yaml.control_character", "the key has an invisible character", "remove it"
            )
        return name

    def _refuse_key(self, key: Any, code: str, message: str, help: str) -> str | None:
        self.add(code, message, node_source(key, self.text), help)
        return None
