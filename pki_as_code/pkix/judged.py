"""
Drafts that were judged already, recognised by every byte but the serial number.

A plan judges each certificate as it would be signed, with a serial number that is never used. What
is then reserved has another one and is otherwise the same, as long as nothing in it follows from
the serial number: then the serial number alone is left to be judged. A draft that differs in one
more bit, or stands below another chain, is not recognised, and judged in full.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.lint import serial_number_findings
from pki_as_code.pkix.serial_numbers import MAX_OCTETS

_VERSION_3 = der.encode_explicit(0, der.encode_integer(2))


def digest_of_judged(tbs_certificate: bytes, chain: Sequence[x509.Certificate]) -> bytes | None:
    """
    Return the mark of a draft that was judged below `chain`, and to which nothing was objected.

    None for one that cannot stand for others: its serial number is not one of the longest, so that
    another one could be larger, or there is nobody above who issues it.
    """
    parts = _split(tbs_certificate)
    if parts is None or not chain or len(parts[0].content) != MAX_OCTETS:
        return None
    return _digest(parts[1], tuple(chain))


def is_judged(
    tbs_certificate: bytes, chain: Sequence[x509.Certificate], judged: Collection[bytes]
) -> bool:
    """
    Tell whether there is nothing to object to in a draft, by what was `judged`.

    1. It is a TBSCertificate in DER as far as its serial number goes, which passes its lints.
    2. All that follows is, byte for byte, that of a judged draft below the same chain.
    """
    parts = _split(tbs_certificate)
    if parts is None or not chain or not judged:
        return False
    serial_number, rest = parts
    return not serial_number_findings(serial_number) and _digest(rest, tuple(chain)) in judged


def _split(tbs_certificate: bytes) -> tuple[der.Tlv, bytes] | None:
    """Return the serial number, and the fields behind it; None unless all before them is DER."""
    try:
        tag, start, end = der.read_head(tbs_certificate)
        serial_number, rest_at = der.read_tlv(tbs_certificate, start + len(_VERSION_3))
    except InvalidValueError:
        return None
    number = der.decode_integer(serial_number.content)
    is_frame = (
        tag == der.SEQUENCE
        and end == len(tbs_certificate)
        and tbs_certificate.startswith(_VERSION_3, start)
        and serial_number.encoding == der.encode_integer(number)
    )
    return (serial_number, tbs_certificate[rest_at:]) if is_frame else None


def _digest(rest: bytes, chain: tuple[x509.Certificate, ...]) -> bytes:
    return hashlib.sha256(_chain_digest(chain) + rest).digest()


@functools.lru_cache(maxsize=16)
def _chain_digest(chain: tuple[x509.Certificate, ...]) -> bytes:
    every = hashlib.sha256()
    for certificate in chain:
        every.update(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())
    return every.digest()
