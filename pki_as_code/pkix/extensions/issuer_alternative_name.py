from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cryptography import x509

from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension
from pki_as_code.pkix.extensions.types import (
    GeneralNameText,
    UniqueValues,
    from_general_names,
    to_general_names,
)


class IssuerAlternativeName(Extension):
    """RFC 5280 section 4.2.1.7: other names of the issuer; should not be critical."""

    name: ClassVar = "issuerAltName"
    oid: ClassVar = x509.IssuerAlternativeName.oid

    value: UniqueValues[GeneralNameText]

    def to_x509(self, variables: Mapping[str, str]) -> x509.IssuerAlternativeName:
        return x509.IssuerAlternativeName(to_general_names(self.value, variables))

    @classmethod
    def from_x509(cls, value: x509.IssuerAlternativeName) -> JsonValue:
        return from_general_names(value)
