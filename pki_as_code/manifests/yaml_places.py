"""Where the nodes of a YAML document stand in its text, and where the parser stopped."""

from __future__ import annotations

from typing import Any, Final

import yaml

from pki_as_code.manifests.yaml_text import SourceText
from pki_as_code.model import Finding, Source


def node_source(node: Any, text: SourceText) -> Source:
    """Return the place of a node, as far as it goes on its first line."""
    start, end = node.start_mark, node.end_mark
    length = end.column - start.column if end.line == start.line else None
    return text.source(start.line + 1, start.column + 1, length)


def source_of(
    node: Any, text: SourceText, field_path: tuple[str | int, ...], *, key: bool = False
) -> Source:
    """Follow `field_path` below `node` as far as it leads; parts it does not know are skipped."""
    key_node: Any = None
    reached = True
    for part in field_path:
        step = _step(node, part)
        reached = step is not None
        if step is not None:
            key_node, node = step
    if key_node is not None and (key or not reached):
        return node_source(key_node, text)
    if not reached and isinstance(node, yaml.MappingNode) and node.value:
        return node_source(node.value[0][0], text)
    return node_source(node, text)


def _step(node: Any, part: str | int) -> tuple[Any, Any] | None:
    """Return (key node, value node) of a field, (item, item) of a list; None when not there."""
    if isinstance(node, yaml.MappingNode) and isinstance(part, str):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def find_node(node: Any, field_path: tuple[str | int, ...]) -> Any:
    """Return the node of a field, None when it is not written."""
    for part in field_path:
        step = _step(node, part)
        if step is None:
            return None
        node = step[1]
    return node


# --- Syntax --------------------------------------------------------------------------------------

_HINTS: Final = (
    ("found character that cannot start any token", "`", "quote a value that begins with this"),
    (
        "mapping values are not allowed",
        "",
        "quote a value that has `: ` in it; check the indentation",
    ),
    ("did not find expected key", "", "check the indentation, and the quotes of the lines above"),
    ("did not find expected alphabetic", "", 'quote a wildcard name: "*.example.com"'),
    ("did not find expected ',' or", "", "close the bracket, and quote values that have one"),
    ("found unexpected end of stream", "", "close the quote"),
    ("could not find expected ':'", "", "write `key: value`, with a blank after the colon"),
    ("block sequence entries are not allowed", "", "begin a list on its own line"),
)


def syntax_finding(error: yaml.YAMLError, text: SourceText) -> Finding:
    """Return what the parser objects to, where it stopped, and what mostly causes that."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "this is not YAML")
    source = text.source(mark.line + 1, mark.column + 1, 1) if mark else Source(text.path)
    hint = next((hint for start, _, hint in _HINTS if problem.startswith(start)), "")
    code = "yaml.syntax"
    if problem.startswith("did not find expected alphabetic"):
        # libyaml's words for a name it expected after `&` or `*`.
        star = text.text.rfind("*", 0, mark.index + 1) if mark else -1
        if star >= 0 and mark is not None and mark.index - star <= 1:
            code, problem = "yaml.alias", "`*` begins an alias, which manifests do not use"
            source = text.source_at(star, 1)
    if "\t" in source.snippet[: source.column]:
        hint = "indent with blanks, not with tabs"
    return Finding(code, problem, source, help=hint)
