"""From what pydantic objects to, to findings that point at the place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted, safe
from pki_as_code.manifests.base import Metadata
from pki_as_code.manifests.fields import Part, fields_of, model_at
from pki_as_code.manifests.suggestions import did_you_mean, suggest
from pki_as_code.manifests.yaml_nodes import MAX_FINDINGS, Document
from pki_as_code.manifests.yaml_places import find_node
from pki_as_code.model import Finding, Source

_KEY_MARK: Final = "[key]"
_SECRET_CODES: Final = frozenset({"manifest.secret", "manifest.private_key"})

_WANTED: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("ge", "the least is"),
    "greater_than": ("gt", "it must be more than"),
    "less_than_equal": ("le", "the most is"),
    "less_than": ("lt", "it must be less than"),
}
_LENGTHS: Final = {"too_long", "too_short", "string_too_long", "string_too_short"}


def validation_findings(
    error: ValidationError, model: type[BaseModel], document: Document
) -> Iterator[Finding]:
    """Yield one finding for each error, with key or value pointed at and the way out in `help`."""
    for item in error.errors(include_url=False)[:MAX_FINDINGS]:
        finding = _finding(item, model, document)
        if finding.code in _SECRET_CODES and finding.source is not None:
            finding = replace(finding, source=replace(finding.source, snippet=""))
        yield finding


def _finding(item: ErrorDetails, model: type[BaseModel], document: Document) -> Finding:
    kind, location = item["type"], _in_document(item["loc"], document)
    if kind == "extra_forbidden":
        return _unknown_key(location, model, document)
    if kind == "missing":
        return _missing(tuple(item["loc"]), model, document)
    source = _source(item["loc"], location, document)
    if kind in _WANTED:
        return _wrong_type(kind, item["input"], location, document).at(source)
    if kind == "literal_error":
        return _unknown_value(item, location).at(source)
    if kind == "value_error":
        return _value_error(item, location, document).at(source)
    return _other(item, location).at(source)


def _in_document(location: Sequence[Part], document: Document) -> tuple[Part, ...]:
    """Return a location without what pydantic adds for unions and functions: what is not there."""
    found: list[Part] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if part != _KEY_MARK and (last or find_node(document.node, (*found, part)) is not None):
            found.append(part)
    return tuple(found)


def _source(raw: Sequence[Part], location: tuple[Part, ...], document: Document) -> Source:
    """Return the place of the value; of a mapping or a list the key it hangs on."""
    node = find_node(document.node, location)
    on_key = raw[-1:] == (_KEY_MARK,) or not isinstance(node, yaml.ScalarNode)
    return document.source(*location, key=on_key)


def _field(location: Sequence[Part]) -> str:
    names = [part for part in location if isinstance(part, str)]
    return names[-1] if names else "the manifest"


def _path(location: Sequence[Part]) -> str:
    return ".".join(str(part) for part in location if isinstance(part, str))


# --- Keys ----------------------------------------------------------------------------------------


def _unknown_key(location: tuple[Part, ...], model: type[BaseModel], document: Document) -> Finding:
    *parents, key = location
    written = str(key)
    where = _path(parents) or "the manifest"
    parent = model_at(model, parents)
    known = list(fields_of(parent)) if parent else []
    advice = _elsewhere(written, parents, model) or did_you_mean(written, known)
    explain = ".".join(["", *_path(parents).split(".")]) if _path(parents) else ""
    if explain:
        advice = f"{advice}  (pkictl explain {model.__name__}{explain})".strip()
    return Finding(
        "manifest.unknown_key",
        f"unknown key `{safe(written[:80])}` in {where}",
        document.source(*location, key=True),
        help=advice,
    )


def _elsewhere(written: str, parents: Sequence[Part], model: type[BaseModel]) -> str:
    """Return where a key belongs that is right one level up or down."""
    spec = model_at(model, ("spec",))
    if not parents and spec is not None and written in fields_of(spec):
        return f"`{written}` belongs below `spec`"
    if list(parents) != ["metadata"] and written in fields_of(Metadata):
        here = model_at(model, parents)
        if here is not None and suggest(written, fields_of(here)) is None:
            return f"`{written}` belongs below `metadata`"
    return ""


def _missing(location: tuple[Part, ...], model: type[BaseModel], document: Document) -> Finding:
    *parents, name = location
    there = _in_document(parents, document)
    where = _path(parents) or "the manifest"
    return Finding(
        "manifest.missing_field",
        f"{where} has no `{name}`",
        document.source(*there, key=True),
        help=f"add `{name}`  (pkictl explain {'.'.join([model.__name__, *map(str, location)])})",
    )


# --- Values --------------------------------------------------------------------------------------


def _wrong_type(
    kind: str, value: object, location: tuple[Part, ...], document: Document
) -> Finding:
    wanted = _WANTED[kind]
    return Finding(
        "manifest.wrong_type",
        f"`{_field(location)}` is {_noun(value)}, it must be {wanted}",
        help=_type_help(kind, location, document),
    )


def _type_help(kind: str, location: tuple[Part, ...], document: Document) -> str:
    node = find_node(document.node, location)
    written = node.value if isinstance(node, yaml.ScalarNode) else None
    if written is None:
        return "write `- ` before each item" if kind in {"tuple_type", "list_type"} else ""
    written = safe(written[:100])
    if kind == "string_type":
        return f'quote it: "{written}"'
    if kind == "int_type" and re.fullmatch("-?[0-9]{1,18}", written):
        return f"remove the quotes, and zeros at its beginning: {int(written)}"
    if kind == "bool_type":
        return "write true or false, without quotes"
    if kind in {"tuple_type", "list_type"} and written:
        return f"write a list: [{written}]" if node.style == "" else f'write a list: ["{written}"]'
    return ""


def _noun(value: object) -> str:
    match value:
        case None:
            return "empty"
        case bool():
            return f"the truth value {str(value).lower()}"
        case int():
            return f"the number {value}"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
    return "a mapping"


def _unknown_value(item: ErrorDetails, location: Sequence[Part]) -> Finding:
    value, known = item["input"], re.findall(r"'([^']*)'", item.get("ctx", {}).get("expected", ""))
    if not isinstance(value, str):
        return Finding(
            "manifest.wrong_type",
            f"`{_field(location)}` is {_noun(value)}, it must be text",
            help=f"use one of {', '.join(f'`{name}`' for name in known)}",
        )
    return Finding(
        "manifest.unknown_value",
        f"`{_field(location)}` cannot be {quoted(value)}",
        help=did_you_mean(value, known, listed=20),
    )


def _value_error(item: ErrorDetails, location: tuple[Part, ...], document: Document) -> Finding:
    error = item.get("ctx", {}).get("error")
    if not isinstance(error, InvalidValueError):
        return Finding("manifest.invalid_value", f"`{_field(location)}`: {error}")
    code = "manifest.invalid_value" if error.code == InvalidValueError.code else error.code
    help_text = error.help
    field = getattr(error, "field", None)
    source = document.source(*location, field, key=True) if field else None
    return Finding(code, error.message, source, help=help_text)


def _other(item: ErrorDetails, location: Sequence[Part]) -> Finding:
    kind, context, name = item["type"], item.get("ctx", {}), _field(location)
    if kind == "null_value":
        return Finding(
            "manifest.empty_value",
            f"`{name}` is empty",
            help="give it a value, or remove the line",
        )
    if kind in _BOUNDS:
        key, words = _BOUNDS[kind]
        return Finding(
            "manifest.out_of_range", f"`{name}` is {item['input']}, {words} {context[key]}"
        )
    if kind in _LENGTHS:
        return Finding("manifest.wrong_length", f"`{name}` {_length(item, context)}")
    return Finding("manifest.invalid_value", f"`{name}`: {item['msg']}")


def _length(item: ErrorDetails, context: Mapping[str, Any]) -> str:
    value = item["input"]
    count = len(value) if isinstance(value, str | list | tuple | dict) else 0
    unit = "character" if item["type"].startswith("string") else "item"
    size = f"has {count} {unit if count == 1 else f'{unit}s'}"
    if "max_length" in context:
        return f"{size}, {context['max_length']} are the most"
    return f"{size}, it needs {context.get('min_length', 1)} at least"
