"""The `extensions` of a manifest."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel
from pydantic.json_schema import SkipJsonSchema

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import RequestedExtension
from pki_as_code.pkix.extensions.admissions import Admissions
from pki_as_code.pkix.extensions.authority_information_access import AuthorityInformationAccess
from pki_as_code.pkix.extensions.base import Extension, ExtensionPart
from pki_as_code.pkix.extensions.certificate_policies import CertificatePolicies
from pki_as_code.pkix.extensions.crl_distribution_points import CrlDistributionPoints
from pki_as_code.pkix.extensions.custom import CustomExtension
from pki_as_code.pkix.extensions.extended_key_usage import ExtendedKeyUsage
from pki_as_code.pkix.extensions.freshest_crl import FreshestCrl
from pki_as_code.pkix.extensions.inhibit_any_policy import InhibitAnyPolicy
from pki_as_code.pkix.extensions.issuer_alternative_name import IssuerAlternativeName
from pki_as_code.pkix.extensions.key_usage import KeyUsage
from pki_as_code.pkix.extensions.ms_certificate_template import MsCertificateTemplate
from pki_as_code.pkix.extensions.name_constraints import NameConstraints
from pki_as_code.pkix.extensions.no_revocation_available import NoRevocationAvailable
from pki_as_code.pkix.extensions.ocsp_no_check import OcspNoCheck
from pki_as_code.pkix.extensions.policy_constraints import PolicyConstraints
from pki_as_code.pkix.extensions.policy_mappings import PolicyMappings
from pki_as_code.pkix.extensions.precert_poison import PrecertPoison
from pki_as_code.pkix.extensions.private_key_usage_period import PrivateKeyUsagePeriod
from pki_as_code.pkix.extensions.subject_alternative_name import SubjectAlternativeName
from pki_as_code.pkix.extensions.subject_information_access import SubjectInformationAccess
from pki_as_code.pkix.extensions.tls_feature import TlsFeature

_MAX_CUSTOM = 32

_DERIVED_FROM = {
    "basicConstraints": "it follows from the kind of the manifest and spec.pathLength",
    "subjectKeyIdentifier": "it follows from the public key",
    "authorityKeyIdentifier": "it follows from the issuer",
}
_Derived = SkipJsonSchema[None]
"""The type of fields that exist only to refuse what is written there."""


def _unique_oids(extensions: tuple[CustomExtension, ...]) -> tuple[CustomExtension, ...]:
    seen: set[str] = set()
    for extension in extensions:
        if extension.oid in seen:
            raise InvalidValueError(
                f"{extension.oid} is given twice",
                help="a certificate has an extension at most once (RFC 5280 section 4.2)",
                code="extension.duplicate",
            )
        seen.add(extension.oid)
    return extensions


class ExtensionSet(ExtensionPart):
    """The extensions asked for, by name: `{keyUsage: {critical: true, value: [...]}, ...}`."""

    # Many fields are of this type: each would else make its parts anew.
    model_config = ConfigDict(defer_build=False)

    key_usage: KeyUsage | None = None
    extended_key_usage: ExtendedKeyUsage | None = None
    subject_alt_name: SubjectAlternativeName | None = None
    issuer_alt_name: IssuerAlternativeName | None = None
    certificate_policies: CertificatePolicies | None = None
    crl_distribution_points: CrlDistributionPoints | None = None
    freshest_crl: FreshestCrl | None = None
    authority_info_access: AuthorityInformationAccess | None = None
    subject_info_access: SubjectInformationAccess | None = None
    name_constraints: NameConstraints | None = None
    policy_constraints: PolicyConstraints | None = None
    policy_mappings: PolicyMappings | None = None
    inhibit_any_policy: InhibitAnyPolicy | None = None
    tls_feature: TlsFeature | None = None
    ocsp_no_check: OcspNoCheck | None = None
    private_key_usage_period: PrivateKeyUsagePeriod | None = None
    ms_certificate_template: MsCertificateTemplate | None = None
    admissions: Admissions | None = None
    precert_poison: PrecertPoison | None = None
    no_rev_avail: NoRevocationAvailable | None = None
    custom: Annotated[
        tuple[CustomExtension, ...], Field(max_length=_MAX_CUSTOM), AfterValidator(_unique_oids)
    ] = ()

    basic_constraints: _Derived = None
    subject_key_identifier: _Derived = None
    authority_key_identifier: _Derived = None

    @field_validator("*", mode="before")
    @classmethod
    def _is_written_for_a_reason(cls, value: Any, info: ValidationInfo) -> Any:
        name = to_camel(info.field_name or "")
        reason = _DERIVED_FROM.get(name)
        if reason is not None:
            raise InvalidValueError(
                f"{name} cannot be asked for: {reason}",
                help=f"remove {name}",
                code="extension.derived",
            )
        if value is None:
            raise InvalidValueError(
                f"{name} has no value",
                help="remove the key, or write {} for an extension without a value",
                code="extension.incomplete",
            )
        return value

    def requested(self) -> tuple[RequestedExtension, ...]:
        """
        Return the extensions sorted by name, their criticality settled.

        A `subjectAltName` whose criticality is asked for comes with the value None.
        """
        found = [
            RequestedExtension(extension.name, extension.is_critical, extension.json_value)
            for extension in self.extensions()
        ]
        found += [RequestedExtension(c.oid, c.critical, c.value) for c in self.custom]
        names = self.subject_alt_name
        if names is not None and names.critical is not None:
            found.append(RequestedExtension(names.name, names.critical, None))
        return tuple(sorted(found, key=lambda extension: extension.name))

    def extensions(self) -> tuple[Extension, ...]:
        """Return those that are asked for and known by name, without subjectAltName."""
        fields = (getattr(self, field) for field in type(self).model_fields)
        return tuple(value for value in fields if isinstance(value, Extension))


def merge_extension_sets(*sets: ExtensionSet) -> ExtensionSet:
    """
    Return one set in which the first set that has an extension wins, whole.

    Custom extensions are told apart by their object identifiers.
    """
    merged: dict[str, Any] = {}
    custom: dict[str, CustomExtension] = {}
    for extensions in sets:
        for field in type(extensions).model_fields:
            value = getattr(extensions, field)
            if field != "custom" and value is not None:
                merged.setdefault(field, value)
        for extension in extensions.custom:
            custom.setdefault(extension.oid, extension)
    return ExtensionSet(**merged, custom=tuple(custom.values()))
