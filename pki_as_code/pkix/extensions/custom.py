from __future__ import annotations

import base64
from typing import Annotated, Self

from cryptography import x509
from pydantic import AfterValidator, StrictBool, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions.base import ExtensionPart
from pki_as_code.pkix.extensions.catalogue import NAMES_BY_OID
from pki_as_code.pkix.extensions.parse import parse_extension
from pki_as_code.pkix.extensions.types import Base64Der, Oid


def _check_has_no_key(oid: str) -> str:
    name = NAMES_BY_OID.get(oid)
    if name is not None:
        raise InvalidValueError(
            f"{oid} is {name}",
            help=f"write it as {name}, where its value is checked",
            code="extension.has_its_own_key",
        )
    return oid


class CustomExtension(ExtensionPart):
    """An extension this project does not know: its value is copied as it is (RFC 5280 4.2)."""

    oid: Annotated[Oid, AfterValidator(_check_has_no_key)]
    critical: StrictBool
    value: Base64Der

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        """cryptography knows some that have no key here; what it cannot read, nobody could."""
        value = der.encode_octet_string(base64.b64decode(self.value))
        if parse_extension(der.encode_sequence(der.encode_oid(self.oid), value)) is None:
            raise InvalidValueError(
                f"the value of {self.oid} is not what belongs there", code="extension.bad_der"
            )
        return self

    def to_x509(self) -> x509.UnrecognizedExtension:
        return x509.UnrecognizedExtension(
            x509.ObjectIdentifier(self.oid), base64.b64decode(self.value)
        )
