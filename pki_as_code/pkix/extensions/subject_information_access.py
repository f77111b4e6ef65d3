from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Self

from cryptography import x509
from pydantic import model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.authority_information_access import (
    Locations,
    access_descriptions,
    access_json,
)
from pki_as_code.pkix.extensions.base import Criticality, Extension, ExtensionPart

_METHODS: Final = {
    "caRepository": x509.ObjectIdentifier("1.3.6.1.5.5.7.48.5"),
    "timeStamping": x509.ObjectIdentifier("1.3.6.1.5.5.7.48.3"),
}


class SubjectLocations(ExtensionPart):
    """Where an authority publishes what it issues, or where a time-stamping service answers."""

    ca_repository: Locations | None = None
    time_stamping: Locations | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.ca_repository is None and self.time_stamping is None:
            raise InvalidValueError(
                "subjectInfoAccess needs caRepository or timeStamping", code="extension.incomplete"
            )
        return self


class SubjectInformationAccess(Extension):
    """RFC 5280 section 4.2.2.2."""

    name: ClassVar = "subjectInfoAccess"
    oid: ClassVar = x509.SubjectInformationAccess.oid
    criticality: ClassVar = Criticality.MUST_NOT

    value: SubjectLocations

    def to_x509(self, variables: Mapping[str, str]) -> x509.SubjectInformationAccess:
        given = {"caRepository": self.value.ca_repository, "timeStamping": self.value.time_stamping}
        return x509.SubjectInformationAccess(access_descriptions(_METHODS, given, variables))

    @classmethod
    def from_x509(cls, value: x509.SubjectInformationAccess) -> JsonValue:
        return access_json(_METHODS, value)
