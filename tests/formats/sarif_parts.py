"""
What SARIF 2.1.0 (OASIS Standard, sections 3.13 to 3.49) asks of the parts that are written here.

Written from the standard's text: every property that is not in it is refused, so that a misspelt
one does not pass. The official schema is not copied here; `PKI_TEST_SARIF_SCHEMA` names a file with
it, and then everything is judged by that one as well.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

_URI = r"^(?:[A-Za-z0-9_.!~*'();:@&=+$,/?-]|%[0-9A-F]{2})+$"


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": False,
    }


def _array(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


_TEXT = {"type": "string", "minLength": 1}
_MESSAGE = _object(["text"], text=_TEXT)
_POSITIVE = {"type": "integer", "minimum": 1}

_RULE = _object(
    ["id"],
    id=_TEXT,
    shortDescription=_MESSAGE,
    fullDescription=_MESSAGE,
    help=_MESSAGE,
)
_REGION = _object(
    ["startLine"],
    startLine=_POSITIVE,
    startColumn=_POSITIVE,
    endLine=_POSITIVE,
    endColumn=_POSITIVE,
)
_ARTIFACT = _object(
    ["uri", "uriBaseId"],
    # Relative: no scheme, no leading slash (section 3.4.4).
    uri={"type": "string", "pattern": _URI, "not": {"pattern": "^(/|[A-Za-z][A-Za-z0-9+.-]*:)"}},
    uriBaseId={"const": "%SRCROOT%"},
)
_RESULT = _object(
    ["ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints"],
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level={"enum": ["none", "note", "warning", "error"]},
    message=_MESSAGE,
    locations=_array(
        _object(
            ["physicalLocation"],
            physicalLocation=_object(
                ["artifactLocation", "region"], artifactLocation=_ARTIFACT, region=_REGION
            ),
        ),
        minItems=1,
    ),
    partialFingerprints={"type": "object", "additionalProperties": {"type": "string"}},
)
_DRIVER = _object(
    ["name", "version", "rules"],
    name=_TEXT,
    version=_TEXT,
    rules=_array(_RULE, uniqueItems=True),
)
_RUN = _object(
    ["tool", "results"],
    tool=_object(["driver"], driver=_DRIVER),
    originalUriBaseIds={
        "type": "object",
        "additionalProperties": _object(["description"], description=_MESSAGE),
    },
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    results=_array(_RESULT),
)

SARIF = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    **_object(
        ["version", "runs"],
        **{
            "$schema": {"type": "string", "format": "uri"},
            "version": {"const": "2.1.0"},
            "runs": _array(_RUN, minItems=1),
        },
    ),
}


def check_sarif(log: Any) -> None:
    """Raises `jsonschema.ValidationError` when `log` is no SARIF as we write it."""
    formats = jsonschema.FormatChecker()
    jsonschema.Draft7Validator(SARIF, format_checker=formats).validate(log)
    place = os.environ.get("PKI_TEST_SARIF_SCHEMA")
    if place:
        _official(Path(place)).validate(log)


@cache
def _official(place: Path) -> Any:
    """Return a validator for the schema of OASIS, which says itself what draft it is written in."""
    schema = json.loads(place.read_text())
    made_for = jsonschema.validators.validator_for(schema)
    made_for.check_schema(schema)
    return made_for(schema, format_checker=jsonschema.FormatChecker())
