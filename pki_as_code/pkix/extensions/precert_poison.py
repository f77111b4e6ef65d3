from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cryptography import x509

from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Criticality, Extension, Holder
from pki_as_code.pkix.extensions.types import Present


class PrecertPoison(Extension):
    """RFC 6962 section 3.1: a precertificate, which nobody must accept; always critical."""

    name: ClassVar = "precertPoison"
    oid: ClassVar = x509.PrecertPoison.oid
    default_critical: ClassVar = True
    criticality: ClassVar = Criticality.MUST
    holder: ClassVar = Holder.END_ENTITY

    value: Present = True
    """NULL in the certificate; `precertPoison: {}` says it all."""

    def to_x509(self, variables: Mapping[str, str]) -> x509.PrecertPoison:  # noqa: ARG002
        return x509.PrecertPoison()

    @classmethod
    def from_x509(cls, value: x509.PrecertPoison) -> JsonValue:  # noqa: ARG003
        return True
