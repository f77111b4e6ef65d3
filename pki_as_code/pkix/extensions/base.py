"""What every certificate extension has in common."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from cryptography import x509
from pydantic import BaseModel, ConfigDict, StrictBool, model_validator
from pydantic.alias_generators import to_camel

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue


class Criticality(enum.Enum):
    """What the standard says about the critical flag of an extension."""

    MUST = "must be critical"
    MUST_NOT = "must not be critical"
    EITHER = "may be critical or not"


class Holder(enum.Enum):
    """Whose certificate an extension may stand in."""

    CA = "certificates of authorities only"
    END_ENTITY = "certificates of end entities only"
    EITHER = "any certificate"


def _tidy_schema(schema: dict[str, Any]) -> None:
    """Offer no `null` and no made-up titles in editors: what is not wanted is not written."""
    for name, field in schema.get("properties", {}).items():
        field.pop("title", None)
        options = [option for option in field.get("anyOf", ()) if option != {"type": "null"}]
        if len(options) == 1:
            del field["anyOf"], field["default"]
            schema["properties"][name] = {**options[0], **field}


class ExtensionPart(BaseModel):
    """Base of every model of this package: frozen, camelCase outside, nothing unknown."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        json_schema_extra=_tidy_schema,
        defer_build=True,  # the set of all extensions is made, not each for itself
    )


class Extension(ExtensionPart, ABC):
    """
    One X.509 v3 extension as a manifest writes it: `{critical: true, value: ...}`.

    A subclass names itself, says what its standard rules about `critical` and about who may have
    it, gives `value` a type that JSON knows, and converts both ways. Its class docstring cites the
    standard.
    """

    name: ClassVar[str]
    """The ASN.1 name in camelCase; the key in a manifest."""

    oid: ClassVar[x509.ObjectIdentifier]
    default_critical: ClassVar[bool] = False
    criticality: ClassVar[Criticality] = Criticality.EITHER
    holder: ClassVar[Holder] = Holder.EITHER

    critical: StrictBool | None = None
    """None: what the standard recommends."""

    value: Any

    @property
    def is_critical(self) -> bool:
        """The criticality settled: as written, else the standard's."""
        return self.default_critical if self.critical is None else self.critical

    @property
    def json_value(self) -> JsonValue:
        """The value in its one normal JSON form; what digests are made of."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)["value"]

    @model_validator(mode="after")
    def _criticality_as_the_standard_says(self) -> Self:
        wanted = {Criticality.MUST: True, Criticality.MUST_NOT: False}.get(self.criticality)
        if wanted is not None and self.critical is not None and self.critical is not wanted:
            raise InvalidValueError(
                f"{self.name} {self.criticality.value}",
                help="leave `critical` out",
                code="extension.criticality",
            )
        return self

    @abstractmethod
    def to_x509(self, variables: Mapping[str, str]) -> x509.ExtensionType:
        """
        Return the value that will be encoded.

        `variables` are the values for `{NAME}` in URIs. Raises `InvalidValueError` for one that is
        not known or that makes no valid URI.
        """

    @classmethod
    @abstractmethod
    def from_x509(cls, value: Any) -> JsonValue:
        """Return the JSON form of an extension of any certificate, also one made elsewhere."""
