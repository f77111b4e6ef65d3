from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Self

from cryptography import x509
from cryptography.x509.oid import ExtensionOID
from pydantic import model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions.base import Extension, ExtensionPart, Holder
from pki_as_code.pkix.extensions.types import Oid, UniqueValues

ANY_POLICY: Final = "2.5.29.32.0"


class PolicyMapping(ExtensionPart):
    """The issuer holds these two policies to be equivalent."""

    issuer_domain_policy: Oid
    subject_domain_policy: Oid

    @model_validator(mode="after")
    def _is_not_any_policy(self) -> Self:
        if ANY_POLICY in {self.issuer_domain_policy, self.subject_domain_policy}:
            raise InvalidValueError(
                "anyPolicy cannot be mapped", code="extension.any_policy_mapped"
            )
        return self


class PolicyMappings(Extension):
    """RFC 5280 section 4.2.1.5; should be critical. cryptography has no class for it."""

    name: ClassVar = "policyMappings"
    oid: ClassVar = ExtensionOID.POLICY_MAPPINGS
    default_critical: ClassVar = True
    holder: ClassVar = Holder.CA

    value: UniqueValues[PolicyMapping]

    def to_x509(self, variables: Mapping[str, str]) -> x509.UnrecognizedExtension:  # noqa: ARG002
        mappings = [
            der.encode_sequence(
                der.encode_oid(mapping.issuer_domain_policy),
                der.encode_oid(mapping.subject_domain_policy),
            )
            for mapping in self.value
        ]
        return x509.UnrecognizedExtension(self.oid, der.encode_sequence(*mappings))

    @classmethod
    def from_x509(cls, value: x509.UnrecognizedExtension) -> JsonValue:
        """Raises `InvalidValueError` for a value that is not PolicyMappings in DER."""
        der.check_strict_der(value.value)
        return [
            _mapping_json(der.children(der.expect(mapping, der.SEQUENCE)))
            for mapping in der.children(der.expect(der.read_single(value.value), der.SEQUENCE))
        ]


def _mapping_json(policies: tuple[der.Tlv, ...]) -> JsonValue:
    if len(policies) != 2:  # noqa: PLR2004
        raise der.not_strict("a policy mapping does not consist of two policies")
    issuer, subject = (
        der.decode_oid(der.expect(policy, der.OBJECT_IDENTIFIER).content) for policy in policies
    )
    return {"issuerDomainPolicy": issuer, "subjectDomainPolicy": subject}
