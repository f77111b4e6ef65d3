"""The parts of a CSR (RFC 2986 section 4), once its encoding is known to be DER throughout."""

from __future__ import annotations

from typing import Final, NamedTuple

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix.der import (
    BIT_STRING,
    INTEGER,
    SEQUENCE,
    Tlv,
    check_strict_der,
    children,
    expect,
    read_head,
    read_single,
    read_tlv,
)
from pki_as_code.pkix.public_keys import check_public_key_encoding
from pki_as_code.pkix.signature_identifiers import KNOWN_IDENTIFIERS

_VERSION: Final = bytes((INTEGER, 1, 0))
_ATTRIBUTES: Final = 0xA0
_NO_ATTRIBUTES: Final = bytes((_ATTRIBUTES, 0))
_LEVEL: Final = 3
"""Of the parts of the CertificationRequestInfo."""

# How a SubjectPublicKeyInfo begins whose every octet before the coordinates of the point is told by
# its curve (RFC 5480), and its length.
_P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
_P384 = bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004")
_KNOWN_KEYS: Final = ((_P256, 91), (_P384, 120))


class CsrParts(NamedTuple):
    info: Tlv
    subject: Tlv
    public_key_info: Tlv
    attributes: Tlv
    algorithm: Tlv
    signature: bytes


def read_csr_parts(der: bytes) -> CsrParts:
    """
    Return the parts of a CSR in strict DER, with version 0 and a key encoded as its RFC says.

    Raises `InvalidValueError`: `der.not_strict`, `csr.malformed`, `csr.bad_version`, `key.*`.
    """
    return usual_parts(der) or checked_parts(der)


def checked_parts(der: bytes) -> CsrParts:
    """Look at every value first, then at what it is in a CSR; says what is wrong."""
    check_strict_der(der)
    info, algorithm, signature = _read_frame(der)
    version, subject, public_key_info, attributes = _read_info(info)
    if version.encoding != _VERSION:
        raise _bad("bad_version", "the version of the CSR is not 0 (RFC 2986 section 4.1)")
    check_public_key_encoding(public_key_info)
    return CsrParts(info, subject, public_key_info, attributes, algorithm, signature)


def usual_parts(der: bytes) -> CsrParts | None:
    """
    Return the same for a CSR as it mostly is, None for any other, whatever is the matter with it.

    What its place says is not looked at a second time as a value: lengths, the version, a known
    algorithm, the frame of a key on a usual curve.
    """
    try:
        _, info_at, end = read_head(der)
        tag, version_at, info_end = read_head(der, info_at)
        subject_at = version_at + len(_VERSION)
        if der[0] != SEQUENCE or tag != SEQUENCE or der[version_at:subject_at] != _VERSION:
            return None
        subject, key_at = _part(der, subject_at, SEQUENCE)
        key, attributes_at = _part(der, key_at, SEQUENCE)
        attributes, attributes_end = _part(der, attributes_at, _ATTRIBUTES)
        algorithm, signature_at = _part(der, info_end, SEQUENCE)
        signature, signature_end = _part(der, signature_at, BIT_STRING)
        whole = attributes_end == info_end and signature_end == end == len(der)
        known = algorithm.encoding in KNOWN_IDENTIFIERS and signature.content[:1] == b"\x00"
        if not whole or not known:
            return None
        check_strict_der(subject.encoding, level=_LEVEL)
        if not any(key.encoding.startswith(b) and len(key.encoding) == n for b, n in _KNOWN_KEYS):
            check_strict_der(key.encoding, level=_LEVEL)
            check_public_key_encoding(key)
        if attributes.encoding != _NO_ATTRIBUTES:
            check_strict_der(attributes.encoding, level=_LEVEL)
    except InvalidValueError:
        return None
    info = Tlv(SEQUENCE, der[version_at:info_end], der[info_at:info_end])
    return CsrParts(info, subject, key, attributes, algorithm, signature.content[1:])


def _part(der: bytes, offset: int, tag: int) -> tuple[Tlv, int]:
    """Return the value at `offset`, which has that tag, and where it ends."""
    part, end = read_tlv(der, offset)
    return expect(part, tag), end


def _read_frame(der: bytes) -> tuple[Tlv, Tlv, bytes]:
    """CertificationRequest ::= SEQUENCE { info, signatureAlgorithm, signature BIT STRING }"""
    try:
        info, algorithm, signature = children(expect(read_single(der), SEQUENCE))
        expect(info, SEQUENCE)
        expect(algorithm, SEQUENCE)
        expect(signature, BIT_STRING)
    except ValueError:
        raise _bad("malformed", "the file is not a certificate request (CSR)") from None
    if signature.content[0] != 0:
        raise _bad("malformed", "the signature of the CSR does not consist of whole octets")
    return info, algorithm, signature.content[1:]


def _read_info(info: Tlv) -> tuple[Tlv, Tlv, Tlv, Tlv]:
    """CertificationRequestInfo ::= SEQUENCE { version, subject, subjectPKInfo, attributes [0] }"""
    try:
        version, subject, public_key_info, attributes = children(info)
        expect(version, INTEGER)
        expect(subject, SEQUENCE)
        expect(public_key_info, SEQUENCE)
        expect(attributes, 0xA0)
    except ValueError:
        raise _bad("malformed", "the CSR has not the four parts that RFC 2986 gives it") from None
    return version, subject, public_key_info, attributes


def _bad(code: str, message: str) -> InvalidValueError:
    return InvalidValueError(
        message, help="make the CSR anew, for example with openssl req -new", code=f"csr.{code}"
    )
