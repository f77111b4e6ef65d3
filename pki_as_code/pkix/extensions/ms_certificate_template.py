from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from cryptography import x509
from pydantic import Field, StrictInt

from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension, ExtensionPart
from pki_as_code.pkix.extensions.types import Oid

Version = Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]


class Template(ExtensionPart):
    template_id: Oid
    major_version: Version | None = None
    minor_version: Version | None = None


class MsCertificateTemplate(Extension):
    """Microsoft's [MS-WCCE] section 2.2.2.7.7.2: the template a certificate was made from."""

    name: ClassVar = "msCertificateTemplate"
    oid: ClassVar = x509.MSCertificateTemplate.oid

    value: Template

    def to_x509(self, variables: Mapping[str, str]) -> x509.MSCertificateTemplate:  # noqa: ARG002
        return x509.MSCertificateTemplate(
            x509.ObjectIdentifier(self.value.template_id),
            self.value.major_version,
            self.value.minor_version,
        )

    @classmethod
    def from_x509(cls, value: x509.MSCertificateTemplate) -> JsonValue:
        shown = {
            "templateId": value.template_id.dotted_string,
            "majorVersion": value.major_version,
            "minorVersion": value.minor_version,
        }
        return {name: part for name, part in shown.items() if part is not None}
