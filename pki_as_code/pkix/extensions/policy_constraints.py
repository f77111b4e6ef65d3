from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Self

from cryptography import x509
from pydantic import model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Criticality, Extension, ExtensionPart, Holder
from pki_as_code.pkix.extensions.types import SkipCerts


class PolicySkips(ExtensionPart):
    """After how many certificates policies are required, and mapping is forbidden."""

    require_explicit_policy: SkipCerts | None = None
    inhibit_policy_mapping: SkipCerts | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.require_explicit_policy is None and self.inhibit_policy_mapping is None:
            raise InvalidValueError(
                "policyConstraints needs requireExplicitPolicy or inhibitPolicyMapping",
                code="extension.incomplete",
            )
        return self


class PolicyConstraints(Extension):
    """RFC 5280 section 4.2.1.11; always critical."""

    name: ClassVar = "policyConstraints"
    oid: ClassVar = x509.PolicyConstraints.oid
    default_critical: ClassVar = True
    criticality: ClassVar = Criticality.MUST
    holder: ClassVar = Holder.CA

    value: PolicySkips

    def to_x509(self, variables: Mapping[str, str]) -> x509.PolicyConstraints:  # noqa: ARG002
        return x509.PolicyConstraints(
            self.value.require_explicit_policy, self.value.inhibit_policy_mapping
        )

    @classmethod
    def from_x509(cls, value: x509.PolicyConstraints) -> JsonValue:
        skips = {
            "requireExplicitPolicy": value.require_explicit_policy,
            "inhibitPolicyMapping": value.inhibit_policy_mapping,
        }
        return {name: skip for name, skip in skips.items() if skip is not None}
