"""The JSON Schema of each kind, and of all kinds together, made from the models."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Final

from pki_as_code.errors import NotFoundError
from pki_as_code.escape import quoted
from pki_as_code.manifests import KINDS
from pki_as_code.manifests.base import API_VERSION, Manifest
from pki_as_code.manifests.schema_draft7 import (
    BareSchemaGenerator,
    ManifestSchemaGenerator,
    to_draft7,
)
from pki_as_code.manifests.schema_gate import Check, UnknownKeywordError, compile_schema
from pki_as_code.manifests.suggestions import did_you_mean
from pki_as_code.model import JsonValue

if TYPE_CHECKING:
    from jsonschema import Draft7Validator
    from pydantic.json_schema import GenerateJsonSchema

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
ALL_KINDS: Final = "manifest"

_REF: Final = "#/definitions/{model}"
_LONGEST_MESSAGE: Final = 300


def schema_names() -> tuple[str, ...]:
    """Return the names of all schemas: those of the kinds in lower case, and `manifest`."""
    return (*(kind.__name__.lower() for kind in KINDS), ALL_KINDS)


def kind_schema(kind: str) -> dict[str, JsonValue]:
    """
    Return the schema of a kind, in any case (`Certificate`), or of all kinds (`manifest`).

    Raises `NotFoundError` (`schema.not_found`) for another name.
    """
    if kind.lower() == ALL_KINDS:
        return manifest_schema()
    for model in KINDS:
        if model.__name__.lower() == kind.lower():
            return deepcopy(schema_of(model))
    raise NotFoundError(
        f"there is no schema {quoted(kind)}",
        help=did_you_mean(kind, [*(model.__name__ for model in KINDS), ALL_KINDS]),
        code="schema.not_found",
    )


@cache
def schema_of(kind: type[Manifest]) -> dict[str, JsonValue]:
    """Return the schema of a kind, made once; not to be changed."""
    schema = _generated(kind)
    return {"$schema": DRAFT, "$id": _schema_id(kind.__name__.lower()), **schema}


def _generated(
    kind: type[Manifest], generator: type[GenerateJsonSchema] = ManifestSchemaGenerator
) -> dict[str, JsonValue]:
    schema: dict[str, JsonValue] = to_draft7(
        kind.model_json_schema(by_alias=True, ref_template=_REF, schema_generator=generator)
    )
    return schema


def manifest_schema() -> dict[str, JsonValue]:
    """Return the schema of a manifest of any kind."""
    definitions: dict[str, JsonValue] = {}
    branches: list[JsonValue] = []
    for kind in KINDS:
        schema = _generated(kind)
        definitions.update(schema.pop("definitions", {}))
        definitions[kind.__name__] = schema
        branches.append(
            {
                "if": {"properties": {"kind": {"const": kind.__name__}}, "required": ["kind"]},
                "then": {"$ref": _REF.format(model=kind.__name__)},
            }
        )
    return {
        "$schema": DRAFT,
        "$id": _schema_id(ALL_KINDS),
        "description": "A manifest of any kind.",
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION, "type": "string"},
            "kind": {"enum": [kind.__name__ for kind in KINDS], "type": "string"},
        },
        "required": ["apiVersion", "kind"],
        "allOf": branches,
        "definitions": dict(sorted(definitions.items())),
    }


def _schema_id(name: str) -> str:
    return f"urn:pki-as-code:v1:{name}"


# --- The second gate -----------------------------------------------------------------------------


@cache
def _validator(kind: type[Manifest]) -> Draft7Validator:
    from jsonschema import Draft7Validator

    return Draft7Validator(schema_of(kind))


@cache
def _gate(kind: type[Manifest]) -> Check | None:
    """Return the quick check, None for a schema that says more than it knows."""
    try:
        return compile_schema(_generated(kind, BareSchemaGenerator))
    except UnknownKeywordError:
        return None


def schema_errors(
    kind: type[Manifest], data: JsonValue
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield (location, message) for everything the schema of a kind objects to in `data`."""
    gate = _gate(kind)
    if gate is not None and gate(data):
        return
    for error in _validator(kind).iter_errors(data):
        yield tuple(error.absolute_path), error.message[:_LONGEST_MESSAGE]
