"""A TBSCertList and its signature to a CertificateList (RFC 5280 section 5.1.1)."""

from __future__ import annotations

from pki_as_code.pkix import der


def around_tbs_cert_list(
    size: int, signature_algorithm_der: bytes, signature: bytes
) -> tuple[bytes, bytes]:
    """
    Return what stands before and behind a TBSCertList of `size` bytes in the DER of a CRL.

    `signature_algorithm_der` is the AlgorithmIdentifier inside, which is repeated.
    """
    behind = signature_algorithm_der + der.encode_bit_string(signature)
    return der.encode_head(der.SEQUENCE, size + len(behind)), behind
