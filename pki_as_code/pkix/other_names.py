"""
otherName values: `1.3.6.1.4.1.311.20.2.3;UTF8:user@example.com`.

The value of an OctetString or BITSTRING is hex, unless `FORMAT:ASCII,` or `FORMAT:UTF8,` stands
before the type.
"""

from __future__ import annotations

import re
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters, quoted
from pki_as_code.pkix.asn1_values import (
    encode_value,
    format_value,
    is_type,
    parse_object_identifier,
)
from pki_as_code.pkix.der import UTF8_STRING, read_single
from pki_as_code.pkix.dns import host_name

SMTP_UTF8_MAILBOX: Final = "1.3.6.1.5.5.7.8.9"

_OTHER_NAME = re.compile(
    r"(?P<oid>[0-9.]+);(?:FORMAT:(?P<format>[A-Za-z0-9]+),)?(?P<type>[A-Za-z0-9]+):(?P<value>.*)",
    re.DOTALL | re.IGNORECASE,
)
_FORMATTED_TYPES = frozenset({"OCTETSTRING", "OCT", "BITSTRING", "BITSTR"})


def parse_other_name(text: str) -> x509.OtherName:
    """
    Return the otherName that `OID;TYPE:value` writes.

    Types are taken in any case. Raises `InvalidValueError` (`general_name.bad_other_name`).
    """
    match = _OTHER_NAME.fullmatch(text)
    if match is None:
        raise _bad(text, "it is not of the form OID;TYPE:value")
    oid = parse_object_identifier(match["oid"])
    type_name, value = match["type"], match["value"]
    if not is_type(type_name):
        raise _bad(text, f"{quoted(type_name)} is not a type that is known")
    if match["format"] is not None:
        value = _hex_of(text, type_name.upper(), match["format"].upper(), value)
    try:
        der = encode_value(type_name, value)
    except InvalidValueError:
        raise
    except ValueError:
        raise _bad(text, f"{quoted(value)} is not a value of type {type_name}") from None
    if oid.dotted_string == SMTP_UTF8_MAILBOX:
        _check_smtp_utf8_mailbox(text, der)
    return x509.OtherName(oid, der)


def format_other_name(name: x509.OtherName) -> str:
    """Return `OID;TYPE:value`, with type `DER` and hex where no type writes exactly that value."""
    oid = name.type_id.dotted_string
    text = f"{oid};{format_value(name.value)}"
    try:
        if not has_hidden_characters(text) and parse_other_name(text).value == name.value:
            return text
    except InvalidValueError:
        pass
    return f"{oid};DER:{name.value.hex().upper()}"


def _hex_of(text: str, value_type: str, value_format: str, value: str) -> str:
    if value_type not in _FORMATTED_TYPES:
        raise _bad(text, f"type {value_type} has no FORMAT")
    if value_format == "ASCII" and value.isascii():
        return value.encode("ascii").hex()
    if value_format == "UTF8":
        return value.encode().hex()
    if value_format == "HEX":
        return value
    raise _bad(text, f"FORMAT {quoted(value_format)} does not fit the value")


def _check_smtp_utf8_mailbox(text: str, der: bytes) -> None:
    """RFC 9598 section 3: a UTF8String, the local part not ASCII, the domain as A-labels."""
    tlv = read_single(der)
    local_part, at, domain = tlv.content.decode("utf-8", "replace").partition("@")
    well_formed = tlv.tag == UTF8_STRING and bool(local_part) and bool(at)
    if not well_formed or local_part.isascii() or host_name(domain) != domain:
        raise _bad(
            text, "a SmtpUTF8Mailbox is a UTF8String with a local part outside ASCII (RFC 9598)"
        )


def _bad(text: str, reason: str) -> InvalidValueError:
    return InvalidValueError(
        f"{quoted(text)} is not an otherName: {reason}",
        help="write it like otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@example.com",
        code="general_name.bad_other_name",
    )
