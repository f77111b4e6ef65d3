"""Change one field in the text of a YAML document, at the marks of its nodes."""

from __future__ import annotations

import enum
from typing import Any, Final

import yaml

from pki_as_code.manifests.yaml_format import INDENT, format_block, format_entries, format_flow
from pki_as_code.manifests.yaml_places import find_node
from pki_as_code.model import JsonValue


class Removal(enum.Enum):
    """Its one member stands for the wish to take a field away."""

    REMOVE = "remove"


REMOVE: Final = Removal.REMOVE


def splice(
    text: str, root: Any, path: tuple[str, ...], value: JsonValue | Removal, newline: str
) -> str:
    """
    Return `text` with the field at `path` set, or taken away.

    The result is a proposal: the caller reads it back. Text that is no part of the field, nor of
    the line break that ends it, stays as it is.
    """
    parent_path, name = path[:-1], path[-1]
    depth = next(n for n in range(len(path), -1, -1) if find_node(root, path[:n]) is not None)
    if isinstance(value, Removal):
        if depth < len(path):
            return text
        return _remove(text, root, parent_path, name, newline)
    for missing in reversed(path[depth + 1 :]):
        value = {missing: value}
    holder = find_node(root, path[:depth])
    if depth == len(path):
        parent = find_node(root, parent_path)
        return _replace(text, parent, holder, name, value, newline)
    if isinstance(holder, yaml.MappingNode):
        return _insert(text, holder, path[depth], value, newline)
    above = find_node(root, path[: depth - 1])
    return _replace(text, above, holder, path[depth - 1], {path[depth]: value}, newline)


# --- Replacing -----------------------------------------------------------------------------------


def _replace(text: str, parent: Any, node: Any, name: str, value: JsonValue, newline: str) -> str:
    start, end = node.start_mark.index, content_end(node, text)
    is_block = isinstance(node, yaml.CollectionNode) and not node.flow_style
    if is_block and isinstance(value, list) and isinstance(node, yaml.SequenceNode):
        edited = _edit_items(text, node, name, value, newline)
        if edited is not None:
            return edited
    if is_block and isinstance(value, list | dict) and value:
        written = format_block(value, node.start_mark.column, name).lstrip("\n ")
        return _put(text, start, end, written, newline)
    if is_block:
        key = next(key for key, item in parent.value if item is node)
        colon = text.index(":", key.end_mark.index) + 1
        # What stands behind the colon, a comment, stays; the lines of the collection go.
        behind = _line_end(text, colon)
        text = text[:behind] + text[_line_end(text, end) :]
        return _put(text, colon, colon, f" {format_flow(value, name)}", newline)
    if isinstance(value, str) and not parent.flow_style and "\n" in value:
        written = format_block(value, parent.start_mark.column + INDENT, name)
    else:
        written = f" {format_flow(value, name)}"
    before = text[:start].rstrip(" ") if text[:start].endswith(" ") else text[:start]
    if start and text[start - 1] == " ":
        return _put(text, start, end, written.removeprefix(" "), newline)
    return _put(text, len(before), end, written, newline)


def _edit_items(
    text: str, node: Any, name: str, values: list[JsonValue], newline: str
) -> str | None:
    """
    Return the text with lines taken out of and put behind a block list of scalars.

    None when more than that would have to change, so that the whole list is to be written anew.
    """
    items = node.value
    if not all(
        isinstance(item, yaml.ScalarNode) and item.style in {"", "'", '"'} for item in items
    ):
        return None
    old = [item.value for item in items]
    kept = [value for value in old if value in values]
    added = values[len(kept) :]
    if not kept or values[: len(kept)] != kept or len(set(old)) != len(old):
        return None
    if not all(isinstance(value, str) and "\n" not in value for value in added):
        return None
    # From the end to the beginning, so that the marks stay right.
    last = content_end(node, text)
    line_end = _line_end(text, last)
    dash = " " * node.start_mark.column
    lines = "".join(f"{newline}{dash}- {format_flow(value, name)}" for value in added)
    text = text[:line_end] + lines + text[line_end:]
    for item in reversed(items):
        if item.value not in kept:
            text = _without_line(text, item.start_mark.index, content_end(item, text))
    return text


# --- Inserting and removing ----------------------------------------------------------------------


def _insert(text: str, mapping: Any, name: str, value: JsonValue, newline: str) -> str:
    if mapping.flow_style:
        close = mapping.end_mark.index - 1
        at = len(text[:close].rstrip())
        entry = format_flow({name: value})[1:-1]
        return _put(text, at, at, f", {entry}" if mapping.value else entry, newline)
    column = mapping.start_mark.column
    at = _line_end(text, content_end(mapping, text))
    (entry,) = format_entries({name: value}, column)
    return _put(text, at, at, f"\n{entry}", newline)


def _remove(text: str, root: Any, parent_path: tuple[str, ...], name: str, newline: str) -> str:
    parent = find_node(root, parent_path)
    entries = parent.value
    position = next(i for i, (key, _) in enumerate(entries) if key.value == name)
    if len(entries) == 1:
        above = find_node(root, parent_path[:-1])
        return _replace(text, above, parent, parent_path[-1], {}, newline)
    key, value = entries[position]
    if not parent.flow_style:
        return _without_line(text, key.start_mark.index, content_end(value, text))
    if position:
        start = content_end(entries[position - 1][1], text)
        return text[:start] + text[content_end(value, text) :]
    return text[: key.start_mark.index] + text[entries[1][0].start_mark.index :]


def _without_line(text: str, start: int, end: int) -> str:
    """Return the text without the lines from that of `start` to that of `end`."""
    first = text.rfind("\n", 0, start) + 1
    following = text.find("\n", end)
    return text[:first] + (text[following + 1 :] if following >= 0 else "")


# --- Marks ---------------------------------------------------------------------------------------


def content_end(node: Any, text: str) -> int:
    """Return the index behind the last character of a node; the parser's marks go further."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return content_end(last[1] if isinstance(last, tuple) else last, text)
    end: int = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}:
        return len(text[:end].rstrip())
    return end


def _line_end(text: str, index: int) -> int:
    """Return the index of the line break at the end of the line, or of the end of the text."""
    end = text.find("\n", index)
    if end < 0:
        return len(text)
    return end - 1 if end and text[end - 1] == "\r" else end


def _put(text: str, start: int, end: int, written: str, newline: str) -> str:
    if newline != "\n":
        written = written.replace("\n", newline)
    return text[:start] + written + text[end:]
