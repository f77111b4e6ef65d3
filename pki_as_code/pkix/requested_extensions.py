"""
What a CSR asks for besides its key (RFC 2985 section 5.4.2), read from the encoding.

It is told to the user and never copied, so names that are well-formed but odd are no reason to
stop.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import safe
from pki_as_code.pkix.der import (
    BOOLEAN,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Tlv,
    check_strict_der,
    children,
    decode_oid,
    expect,
    not_strict,
    read_single,
)
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import parse_name_der

EXTENSION_REQUEST: Final = "1.2.840.113549.1.9.14"
MICROSOFT_EXTENSION_REQUEST: Final = "1.3.6.1.4.1.311.2.1.14"
CHALLENGE: Final = "1.2.840.113549.1.9.7"
"""challengePassword."""

SUBJECT_ALTERNATIVE_NAME: Final = "2.5.29.17"

_NAMES: Mapping[str, str] = {
    "2.5.29.14": "subjectKeyIdentifier",
    "2.5.29.15": "keyUsage",
    "2.5.29.16": "privateKeyUsagePeriod",
    "2.5.29.18": "issuerAltName",
    "2.5.29.19": "basicConstraints",
    "2.5.29.30": "nameConstraints",
    "2.5.29.31": "crlDistributionPoints",
    "2.5.29.32": "certificatePolicies",
    "2.5.29.35": "authorityKeyIdentifier",
    "2.5.29.36": "policyConstraints",
    "2.5.29.37": "extendedKeyUsage",
    "2.5.29.46": "freshestCrl",
    "2.5.29.54": "inhibitAnyPolicy",
    "1.3.6.1.5.5.7.1.1": "authorityInfoAccess",
    "1.3.6.1.5.5.7.1.24": "tlsFeature",
    "1.3.6.1.5.5.7.48.1.5": "ocspNoCheck",
    "1.3.6.1.4.1.311.21.7": "msCertificateTemplate",
}


@dataclass(frozen=True, slots=True)
class RequestedExtensions:
    """The names in subjectAltName, and the other extensions by name or dotted OID."""

    names: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    has_password: bool = False
    """A challengePassword stands beside them (RFC 2985 section 5.4.1). It is not kept."""


def read_requested_extensions(attributes: Tlv) -> RequestedExtensions:
    """
    Return what the `attributes [0]` of a CSR ask for.

    There may be one extensionRequest with one value, and in it no extension twice. Raises
    `InvalidValueError` (`csr.malformed_attribute`, `csr.repeated_attribute`,
    `csr.malformed_extension`, `csr.repeated_extension`, `der.not_strict`).
    """
    members = children(attributes)
    if [member.encoding for member in members] != sorted(member.encoding for member in members):
        raise not_strict("the attributes are not in order")
    values = dict(_read_attributes(members))
    requests = [
        values[oid] for oid in (EXTENSION_REQUEST, MICROSOFT_EXTENSION_REQUEST) if oid in values
    ]
    has_password = any(value.content for value in values.get(CHALLENGE, ()))
    if not requests:
        return RequestedExtensions(has_password=has_password)
    if len(requests) > 1 or len(requests[0]) != 1:
        raise _bad("repeated_attribute", "the CSR asks for extensions more than once")
    extensions = dict(_read_extensions(requests[0][0]))
    names = extensions.pop(SUBJECT_ALTERNATIVE_NAME, None)
    return RequestedExtensions(
        names=tuple(_read_names(names)) if names is not None else (),
        others=tuple(_NAMES.get(oid, oid) for oid in extensions),
        has_password=has_password,
    )


def _read_attributes(members: Sequence[Tlv]) -> Iterator[tuple[str, tuple[Tlv, ...]]]:
    """Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET SIZE (1..MAX) OF ANY }"""
    seen = set()
    for member in members:
        try:
            attribute_type, value_set = children(expect(member, SEQUENCE))
            oid = decode_oid(expect(attribute_type, OBJECT_IDENTIFIER).content)
            values = children(expect(value_set, SET))
        except ValueError:
            raise _bad("malformed_attribute", "an attribute of the CSR is malformed") from None
        if not values:
            raise _bad("malformed_attribute", f"the attribute {oid} of the CSR has no value")
        if oid in seen:
            raise _bad("repeated_attribute", f"the CSR has the attribute {oid} more than once")
        seen.add(oid)
        yield oid, values


def _read_extensions(extensions: Tlv) -> Iterator[tuple[str, bytes]]:
    """Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }"""
    try:
        members = [_read_extension(m) for m in children(expect(extensions, SEQUENCE))]
    except ValueError:
        raise _malformed("extensionRequest") from None
    if not members:
        raise _malformed("extensionRequest")
    seen = set()
    for oid, critical, value in members:
        if [flag.encoding for flag in critical] not in ([], [bytes((BOOLEAN, 1, 0xFF))]):
            raise not_strict("`critical` is not a single TRUE")
        if oid in seen:
            raise _bad("repeated_extension", f"the CSR asks for the extension {oid} twice")
        seen.add(oid)
        yield oid, value


def _read_extension(member: Tlv) -> tuple[str, list[Tlv], bytes]:
    identifier, *critical, value = children(expect(member, SEQUENCE))
    oid = decode_oid(expect(identifier, OBJECT_IDENTIFIER).content)
    return oid, critical, expect(value, OCTET_STRING).content


def _read_names(value: bytes) -> Iterator[str]:
    """GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName"""
    check_strict_der(value)
    try:
        members = children(expect(read_single(value), SEQUENCE))
    except ValueError:
        raise _malformed("subjectAltName") from None
    if not members:
        raise _malformed("subjectAltName")
    for member in members:
        read = _READERS.get(member.tag)
        if read is None:
            raise _malformed("subjectAltName")
        try:
            yield read(member)
        except (ValueError, IndexError):
            raise _malformed("subjectAltName") from None


def _canonical(text: str) -> str:
    """Return the text as the manifest would have it, escaped when it could not be in one."""
    try:
        return format_general_name(parse_general_name(text))
    except InvalidValueError:
        return safe(text)


def _read_string(prefix: str) -> Callable[[Tlv], str]:
    """IA5String, so ASCII."""
    return lambda tlv: _canonical(f"{prefix}:{tlv.content.decode('ascii')}")


def _read_ip_address(tlv: Tlv) -> str:
    """Four octets or sixteen."""
    return f"IP:{ipaddress.ip_address(tlv.content)}"


def _read_registered_id(tlv: Tlv) -> str:
    check_strict_der(bytes((OBJECT_IDENTIFIER,)) + tlv.encoding[1:])
    return f"RID:{decode_oid(tlv.content)}"


def _read_directory_name(tlv: Tlv) -> str:
    return format_general_name(x509.DirectoryName(parse_name_der(tlv.content)))


def _read_other_name(tlv: Tlv) -> str:
    """OtherName ::= SEQUENCE { type-id OBJECT IDENTIFIER, value [0] EXPLICIT ANY }"""
    identifier, explicit = children(tlv)
    oid = x509.ObjectIdentifier(decode_oid(expect(identifier, OBJECT_IDENTIFIER).content))
    (value,) = children(expect(explicit, 0xA0))
    return safe(format_general_name(x509.OtherName(oid, value.encoding)))


def _read_opaque(prefix: str) -> Callable[[Tlv], str]:
    return lambda tlv: f"{prefix}:{tlv.content.hex().upper()}"


_READERS: Mapping[int, Callable[[Tlv], str]] = {
    0xA0: _read_other_name,
    0x81: _read_string("email"),
    0x82: _read_string("DNS"),
    0xA3: _read_opaque("x400Address"),
    0xA4: _read_directory_name,
    0xA5: _read_opaque("ediPartyName"),
    0x86: _read_string("URI"),
    0x87: _read_ip_address,
    0x88: _read_registered_id,
}


def _malformed(name: str) -> InvalidValueError:
    return _bad("malformed_extension", f"the {name} of the CSR is malformed")


def _bad(code: str, message: str) -> InvalidValueError:
    return InvalidValueError(
        message,
        help="make the CSR anew, for example with openssl req -new",
        code=f"csr.{code}",
    )
