from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from cryptography import x509
from pydantic import AfterValidator, WithJsonSchema

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix import der
from pki_as_code.pkix.extensions.base import Extension
from pki_as_code.pkix.extensions.types import OID_PATTERN, UniqueValues

PURPOSES: Final[Mapping[str, str]] = {
    "anyExtendedKeyUsage": "2.5.29.37.0",
    "bundleSecurity": "1.3.6.1.5.5.7.3.35",
    "certificateTransparency": "1.3.6.1.4.1.11129.2.4.4",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "ipsecEndSystem": "1.3.6.1.5.5.7.3.5",
    "ipsecIKE": "1.3.6.1.5.5.7.3.17",
    "ipsecTunnel": "1.3.6.1.5.5.7.3.6",
    "ipsecUser": "1.3.6.1.5.5.7.3.7",
    "mdlDS": "1.0.18013.5.1.2",
    "mdlJWS": "1.0.18013.5.1.3",
    "msKDC": "1.3.6.1.5.2.3.5",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "smartcardLogon": "1.3.6.1.4.1.311.20.2.2",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
}
"""Object identifier of each purpose that has a name here."""

_NAMES: Final = {oid: name for name, oid in PURPOSES.items()}


def purpose_name(oid: str) -> str:
    """Return the name of a purpose, or its dotted object identifier when it has none here."""
    return _NAMES.get(oid, oid)


def _check_purpose(text: str) -> str:
    if text in PURPOSES:
        return text
    try:
        der.encode_oid(text)
    except InvalidValueError:
        raise InvalidValueError(
            f"{text[:80]!r} is not a purpose of keys",
            help=f"purposes are {', '.join(PURPOSES)}, or a dotted object identifier",
            code="extension.unknown_purpose",
        ) from None
    return purpose_name(text)


Purpose = Annotated[
    str,
    AfterValidator(_check_purpose),
    WithJsonSchema(
        {"anyOf": [{"enum": list(PURPOSES)}, {"type": "string", "pattern": OID_PATTERN}]}
    ),
]


class ExtendedKeyUsage(Extension):
    """RFC 5280 section 4.2.1.12: purposes of the key, in the order given."""

    name: ClassVar = "extendedKeyUsage"
    oid: ClassVar = x509.ExtendedKeyUsage.oid

    value: UniqueValues[Purpose]

    def to_x509(self, variables: Mapping[str, str]) -> x509.ExtendedKeyUsage:  # noqa: ARG002
        return x509.ExtendedKeyUsage(
            [x509.ObjectIdentifier(PURPOSES.get(purpose, purpose)) for purpose in self.value]
        )

    @classmethod
    def from_x509(cls, value: x509.ExtendedKeyUsage) -> JsonValue:
        return [purpose_name(oid.dotted_string) for oid in value]
