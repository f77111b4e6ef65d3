from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from cryptography import x509
from pydantic import StringConstraints, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension, ExtensionPart
from pki_as_code.pkix.extensions.types import (
    Base64Der,
    GeneralNameText,
    Oid,
    Values,
    to_general_name,
)
from pki_as_code.pkix.general_names import format_general_name

ShortText = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""DirectoryString (SIZE(1..128)) of the specification."""

RegistrationNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9 '()+,\-./:=?]+$")
]
"""PrintableString."""


class NamingAuthority(ExtensionPart):
    naming_authority_id: Oid | None = None
    naming_authority_url: (
        Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[\x21-\x7e]+$")]
        | None
    ) = None
    naming_authority_text: ShortText | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise InvalidValueError(
                "namingAuthority needs an id, a url or a text", code="extension.incomplete"
            )
        return self

    def to_x509(self) -> x509.NamingAuthority:
        oid = self.naming_authority_id
        return x509.NamingAuthority(
            x509.ObjectIdentifier(oid) if oid else None,
            self.naming_authority_url,
            self.naming_authority_text,
        )


class ProfessionInfo(ExtensionPart):
    naming_authority: NamingAuthority | None = None
    profession_items: Values[ShortText]
    profession_oids: Values[Oid] | None = None
    registration_number: RegistrationNumber | None = None
    add_profession_info: Base64Der | None = None

    def to_x509(self) -> x509.ProfessionInfo:
        oids = self.profession_oids
        added = self.add_profession_info
        return x509.ProfessionInfo(
            self.naming_authority.to_x509() if self.naming_authority else None,
            self.profession_items,
            [x509.ObjectIdentifier(oid) for oid in oids] if oids else None,
            self.registration_number,
            base64.b64decode(added) if added else None,
        )


class Admission(ExtensionPart):
    admission_authority: GeneralNameText | None = None
    naming_authority: NamingAuthority | None = None
    profession_infos: Values[ProfessionInfo]

    def to_x509(self, variables: Mapping[str, str]) -> x509.Admission:
        return x509.Admission(
            _authority(self.admission_authority, variables),
            self.naming_authority.to_x509() if self.naming_authority else None,
            [info.to_x509() for info in self.profession_infos],
        )


class AdmissionSyntax(ExtensionPart):
    admission_authority: GeneralNameText | None = None
    contents_of_admissions: Values[Admission]


class Admissions(Extension):
    """Common PKI 2.0 part 1 table 29b: admission to a profession (physicians, notaries)."""

    name: ClassVar = "admissions"
    oid: ClassVar = x509.Admissions.oid

    value: AdmissionSyntax

    def to_x509(self, variables: Mapping[str, str]) -> x509.Admissions:
        return x509.Admissions(
            _authority(self.value.admission_authority, variables),
            [admission.to_x509(variables) for admission in self.value.contents_of_admissions],
        )

    @classmethod
    def from_x509(cls, value: x509.Admissions) -> JsonValue:
        return _without_none(
            admissionAuthority=_authority_text(value.authority),
            contentsOfAdmissions=[
                _without_none(
                    admissionAuthority=_authority_text(admission.admission_authority),
                    namingAuthority=_naming_authority_json(admission.naming_authority),
                    professionInfos=[_info_json(info) for info in admission.profession_infos],
                )
                for admission in value
            ],
        )


def _authority(text: str | None, variables: Mapping[str, str]) -> x509.GeneralName | None:
    return None if text is None else to_general_name(text, variables)


def _authority_text(name: x509.GeneralName | None) -> str | None:
    return None if name is None else format_general_name(name)


def _naming_authority_json(authority: x509.NamingAuthority | None) -> JsonValue:
    if authority is None:
        return None
    return _without_none(
        namingAuthorityId=authority.id.dotted_string if authority.id else None,
        namingAuthorityUrl=authority.url,
        namingAuthorityText=authority.text,
    )


def _info_json(info: x509.ProfessionInfo) -> JsonValue:
    added = info.add_profession_info
    oids = info.profession_oids
    return _without_none(
        namingAuthority=_naming_authority_json(info.naming_authority),
        professionItems=list(info.profession_items),
        professionOids=[oid.dotted_string for oid in oids] if oids else None,
        registrationNumber=info.registration_number,
        addProfessionInfo=base64.b64encode(added).decode() if added is not None else None,
    )


def _without_none(**members: Any) -> dict[str, Any]:
    return {name: member for name, member in members.items() if member is not None}
