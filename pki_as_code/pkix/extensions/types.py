"""Field types that several extensions share. Each checks, and gives a value its one normal form."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, TypeVar

from cryptography import x509
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
)

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions.templates import SAMPLE_VALUES, expand_variables
from pki_as_code.pkix.general_names import format_general_name, parse_general_name

MAX_VALUES: Final = 256
"""How many members a list inside an extension may have."""

MAX_BASE64: Final = 65536
"""How many characters of base64 a custom value may have."""

MAX_TEXT: Final = 2048
"""How many characters a text inside an extension may have."""

OID_PATTERN: Final = r"^[0-2](\.(0|[1-9][0-9]*))+$"

_Any = TypeVar("_Any")
_Value = TypeVar("_Value", bound=str | int | BaseModel)

_URI_PREFIX = "URI:"
_URI_LIKE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|urn:", re.IGNORECASE)


def _check_oid(text: str) -> str:
    der.encode_oid(text)
    return text


def _check_general_name(text: str) -> str:
    """Return the normal form. A URI keeps its variables; with sample values it must be valid."""
    uri = _as_uri(text)
    if uri is None:
        return format_general_name(parse_general_name(text))
    parse_general_name(_URI_PREFIX + expand_variables(uri, SAMPLE_VALUES))
    return _URI_PREFIX + uri


def _check_location(text: str) -> str:
    """Refuse a bare host name: it would become a dNSName, where software fetches a URI."""
    name = _check_general_name(text)
    if name.startswith("DNS:") and not text.upper().startswith("DNS:"):
        raise InvalidValueError(
            f"{text[:200]!r} is not a URI",
            help=f"write it with its scheme: http://{text[:200]}",
            code="extension.not_a_uri",
        )
    return name


def _as_uri(text: str) -> str | None:
    """Return the URI when `text` is one, with or without prefix."""
    if text[: len(_URI_PREFIX)].upper() == _URI_PREFIX:
        return text[len(_URI_PREFIX) :]
    return text if _URI_LIKE.match(text) else None


def to_general_name(text: str, variables: Mapping[str, str]) -> x509.GeneralName:
    """Return the name to encode, with variables in a URI replaced."""
    if text.startswith(_URI_PREFIX):
        text = expand_variables(text, variables)
    return parse_general_name(text)


def to_general_names(texts: Iterable[str], variables: Mapping[str, str]) -> list[x509.GeneralName]:
    return [to_general_name(text, variables) for text in texts]


def from_general_names(names: Iterable[x509.GeneralName] | None) -> list[str]:
    return [format_general_name(name) for name in names or ()]


def _check_base64_der(text: str) -> str:
    """Return the text. Raises `InvalidValueError` unless it is base64 of one DER value."""
    try:
        der.check_strict_der(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        reason = error.message if isinstance(error, InvalidValueError) else "not base64"
        raise InvalidValueError(
            f"a base64 value cannot be used: {reason}",
            help="give the base64 of one value in DER, without line breaks",
            code="extension.bad_der",
        ) from None
    return text


def _check_present(value: bool) -> bool:
    if not value:
        raise InvalidValueError(
            "an extension without a value cannot be false",
            help="remove it where it is not wanted",
            code="extension.incomplete",
        )
    return value


def not_empty(values: tuple[_Any, ...]) -> tuple[_Any, ...]:
    """Return the values. Raises `InvalidValueError` (`extension.incomplete`) for none."""
    if not values:
        raise InvalidValueError(
            "the list is empty", help="remove it, or give a value", code="extension.incomplete"
        )
    return values


def unique(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
    """Return the values. Raises `InvalidValueError` (`extension.duplicate`) for a repeated one."""
    seen: set[_Value] = set()
    for value in values:
        if value in seen:
            raise InvalidValueError(
                f"{value!r} is given twice", help="remove one of them", code="extension.duplicate"
            )
        seen.add(value)
    return values


Values = Annotated[
    tuple[_Any, ...],
    Field(max_length=MAX_VALUES, json_schema_extra={"minItems": 1}),
    AfterValidator(not_empty),
]
"""A list that is not empty. pydantic's `min_length` would also complain of a list as empty when a
member of it is invalid."""

UniqueValues = Annotated[
    tuple[_Value, ...],
    Field(max_length=MAX_VALUES, json_schema_extra={"minItems": 1, "uniqueItems": True}),
    AfterValidator(not_empty),
    AfterValidator(unique),
]
"""The same, and nothing in it twice."""

Text = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TEXT)]

Oid = Annotated[
    str,
    Field(max_length=256, json_schema_extra={"pattern": OID_PATTERN}),
    AfterValidator(_check_oid),
]
"""An object identifier in dotted form."""

GeneralNameText = Annotated[Text, AfterValidator(_check_general_name)]
"""A general name: `URI:http://...`, `DNS:...`, `dirName:...`; a URI may hold variables."""

Location = Annotated[Text, AfterValidator(_check_location)]
"""Where something is fetched from, usually an http URI; may hold variables."""

Present = Annotated[StrictBool, AfterValidator(_check_present), WithJsonSchema({"const": True})]
"""The value of an extension that is NULL in the certificate; `{}` says it all."""

SkipCerts = Annotated[StrictInt, Field(ge=0, le=255)]
"""A number of certificates in a path (RFC 5280 section 4.2.1.11)."""

Base64Der = Annotated[
    str,
    Field(max_length=MAX_BASE64, json_schema_extra={"contentEncoding": "base64"}),
    AfterValidator(_check_base64_der),
]
"""Base64 of one value in strict DER."""
