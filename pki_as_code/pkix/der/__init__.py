"""
The little DER this project reads and writes on its own (X.690).

cryptography parses leniently where a certification authority must not (a BER length, a padded
INTEGER, bytes after the end), and it never hands out a TBSCertificate to be signed elsewhere. So
the frame of a certificate is joined here, and everything that will be signed is walked here.
Values inside extensions are encoded by cryptography.
"""

from __future__ import annotations

from pki_as_code.pkix.der.read import (
    Tlv,
    children,
    decode_integer,
    decode_oid,
    expect,
    not_strict,
    read_head,
    read_single,
    read_tlv,
)
from pki_as_code.pkix.der.strict import MAX_DEPTH, check_strict_der
from pki_as_code.pkix.der.tags import (
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
    SEQUENCE,
    SET,
    T61_STRING,
    UNIVERSAL_STRING,
    UTC_TIME,
    UTF8_STRING,
)
from pki_as_code.pkix.der.write import (
    encode_bit_string,
    encode_boolean,
    encode_explicit,
    encode_head,
    encode_integer,
    encode_octet_string,
    encode_oid,
    encode_sequence,
    encode_time,
    encode_tlv,
)

__all__ = [
    "BIT_STRING",
    "BMP_STRING",
    "BOOLEAN",
    "ENUMERATED",
    "GENERALIZED_TIME",
    "IA5_STRING",
    "INTEGER",
    "MAX_DEPTH",
    "NULL",
    "OBJECT_IDENTIFIER",
    "OCTET_STRING",
    "PRINTABLE_STRING",
    "SEQUENCE",
    "SET",
    "T61_STRING",
    "UNIVERSAL_STRING",
    "UTC_TIME",
    "UTF8_STRING",
    "Tlv",
    "check_strict_der",
    "children",
    "decode_integer",
    "decode_oid",
    "encode_bit_string",
    "encode_boolean",
    "encode_explicit",
    "encode_head",
    "encode_integer",
    "encode_octet_string",
    "encode_oid",
    "encode_sequence",
    "encode_time",
    "encode_tlv",
    "expect",
    "not_strict",
    "read_head",
    "read_single",
    "read_tlv",
]
