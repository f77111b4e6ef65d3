"""What a field of a manifest means, told from the schema, which is made from the models."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Final

from pki_as_code.errors import NotFoundError
from pki_as_code.escape import quoted
from pki_as_code.manifests import KINDS
from pki_as_code.manifests.schema_generation import schema_of
from pki_as_code.manifests.suggestions import did_you_mean
from pki_as_code.model import JsonValue

_WIDTH: Final = 88
_TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
    "null": "null",
}

Schema = Mapping[str, JsonValue]


def explain_field(path: str) -> str:
    """
    Return what a kind or a field is: `Certificate`, `Certificate.spec.csrFile`.

    Type, description, default, allowed values and, of a mapping, its fields, in plain text. Raises
    `NotFoundError` (`explain.not_found`) with the likely name in `help`.
    """
    kind_name, *names = path.strip().split(".")
    kind = next((k for k in KINDS if k.__name__.lower() == kind_name.lower()), None)
    if kind is None:
        raise _not_found(kind_name, "kind", [k.__name__ for k in KINDS])
    root = schema_of(kind)
    field: Schema = root
    described = [kind.__name__]
    required = False
    for name in names:
        holder = _fields_holder(field, root)
        properties: Schema = holder.get("properties", {})
        known = {written.lower(): written for written in properties}
        if name.lower() not in known:
            raise _not_found(name, f"field of {'.'.join(described)}", list(properties))
        written = known[name.lower()]
        required = written in holder.get("required", ())
        described.append(written)
        field = properties[written]
    return _format(".".join(described), field, root, required=required)


def _format(path: str, field: Schema, root: Schema, *, required: bool) -> str:
    whole = _resolved(field, root)
    lines = [f"{path}  <{_type_name(field, root)}>{'  required' if required else ''}", ""]
    if description := whole.get("description"):
        lines += [textwrap.fill(str(description), _WIDTH), ""]
    if "default" in whole:
        lines.append(f"default: {json.dumps(whole['default'], ensure_ascii=False)}")
    values = whole.get("enum") or _resolved(whole.get("items", {}), root).get("enum")
    if values:
        lines.append(f"allowed: {', '.join(str(value) for value in values)}")
    lines += [f"{word}: {whole[key]}" for key, word in _LIMITS.items() if key in whole]
    if examples := whole.get("examples"):
        lines.append(f"for example: {', '.join(str(example) for example in examples)}")
    holder = _fields_holder(field, root)
    fields: Schema = holder.get("properties", {})
    if fields:
        if lines[-1]:
            lines.append("")
        lines.append("fields:")
        lines += _list_fields(fields, holder, root)
    return "\n".join(lines).rstrip() + "\n"


_LIMITS: Final = {
    "minimum": "least",
    "maximum": "most",
    "minItems": "fewest items",
    "maxItems": "most items",
}


def _list_fields(fields: Schema, holder: Schema, root: Schema) -> list[str]:
    width = max(len(name) for name in fields) + 1
    lines = []
    for name, field in fields.items():
        mark = "*" if name in holder.get("required", ()) else ""
        text = str(_resolved(field, root).get("description", ""))
        first = text.split(". ", maxsplit=1)[0].rstrip(".")
        line = f"  {name + mark:<{width}}  <{_type_name(field, root)}>  {first}".rstrip()
        lines.append(textwrap.shorten(line, 160, placeholder=" …") if len(line) > 160 else line)  # noqa: PLR2004
    if any(name in holder.get("required", ()) for name in fields):
        lines.append("  (* required)")
    return lines


def _resolved(field: Schema, root: Schema) -> dict[str, JsonValue]:
    """Return a schema with what it refers to; its own words win."""
    merged: dict[str, JsonValue] = {}
    for part in field.get("allOf", ()):
        merged.update(_resolved(part, root))
    if reference := field.get("$ref"):
        merged.update(_resolved(root["definitions"][str(reference).rpartition("/")[2]], root))
    merged.update({key: value for key, value in field.items() if key not in {"allOf", "$ref"}})
    return merged


def _fields_holder(field: Schema, root: Schema) -> dict[str, JsonValue]:
    """Return the schema of the mapping that a field is, or that the items of its list are."""
    whole = _resolved(field, root)
    if whole.get("type") == "array" and isinstance(whole.get("items"), dict):
        return _fields_holder(whole["items"], root)
    return whole


def _type_name(field: Schema, root: Schema) -> str:
    whole = _resolved(field, root)
    kind = whole.get("type")
    if kind == "array":
        items = whole.get("items")
        return f"list of {_type_name(items, root)}" if isinstance(items, dict) else "list"
    if kind is None and "anyOf" in whole:
        return " or ".join(_type_name(option, root) for option in whole["anyOf"])
    if kind is None and "const" in whole:
        return json.dumps(whole["const"])
    return _TYPES.get(str(kind), "any")


def _not_found(name: str, what: str, known: list[str]) -> NotFoundError:
    return NotFoundError(
        f"there is no {what} called {quoted(name)}",
        help=did_you_mean(name, known, listed=40),
        code="explain.not_found",
    )
