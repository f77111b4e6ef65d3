"""
The offline side of a ceremony for a CRL.

Its thisUpdate is when the bundle was prepared: it says what was revoked then, whatever the clock of
the offline machine says. Its number is above every number that the repository or the journal knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pki_as_code.apply.ceremony_signer import Sitting
from pki_as_code.apply.ceremony_signing import signer_entries
from pki_as_code.apply.crls import crl_entry
from pki_as_code.errors import IssuanceError
from pki_as_code.issuance import Issuer, PreparedCrl, prepare_crl, sign_crl
from pki_as_code.model import FULL_SCOPE, CrlRecord, Revocation, format_time
from pki_as_code.pkix.crl import read_crl
from pki_as_code.plan.bundles import CrlBundle
from pki_as_code.stores.entries import CrlReserved
from pki_as_code.stores.interface import Store


@dataclass(frozen=True, slots=True)
class PendingCrl:
    """What waits for somebody's yes."""

    prepared: PreparedCrl
    leaving: tuple[int, ...]
    """Serial numbers on the last CRL in the journal that are not on this one."""


@dataclass(frozen=True, slots=True)
class CrlSignedBefore:
    """What an earlier sitting signed for the same bundle."""

    crl_der: bytes


def prepare_bundle_crl(
    bundle: CrlBundle, issuer: Issuer, sitting: Sitting, directory: Path
) -> PendingCrl | CrlSignedBefore:
    """
    Return the CRL that would be signed, linted; `directory` holds it meanwhile.

    Raises:
        IssuanceError: `ceremony.bundle_overtaken`, `ceremony.crl_ended`, or every lint that failed.
            Nothing was reserved.
    """
    name, journal = bundle.object_id.name, sitting.journal
    this_update = bundle.prepared_at
    next_update = this_update + timedelta(seconds=bundle.validity_seconds)
    last = _last_crl(journal, name)
    listed = _entries(journal, name) if last is not None else {}
    if last is not None and last.this_update == this_update and listed == _wanted(bundle):
        with journal.open_crl(name) as file:
            return CrlSignedBefore(file.read())
    if last is not None and last.this_update >= this_update:
        raise IssuanceError(
            f"the journal has a CRL of {name} of {format_time(last.this_update)}, and this bundle "
            f"was prepared at {format_time(this_update)}",
            help="it would take back what was revoked since: prepare the bundle anew",
            code="ceremony.bundle_overtaken",
        )
    if next_update <= sitting.now:
        raise IssuanceError(
            f"the CRL would have ended at {format_time(next_update)}",
            help="prepare the bundle anew, or give crl.validity a longer time",
            code="ceremony.crl_ended",
        )
    prepared = prepare_crl(
        issuer,
        ((entry.serial_number, entry.revocation) for entry in bundle.revoked),
        directory,
        scope=FULL_SCOPE,
        number=max(bundle.last_number, journal.highest_crl_number(name)) + 1,
        this_update=this_update,
        next_update=next_update,
        hash_name=bundle.hash_algorithm,
    )
    staying = {entry.serial_number for entry in bundle.revoked}
    return PendingCrl(prepared, tuple(number for number in listed if number not in staying))


def sign_bundle_crl(
    pending: PendingCrl, issuer: Issuer, sitting: Sitting, directory: Path
) -> bytes:
    """
    Reserve the number in the journal, sign, record; returns the CRL (DER).

    A sitting that dies in between leaves a number that is never used again.

    Raises:
        IssuanceError: the signature does not verify.
        StoreError: the journal cannot be written.
    """
    prepared, journal, now = pending.prepared, sitting.journal, sitting.now
    message = f"ceremony: CRL of {issuer.name}"
    before = signer_entries(issuer, sitting)
    if before:
        journal.record(before, now=now, message=message)
    reserved = CrlReserved(
        issuer=issuer.name,
        scope=prepared.scope,
        number=prepared.number,
        this_update=prepared.frame.this_update,
        next_update=prepared.frame.next_update,
        as_of=journal.head().sequence,
        tbs_digest=prepared.tbs_digest,
    )
    journal.record([reserved], now=now, message=message)
    crl = sign_crl(prepared, issuer, directory / "signed")
    entry = crl_entry(crl)
    journal.record([entry], now=now, message=message, crls={(crl.issuer, crl.scope): crl.path})
    return crl.path.read_bytes()


def _last_crl(journal: Store, name: str) -> CrlRecord | None:
    return next((c for c in journal.crls() if (c.issuer, c.scope) == (name, FULL_SCOPE)), None)


def _entries(journal: Store, name: str) -> dict[int, Revocation]:
    """Return what the last CRL in the journal lists."""
    with journal.open_crl(name) as file:
        _, entries = read_crl(file.read())
    return {
        entry.serial_number: Revocation(entry.reason, entry.revocation_date, entry.invalidity_date)
        for entry in entries
    }


def _wanted(bundle: CrlBundle) -> dict[int, Revocation]:
    return {entry.serial_number: entry.revocation for entry in bundle.revoked}
