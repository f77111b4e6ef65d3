"""An extension of any certificate, also one made elsewhere, to its name and JSON form."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography import x509

from pki_as_code.model import JsonValue, format_time
from pki_as_code.pkix.extensions.catalogue import EXTENSION_BY_OID, NAMES_BY_OID
from pki_as_code.pkix.extensions.subject_alternative_name import SubjectAlternativeName
from pki_as_code.pkix.extensions.types import from_general_names
from pki_as_code.pkix.serial_numbers import format_serial_number

_OTHER_NAMES: Final[Mapping[str, str]] = {
    x509.PrecertificateSignedCertificateTimestamps.oid.dotted_string: "signedCertificateTimestamps",
}


def extension_name(oid: str) -> str:
    """Return the ASN.1 name of an extension, or its dotted object identifier."""
    return NAMES_BY_OID.get(oid) or _OTHER_NAMES.get(oid, oid)


def describe_extension(extension: x509.Extension[x509.ExtensionType]) -> JsonValue:
    """
    Return the value in the form a manifest would have it.

    Extensions without a form of their own, and values cryptography could not make sense of, are
    base64 of their DER.
    """
    oid = extension.oid.dotted_string
    value = extension.value
    known = EXTENSION_BY_OID.get(oid)
    if known is not None:
        return known.from_x509(value)
    shown = _DERIVED.get(type(value))
    return base64.b64encode(value.public_bytes()).decode() if shown is None else shown(value)


def _basic_constraints(value: x509.BasicConstraints) -> JsonValue:
    shown: dict[str, Any] = {"cA": value.ca}
    if value.path_length is not None:
        shown["pathLenConstraint"] = value.path_length
    return shown


def _subject_key_identifier(value: x509.SubjectKeyIdentifier) -> JsonValue:
    return hex_colons(value.digest)


def _authority_key_identifier(value: x509.AuthorityKeyIdentifier) -> JsonValue:
    shown: dict[str, Any] = {}
    if value.key_identifier is not None:
        shown["keyIdentifier"] = hex_colons(value.key_identifier)
    if value.authority_cert_issuer is not None:
        shown["authorityCertIssuer"] = from_general_names(value.authority_cert_issuer)
    if value.authority_cert_serial_number is not None:
        shown["authorityCertSerialNumber"] = format_serial_number(
            value.authority_cert_serial_number
        )
    return shown


def _timestamps(value: x509.PrecertificateSignedCertificateTimestamps) -> JsonValue:
    return [
        {
            "logId": hex_colons(timestamp.log_id),
            # RFC 6962 counts milliseconds; nobody reads them.
            "timestamp": format_time(timestamp.timestamp),
        }
        for timestamp in value
    ]


def hex_colons(octets: bytes) -> str:
    """Return `AA:BB:CC`."""
    return octets.hex(":").upper()


_DERIVED: Final[Mapping[type, Callable[[Any], JsonValue]]] = {
    x509.SubjectAlternativeName: SubjectAlternativeName.from_x509,
    x509.BasicConstraints: _basic_constraints,
    x509.SubjectKeyIdentifier: _subject_key_identifier,
    x509.AuthorityKeyIdentifier: _authority_key_identifier,
    x509.PrecertificateSignedCertificateTimestamps: _timestamps,
}
