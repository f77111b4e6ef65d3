from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Final, Literal, Self, get_args

from cryptography import x509
from pydantic import AfterValidator, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension, ExtensionPart
from pki_as_code.pkix.extensions.types import (
    GeneralNameText,
    Location,
    UniqueValues,
    Values,
    from_general_names,
    to_general_names,
)
from pki_as_code.pkix.names import format_name

ReasonFlag = Literal[
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
]


_ORDER: Final[tuple[str, ...]] = get_args(ReasonFlag)


def _in_order(reasons: Iterable[str]) -> tuple[str, ...]:
    """Return the reasons in the order of their bits, whatever order they are written in."""
    return tuple(sorted(reasons, key=_ORDER.index))


class DistributionPoint(ExtensionPart):
    """One place where CRLs are; `reasons` and `crlIssuer` only for split or indirect CRLs."""

    full_name: UniqueValues[Location] | None = None
    reasons: Annotated[UniqueValues[ReasonFlag], AfterValidator(_in_order)] | None = None
    crl_issuer: UniqueValues[GeneralNameText] | None = None

    @model_validator(mode="after")
    def _says_where_or_who(self) -> Self:
        """RFC 5280 section 4.2.1.13: never reasons alone; cRLIssuer is a directory name."""
        if self.full_name is None and self.crl_issuer is None:
            raise InvalidValueError(
                "a distribution point needs fullName or crlIssuer", code="extension.incomplete"
            )
        if self.crl_issuer is not None and not any(
            name.startswith("dirName:") for name in self.crl_issuer
        ):
            raise InvalidValueError(
                "crlIssuer holds no directory name",
                help="write the issuer of the CRL as dirName:CN=...",
                code="extension.crl_issuer",
            )
        return self

    def to_x509(self, variables: Mapping[str, str]) -> x509.DistributionPoint:
        return x509.DistributionPoint(
            full_name=to_general_names(self.full_name, variables) if self.full_name else None,
            relative_name=None,
            reasons=frozenset(map(x509.ReasonFlags, self.reasons)) if self.reasons else None,
            crl_issuer=to_general_names(self.crl_issuer, variables) if self.crl_issuer else None,
        )


DistributionPoints = Values[DistributionPoint]


class CrlDistributionPoints(Extension):
    """RFC 5280 section 4.2.1.13: where the CRL with this certificate is; should not be critical."""

    name: ClassVar = "crlDistributionPoints"
    oid: ClassVar = x509.CRLDistributionPoints.oid

    value: DistributionPoints

    def to_x509(self, variables: Mapping[str, str]) -> x509.CRLDistributionPoints:
        return x509.CRLDistributionPoints([point.to_x509(variables) for point in self.value])

    @classmethod
    def from_x509(cls, value: x509.CRLDistributionPoints) -> JsonValue:
        return distribution_points_json(value)


def distribution_points_json(points: Iterable[x509.DistributionPoint]) -> JsonValue:
    """Return the JSON form of distribution points, of complete and of delta CRLs alike."""
    return [_point_json(point) for point in points]


def _point_json(point: x509.DistributionPoint) -> JsonValue:
    shown: dict[str, Any] = {}
    if point.full_name:
        shown["fullName"] = from_general_names(point.full_name)
    if point.relative_name is not None:
        shown["nameRelativeToCRLIssuer"] = format_name(x509.Name([point.relative_name]))
    if point.reasons:
        shown["reasons"] = list(_in_order(reason.value for reason in point.reasons))
    if point.crl_issuer:
        shown["crlIssuer"] = from_general_names(point.crl_issuer)
    return shown
