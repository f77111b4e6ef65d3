from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from cryptography import x509

from pki_as_code.model import JsonValue
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions.base import Criticality, Extension, Holder
from pki_as_code.pkix.extensions.types import Present

_NULL: Final = der.encode_tlv(der.NULL)


class NoRevocationAvailable(Extension):
    """RFC 9608: nothing is published about revocation. cryptography has no class for it."""

    name: ClassVar = "noRevAvail"
    oid: ClassVar = x509.ObjectIdentifier("2.5.29.56")
    criticality: ClassVar = Criticality.MUST_NOT
    holder: ClassVar = Holder.END_ENTITY

    value: Present = True
    """NULL in the certificate; `noRevAvail: {}` says it all."""

    def to_x509(self, variables: Mapping[str, str]) -> x509.UnrecognizedExtension:  # noqa: ARG002
        return x509.UnrecognizedExtension(self.oid, _NULL)

    @classmethod
    def from_x509(cls, value: x509.UnrecognizedExtension) -> JsonValue:
        """Raises `InvalidValueError` for a value other than NULL."""
        if value.value != _NULL:
            raise der.not_strict("noRevAvail is not NULL")
        return True
