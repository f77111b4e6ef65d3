from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final, Self

from cryptography import x509
from pydantic import AfterValidator, Field, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue, format_time
from pki_as_code.pkix.extensions.base import Criticality, Extension, ExtensionPart

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def _parse(text: str) -> datetime:
    return datetime.fromisoformat(text.upper().replace("Z", "+00:00")).astimezone(UTC)


def _check_time(text: str) -> str:
    try:
        if _RFC3339.fullmatch(text):
            return format_time(_parse(text))
    except (ValueError, OverflowError):
        pass
    raise InvalidValueError(
        f"{text[:40]!r} is not a time",
        help='write RFC 3339 with a zone, in quotes: "2027-01-31T00:00:00Z"',
        code="extension.bad_time",
    )


Time = Annotated[
    str,
    Field(max_length=40, json_schema_extra={"format": "date-time"}),
    AfterValidator(_check_time),
]


class UsagePeriod(ExtensionPart):
    not_before: Time | None = None
    not_after: Time | None = None

    @model_validator(mode="after")
    def _is_a_period(self) -> Self:
        if self.not_before is None and self.not_after is None:
            raise InvalidValueError(
                "privateKeyUsagePeriod needs notBefore or notAfter", code="extension.incomplete"
            )
        # The normal form has one zone and one length, so that its text sorts like its time.
        if self.not_before and self.not_after and self.not_before > self.not_after:
            raise InvalidValueError(
                f"notBefore {self.not_before} is later than notAfter {self.not_after}",
                code="extension.bad_period",
            )
        return self


class PrivateKeyUsagePeriod(Extension):
    """RFC 3280 section 4.2.1.4: how long the key signs, when shorter than the certificate."""

    name: ClassVar = "privateKeyUsagePeriod"
    oid: ClassVar = x509.PrivateKeyUsagePeriod.oid
    criticality: ClassVar = Criticality.MUST_NOT

    value: UsagePeriod

    def to_x509(self, variables: Mapping[str, str]) -> x509.PrivateKeyUsagePeriod:  # noqa: ARG002
        return x509.PrivateKeyUsagePeriod(
            _parse(self.value.not_before) if self.value.not_before else None,
            _parse(self.value.not_after) if self.value.not_after else None,
        )

    @classmethod
    def from_x509(cls, value: x509.PrivateKeyUsagePeriod) -> JsonValue:
        period = {"notBefore": value.not_before, "notAfter": value.not_after}
        return {name: format_time(when) for name, when in period.items() if when is not None}
