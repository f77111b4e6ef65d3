"""Judging one extension, or a part of one, outside of a manifest."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter, ValidationError

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.extension_set import ExtensionSet
from pki_as_code.pkix.extensions.types import Location

_LOCATION: TypeAdapter[str] = TypeAdapter(Location)


def check_extension(name: str, value: JsonValue) -> None:
    """Check `{critical: ..., value: ...}` of the extension `name`. Raises `InvalidValueError`."""
    _validated(ExtensionSet.model_validate, {name: value})


def check_location(text: str) -> str:
    """
    Return the normal form of where something is fetched from; variables stay.

    Raises `InvalidValueError` (`extension.not_a_uri`, `general_name.*`, `uri.*`).
    """
    return str(_validated(_LOCATION.validate_python, text))


def _validated(validate: Any, value: JsonValue) -> Any:
    """Return the validated value. Raises the first thing that is wrong, in our own words."""
    try:
        return validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValueError):
        raise InvalidValueError(cause.message, help=cause.help, code=cause.code)
    found = quoted(str(first["input"]))
    if first["type"] == "literal_error":
        raise InvalidValueError(
            f"{found} is not known",
            help=f"use {first['ctx']['expected']}",
            code="extension.invalid",
        )
    raise InvalidValueError(f"{found}: {first['msg']}", code="extension.invalid")
