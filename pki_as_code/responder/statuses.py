"""From what the store knows of a serial number to what is said of it."""

from __future__ import annotations

from pki_as_code.model import SerialStatus
from pki_as_code.pkix.ocsp import CertificateStatus, SingleResponse


def single_response(cert_id_der: bytes, known: SerialStatus | None) -> SingleResponse:
    """
    Return what is said of a serial number.

    Good is only what the ledger has as issued: a serial number that is reserved may stand on a
    certificate nobody recorded, and is as unknown as one that was never used.
    """
    if known is None:
        return SingleResponse(cert_id_der, CertificateStatus.UNKNOWN)
    if known.revocation is None:
        return SingleResponse(cert_id_der, CertificateStatus.GOOD)
    return SingleResponse(cert_id_der, CertificateStatus.REVOKED, known.revocation)
