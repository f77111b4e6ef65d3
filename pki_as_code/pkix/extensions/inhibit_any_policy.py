from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cryptography import x509

from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Criticality, Extension, Holder
from pki_as_code.pkix.extensions.types import SkipCerts


class InhibitAnyPolicy(Extension):
    """RFC 5280 section 4.2.1.14: after how many certificates anyPolicy no longer counts."""

    name: ClassVar = "inhibitAnyPolicy"
    oid: ClassVar = x509.InhibitAnyPolicy.oid
    default_critical: ClassVar = True
    criticality: ClassVar = Criticality.MUST
    holder: ClassVar = Holder.CA

    value: SkipCerts

    def to_x509(self, variables: Mapping[str, str]) -> x509.InhibitAnyPolicy:  # noqa: ARG002
        return x509.InhibitAnyPolicy(self.value)

    @classmethod
    def from_x509(cls, value: x509.InhibitAnyPolicy) -> JsonValue:
        return value.skip_certs
