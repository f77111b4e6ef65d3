"""
OCSP requests (RFC 6960 section 4.1), from strangers: every field is checked and bounded.

A signed request is read like any other; who signed it makes no difference to the answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.certificate import subject_name_der
from pki_as_code.pkix.raw_certificate import public_key_bits

LARGEST_GET_BYTES: Final = 4 * 1024
LARGEST_POST_BYTES: Final = 16 * 1024
MOST_CERTIFICATES: Final = 32
LONGEST_NONCE: Final = 128
"""RFC 9654 section 2.1: a nonce has 1 to 128 octets."""

NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
_RESPONSE_TYPES: Final = "1.3.6.1.5.5.7.48.1.4"
_UNDERSTOOD: Final = frozenset({NONCE, _RESPONSE_TYPES})
"""Basic responses are the only type there is, so that whoever names those it takes gets one."""

_MOST_EXTENSIONS: Final = 16
_LONGEST_SERIAL_NUMBER: Final = 64
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}", re.ASCII)

_HASHES: Final[dict[str, tuple[str, Callable[..., hashlib._Hash], bool]]] = {
    # SHA-1 names an issuer here and secures nothing. As OpenSSL writes it: with NULL.
    "SHA-1": ("1.3.14.3.2.26", hashlib.sha1, True),
    "SHA-256": ("2.16.840.1.101.3.4.2.1", hashlib.sha256, True),
    "SHA-384": ("2.16.840.1.101.3.4.2.2", hashlib.sha384, True),
    "SHA-512": ("2.16.840.1.101.3.4.2.3", hashlib.sha512, True),
}
_HASH_NAMES: Final = {oid: name for name, (oid, _, _) in _HASHES.items()}


@dataclass(frozen=True, slots=True)
class CertId:
    """Which certificate is asked about (RFC 6960 section 4.1.1)."""

    hash_name: str | None
    """`SHA-1`, `SHA-256`, `SHA-384`, `SHA-512`; None for one that is not known."""

    issuer_name_hash: bytes
    """Of the DER of the issuer's name."""

    issuer_key_hash: bytes
    """Of the BIT STRING of the issuer's public key, without tag, length and unused bits."""

    serial_number: int
    encoding: bytes = field(repr=False)
    """As it was sent; the response repeats it byte for byte."""


@dataclass(frozen=True, slots=True)
class OcspRequest:
    cert_ids: tuple[CertId, ...]
    """One to `MOST_CERTIFICATES`."""

    nonce: bytes | None = None
    """The value of the extension in DER, an OCTET STRING of 1 to 128 octets."""


def parse_request(data: bytes) -> OcspRequest:
    """
    Return what an OCSPRequest asks.

    Raises `InvalidValueError` (`ocsp.malformed_request`) for anything that is not one in strict
    DER, is larger than `LARGEST_POST_BYTES`, asks about none or too many certificates, has a
    critical extension that is not known, or a nonce that RFC 9654 does not allow.
    """
    if len(data) > LARGEST_POST_BYTES:
        raise _malformed(f"it is larger than {LARGEST_POST_BYTES} bytes")
    try:
        der.check_strict_der(data)
        return _read_request(der.read_single(data))
    except (ValueError, IndexError) as error:  # also of a field too many, or too few
        if isinstance(error, InvalidValueError) and error.code == "ocsp.malformed_request":
            raise
        reason = (
            error.message
            if isinstance(error, InvalidValueError)
            else "it has not the fields of one"
        )
        raise _malformed(reason) from None


def _read_request(outer: der.Tlv) -> OcspRequest:
    """OCSPRequest ::= SEQUENCE { tbsRequest, optionalSignature [0] EXPLICIT OPTIONAL }."""
    tbs_request, *signature = der.children(der.expect(outer, der.SEQUENCE))
    if len(signature) > 1 or any(member.tag != _explicit(0) for member in signature):
        raise _malformed("something else than a signature follows the request")
    members = list(der.children(der.expect(tbs_request, der.SEQUENCE)))
    _read_version(members)
    if members[0].tag == _explicit(1):
        members.pop(0)  # requestorName: whoever asks gets the same answer
    listed = der.children(der.expect(members.pop(0), der.SEQUENCE))
    if not 1 <= len(listed) <= MOST_CERTIFICATES:
        raise _malformed(f"it asks about {len(listed)} certificates, not 1 to {MOST_CERTIFICATES}")
    cert_ids = tuple(_read_single_request(member) for member in listed)
    extensions = _read_extensions(members, 2)
    nonce = extensions.get(NONCE)
    if nonce is not None:
        _check_nonce(nonce)
    return OcspRequest(cert_ids, nonce)


def _read_version(members: list[der.Tlv]) -> None:
    if members[0].tag == _explicit(0):
        (version,) = der.children(members.pop(0))
        if der.decode_integer(der.expect(version, der.INTEGER).content) != 0:
            raise _malformed("its version is not 1")


def _read_single_request(tlv: der.Tlv) -> CertId:
    """Request ::= SEQUENCE { reqCert, singleRequestExtensions [0] EXPLICIT OPTIONAL }."""
    cert_id, *rest = der.children(der.expect(tlv, der.SEQUENCE))
    _read_extensions(rest, 0)
    return _read_cert_id(cert_id)


def _read_cert_id(tlv: der.Tlv) -> CertId:
    members = der.children(der.expect(tlv, der.SEQUENCE))
    if len(members) != 4:  # noqa: PLR2004
        raise _malformed("a CertID has not four fields")
    algorithm, name_hash, key_hash, serial_number = members
    oid, *parameters = der.children(der.expect(algorithm, der.SEQUENCE))
    hash_name = _HASH_NAMES.get(der.decode_oid(der.expect(oid, der.OBJECT_IDENTIFIER).content))
    if any(parameter.tag != der.NULL for parameter in parameters) or len(parameters) > 1:
        hash_name = None
    number = der.expect(serial_number, der.INTEGER).content
    if len(number) > _LONGEST_SERIAL_NUMBER:
        raise _malformed("a serial number is longer than any certificate has")
    return CertId(
        hash_name=hash_name,
        issuer_name_hash=der.expect(name_hash, der.OCTET_STRING).content,
        issuer_key_hash=der.expect(key_hash, der.OCTET_STRING).content,
        serial_number=der.decode_integer(number),
        encoding=tlv.encoding,
    )


def _read_extensions(members: list[der.Tlv], number: int) -> dict[str, bytes]:
    """Return the values of the extensions by OID; `members` may hold them, and nothing else."""
    if not members:
        return {}
    if len(members) > 1 or members[0].tag != _explicit(number):
        raise _malformed("it has a field that does not belong there")
    (sequence,) = der.children(members[0])
    listed = der.children(der.expect(sequence, der.SEQUENCE))
    if len(listed) > _MOST_EXTENSIONS:
        raise _malformed(f"it has more than {_MOST_EXTENSIONS} extensions")
    found: dict[str, bytes] = {}
    for extension in listed:
        oid_tlv, *rest = der.children(der.expect(extension, der.SEQUENCE))
        oid = der.decode_oid(der.expect(oid_tlv, der.OBJECT_IDENTIFIER).content)
        critical = len(rest) > 1 and der.expect(rest.pop(0), der.BOOLEAN).content != b"\x00"
        if len(rest) != 1 or oid in found:
            raise _malformed(f"the extension {oid} is malformed, or there twice")
        if critical and oid not in _UNDERSTOOD:
            raise _malformed(f"the critical extension {oid} is not known")
        found[oid] = der.expect(rest[0], der.OCTET_STRING).content
    return found


def _check_nonce(value: bytes) -> None:
    """RFC 9654 section 2.1: other lengths are refused with malformedRequest."""
    der.check_strict_der(value)
    length = len(der.expect(der.read_single(value), der.OCTET_STRING).content)
    if not 1 <= length <= LONGEST_NONCE:
        raise _malformed(f"the nonce has {length} octets, not 1 to {LONGEST_NONCE}")


def _explicit(number: int) -> int:
    return 0xA0 | number


def _malformed(reason: str) -> InvalidValueError:
    return InvalidValueError(
        f"the OCSP request cannot be read: {reason}", code="ocsp.malformed_request"
    )


# --- Making requests, for what is signed in advance ----------------------------------------------


def issuer_hashes(issuer: x509.Certificate, hash_name: str) -> tuple[bytes, bytes]:
    """Return the hashes of the issuer's name and of its key, as CertIDs have them."""
    _, make, _ = _HASHES[hash_name]
    key = issuer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    name_hash = make(subject_name_der(issuer), usedforsecurity=False).digest()
    return name_hash, make(public_key_bits(key), usedforsecurity=False).digest()


def encode_request(
    hash_name: str, hashes: tuple[bytes, bytes], serial_number: int
) -> tuple[bytes, bytes]:
    """
    Return the CertID and the OCSPRequest that a client sends for a certificate.

    `hashes` are those of `issuer_hashes`. One CertID and no extensions, as RFC 5019 section 2.1.1
    has it; the parameters of the hash are NULL, as OpenSSL and most others write them.
    """
    oid, _, with_null = _HASHES[hash_name]
    parameters = (der.encode_tlv(der.NULL),) if with_null else ()
    cert_id = der.encode_sequence(
        der.encode_sequence(der.encode_oid(oid), *parameters),
        *(der.encode_octet_string(value) for value in hashes),
        der.encode_integer(serial_number),
    )
    listed = der.encode_sequence(der.encode_sequence(cert_id))
    return cert_id, der.encode_sequence(der.encode_sequence(listed))


def encode_get_path(request_der: bytes) -> str:
    """Return a request as it stands in a URL, percent-decoded: base64, which may have slashes."""
    return base64.b64encode(request_der).decode("ascii")


def decode_get_path(path: str) -> bytes:
    """
    Return the request in the path of a GET, which is percent-decoded already (RFC 6960 A.1).

    Raises `InvalidValueError` (`ocsp.malformed_request`) unless it is base64 of a bounded length.
    The URL-safe alphabet is none that a client may use here.
    """
    if len(path) > LARGEST_GET_BYTES or not _BASE64.fullmatch(path):
        raise _malformed("the path is not base64, or too long")
    try:
        return base64.b64decode(path, validate=True)
    except binascii.Error:
        raise _malformed("the path is not base64") from None
