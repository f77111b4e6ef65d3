"""
The offline side of a ceremony: a bundle, a key and a journal; no repository and no network.

    ceremony_signer.open_signer   who signs, and the request completed with the key it is for
    prepare                       what would be signed, or what an earlier sitting has of it
    sign                          reserve in the journal, sign, record

The journal is a store like any other. A machine that loses power in between signs the same bytes
when it is asked again, and what was signed once is handed out again instead of signed twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.apply.ceremony_signer import Signer, Sitting
from pki_as_code.errors import IssuanceError
from pki_as_code.issuance import (
    Issuer,
    Origin,
    PreparedCertificate,
    prepare_certificate,
    prepare_reserved,
    sign_certificate,
)
from pki_as_code.model import AUTHORITY, ObjectId, Observed, Reason, Reservation
from pki_as_code.plan.bundles import CertificateBundle
from pki_as_code.stores.entries import Abandoned, Authority, Issued, Payload, Reserved


@dataclass(frozen=True, slots=True)
class Pending:
    """What waits for somebody's yes."""

    prepared: PreparedCertificate
    abandons: Reservation | None = None
    """What an earlier sitting reserved for another request, and is given up for this one."""

    resumed: bool = False
    """An earlier sitting had reserved it, and did not get to record it."""

    @property
    def tbs_certificate(self) -> bytes:
        return self.prepared.reservation.tbs_certificate


@dataclass(frozen=True, slots=True)
class SignedBefore:
    """What an earlier sitting signed for the same request."""

    certificate_der: bytes


# --- What is signed ------------------------------------------------------------------------------


def prepare(
    bundle: CertificateBundle, signer: Signer, sitting: Sitting, *, again: bool = False
) -> Pending | SignedBefore:
    """
    Return what would be signed, linted against the chain as it is online.

    1. What an earlier sitting reserved for the same request is taken up, byte for byte.
    2. What it signed is handed out again.
    3. Another request for the same object is refused, unless `again` is meant.

    Raises:
        IssuanceError: `ceremony.signed_before`, `ceremony.open_reservation`, or every lint that
            failed. Nothing was reserved.
    """
    observed = sitting.journal.observe([bundle.object_id]).get(bundle.object_id)
    observed = observed or Observed(bundle.object_id)
    reservation, current = observed.reservation, observed.current
    if reservation is not None:
        if _is_the_same(reservation, signer):
            taken_up = prepare_reserved(reservation, signer.request, signer.issuer)
            return Pending(taken_up, resumed=True)
        if not again:
            raise _open_reservation(bundle.object_id)
    elif current is not None and not again:
        if current.request_digest != signer.request.digest or current.issuer != signer.issuer.name:
            raise _signed_before(bundle.object_id)
        signed = sitting.journal.certificate_der(current.issuer, current.serial_number)
        return SignedBefore(signed)
    origin = Origin(
        Reason("Ceremony", "people who had the key signed it"),
        current.serial_number if current else None,
        bundle.commit,
        bundle.path,
        "Refuse",
    )
    prepared = prepare_certificate(signer.request, signer.issuer, origin, sitting.now)
    return Pending(prepared, abandons=reservation)


def _is_the_same(reservation: Reservation, signer: Signer) -> bool:
    return (
        reservation.request_digest == signer.request.digest
        and reservation.issuer == signer.issuer.name
    )


def _open_reservation(object_id: ObjectId) -> IssuanceError:
    return IssuanceError(
        f"the journal has a reservation for {object_id.name} that was not finished, "
        "for another request",
        help="sign the bundle of that sitting first; --again gives it up: its serial number is "
        "then to be revoked",
        code="ceremony.open_reservation",
    )


def _signed_before(object_id: ObjectId) -> IssuanceError:
    return IssuanceError(
        f"the journal has a certificate for {object_id.name}, and this bundle asks for another one",
        help="compare the two; --again signs a second one, when that is meant",
        code="ceremony.signed_before",
    )


# --- Signing -------------------------------------------------------------------------------------


def sign(pending: Pending, signer: Signer, sitting: Sitting, digest: str) -> bytes:
    """
    Reserve in the journal, sign, record; returns the certificate (DER).

    `digest` is the hex SHA-256 of the bundle, for the record.

    Raises:
        IssuanceError: the signature does not verify; the reservation stays.
        StoreError: the journal cannot be written.
    """
    prepared = pending.prepared
    object_id, now = prepared.reservation.object_id, sitting.now
    message = f"ceremony: {object_id.name}"
    before = signer_entries(signer.issuer, sitting)
    if pending.abandons is not None:
        before.append(_abandoned(pending.abandons))
    if before:
        sitting.journal.record(before, now=now, message=message)
    if not pending.resumed:
        sitting.journal.reserve([Reserved(prepared.reservation)], now=now, message=message)
    issued = sign_certificate(prepared, signer.issuer)
    entry = Issued(
        object_id=object_id,
        issuer=issued.issuer,
        serial_number=issued.serial_number,
        signature=issued.signature,
        provenance={"bundleSha256": digest, "reasons": ["Ceremony"]},
    )
    sitting.journal.record(
        [entry, Authority(object_id, issued.certificate_der)], now=now, message=message
    )
    return issued.certificate_der


def signer_entries(issuer: Issuer, sitting: Sitting) -> list[Payload]:
    """Return what makes the journal know who signs, when it does not yet."""
    certificate = issuer.certificate
    if certificate is None:
        return []
    der = certificate.public_bytes(Encoding.DER)
    if sitting.journal.authority_certificate(issuer.name) == der:
        return []
    return [Authority(ObjectId(AUTHORITY, "", issuer.name), der)]


def _abandoned(reservation: Reservation) -> Abandoned:
    return Abandoned(
        object_id=reservation.object_id,
        issuer=reservation.issuer,
        serial_number=reservation.serial_number,
        reason="NoLongerAsked",
        commit=reservation.commit,
    )
