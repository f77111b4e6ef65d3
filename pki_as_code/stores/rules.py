"""
What each entry means for the index, and what must hold for it to be written.

A precondition that another runner's work can break raises `ContentionError`; one that only a
mistake can break raises `StoreError`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted
from pki_as_code.model import (
    AUTHORITY,
    CERTIFICATE_HOLD,
    Revocation,
    sha256_digest,
    shard_of,
)
from pki_as_code.stores import codec
from pki_as_code.stores.certificates import (
    describe_certificate,
    finished_certificate,
    is_issued_by,
    reserved_end,
    reserved_serial_number,
)
from pki_as_code.stores.crl_rules import (
    apply_crl,
    apply_crl_adopted,
    apply_crl_reserved,
)
from pki_as_code.stores.entries import (
    Abandoned,
    Adopted,
    Authority,
    Blocked,
    Crl,
    CrlAdopted,
    CrlReserved,
    Entry,
    Failed,
    Genesis,
    Issued,
    Notified,
    Reconciled,
    Released,
    Renamed,
    Reserved,
    Retired,
    Revoked,
    Updated,
)
from pki_as_code.stores.in_force import revoked_in_force
from pki_as_code.stores.note_rules import (
    apply_blocked,
    apply_failed,
    apply_notified,
    apply_reconciled,
    apply_updated,
)
from pki_as_code.stores.refusals import contention, named, unknown, used
from pki_as_code.stores.rule_parts import add_foreign, check_unused, issuer_of, supersede
from pki_as_code.stores.states import CertificateState, key_of
from pki_as_code.stores.working_set import WorkingSet


def _apply_genesis(working: WorkingSet, _: Entry, payload: Genesis) -> None:
    working.set_meta("lineage", payload.lineage)


def _apply_reserved(working: WorkingSet, entry: Entry, payload: Reserved) -> None:
    reservation = payload.reservation
    object_id = reservation.object_id
    state = working.touch_object(object_id)
    if state.open_reservation is not None:
        raise contention(object_id, "has a reservation that is still open")
    current = state.in_force
    if reservation.replaces != (current[1] if current else None):
        raise contention(object_id, "has another current certificate than was planned on")
    key = (reservation.issuer, reservation.serial_number)
    check_unused(working, key)
    if sha256_digest(dict(reservation.request)) != reservation.request_digest:
        raise StoreError(
            f"the reservation for {object_id} has not the digest of its request",
            code="store.entry_mismatch",
        )
    if reserved_serial_number(reservation.tbs_certificate) != reservation.serial_number:
        raise StoreError(
            f"the TBSCertificate reserved for {object_id} has another serial number than "
            "its reservation",
            code="store.entry_mismatch",
        )
    state.retired = False
    working.add_reservation(reservation, entry.sequence)
    working.mention(object_id, entry.sequence)


def _apply_issued(working: WorkingSet, entry: Entry, payload: Issued) -> None:
    key = key_of(payload)
    reservation = working.reservation(key)
    if reservation is None or reservation.object_id != payload.object_id:
        raise StoreError(
            f"{named(key)} was not reserved for {payload.object_id}",
            help="reserve before signing; the signature is not recorded",
            code="store.not_reserved",
        )
    certificate_der = finished_certificate(reservation.tbs_certificate, payload.signature)
    working.finish_reservation(reservation)
    replaced = working.touch_object(payload.object_id).current
    if reservation.replaces is not None and replaced is not None:
        working.touch_certificate(replaced).superseded_at = entry.at
    profile = reservation.request.get("profile", "")
    working.add_certificate(
        key=key,
        object_id=payload.object_id,
        certificate_der=certificate_der,
        description=describe_certificate(certificate_der),
        crl_scope=shard_of(reservation.request, payload.serial_number),
        columns={
            "sequence": entry.sequence,
            "profile": profile if isinstance(profile, str) else "",
            "request_digest": reservation.request_digest,
            "intent_digest": sha256_digest(dict(reservation.intent)),
            "issued_at": entry.at,
            "commit_id": reservation.commit,
            "path": reservation.path,
            "deletion_policy": reservation.deletion_policy,
        },
        contents={
            "request": dict(reservation.request),
            "intent": dict(reservation.intent),
            "provenance": dict(payload.provenance),
        },
    )
    if payload.object_id.kind == AUTHORITY:
        working.set_authority(payload.object_id.name, certificate_der)
    working.mention(payload.object_id, entry.sequence)


def _apply_authority(working: WorkingSet, entry: Entry, payload: Authority) -> None:
    name = payload.object_id.name
    description = describe_certificate(payload.certificate_der)
    key = (issuer_of(working, payload), description.serial_number)
    known = working.certificate(key)
    if known is None:
        if working.reservation(key) is not None:
            raise used(key)
        add_foreign(working, entry, payload, key)
    elif known.fingerprint_sha256 != description.fingerprint_sha256:
        raise used(key)
    working.set_authority(name, payload.certificate_der)
    working.make_current(payload.object_id, key, description.not_after)
    working.mention(payload.object_id, entry.sequence)


def _apply_adopted(working: WorkingSet, entry: Entry, payload: Adopted) -> None:
    state = working.object(payload.object_id)
    if state is not None and state.open_reservation is not None:
        raise contention(payload.object_id, "has a reservation that is still open")
    key = key_of(payload)
    known = working.certificate(key)
    replaced = state.in_force if state is not None else None
    if known is not None and (known.object_id, known.fingerprint_sha256) == (
        payload.object_id,
        codec.digest(payload.certificate_der),
    ):
        # It was adopted before, and the object retired or went on with another one.
        supersede(working, replaced, key, entry)
        working.make_current(payload.object_id, key, known.not_after)
        working.mention(payload.object_id, entry.sequence)
        return
    check_unused(working, key)
    if describe_certificate(payload.certificate_der).serial_number != payload.serial_number:
        raise StoreError(
            f"the certificate adopted for {payload.object_id} has another serial number than "
            "its entry",
            code="store.entry_mismatch",
        )
    issuer_der = working.authority(payload.issuer)
    if issuer_der is not None and not is_issued_by(payload.certificate_der, issuer_der):
        raise StoreError(
            f"the certificate adopted for {payload.object_id} was not signed by "
            f"{quoted(payload.issuer)}",
            help="name the authority that did, or leave it to one outside",
            code="store.entry_mismatch",
        )
    supersede(working, replaced, key, entry)
    add_foreign(
        working,
        entry,
        payload,
        key,
        deletion_policy=payload.deletion_policy,
        commit=payload.commit,
        path=payload.path,
    )
    working.mention(payload.object_id, entry.sequence)


def _apply_revoked(working: WorkingSet, entry: Entry, payload: Revoked) -> None:
    key = key_of(payload)
    certificate = working.certificate(key)
    if certificate is None:
        raise unknown(key)
    if revoked_in_force(working, payload):
        raise contention(certificate.object_id, "is revoked already")
    working.touch_certificate(key).revocation = Revocation(
        payload.reason,
        payload.revocation_date,
        payload.invalidity_date,
        payload.requested_by,
    )
    working.mention(certificate.object_id, entry.sequence)
    _note_crl_change(working, entry, payload, certificate)


def _apply_released(working: WorkingSet, entry: Entry, payload: Released) -> None:
    key = key_of(payload)
    certificate = working.certificate(key)
    if certificate is None:
        raise unknown(key)
    if certificate.revocation is None or certificate.revocation.reason != CERTIFICATE_HOLD:
        raise StoreError(
            f"{named(key)} is not on hold",
            help="only a certificateHold can be lifted (RFC 5280 section 5.3.1)",
            code="store.not_on_hold",
        )
    working.touch_certificate(key).revocation = None
    working.mention(certificate.object_id, entry.sequence)
    _note_crl_change(working, entry, payload, certificate)


def _note_crl_change(
    working: WorkingSet, entry: Entry, payload: Revoked | Released, certificate: CertificateState
) -> None:
    kind, crl_scope = certificate.object_id.kind, certificate.crl_scope
    working.crls.note_change(payload.issuer, kind, crl_scope, entry.sequence)


def _apply_renamed(working: WorkingSet, entry: Entry, payload: Renamed) -> None:
    previous, state = working.object(payload.previous), working.object(payload.object_id)
    if previous is None or previous.current is None or previous.retired:
        raise contention(payload.previous, "has no certificate to go on under another name")
    if previous.open_reservation is not None:
        raise contention(payload.previous, "has a reservation that is still open")
    if state is not None and (state.in_force is not None or state.open_reservation is not None):
        raise contention(payload.object_id, "has a certificate of its own")
    if payload.previous.kind != payload.object_id.kind:
        raise StoreError(
            f"{payload.previous} cannot go on as {payload.object_id}",
            code="store.entry_mismatch",
        )
    working.rename(payload.previous, payload.object_id)
    working.mention(payload.object_id, entry.sequence)


def _apply_retired(working: WorkingSet, entry: Entry, payload: Retired) -> None:
    state = working.object(payload.object_id)
    if state is None or state.retired:
        raise contention(payload.object_id, "is not there to be retired")
    if state.open_reservation is not None:
        raise contention(payload.object_id, "has a reservation that is still open")
    state = working.touch_object(payload.object_id)
    state.retired, state.failure = True, None
    working.mention(payload.object_id, entry.sequence)


def _apply_abandoned(working: WorkingSet, entry: Entry, payload: Abandoned) -> None:
    key = key_of(payload)
    reservation = working.reservation(key)
    if reservation is None:
        raise contention(payload.object_id, "has no such reservation any more")
    working.finish_reservation(reservation)
    kind = payload.object_id.kind
    crl_scope = shard_of(reservation.request, payload.serial_number)
    end = reserved_end(reservation.tbs_certificate)
    working.add_abandoned(key, kind, crl_scope, end, entry.at)
    working.crls.note_change(payload.issuer, kind, crl_scope, entry.sequence)
    working.mention(payload.object_id, entry.sequence)


RULES: Final[Mapping[type[Any], Callable[[WorkingSet, Entry, Any], None]]] = {
    Genesis: _apply_genesis,
    Reserved: _apply_reserved,
    Issued: _apply_issued,
    Authority: _apply_authority,
    Adopted: _apply_adopted,
    Revoked: _apply_revoked,
    Released: _apply_released,
    CrlReserved: apply_crl_reserved,
    Crl: apply_crl,
    CrlAdopted: apply_crl_adopted,
    Renamed: _apply_renamed,
    Retired: _apply_retired,
    Abandoned: _apply_abandoned,
    Updated: apply_updated,
    Blocked: apply_blocked,
    Notified: apply_notified,
    Failed: apply_failed,
    Reconciled: apply_reconciled,
}
