"""A plan as JSON, in the form of `plan --output json`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never

from pki_as_code.formats.findings import diagnostic_json, sort_findings
from pki_as_code.formats.plan import count_actions
from pki_as_code.formats.structured import format_json
from pki_as_code.formats.values import crl_json, optional_time, revocation_json, source_json
from pki_as_code.model import (
    AbandonReservation,
    AdoptAuthority,
    AdoptCertificate,
    AdoptCrl,
    BlockKey,
    CertificateRecord,
    CertificateRequest,
    Change,
    FinishReservation,
    IssueCertificate,
    JsonValue,
    Plan,
    PublishCrl,
    Reason,
    Refusal,
    ReleaseHold,
    RenameObject,
    Reservation,
    RetireObject,
    RevokeCertificate,
    UpdateObject,
    format_time,
)
from pki_as_code.pkix.serial_numbers import format_serial_number

SCHEMA_VERSION = 1
"""Of this form; a reader refuses a newer one."""


def format_plan_json(plan: Plan) -> str:
    return format_json(plan_json(plan))


def plan_json(plan: Plan) -> dict[str, JsonValue]:
    """
    Return the plan as an object.

    `before` is the certificate that is in force, `after` the one that will be; either may be null.
    `notAfter` of a certificate yet to be signed is what it would be if signed at `plannedAt`.
    """
    return {
        "schemaVersion": SCHEMA_VERSION,
        "commit": plan.commit,
        "base": plan.base,
        "plannedAt": format_time(plan.planned_at),
        "store": plan.store,
        "digest": plan.digest,
        "changes": [_change_json(change, plan.planned_at) for change in plan.changes],
        "refused": [_refusal_json(refusal) for refusal in plan.refused],
        "findings": [diagnostic_json(finding) for finding in sort_findings(plan.findings)],
        "summary": count_actions(plan),
    }


def _change_json(change: Change, planned_at: datetime) -> dict[str, JsonValue]:
    return {
        "action": str(change.action),
        **change.object_id.to_json(),
        "reasons": [_reason_json(reason) for reason in change.reasons],
        "source": source_json(change.source),
        **_effect_json(change, planned_at),
    }


def _reason_json(reason: Reason) -> dict[str, str]:
    return {"code": reason.code, "message": reason.message}


def _refusal_json(refusal: Refusal) -> dict[str, JsonValue]:
    return {
        **refusal.object_id.to_json(),
        "reason": _reason_json(refusal.reason),
        "source": source_json(refusal.source),
        "help": refusal.help,
    }


def _judgement_json(change: IssueCertificate | FinishReservation) -> dict[str, JsonValue]:
    """Return who allows it, and what is put up with where there is something."""
    waivers: dict[str, JsonValue] = {"waivers": dict(change.waived)} if change.waived else {}
    return {"allowedBy": list(change.allowed_by), **waivers}


def _effect_json(change: Change, planned_at: datetime) -> dict[str, JsonValue]:
    """Return the issuer, what is before and after, and what is particular to the action."""
    effect: dict[str, JsonValue]
    match change:
        case IssueCertificate(request=request, replaces=replaces):
            before = None if replaces is None else _record_json(replaces)
            after = _request_json(request, planned_at)
            after["deletionPolicy"] = change.deletion_policy
            effect = {"issuer": request.issuer, "before": before, "after": after}
            effect |= _judgement_json(change)
        case FinishReservation(reservation=reservation, request=request):
            after = _request_json(request, planned_at) | _reservation_json(reservation)
            after["deletionPolicy"] = reservation.deletion_policy
            effect = {"issuer": reservation.issuer, "before": None, "after": after}
            effect |= _judgement_json(change)
        case AbandonReservation(reservation=reservation):
            before = _reservation_json(reservation)
            effect = {"issuer": reservation.issuer, "before": before, "after": None}
        case AdoptAuthority(issuer=issuer, certificate_der=der):
            after = {"issuer": issuer, "fingerprintSha256": hashlib.sha256(der).hexdigest()}
            effect = {"issuer": issuer, "before": None, "after": after}
        case AdoptCertificate(issuer=issuer):
            effect = {"issuer": issuer, "before": None, "after": _adopted_json(change)}
        case PublishCrl(issuer=issuer, previous=previous):
            ends = planned_at + timedelta(seconds=change.validity_seconds)
            after = {"scope": change.scope, "nextUpdate": format_time(ends)}
            effect = {"issuer": issuer, "before": previous and crl_json(previous), "after": after}
        case AdoptCrl(issuer=issuer):
            effect = _effect_of_given_crl(change)
        case _:
            effect = _effect_on_known(change)
    return effect


def _effect_of_given_crl(change: AdoptCrl) -> dict[str, JsonValue]:
    return {
        "issuer": change.issuer,
        "before": change.previous and crl_json(change.previous),
        "after": {
            "scope": change.scope,
            "number": change.number,
            "thisUpdate": format_time(change.this_update),
            "nextUpdate": format_time(change.next_update),
            "entryCount": change.entry_count,
            "sha256": hashlib.sha256(change.crl_der).hexdigest(),
        },
    }


def _effect_on_known(
    change: RevokeCertificate | ReleaseHold | RenameObject | RetireObject | UpdateObject | BlockKey,
) -> dict[str, JsonValue]:
    """Return the effect of what signs nothing."""
    effect: dict[str, JsonValue]
    match change:
        case RevokeCertificate(certificate=certificate):
            effect = _of_record(certificate, keeps=False)
            effect["revocation"] = {
                "reason": change.revocation_reason,
                "invalidityDate": optional_time(change.invalidity_date),
            }
        case ReleaseHold(certificate=certificate):
            effect = _of_record(certificate, keeps=True)
        case RenameObject(certificate=certificate, previous=previous):
            effect = {**_of_record(certificate, keeps=True), "previous": previous.to_json()}
        case RetireObject(certificate=certificate):
            effect = _of_record(certificate, keeps=False)
        case UpdateObject(certificate=certificate):
            effect = _of_record(certificate, keeps=True)
            effect["after"] = {**effect["before"], "deletionPolicy": change.deletion_policy}
        case BlockKey(spki_sha256=digest):
            after = {"publicKeySha256": digest, "reason": "keyCompromise"}
            effect = {"issuer": None, "before": None, "after": after}
        case _:
            assert_never(change)
    return effect


def _adopted_json(change: AdoptCertificate) -> dict[str, JsonValue]:
    return {
        "serialNumber": format_serial_number(change.serial_number),
        "subject": change.subject,
        "subjectAltNames": list(change.subject_alternative_names),
        "notAfter": format_time(change.not_after),
        "issuer": change.issuer,
        "fingerprintSha256": hashlib.sha256(change.certificate_der).hexdigest(),
        "deletionPolicy": change.deletion_policy,
    }


def _of_record(certificate: CertificateRecord, *, keeps: bool) -> dict[str, JsonValue]:
    before = _record_json(certificate)
    after = {**before, "revocation": None} if keeps else None
    return {"issuer": certificate.issuer, "before": before, "after": after}


def _request_json(request: CertificateRequest, planned_at: datetime) -> dict[str, JsonValue]:
    not_after = request.not_after or planned_at + timedelta(seconds=request.validity_seconds or 0)
    return {
        "subject": request.subject,
        "subjectAltNames": list(request.subject_alternative_names),
        "notAfter": format_time(not_after),
        "profile": request.profile,
        "issuer": request.issuer,
        "publicKeySha256": request.public_key_sha256 if request.public_key_der else None,
        "extensions": request.to_json()["extensions"],
        "validitySeconds": request.validity_seconds,
        "backdateSeconds": request.backdate_seconds,
        "hashAlgorithm": request.hash_algorithm,
    }


def _record_json(record: CertificateRecord) -> dict[str, JsonValue]:
    return {
        "serialNumber": format_serial_number(record.serial_number),
        "subject": record.subject,
        "subjectAltNames": list(record.subject_alternative_names),
        "notAfter": format_time(record.not_after),
        "profile": record.profile,
        "issuer": record.issuer,
        "publicKeySha256": record.public_key_sha256,
        "extensions": record.request.get("extensions", {}),
        "validitySeconds": record.request.get("validitySeconds"),
        "backdateSeconds": record.request.get("backdateSeconds"),
        "hashAlgorithm": record.request.get("hashAlgorithm"),
        "deletionPolicy": record.deletion_policy or None,
        "revocation": revocation_json(record),
    }


def _reservation_json(reservation: Reservation) -> dict[str, JsonValue]:
    request: Mapping[str, JsonValue] = reservation.request
    return {
        "serialNumber": format_serial_number(reservation.serial_number),
        "subject": request.get("subject"),
        "subjectAltNames": request.get("subjectAltNames", []),
        "notAfter": request.get("notAfter"),
        "profile": request.get("profile"),
        "issuer": reservation.issuer,
        "publicKeySha256": request.get("publicKeySha256"),
        "extensions": request.get("extensions", {}),
    }
