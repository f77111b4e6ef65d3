"""What pydantic generates, in the words of JSON Schema draft 7 and of these manifests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pki_as_code.manifests.durations import Percentage, format_duration
from pki_as_code.manifests.fields import describe_model, descriptions_of
from pki_as_code.model import JsonValue

_MAPS: Final = ("properties", "patternProperties", "definitions", "$defs")
_LISTS: Final = ("allOf", "anyOf", "oneOf", "prefixItems")
_SINGLE: Final = ("items", "additionalProperties", "propertyNames", "not", "if", "then", "else")


class BareSchemaGenerator(GenerateJsonSchema):
    """What judges a manifest, and nothing for people; writes defaults as people write them."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        generated = super().default_schema(schema)
        if isinstance(schema.get("default"), BaseModel):
            generated.pop("default", None)
        return generated

    def encode_default(self, dft: Any) -> Any:
        return _written(dft)


class ManifestSchemaGenerator(BareSchemaGenerator):
    """Adds the docstrings of fields, for which it reads the source of every model."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        generated = super().model_schema(schema)
        model: type[BaseModel] = schema["cls"]
        descriptions = descriptions_of(model)
        properties = generated.get("properties", {})
        for name, field in model.model_fields.items():
            written = field.alias or name
            if name in descriptions and written in properties:
                properties[written]["description"] = descriptions[name]
        if description := describe_model(model):
            generated["description"] = description
        return generated


def _written(value: Any) -> JsonValue:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Percentage):
        return str(value)
    if isinstance(value, tuple | list):
        return [_written(item) for item in value]
    if isinstance(value, Mapping):
        return {name: _written(item) for name, item in value.items()}
    return value if isinstance(value, str | int | bool) else None


def to_draft7(schema: JsonValue) -> JsonValue:
    """
    Return the schema in draft 7's terms, without titles and without defaults that say nothing.

    Draft 7 ignores what stands beside `$ref`, so that moves into an `allOf`.
    """
    if not isinstance(schema, dict):
        return schema
    result: dict[str, JsonValue] = {}
    for key, value in schema.items():
        if key in {"title", "discriminator"} or (key == "default" and value is None):
            continue
        if key in _MAPS:
            converted = {name: to_draft7(part) for name, part in value.items()}
            result["definitions" if key == "$defs" else key] = converted
        elif key in _LISTS:
            result["items" if key == "prefixItems" else key] = [to_draft7(part) for part in value]
        elif key in _SINGLE:
            result[key] = to_draft7(value)
        else:
            result[key] = value
    if "$ref" in result and len(result) > 1:
        return {"allOf": [{"$ref": result.pop("$ref")}, *result.pop("allOf", [])], **result}
    return result
