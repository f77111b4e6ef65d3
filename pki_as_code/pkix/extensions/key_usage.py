from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final, Literal

from cryptography import x509
from pydantic import AfterValidator

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import JsonValue
from pki_as_code.pkix.extensions.base import Extension
from pki_as_code.pkix.extensions.types import Values, unique

KeyUsageName = Literal[
    "digitalSignature",
    "nonRepudiation",
    "contentCommitment",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
]

ATTRIBUTES: Final[Mapping[str, str]] = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "content_commitment",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
"""cryptography's name of each bit, in the order of the bits."""

_NEED_KEY_AGREEMENT = ("encipherOnly", "decipherOnly")


def _normalise(usages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the usages in the order of their bits; contentCommitment is X.509's newer name."""
    renamed = unique(tuple("nonRepudiation" if u == "contentCommitment" else u for u in usages))
    for usage in _NEED_KEY_AGREEMENT:
        if usage in renamed and "keyAgreement" not in renamed:
            raise InvalidValueError(
                f"{usage} has no meaning without keyAgreement",
                help="add keyAgreement",
                code="extension.key_usage",
            )
    return tuple(name for name in ATTRIBUTES if name in renamed)


class KeyUsage(Extension):
    """RFC 5280 section 4.2.1.3: what the key may be used for; at least one bit."""

    name: ClassVar = "keyUsage"
    oid: ClassVar = x509.KeyUsage.oid
    default_critical: ClassVar = True

    value: Annotated[Values[KeyUsageName], AfterValidator(_normalise)]

    def to_x509(self, variables: Mapping[str, str]) -> x509.KeyUsage:  # noqa: ARG002
        return x509.KeyUsage(**{ATTRIBUTES[name]: name in self.value for name in ATTRIBUTES})

    @classmethod
    def from_x509(cls, value: x509.KeyUsage) -> JsonValue:
        return list(key_usage_names(value))


def key_usage_names(value: x509.KeyUsage) -> tuple[str, ...]:
    """Return the names of the bits that are set, in the order of the bits."""
    return tuple(
        name
        for name, attribute in ATTRIBUTES.items()
        # cryptography raises for these two when keyAgreement is not set.
        if (name not in _NEED_KEY_AGREEMENT or value.key_agreement) and getattr(value, attribute)
    )
