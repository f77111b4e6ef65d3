from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from cryptography import x509
from pydantic import AfterValidator, Field, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Criticality, Extension, ExtensionPart, Holder
from pki_as_code.pkix.extensions.types import MAX_VALUES, Text, from_general_names, unique
from pki_as_code.pkix.general_names import format_general_name, parse_constraint_name


def _check_subtree(text: str) -> str:
    return format_general_name(parse_constraint_name(text))


Subtrees = Annotated[
    tuple[Annotated[Text, AfterValidator(_check_subtree)], ...],
    Field(max_length=MAX_VALUES),
    AfterValidator(unique),
]
"""`DNS:example.com`, `IP:10.0.0.0/8`, `email:example.com`, `URI:.example.com`, `dirName:O=...`"""


class Constraints(ExtensionPart):
    permitted: Subtrees = ()
    excluded: Subtrees = ()

    @model_validator(mode="after")
    def _has_a_subtree(self) -> Self:
        if not self.permitted and not self.excluded:
            raise InvalidValueError(
                "nameConstraints needs a permitted or an excluded name", code="extension.incomplete"
            )
        return self


class NameConstraints(Extension):
    """RFC 5280 section 4.2.1.10: the names an authority may certify; always critical."""

    name: ClassVar = "nameConstraints"
    oid: ClassVar = x509.NameConstraints.oid
    default_critical: ClassVar = True
    criticality: ClassVar = Criticality.MUST
    holder: ClassVar = Holder.CA

    value: Constraints

    def to_x509(self, variables: Mapping[str, str]) -> x509.NameConstraints:  # noqa: ARG002
        return x509.NameConstraints(
            [parse_constraint_name(name) for name in self.value.permitted] or None,
            [parse_constraint_name(name) for name in self.value.excluded] or None,
        )

    @classmethod
    def from_x509(cls, value: x509.NameConstraints) -> JsonValue:
        return {
            "permitted": from_general_names(value.permitted_subtrees),
            "excluded": from_general_names(value.excluded_subtrees),
        }
