"""
OCSP responses (RFC 6960 section 4.2), up to the bytes that are signed.

Written here rather than by cryptography, whose builder takes one certificate: a request may ask
about several, and each CertID is repeated byte for byte as it came.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pki_as_code.model import Revocation
from pki_as_code.pkix import der
from pki_as_code.pkix.crl import REASON_NUMBERS
from pki_as_code.pkix.ocsp.requests import NONCE

_BASIC: Final = "1.3.6.1.5.5.7.48.1.1"


class ResponseStatus(enum.IntEnum):
    """OCSPResponseStatus; 4 is not used."""

    SUCCESSFUL = 0
    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


class CertificateStatus(enum.IntEnum):
    """CertStatus: the number is that of its tag."""

    GOOD = 0
    REVOKED = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class SingleResponse:
    """What is said of one certificate."""

    cert_id_der: bytes
    status: CertificateStatus
    revocation: Revocation | None = None
    """Of one that is revoked."""


def encode_error(status: ResponseStatus) -> bytes:
    """Return a response without a signature and without responseBytes (section 2.3)."""
    return der.encode_sequence(der.encode_tlv(der.ENUMERATED, bytes((status,))))


def encode_response_data(
    responses: Sequence[SingleResponse],
    *,
    responder_key_hash: bytes,
    this_update: datetime,
    next_update: datetime,
    produced_at: datetime,
    nonce: bytes | None = None,
) -> bytes:
    """
    Return the ResponseData, which is what is signed.

    `responder_key_hash` is the SHA-1 of the BIT STRING of the responder's key (byKey). Times are
    aware, with whole seconds. `nonce` is the value of the request's extension.
    """
    updates = (_time(this_update), der.encode_explicit(0, _time(next_update)))
    extensions: tuple[bytes, ...] = ()
    if nonce is not None:
        extension = der.encode_sequence(der.encode_oid(NONCE), der.encode_octet_string(nonce))
        extensions = (der.encode_explicit(1, der.encode_sequence(extension)),)
    return der.encode_sequence(
        der.encode_explicit(2, der.encode_octet_string(responder_key_hash)),
        _time(produced_at),
        der.encode_sequence(
            *(
                der.encode_sequence(response.cert_id_der, _status(response), *updates)
                for response in responses
            )
        ),
        *extensions,
    )


def assemble_response(
    response_data: bytes,
    algorithm_identifier_der: bytes,
    signature: bytes,
    certificates: Sequence[bytes],
) -> bytes:
    """Return the OCSPResponse: what was signed, the signature, and who signed (DER)."""
    basic = der.encode_sequence(
        response_data,
        algorithm_identifier_der,
        der.encode_bit_string(signature),
        der.encode_explicit(0, der.encode_sequence(*certificates)),
    )
    response_bytes = der.encode_sequence(der.encode_oid(_BASIC), der.encode_octet_string(basic))
    return der.encode_sequence(
        der.encode_tlv(der.ENUMERATED, bytes((ResponseStatus.SUCCESSFUL,))),
        der.encode_explicit(0, response_bytes),
    )


def _status(response: SingleResponse) -> bytes:
    """CertStatus ::= CHOICE { good [0] NULL, revoked [1] RevokedInfo, unknown [2] NULL }."""
    if response.status is not CertificateStatus.REVOKED:
        return der.encode_tlv(0x80 | response.status)
    if response.revocation is None:
        raise ValueError("revoked, and nobody says when")
    parts = [_time(response.revocation.revocation_date)]
    if reason := REASON_NUMBERS.get(response.revocation.reason):  # unspecified is left out
        parts.append(der.encode_explicit(0, der.encode_tlv(der.ENUMERATED, bytes((reason,)))))
    return der.encode_tlv(0xA0 | response.status, *parts)


def _time(when: datetime) -> bytes:
    """GeneralizedTime in every year, unlike in certificates, and without a fraction."""
    if when.tzinfo is None or when.microsecond:
        raise ValueError("a time of a response has a zone and whole seconds")
    text = when.astimezone(UTC).strftime("%Y%m%d%H%M%SZ")
    return der.encode_tlv(der.GENERALIZED_TIME, text.encode("ascii"))
