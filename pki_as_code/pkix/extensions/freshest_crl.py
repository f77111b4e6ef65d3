from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cryptography import x509

from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Criticality, Extension
from pki_as_code.pkix.extensions.crl_distribution_points import (
    DistributionPoints,
    distribution_points_json,
)


class FreshestCrl(Extension):
    """RFC 5280 section 4.2.1.15: where delta CRLs are."""

    name: ClassVar = "freshestCrl"
    oid: ClassVar = x509.FreshestCRL.oid
    criticality: ClassVar = Criticality.MUST_NOT

    value: DistributionPoints

    def to_x509(self, variables: Mapping[str, str]) -> x509.FreshestCRL:
        return x509.FreshestCRL([point.to_x509(variables) for point in self.value])

    @classmethod
    def from_x509(cls, value: x509.FreshestCRL) -> JsonValue:
        return distribution_points_json(value)
