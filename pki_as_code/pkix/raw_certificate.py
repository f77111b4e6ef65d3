"""
A certificate as its bytes stand, field by field (RFC 5280 section 4.1).

What must be compared or judged byte for byte is read here: cryptography decodes and encodes anew,
and is lenient about some of it.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der

_VERSION_TAG = 0xA0
_UNIQUE_ID_TAGS = (0x81, 0x82, 0xA1, 0xA2)
_EXTENSIONS_TAG = 0xA3
_REMEMBERED_OCTETS = 512


@dataclass(frozen=True, slots=True)
class RawExtension:
    """One Extension, its value not looked into."""

    oid: str
    critical: bool
    value_der: bytes = field(repr=False)
    has_default: bool
    """`critical` FALSE is written out, which DER forbids for a DEFAULT."""

    encoding: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RawTbsCertificate:
    """The fields of a TBSCertificate, each as encoded."""

    version: der.Tlv | None
    """The INTEGER inside `[0]`; None where it is left out (v1)."""

    serial_number: der.Tlv
    signature_algorithm: der.Tlv
    issuer: der.Tlv
    not_before: der.Tlv
    not_after: der.Tlv
    subject: der.Tlv
    public_key: der.Tlv
    unique_ids: tuple[der.Tlv, ...]
    extensions: tuple[RawExtension, ...] | None
    """None where the field is left out."""

    size: int
    """Length of the TBSCertificate in bytes."""


@functools.lru_cache(maxsize=16)
def read_tbs_certificate(tbs_certificate: bytes) -> RawTbsCertificate:
    """Return the fields. Raises `InvalidValueError` (`der.not_strict`) for anything else."""
    members = list(der.children(der.expect(der.read_single(tbs_certificate), der.SEQUENCE)))
    version = None
    if members and members[0].tag == _VERSION_TAG:
        (version,) = _exactly(1, der.children(members.pop(0)), "version")
    if len(members) < 6:  # noqa: PLR2004
        raise der.not_strict("fields of the TBSCertificate are missing")
    serial_number, algorithm, issuer, validity, subject, public_key, *rest = members
    not_before, not_after = _exactly(2, der.children(validity), "validity")
    unique_ids = tuple(tlv for tlv in rest if tlv.tag in _UNIQUE_ID_TAGS)
    extensions = [tlv for tlv in rest if tlv.tag == _EXTENSIONS_TAG]
    if len(extensions) > 1 or len(unique_ids) + len(extensions) != len(rest):
        raise der.not_strict("the TBSCertificate has fields that do not exist")
    return RawTbsCertificate(
        version=version,
        serial_number=der.expect(serial_number, der.INTEGER),
        signature_algorithm=der.expect(algorithm, der.SEQUENCE),
        issuer=der.expect(issuer, der.SEQUENCE),
        not_before=not_before,
        not_after=not_after,
        subject=der.expect(subject, der.SEQUENCE),
        public_key=der.expect(public_key, der.SEQUENCE),
        unique_ids=unique_ids,
        extensions=read_extensions(extensions[0]) if extensions else None,
        size=len(tbs_certificate),
    )


@functools.lru_cache(maxsize=16)
def signature_algorithm_der(tbs_certificate: bytes) -> bytes:
    """
    Return the AlgorithmIdentifier inside a TBSCertificate, which the outer one must repeat.

    Raises `InvalidValueError` (`der.not_strict`).
    """
    members = der.children(der.expect(der.read_single(tbs_certificate), der.SEQUENCE))
    position = 2 if members and members[0].tag == _VERSION_TAG else 1
    if len(members) <= position:
        raise der.not_strict("fields of the TBSCertificate are missing")
    return der.expect(members[position], der.SEQUENCE).encoding


def split_certificate(certificate_der: bytes) -> tuple[bytes, bytes]:
    """
    Return the TBSCertificate and the signature of a certificate.

    Raises `InvalidValueError` (`der.not_strict`, `certificate.algorithms_differ`).
    """
    outer = der.expect(der.read_single(certificate_der), der.SEQUENCE)
    tbs_certificate, algorithm, signature = _exactly(3, der.children(outer), "Certificate")
    if signature_algorithm_der(tbs_certificate.encoding) != algorithm.encoding:
        raise InvalidValueError(
            "the certificate names two different signature algorithms (RFC 5280 section 4.1.1.2)",
            code="certificate.algorithms_differ",
        )
    if not signature.content or der.expect(signature, der.BIT_STRING).content[0]:
        raise der.not_strict("the signature does not consist of whole octets")
    return tbs_certificate.encoding, signature.content[1:]


def public_key_bits(public_key_der: bytes) -> bytes:
    """Return the octets of the BIT STRING in a SubjectPublicKeyInfo."""
    outer = der.expect(der.read_single(public_key_der), der.SEQUENCE)
    _, bits = _exactly(2, der.children(outer), "SubjectPublicKeyInfo")
    return der.expect(bits, der.BIT_STRING).content[1:]


def read_extensions(tlv: der.Tlv) -> tuple[RawExtension, ...]:
    """Return what is in an explicit tag around Extensions. Raises `InvalidValueError`."""
    (sequence,) = _exactly(1, der.children(tlv), "extensions")
    return tuple(read_extension(e) for e in der.children(der.expect(sequence, der.SEQUENCE)))


def read_extension(tlv: der.Tlv) -> RawExtension:
    """Return one Extension. Raises `InvalidValueError` (`der.not_strict`)."""
    small = len(tlv.encoding) <= _REMEMBERED_OCTETS
    return (_read_extension_once if small else _read_extension)(tlv)


def _read_extension(tlv: der.Tlv) -> RawExtension:
    members = list(der.children(der.expect(tlv, der.SEQUENCE)))
    critical = None
    if len(members) == 3:  # noqa: PLR2004
        critical = der.expect(members.pop(1), der.BOOLEAN).content
    oid, value = _exactly(2, tuple(members), "Extension")
    return RawExtension(
        oid=der.decode_oid(der.expect(oid, der.OBJECT_IDENTIFIER).content),
        critical=critical not in {None, b"\x00"},
        value_der=der.expect(value, der.OCTET_STRING).content,
        has_default=critical == b"\x00",
        encoding=tlv.encoding,
    )


# The certificates of an authority have most of their extensions in common.
_read_extension_once = functools.lru_cache(maxsize=1024)(_read_extension)


def _exactly(count: int, members: tuple[der.Tlv, ...], name: str) -> tuple[der.Tlv, ...]:
    if len(members) != count:
        raise der.not_strict(f"{name} has {len(members)} fields where {count} belong")
    return members
