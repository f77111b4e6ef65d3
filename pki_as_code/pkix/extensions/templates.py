"""
Variables in the URIs of a certificate: `http://pki.example.com/{CRL_PATH}`.

Plain replacement. `str.format` would let a manifest reach the attributes of what is inserted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pki_as_code.errors import InvalidValueError

VARIABLES: Final = (
    "CRL_PATH",
    "OCSP_PATH",
    "CA_ISSUER_PATH",
    "SERIAL",
    "SERIAL_HEX",
    "SERIAL_HEX_COLONS",
    "SIGNER_SERIAL",
    "SIGNER_SERIAL_HEX",
    "SIGNER_SERIAL_HEX_COLONS",
    "CA_SERIAL",
)
"""What may stand in braces; `pkix.variables.uri_variables` gives the values."""

SAMPLE_VALUES: Final[Mapping[str, str]] = dict.fromkeys(VARIABLES, "0")
"""Values to check a template with before a serial number exists."""

_BRACES = re.compile(r"\{([A-Z_]{1,40})\}|[{}]", re.ASCII)


def expand_variables(template: str, variables: Mapping[str, str]) -> str:
    """
    Return `template` with every `{NAME}` replaced by its value, once, from left to right.

    Raises `InvalidValueError` (`uri.unknown_variable`) for a name that is not in `variables`, for a
    lone brace and for anything but a name in braces.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        if name is None or name not in variables:
            raise _unknown_variable(template, match[0])
        return variables[name]

    return _BRACES.sub(value_of, template)


def _unknown_variable(template: str, found: str) -> InvalidValueError:
    what = "a lone brace" if found in {"{", "}"} else f"the unknown variable {found}"
    return InvalidValueError(
        f"{template[:200]!r} has {what}",
        help="variables are " + " ".join(f"{{{name}}}" for name in VARIABLES),
        code="uri.unknown_variable",
    )
