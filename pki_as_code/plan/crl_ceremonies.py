"""
CRLs of offline authorities: judged when people bring one, asked for when one is due.

A CRL that was signed elsewhere takes effect like one of ours, so it must not take anything back: it
is compared with what the ledger knows as revoked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.durations import format_duration
from pki_as_code.model import (
    CERTIFICATE_HOLD,
    FULL_SCOPE,
    AdoptAuthority,
    AdoptCrl,
    CrlRecord,
    Finding,
    Reason,
    Revocation,
    Severity,
    format_time,
)
from pki_as_code.pkix.pem import decode_single
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.plan.authorities import Authority, parents_first
from pki_as_code.plan.ceremonies import CRL_NEEDED, RUNBOOK, is_offline, key_uri_there
from pki_as_code.plan.crls import CRL_TRIGGERS, CrlCandidate, changed_by, has_ended, may_sign_crls
from pki_as_code.plan.observation import GivenCrl, Item, Observation, PlanFrame
from pki_as_code.plan.validate import Desired

if TYPE_CHECKING:
    from pki_as_code.pkix.crl import CrlDescription, CrlEntry

PEM_LABELS = ("X509 CRL",)

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Read:
    """A CRL that was read."""

    der: bytes
    description: CrlDescription
    entries: Mapping[int, CrlEntry]


def plan_offline_crls(
    desired: Desired, observation: Observation, frame: PlanFrame, items: Sequence[Item]
) -> Iterator[Item]:
    """Yield the CRLs that were given and are new, then what is to be signed in a ceremony."""
    changed = set(changed_by(items))
    arriving = {
        item.object_id.name: item.certificate_der
        for item in items
        if isinstance(item, AdoptAuthority)
    }
    for authority in parents_first(desired.manifests):
        name, spec = authority.object_id.name, authority.manifest.spec
        key = (name, FULL_SCOPE)
        if not is_offline(authority) or "crl" not in spec.usages:
            continue
        if not frame.wants(authority.object_id) and key not in changed:
            continue
        der = observation.authorities.get(name) or arriving.get(name)
        if der is None or has_ended(der, frame.now) or not may_sign_crls(der):
            continue
        given = _judge_given(authority, der, observation, frame.now)
        if given is not None:
            yield given
        last = _record_of(given) if isinstance(given, AdoptCrl) else observation.crls.get(key)
        candidate = CrlCandidate(
            last,
            observation.crl_changes.get(key),
            key in changed,
            spec.crl.refresh_before,
            frame.now,
        )
        reasons = [reason for trigger in CRL_TRIGGERS if (reason := trigger(candidate))]
        if reasons:
            yield _ceremony_needed(authority, reasons[0])


def _record_of(change: AdoptCrl) -> CrlRecord:
    """Return what the store will know of it."""
    return CrlRecord(
        change.issuer,
        change.scope,
        change.number,
        change.this_update,
        change.next_update,
        hashlib.sha256(change.crl_der).hexdigest(),
        change.entry_count,
        change.as_of,
    )


# --- Given ---------------------------------------------------------------------------------------


def decode_crl(data: bytes) -> bytes:
    """Return the DER of the one CRL in a file. Raises `InvalidValueError` (`crl.…`)."""
    return decode_single(data, PEM_LABELS, what="CRL", source="crl")


def _judge_given(
    authority: Authority, issuer_der: bytes, observation: Observation, now: datetime
) -> AdoptCrl | Finding | None:
    """Return what becomes of the CRL that a manifest names; None when it is known already."""
    name = authority.object_id.name
    if authority.crl is None:
        return None
    from pki_as_code.pkix.crl import read_crl  # few repositories have an offline authority

    source = authority.source("spec", "crl", "file")
    last = observation.crls.get((name, FULL_SCOPE))
    known = observation.given_crls.get(name, GivenCrl(0, ()))
    try:
        der = decode_crl(authority.crl)
        if last is not None and hashlib.sha256(der).hexdigest() == last.digest:
            return None
        description, entries = read_crl(der)
    except InvalidValueError as error:
        return _unfit(authority, error.message)
    read = _Read(der, description, {entry.serial_number: entry for entry in entries})
    problem = (
        _problem_of_signature(read, x509.load_der_x509_certificate(issuer_der))
        or _problem_of_frame(read, last, known, now)
        or _problem_of_entries(read, last, known)
    )
    if problem:
        return _unfit(authority, problem)
    return AdoptCrl(
        issuer=name,
        crl_der=der,
        number=description.number,
        this_update=description.this_update,
        next_update=description.next_update,
        entry_count=description.entry_count,
        as_of=_as_of(read, known, observation, name),
        reasons=(Reason("CrlGiven", "people signed it with the key of the authority"),),
        source=source,
        previous=last,
        path=authority.path,
        crl_path=authority.crl_path,
    )


def _unfit(authority: Authority, problem: str) -> Finding:
    return Finding(
        "authority.crl_unfit",
        f"the CRL of {authority.object_id.name} is not taken up: {problem}",
        authority.source("spec", "crl", "file"),
        help="put the last CRL back, or have the next one signed: "
        f"`pkictl ceremony prepare {authority.object_id.name} --crl --out FILE`",
    )


def _problem_of_signature(read: _Read, issuer: x509.Certificate) -> str | None:
    from pki_as_code.pkix.crl import lint_crl

    errors = [f for f in lint_crl(read.der, issuer) if f.severity is Severity.ERROR]
    return errors[0].message if errors else None


def _problem_of_frame(
    read: _Read, last: CrlRecord | None, known: GivenCrl, now: datetime
) -> str | None:
    """RFC 5280 sections 5.1.2.4 to 5.2.5."""
    said = read.description
    if said.issuing_distribution_point is not None:
        return "it is not about all certificates (issuingDistributionPoint)"
    if said.number <= known.highest_number:
        return f"its number is {said.number}, and {known.highest_number} was used already"
    if said.this_update > now:
        return f"its thisUpdate, {format_time(said.this_update)}, is in the future"
    if said.next_update <= now:
        return f"it ended at {format_time(said.next_update)}"
    if last is not None and said.this_update < last.this_update:
        return f"it is of {format_time(said.this_update)}, before the last one"
    return None


def _problem_of_entries(read: _Read, last: CrlRecord | None, known: GivenCrl) -> str | None:
    """
    What was revoked before thisUpdate is in it, and nothing else is but for holds.

    An entry may be gone once its certificate had ended before the last CRL (section 3.3). A hold
    that was lifted since may still be listed; whatever came after thisUpdate is for the next one.
    """
    then = read.description.this_update
    revoked = {serial_number: revocation for serial_number, revocation, _ in known.revoked}
    missing = [
        serial_number
        for serial_number, revocation, not_after in known.revoked
        if serial_number not in read.entries
        and revocation.revocation_date < then
        and (last is None or not_after >= last.this_update)
    ]
    if missing:
        return f"it does not list {_named(missing)}, which the ledger has as revoked before it"
    unknown = [
        serial_number
        for serial_number, entry in read.entries.items()
        if serial_number not in revoked and entry.reason != CERTIFICATE_HOLD
    ]
    if unknown:
        return f"it lists {_named(unknown)}, which the ledger does not have as revoked"
    other = [
        serial_number
        for serial_number, entry in read.entries.items()
        if serial_number in revoked and _differs(entry, revoked[serial_number], then)
    ]
    return f"it gives another reason for {_named(other)} than the ledger" if other else None


def _differs(entry: CrlEntry, revocation: Revocation, then: datetime) -> bool:
    return revocation.revocation_date < then and entry.reason != revocation.reason


def _named(serial_numbers: Sequence[int]) -> str:
    shown = [format_serial_number(number) for number in serial_numbers[:_MOST_NAMED]]
    more = len(serial_numbers) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _as_of(read: _Read, known: GivenCrl, observation: Observation, name: str) -> int:
    """Return the last entry of the ledger that it takes account of."""
    listed = {serial_number: entry.reason for serial_number, entry in read.entries.items()}
    revoked = {serial_number: revocation.reason for serial_number, revocation, _ in known.revoked}
    left_out = {serial_number for serial_number, _, end in known.revoked
                if end < read.description.this_update}  # fmt: skip
    whole = all(
        listed.get(number) == revoked.get(number)
        for number in (listed.keys() | revoked.keys())
        if number in listed or number not in left_out
    )
    changed_at = observation.crl_changes.get((name, FULL_SCOPE), 0)
    return max(0, observation.sequence if whole else changed_at - 1)


# --- Due -----------------------------------------------------------------------------------------


def _ceremony_needed(authority: Authority, reason: Reason) -> Finding:
    name = authority.object_id.name
    validity = format_duration(authority.manifest.spec.crl.validity)
    sign = f"pkictl ceremony sign {name}.crl.json --key {key_uri_there(authority)}"
    return Finding(
        CRL_NEEDED,
        f"the CRL of {name} is due, which its key signs in a ceremony only: {reason.message}",
        authority.source("spec", "crl"),
        Severity.WARNING,
        help="\n".join(
            (
                "people sign it, on a machine without a network:",
                f"1. here:  pkictl ceremony prepare {name} --crl --out {name}.crl.json",
                "          and note the SHA-256 that it prints",
                f"2. there: {sign} --out {name}.crl",
                "          after the SHA-256 was read out and compared",
                f"3. here:  pkictl ceremony accept {name}.crl --branch ceremony-{name}-crl",
                "4. review and merge that branch; the next `pkictl reconcile` publishes it",
                f"it is valid for {validity} then: crl.validity says how often people meet for it",
                RUNBOOK,
            )
        ),
    )
