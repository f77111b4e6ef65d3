"""
What a run that died left open: signed when the manifests still ask for just that, else given up.

The ledger is where anybody who can push to the store writes. An open reservation is therefore no
order to sign: the request comes from the manifests, and the reserved bytes must be what is made
of it, but for the serial number and the time.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.model import (
    AUTHORITY,
    RESPONDER,
    AbandonReservation,
    CertificateRequest,
    FinishReservation,
    Reason,
    Reservation,
    Source,
)
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.drafts import is_draft_of
from pki_as_code.pkix.raw_certificate import read_tbs_certificate
from pki_as_code.plan.authorities import find_authority, resolve_authority
from pki_as_code.plan.observation import Item, Observation, PlanFrame
from pki_as_code.plan.preview import Preview
from pki_as_code.plan.responders import answers, resolve_responder, responders_of
from pki_as_code.plan.signing import why_not_signed, why_not_trusted
from pki_as_code.plan.validate import Desired


def plan_reservations(
    desired: Desired, observation: Observation, frame: PlanFrame
) -> Iterator[Item]:
    """Yield what becomes of each open reservation, those of authorities first."""
    issued = {n: x509.load_der_x509_certificate(d) for n, d in observation.authorities.items()}
    preview = Preview(desired.manifests, issued, frame.now, frame.linting)
    wanted = [r for r in observation.reservations if frame.wants(r.object_id)]
    for reservation in sorted(wanted, key=lambda r: (r.object_id.kind != AUTHORITY, r.object_id)):
        if _is_undecidable(reservation, desired):
            continue  # its manifest has errors, which are reported; what it asks for is not known
        request = _request_of(reservation, desired, preview)
        reason = _why_not(reservation, request, preview, desired, observation)
        if request is None or reason is not None:
            gone = Reason("NoLongerAsked", "its manifest is gone")
            yield AbandonReservation(reservation, (reason or gone,))
        else:
            told = "an earlier run reserved it and did not get to record it"
            source = _source_of(reservation, desired)
            reasons = (Reason("ReservationOpen", told),)
            yield FinishReservation(reservation, request, reasons, source)


def _is_undecidable(reservation: Reservation, desired: Desired) -> bool:
    return any(
        resolved.request is None
        for resolved in desired.certificates
        if resolved.loaded.object_id == reservation.object_id
    )


def _source_of(reservation: Reservation, desired: Desired) -> Source | None:
    for kind in (Certificate, CertificateAuthority):
        loaded = desired.manifests.of(kind).get(reservation.object_id)
        if loaded is not None:
            return loaded.source("spec")
    authority = responders_of(desired.manifests).get(reservation.object_id)
    return authority.source("spec", "ocsp") if authority else None


def _request_of(
    reservation: Reservation, desired: Desired, preview: Preview
) -> CertificateRequest | None:
    """Return what the manifest of that object asks for now, None when it is gone."""
    object_id = reservation.object_id
    if object_id.kind not in {AUTHORITY, RESPONDER}:
        requests = (c.request for c in desired.certificates if c.loaded.object_id == object_id)
        return next(requests, None)
    authority = find_authority(desired.manifests, object_id.name)
    if authority is None:
        return None
    # Which key it is, is for the holder of the key to say: signing compares it with the real one.
    try:
        key = read_tbs_certificate(reservation.tbs_certificate).public_key.encoding
    except InvalidValueError:
        key = b""  # the reservation is given up for that
    if object_id.kind == RESPONDER:
        issued = preview.issued.get(object_id.name)
        if issued is None or not answers(authority):
            return None
        end = issued.not_valid_after_utc
        return resolve_responder(authority, desired.manifests, end, preview.now, key)
    if authority.manifest.spec.certificate:
        return None
    return resolve_authority(authority, desired.manifests, key)


def _is_revoked(request: CertificateRequest, observation: Observation) -> bool:
    """As for what is not reserved yet (`triggers.bars_reissue`), unless the object was retired."""
    observed = observation.objects.get(request.object_id)
    current = observed.current if observed and not observed.retired else None
    return (
        current is not None
        and current.revocation is not None
        and current.public_key_sha256 == request.public_key_sha256
    )


def _why_not(
    reservation: Reservation,
    request: CertificateRequest | None,
    preview: Preview,
    desired: Desired,
    observation: Observation,
) -> Reason | None:
    """Return why a reservation is given up, None when it is to be signed."""
    if request is None:
        return None
    try:
        if load_draft(reservation.tbs_certificate).not_valid_after_utc <= preview.now:
            return Reason("Expired", "it would have expired by now")
        barred = _why_barred(request, desired, observation)
        if barred is not None:
            return barred
        if request.digest != reservation.request_digest:
            return Reason("NoLongerAsked", "its manifest asks for something else by now")
        issuer = find_authority(preview.manifests, request.issuer)
        above = issuer if issuer and issuer.object_id != request.object_id else None
        chain = preview.chain(above) if above else []
        if is_draft_of(reservation.tbs_certificate, request, chain):
            return None
    except InvalidValueError:
        pass  # unreadable, or nothing that could be made of this request
    return Reason("NotWhatWasAsked", "the reserved bytes are not what the manifest asks for")


def _why_barred(
    request: CertificateRequest, desired: Desired, observation: Observation
) -> Reason | None:
    """Return why nobody would sign that by now, reserved or not."""
    issuer = find_authority(desired.manifests, request.issuer)
    # A retired authority signs no certificates, and goes on with OCSP.
    why_not = why_not_trusted if request.object_id.kind == RESPONDER else why_not_signed
    if issuer is None or why_not(request.issuer, desired.manifests, observation):
        return Reason("IssuerDoesNotSign", f"{request.issuer} no longer signs")
    if request.object_id in observation.lost_keys:
        return Reason("KeyChanged", "the key it was reserved for is gone")
    if _is_revoked(request, observation):
        return Reason("Revoked", "the certificate it was to follow was revoked, with this key")
    return None
