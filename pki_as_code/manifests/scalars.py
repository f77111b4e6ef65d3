"""Texts with a form of their own: names, labels, serial numbers, fingerprints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, Field, PlainValidator, StrictBool, StrictInt, WithJsonSchema
from pydantic_core import PydanticCustomError

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.manifests.unquoted import require_quoted
from pki_as_code.pkix.serial_numbers import parse_serial_number

_Item = TypeVar("_Item")

Integer = StrictInt
Boolean = StrictBool

_LONGEST_TEXT: Final = 1024
_MOST_LABELS: Final = 64

_NAME: Final = "[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?"
NAME_PATTERN: Final = rf"^(?!.*\.\.){_NAME}$"
CERTIFICATE_REFERENCE_PATTERN: Final = rf"^(?!.*\.\.)({_NAME}/)?{_NAME}$"

_LABEL_NAME: Final = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_LABEL_PREFIX: Final = (
    "(?=[a-z0-9.-]{1,253}/)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*/"
)
LABEL_KEY_PATTERN: Final = f"^({_LABEL_PREFIX})?{_LABEL_NAME}$"
LABEL_VALUE_PATTERN: Final = f"^({_LABEL_NAME})?$"

SERIAL_NUMBER_PATTERN: Final = "^([0-9A-Fa-f]{1,2}(:[0-9A-Fa-f]{2}){0,20}|[0-9A-Fa-f]{1,42})$"
"""Up to 20 octets (RFC 5280 section 4.1.2.2), and a leading zero octet as some tools show one."""

SHA256_PATTERN: Final = "^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$"


def matching(
    pattern: str,
    what: str,
    code: str,
    help: str,
    *,
    longest: int = _LONGEST_TEXT,
) -> Callable[[str], str]:
    """Return a validator that wants all of a text to match; `what` is the noun of its message."""
    whole = pattern.removeprefix("^").removesuffix("$")

    def check(text: str) -> str:
        if len(text) > longest:
            raise InvalidValueError(
                f"{what} has {len(text)} characters, {longest} are the most", code=code, help=help
            )
        if _compiled(whole).fullmatch(text) is None:
            raise InvalidValueError(f"{quoted(text)} is not {what}", code=code, help=help)
        return text

    return check


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compiled when it is needed: few commands meet values of every kind."""
    return re.compile(pattern)


def text_schema(pattern: str | None = None, longest: int = _LONGEST_TEXT, **more: Any) -> Any:
    """Return the annotation with the JSON Schema of a bounded text."""
    schema: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": longest, **more}
    if pattern:
        schema["pattern"] = pattern
    return WithJsonSchema(schema)


def mapping_schema(key_pattern: str, values: Mapping[str, Any], most: int) -> Any:
    """Return the annotation with the JSON Schema of at most so many texts, by keys of a form."""
    return WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"pattern": key_pattern},
            "additionalProperties": {"type": "string", **values},
            "maxProperties": most,
        }
    )


def of_length(longest: int) -> AfterValidator:
    """Return the annotation of a text with 1 to `longest` characters."""

    def check(text: str) -> str:
        if not 1 <= len(text) <= longest:
            raise PydanticCustomError(
                "text_length", "has {count} characters, 1 to {longest} are allowed",
                {"count": len(text), "longest": longest},
            )  # fmt: skip
        return text

    return AfterValidator(check)


Text = Annotated[str, of_length(_LONGEST_TEXT), text_schema()]


def _check_not_empty(values: tuple[_Item, ...]) -> tuple[_Item, ...]:
    if not values:
        raise InvalidValueError(
            "the list is empty", code="manifest.wrong_length", help="name one at least"
        )
    return values


def one_to(longest: int) -> Any:
    """
    Return the annotation of a list with 1 to `longest` items.

    pydantic's `min_length` counts only the valid items, so that a list of one misspelt item would
    be reported as empty, too.
    """
    return Field(max_length=longest, json_schema_extra={"minItems": 1})


NOT_EMPTY: Final = AfterValidator(_check_not_empty)

# --- Names ---------------------------------------------------------------------------------------

_NAME_HELP: Final = (
    "use 1 to 63 lower-case letters, digits, `-` and `.`, beginning and ending with a letter or a "
    "digit, without `..`"
)
check_name = matching(NAME_PATTERN, "a name", "manifest.invalid_name", _NAME_HELP)

Name = Annotated[str, AfterValidator(check_name), text_schema(NAME_PATTERN, 63)]

CertificateReference = Annotated[
    str,
    AfterValidator(
        matching(
            CERTIFICATE_REFERENCE_PATTERN,
            "the name of a certificate",
            "manifest.invalid_name",
            "write `name`, or `namespace/name`",
        )
    ),
    text_schema(CERTIFICATE_REFERENCE_PATTERN, 127),
]

LabelKey = Annotated[
    str,
    AfterValidator(
        matching(
            LABEL_KEY_PATTERN,
            "the key of a label",
            "manifest.invalid_label",
            "use up to 63 letters, digits, `-`, `_` and `.`, optionally after `prefix.example/`",
        )
    ),
]
LabelValue = Annotated[
    str,
    AfterValidator(
        matching(
            LABEL_VALUE_PATTERN,
            "the value of a label",
            "manifest.invalid_label",
            "use up to 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter "
            "or a digit",
        )
    ),
]
Labels = Annotated[
    dict[LabelKey, LabelValue],
    Field(max_length=_MOST_LABELS),
    mapping_schema(LABEL_KEY_PATTERN, {"pattern": LABEL_VALUE_PATTERN}, _MOST_LABELS),
]

# --- Serial numbers and fingerprints -------------------------------------------------------------


_check_serial_number_form = matching(
    SERIAL_NUMBER_PATTERN,
    "a serial number",
    "serial_number.invalid",
    'write it in hexadecimal, as `pkictl list_certs` does: "49:BC:F2"',
)
_check_sha256_form = matching(
    SHA256_PATTERN, "a SHA-256", "manifest.invalid_sha256", "write its 64 hexadecimal digits"
)


def _check_serial_number(value: object) -> str:
    text = require_quoted(value, "the serial number")
    parse_serial_number(text)
    return _check_serial_number_form(text)


def _check_sha256(value: object) -> str:
    text = require_quoted(value, "the fingerprint")
    return _check_sha256_form(text).replace(":", "").lower()


SerialNumber = Annotated[
    str, PlainValidator(_check_serial_number), text_schema(SERIAL_NUMBER_PATTERN, 62)
]
"""Hexadecimal, as written."""

Sha256 = Annotated[str, PlainValidator(_check_sha256), text_schema(SHA256_PATTERN, 95)]
"""64 lower-case hexadecimal digits, whatever way it was written."""
