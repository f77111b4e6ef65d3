from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar, Final, Self

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID
from pydantic import model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Criticality, Extension, ExtensionPart
from pki_as_code.pkix.extensions.types import (
    Location,
    UniqueValues,
    to_general_name,
)
from pki_as_code.pkix.general_names import format_general_name

Locations = UniqueValues[Location]

_METHODS: Final = {
    "ocsp": AuthorityInformationAccessOID.OCSP,
    "caIssuers": AuthorityInformationAccessOID.CA_ISSUERS,
}


class AuthorityLocations(ExtensionPart):
    """Where to ask about the certificate, and where its issuer's certificate is."""

    ocsp: Locations | None = None
    ca_issuers: Locations | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.ocsp is None and self.ca_issuers is None:
            raise InvalidValueError(
                "authorityInfoAccess needs ocsp or caIssuers", code="extension.incomplete"
            )
        return self


class AuthorityInformationAccess(Extension):
    """RFC 5280 section 4.2.2.1. OCSP responders come first, each list in the order given."""

    name: ClassVar = "authorityInfoAccess"
    oid: ClassVar = x509.AuthorityInformationAccess.oid
    criticality: ClassVar = Criticality.MUST_NOT

    value: AuthorityLocations

    def to_x509(self, variables: Mapping[str, str]) -> x509.AuthorityInformationAccess:
        given = {"ocsp": self.value.ocsp, "caIssuers": self.value.ca_issuers}
        return x509.AuthorityInformationAccess(access_descriptions(_METHODS, given, variables))

    @classmethod
    def from_x509(cls, value: x509.AuthorityInformationAccess) -> JsonValue:
        return access_json(_METHODS, value)


def access_descriptions(
    methods: Mapping[str, x509.ObjectIdentifier],
    given: Mapping[str, tuple[str, ...] | None],
    variables: Mapping[str, str],
) -> list[x509.AccessDescription]:
    """Return what to encode: method after method, each in the order given."""
    return [
        x509.AccessDescription(oid, to_general_name(location, variables))
        for method, oid in methods.items()
        for location in given[method] or ()
    ]


def access_json(
    methods: Mapping[str, x509.ObjectIdentifier], value: Iterable[x509.AccessDescription]
) -> JsonValue:
    """Return locations by method; a method without a name here is shown by its identifier."""
    names = {oid: name for name, oid in methods.items()}
    shown: dict[str, list[str]] = {}
    for access in value:
        method = names.get(access.access_method, access.access_method.dotted_string)
        shown.setdefault(method, []).append(format_general_name(access.access_location))
    return shown
