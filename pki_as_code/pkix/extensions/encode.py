"""A requested extension to the bytes in a certificate."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import RequestedExtension, canonical_json
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions.catalogue import DERIVED, EXTENSION_BY_NAME
from pki_as_code.pkix.extensions.custom import CustomExtension


@dataclass(frozen=True, slots=True)
class EncodedExtension:
    """An extension as it stands in a certificate (RFC 5280 section 4.1)."""

    oid: str
    critical: bool
    value_der: bytes = field(repr=False)

    def encode(self) -> bytes:
        """Return the Extension. DER leaves out `critical` when it is FALSE, the default."""
        return _encode_extension(self.oid, self.critical, self.value_der)


@functools.lru_cache(maxsize=256)
def _encode_extension(oid: str, critical: bool, value_der: bytes) -> bytes:
    return der.encode_sequence(
        der.encode_oid(oid),
        der.encode_boolean(True) if critical else b"",
        der.encode_octet_string(value_der),
    )


def encode_extension(
    requested: RequestedExtension, variables: Mapping[str, str]
) -> EncodedExtension:
    """
    Return the encoding of an extension that is not derived from the request.

    The value is checked once more, since it may come from a ledger. Raises `InvalidValueError`.
    """
    if requested.name in DERIVED:
        raise InvalidValueError(
            f"{requested.name} follows from the request and has no value of its own",
            code="extension.derived",
        )
    value_json = canonical_json(requested.value)
    return _encode(
        requested.name, requested.critical, value_json, _used_variables(value_json, variables)
    )


def _used_variables(value_json: str, variables: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the variables that occur in a value: all that its encoding can depend on."""
    if "{" not in value_json:
        return ()
    return tuple(item for item in variables.items() if f"{{{item[0]}}}" in value_json)


@functools.lru_cache(maxsize=256)
def _encode(
    name: str, critical: bool, value_json: str, variables: tuple[tuple[str, str], ...]
) -> EncodedExtension:
    """Most certificates of a profile share most extensions: each is checked and encoded once."""
    value = json.loads(value_json)
    model = EXTENSION_BY_NAME.get(name)
    try:
        if model is None:
            custom = CustomExtension(oid=name, critical=critical, value=value)
            return EncodedExtension(name, critical, custom.to_x509().public_bytes())
        encoded = model(critical=critical, value=value).to_x509(dict(variables)).public_bytes()
        return EncodedExtension(model.oid.dotted_string, critical, encoded)
    except ValidationError as error:
        raise _invalid(name, error) from None


def _invalid(name: str, error: ValidationError) -> InvalidValueError:
    first = error.errors(include_url=False, include_context=True, include_input=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidValueError):
        return InvalidValueError(f"{name}: {cause.message}", help=cause.help, code=cause.code)
    where = ".".join(str(part) for part in first["loc"])
    return InvalidValueError(f"{name}: {where}: {first['msg']}", code="extension.invalid")
