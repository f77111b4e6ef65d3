"""What the ledger says already, so that recording it once more would add nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pki_as_code.model import CERTIFICATE_HOLD
from pki_as_code.stores import codec
from pki_as_code.stores.entries import (
    Abandoned,
    Adopted,
    Authority,
    Blocked,
    Crl,
    CrlAdopted,
    Failed,
    Issued,
    Notified,
    Payload,
    Reconciled,
    Released,
    Renamed,
    Retired,
    Revoked,
    Updated,
)
from pki_as_code.stores.states import key_of
from pki_as_code.stores.working_set import WorkingSet


def is_in_force(working: WorkingSet, payload: Payload) -> bool:
    """Tell whether the ledger says the same already, so that recording it would add nothing."""
    check = _IN_FORCE.get(type(payload))
    return check is not None and check(working, payload)


def _issued_in_force(working: WorkingSet, payload: Issued) -> bool:
    return working.certificate(key_of(payload)) is not None


def _authority_in_force(working: WorkingSet, payload: Authority) -> bool:
    state = working.object(payload.object_id)
    return (
        working.authority(payload.object_id.name) == payload.certificate_der
        and state is not None
        and state.in_force is not None
    )


def _adopted_in_force(working: WorkingSet, payload: Adopted) -> bool:
    certificate = working.certificate(key_of(payload))
    state = working.object(payload.object_id)
    return (
        certificate is not None
        and state is not None
        and certificate.object_id == payload.object_id
        and state.in_force == key_of(payload)
        and certificate.fingerprint_sha256 == codec.digest(payload.certificate_der)
    )


def revoked_in_force(working: WorkingSet, payload: Revoked) -> bool:
    certificate = working.certificate(key_of(payload))
    if certificate is None or certificate.revocation is None:
        return False
    on_hold = certificate.revocation.reason == CERTIFICATE_HOLD
    return not on_hold or payload.reason == CERTIFICATE_HOLD


def _released_in_force(working: WorkingSet, payload: Released) -> bool:
    certificate = working.certificate(key_of(payload))
    return certificate is not None and certificate.revocation is None


def _crl_in_force(working: WorkingSet, payload: Crl | CrlAdopted) -> bool:
    last = working.crls.last(payload.issuer, payload.scope)
    return last is not None and (last.number, last.digest) == (payload.number, payload.digest)


def _renamed_in_force(working: WorkingSet, payload: Renamed) -> bool:
    state, previous = working.object(payload.object_id), working.object(payload.previous)
    return (
        state is not None
        and state.renamed_from == payload.previous
        and (previous is None or previous.current is None)
    )


def _retired_in_force(working: WorkingSet, payload: Retired) -> bool:
    state = working.object(payload.object_id)
    return state is not None and state.retired


def _updated_in_force(working: WorkingSet, payload: Updated) -> bool:
    state = working.object(payload.object_id)
    current = working.certificate(state.in_force) if state and state.in_force else None
    return current is not None and current.deletion_policy == payload.deletion_policy


def _failed_in_force(working: WorkingSet, payload: Failed) -> bool:
    state = working.object(payload.object_id)
    failure = state.failure if state else None
    if failure is None or failure.request_digest != payload.request_digest:
        return False
    return (failure.message, failure.attempts, failure.retry_at) == (
        payload.message,
        payload.attempts,
        payload.retry_at.replace(microsecond=0),
    )


_IN_FORCE: Final[Mapping[type[Any], Callable[[WorkingSet, Any], bool]]] = {
    Issued: _issued_in_force,
    Authority: _authority_in_force,
    Adopted: _adopted_in_force,
    Revoked: revoked_in_force,
    Released: _released_in_force,
    Crl: _crl_in_force,
    CrlAdopted: _crl_in_force,
    Renamed: _renamed_in_force,
    Retired: _retired_in_force,
    Updated: _updated_in_force,
    Blocked: lambda working, payload: working.is_blocked(payload.spki_sha256),
    Abandoned: lambda working, payload: working.was_abandoned(key_of(payload)),
    Notified: lambda working, payload: working.was_notified(payload),
    Failed: _failed_in_force,
    Reconciled: lambda working, payload: working.meta("reconciled") == payload.commit,
}
