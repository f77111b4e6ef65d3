"""Ledger entries for certificates that were made elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pki_as_code.model import AdoptCertificate
from pki_as_code.stores.entries import Adopted


def adopted_entries(
    changes: Iterable[AdoptCertificate], commits: Mapping[str, str], reconciled: str
) -> list[Adopted]:
    """Return an entry for each; `commits` says which commit last changed a manifest, by path."""
    return [
        Adopted(
            object_id=change.object_id,
            issuer=change.issuer,
            serial_number=change.serial_number,
            certificate_der=change.certificate_der,
            commit=commits.get(change.path, reconciled),
            path=change.path,
            deletion_policy=change.deletion_policy,
        )
        for change in changes
    ]
