"""
Single ASN.1 values from and to text, as OpenSSL writes them in ASN1_generate_nconf(3).

What needs a configuration file there (SEQUENCE, SET, tagging) is written as `DER:` and hex. The
value of an OctetString or BITSTRING is hex.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.pkix.der import (
    BIT_STRING,
    BMP_STRING,
    BOOLEAN,
    ENUMERATED,
    GENERALIZED_TIME,
    IA5_STRING,
    INTEGER,
    NULL,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    PRINTABLE_STRING,
    T61_STRING,
    UNIVERSAL_STRING,
    UTC_TIME,
    UTF8_STRING,
    Tlv,
    check_strict_der,
    decode_integer,
    decode_oid,
    encode_boolean,
    encode_integer,
    encode_oid,
    encode_tlv,
    read_single,
)

MAX_DIGITS: Final = 1024
MAX_OID_LENGTH: Final = 256

_NUMERIC_STRING = 0x12
_VISIBLE_STRING = 0x1A
_GENERAL_STRING = 0x1B

_OID = re.compile(r"[0-2](?:\.(?:0|[1-9][0-9]{0,37})){1,62}")
_INTEGER = re.compile(r"-?(?:0[xX][0-9A-Fa-f]+|[0-9]+)")
_TIME_FORMATS = {UTC_TIME: "%y%m%d%H%M%SZ", GENERALIZED_TIME: "%Y%m%d%H%M%SZ"}
_TIME = re.compile(r"(?:[0-9]{2})?[0-9]{12}Z")


def is_type(name: str) -> bool:
    """Tell whether `name`, in any case, is a type that `encode_value` knows."""
    return name.upper() in _ENCODERS


def encode_value(type_name: str, text: str) -> bytes:
    """Return the DER of a value. Raises ValueError when `text` is not of that type."""
    return _ENCODERS[type_name.upper()](text)


def format_value(der: bytes) -> str:
    """Return `TYPE:value`; `DER:` and hex for what is not a single value of a known type."""
    try:
        tlv = read_single(der)
        name, format_content = _FORMATTERS[tlv.tag]
        return f"{name}:{format_content(tlv)}"
    except (ValueError, LookupError):
        return f"DER:{der.hex().upper()}"


def parse_object_identifier(text: str) -> x509.ObjectIdentifier:
    """Return the OID that dotted text writes. Raises `InvalidValueError`."""
    if len(text) <= MAX_OID_LENGTH and _OID.fullmatch(text):
        try:
            encode_oid(text)
            return x509.ObjectIdentifier(text)
        except ValueError:
            pass
    raise InvalidValueError(
        f"{quoted(text)} is not an object identifier",
        help="write it in dotted form, for example 1.3.6.1.4.1.311.20.2.3",
        code="general_name.bad_oid",
    )


def _string_encoder(tag: int, encoding: str, alphabet: str = "") -> Callable[[str], bytes]:
    legal = re.compile(f"[{alphabet}]*") if alphabet else None

    def encode(value: str) -> bytes:
        if legal is not None and not legal.fullmatch(value):
            raise ValueError(value)
        return encode_tlv(tag, value.encode(encoding))

    return encode


def _encode_boolean(value: str) -> bytes:
    try:
        return encode_boolean(_BOOLEANS[value.lower()])
    except KeyError:
        raise ValueError(value) from None


def _parse_integer(value: str) -> int:
    if not _INTEGER.fullmatch(value) or len(value) > MAX_DIGITS:
        raise ValueError(value)
    return int(value, 16 if "x" in value.lower() else 10)


def _encode_integer(value: str) -> bytes:
    return encode_integer(_parse_integer(value))


def _encode_enumerated(value: str) -> bytes:
    return encode_tlv(ENUMERATED, read_single(_encode_integer(value)).content)


def _encode_null(value: str) -> bytes:
    if value:
        raise ValueError(value)
    return encode_tlv(NULL)


def _time_encoder(tag: int) -> Callable[[str], bytes]:
    def encode(value: str) -> bytes:
        if not _TIME.fullmatch(value):
            raise ValueError(value)
        datetime.strptime(value, _TIME_FORMATS[tag])
        return encode_tlv(tag, value.encode("ascii"))

    return encode


def _octets(value: str) -> bytes:
    if any(character.isspace() for character in value):
        raise ValueError(value)
    return bytes.fromhex(value)


def _encode_octet_string(value: str) -> bytes:
    return encode_tlv(OCTET_STRING, _octets(value))


def _encode_bit_string(value: str) -> bytes:
    return encode_tlv(BIT_STRING, b"\x00", _octets(value))


def _encode_der(value: str) -> bytes:
    der = _octets(value)
    check_strict_der(der)
    return der


def _text(encoding: str) -> Callable[[Tlv], str]:
    return lambda tlv: tlv.content.decode(encoding)


def _format_boolean(tlv: Tlv) -> str:
    return "TRUE" if tlv.content == b"\xff" else "FALSE"


def _format_integer(tlv: Tlv) -> str:
    return str(decode_integer(tlv.content)) if len(tlv.content) <= MAX_OID_LENGTH else ""


def _format_bit_string(tlv: Tlv) -> str:
    return tlv.content[1:].hex().upper()


_BOOLEANS = {"true": True, "yes": True, "y": True, "false": False, "no": False, "n": False}

# Canonical name, aliases, tag, encoder, and the text of an encoding.
_TYPES: tuple[tuple[tuple[str, ...], int, Callable[[str], bytes], Callable[[Tlv], str]], ...] = (
    (("UTF8", "UTF8STRING"), UTF8_STRING, _string_encoder(UTF8_STRING, "utf-8"), _text("utf-8")),
    (
        ("IA5STRING", "IA5"),
        IA5_STRING,
        _string_encoder(IA5_STRING, "ascii"),
        _text("ascii"),
    ),
    (
        ("PRINTABLESTRING", "PRINTABLE"),
        PRINTABLE_STRING,
        _string_encoder(PRINTABLE_STRING, "ascii", r"A-Za-z0-9 '()+,\-./:=?"),
        _text("ascii"),
    ),
    (
        ("VISIBLESTRING", "VISIBLE"),
        _VISIBLE_STRING,
        _string_encoder(_VISIBLE_STRING, "ascii", " -~"),
        _text("ascii"),
    ),
    (
        ("NUMERICSTRING", "NUMERIC"),
        _NUMERIC_STRING,
        _string_encoder(_NUMERIC_STRING, "ascii", "0-9 "),
        _text("ascii"),
    ),
    (
        ("T61STRING", "T61", "TELETEXSTRING"),
        T61_STRING,
        _string_encoder(T61_STRING, "latin-1"),
        _text("latin-1"),
    ),
    (
        ("GENERALSTRING", "GENSTR"),
        _GENERAL_STRING,
        _string_encoder(_GENERAL_STRING, "ascii"),
        _text("ascii"),
    ),
    (
        ("UNIVERSALSTRING", "UNIV"),
        UNIVERSAL_STRING,
        _string_encoder(UNIVERSAL_STRING, "utf-32-be"),
        _text("utf-32-be"),
    ),
    (
        ("BMPSTRING", "BMP"),
        BMP_STRING,
        _string_encoder(BMP_STRING, "utf-16-be", "\u0000-\uffff"),
        _text("utf-16-be"),
    ),
    (("BOOLEAN", "BOOL"), BOOLEAN, _encode_boolean, _format_boolean),
    (("INTEGER", "INT"), INTEGER, _encode_integer, _format_integer),
    (("ENUMERATED", "ENUM"), ENUMERATED, _encode_enumerated, _format_integer),
    (("NULL",), NULL, _encode_null, lambda _: ""),
    (
        ("OBJECT", "OID"),
        OBJECT_IDENTIFIER,
        lambda value: encode_oid(parse_object_identifier(value).dotted_string),
        lambda tlv: decode_oid(tlv.content),
    ),
    (("UTCTIME", "UTC"), UTC_TIME, _time_encoder(UTC_TIME), _text("ascii")),
    (
        ("GENERALIZEDTIME", "GENTIME"),
        GENERALIZED_TIME,
        _time_encoder(GENERALIZED_TIME),
        _text("ascii"),
    ),
    (
        ("OctetString", "OCT"),
        OCTET_STRING,
        _encode_octet_string,
        lambda tlv: tlv.content.hex().upper(),
    ),
    (("BITSTRING", "BITSTR"), BIT_STRING, _encode_bit_string, _format_bit_string),
)
_ENCODERS: Mapping[str, Callable[[str], bytes]] = {
    "DER": _encode_der,
    **{name.upper(): encode for names, _, encode, _ in _TYPES for name in names},
}
_FORMATTERS: Mapping[int, tuple[str, Callable[[Tlv], str]]] = {
    tag: (names[0], format_content) for names, tag, _, format_content in _TYPES
}
