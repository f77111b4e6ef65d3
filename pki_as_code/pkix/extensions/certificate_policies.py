from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from cryptography import x509
from pydantic import AfterValidator, Field, StrictInt, StringConstraints, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension, ExtensionPart
from pki_as_code.pkix.extensions.types import Oid, Text, Values
from pki_as_code.pkix.general_names import parse_general_name

DisplayText = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
]
"""RFC 5280 appendix A.2: at most 200 characters, no control characters (RFC 6818 section 3)."""


def _check_cps(text: str) -> str:
    parse_general_name("URI:" + text)
    return text


class NoticeReference(ExtensionPart):
    """Numbered statements of an organization. RFC 5280: conforming CAs should not use it."""

    organization: DisplayText
    notice_numbers: Values[Annotated[StrictInt, Field(ge=0, le=2**31 - 1)]]


class UserNotice(ExtensionPart):
    explicit_text: DisplayText | None = None
    notice_ref: NoticeReference | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.explicit_text is None and self.notice_ref is None:
            raise InvalidValueError(
                "userNotice needs explicitText or noticeRef", code="extension.incomplete"
            )
        return self


class PolicyQualifier(ExtensionPart):
    """Exactly one of the two qualifiers RFC 5280 knows."""

    cps: Annotated[Text, AfterValidator(_check_cps)] | None = None
    """URI of a certification practice statement."""

    user_notice: UserNotice | None = None

    @model_validator(mode="after")
    def _is_one_of_two(self) -> Self:
        if (self.cps is None) is (self.user_notice is None):
            raise InvalidValueError(
                "a policy qualifier is either cps or userNotice",
                help="write two list items for both",
                code="extension.incomplete",
            )
        return self

    def to_x509(self) -> str | x509.UserNotice:
        if self.cps is not None:
            return self.cps
        notice = self.user_notice
        reference = notice.notice_ref if notice else None
        return x509.UserNotice(
            x509.NoticeReference(reference.organization, reference.notice_numbers)
            if reference
            else None,
            notice.explicit_text if notice else None,
        )


class PolicyInformation(ExtensionPart):
    policy_identifier: Oid
    policy_qualifiers: Annotated[tuple[PolicyQualifier, ...], Field(max_length=16)] | None = None


def _unique_policies(policies: tuple[PolicyInformation, ...]) -> tuple[PolicyInformation, ...]:
    seen: set[str] = set()
    for policy in policies:
        if policy.policy_identifier in seen:
            raise InvalidValueError(
                f"policy {policy.policy_identifier} is given twice",
                help="give one policy all its qualifiers",
                code="extension.duplicate",
            )
        seen.add(policy.policy_identifier)
    return policies


class CertificatePolicies(Extension):
    """RFC 5280 section 4.2.1.4, with RFC 6818 section 3: policies, each at most once."""

    name: ClassVar = "certificatePolicies"
    oid: ClassVar = x509.CertificatePolicies.oid

    value: Annotated[Values[PolicyInformation], AfterValidator(_unique_policies)]

    def to_x509(self, variables: Mapping[str, str]) -> x509.CertificatePolicies:  # noqa: ARG002
        return x509.CertificatePolicies(
            [
                x509.PolicyInformation(
                    x509.ObjectIdentifier(policy.policy_identifier),
                    [qualifier.to_x509() for qualifier in policy.policy_qualifiers or ()] or None,
                )
                for policy in self.value
            ]
        )

    @classmethod
    def from_x509(cls, value: x509.CertificatePolicies) -> JsonValue:
        return [_policy_json(policy) for policy in value]


def _policy_json(policy: x509.PolicyInformation) -> JsonValue:
    shown: dict[str, Any] = {"policyIdentifier": policy.policy_identifier.dotted_string}
    if policy.policy_qualifiers:
        shown["policyQualifiers"] = [_qualifier_json(q) for q in policy.policy_qualifiers]
    return shown


def _qualifier_json(qualifier: str | x509.UserNotice) -> JsonValue:
    if isinstance(qualifier, str):
        return {"cps": qualifier}
    notice: dict[str, Any] = {}
    if qualifier.explicit_text is not None:
        notice["explicitText"] = qualifier.explicit_text
    if qualifier.notice_reference is not None:
        notice["noticeRef"] = {
            "organization": qualifier.notice_reference.organization,
            "noticeNumbers": list(qualifier.notice_reference.notice_numbers),
        }
    return {"userNotice": notice}
