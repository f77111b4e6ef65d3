from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from cryptography import x509

from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension, Holder
from pki_as_code.pkix.extensions.types import Present


class OcspNoCheck(Extension):
    """RFC 6960 section 4.2.2.2.1: an OCSP responder's certificate is not checked itself."""

    name: ClassVar = "ocspNoCheck"
    oid: ClassVar = x509.OCSPNoCheck.oid
    holder: ClassVar = Holder.END_ENTITY

    value: Present = True
    """NULL in the certificate; `ocspNoCheck: {}` says it all."""

    def to_x509(self, variables: Mapping[str, str]) -> x509.OCSPNoCheck:  # noqa: ARG002
        return x509.OCSPNoCheck()

    @classmethod
    def from_x509(cls, value: x509.OCSPNoCheck) -> JsonValue:  # noqa: ARG003
        return True
