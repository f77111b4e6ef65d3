from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from cryptography import x509
from pydantic import AfterValidator

from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension
from pki_as_code.pkix.extensions.types import Values, unique

FeatureName = Literal[
    "status_request", "status_request_v2", "OCSPMustStaple", "MultipleCertStatusRequest"
]

_ALIASES: Final = {
    "OCSPMustStaple": "status_request",
    "MultipleCertStatusRequest": "status_request_v2",
}
_FEATURES: Final = {
    "status_request": x509.TLSFeatureType.status_request,
    "status_request_v2": x509.TLSFeatureType.status_request_v2,
}


def _normalise(names: tuple[str, ...]) -> tuple[str, ...]:
    return unique(tuple(_ALIASES.get(name, name) for name in names))


class TlsFeature(Extension):
    """RFC 7633: TLS extensions the server must support; should not be critical."""

    name: ClassVar = "tlsFeature"
    oid: ClassVar = x509.TLSFeature.oid

    value: Annotated[Values[FeatureName], AfterValidator(_normalise)]

    def to_x509(self, variables: Mapping[str, str]) -> x509.TLSFeature:  # noqa: ARG002
        return x509.TLSFeature([_FEATURES[name] for name in self.value])

    @classmethod
    def from_x509(cls, value: x509.TLSFeature) -> JsonValue:
        return [feature.name for feature in value]
