from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cryptography import x509
from pydantic import StrictBool, model_validator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import ExtensionPart
from pki_as_code.pkix.extensions.types import from_general_names


class SubjectAlternativeName(ExtensionPart):
    """
    RFC 5280 section 4.2.1.6. Only `critical` can be asked for: the names are the manifest's.

    Without it the extension is critical exactly when the subject is empty. Non-critical without a
    subject is refused by lint.
    """

    name: ClassVar = "subjectAltName"
    oid: ClassVar = x509.SubjectAlternativeName.oid

    critical: StrictBool | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_no_value(cls, data: Any) -> Any:
        if isinstance(data, Mapping) and "value" in data:
            raise InvalidValueError(
                "subjectAltName takes no value here",
                help="write the names in spec.subjectAltNames",
                code="extension.derived",
            )
        return data

    @classmethod
    def from_x509(cls, value: x509.SubjectAlternativeName) -> JsonValue:
        return from_general_names(value)
