"""OCSP (RFC 6960, RFC 5019, RFC 9654): requests and responses as bytes; nothing here signs."""

from __future__ import annotations

from pki_as_code.pkix.ocsp.requests import (
    LARGEST_GET_BYTES,
    LARGEST_POST_BYTES,
    MOST_CERTIFICATES,
    NONCE,
    CertId,
    OcspRequest,
    decode_get_path,
    encode_get_path,
    encode_request,
    issuer_hashes,
    parse_request,
)
from pki_as_code.pkix.ocsp.responses import (
    CertificateStatus,
    ResponseStatus,
    SingleResponse,
    assemble_response,
    encode_error,
    encode_response_data,
)

__all__ = [
    "LARGEST_GET_BYTES",
    "LARGEST_POST_BYTES",
    "MOST_CERTIFICATES",
    "NONCE",
    "CertId",
    "CertificateStatus",
    "OcspRequest",
    "ResponseStatus",
    "SingleResponse",
    "assemble_response",
    "decode_get_path",
    "encode_error",
    "encode_get_path",
    "encode_request",
    "encode_response_data",
    "issuer_hashes",
    "parse_request",
]
