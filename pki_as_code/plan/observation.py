"""What a plan is made of, beside the manifests: what the store knows, and what is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.model import (
    BlockedKey,
    CertificateRecord,
    Change,
    CrlRecord,
    Finding,
    ObjectId,
    Observed,
    Refusal,
    Reservation,
)

Item = Change | Refusal | Finding | None
"""What planning one object gives; None when it is as it should be."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the store knows, as far as this plan needs it."""

    objects: Mapping[ObjectId, Observed] = field(default_factory=dict)
    live: Collection[ObjectId] = ()
    """Objects that have a certificate and were not retired."""

    reservations: tuple[Reservation, ...] = ()
    revocation_targets: Mapping[ObjectId, tuple[CertificateRecord, ...]] = field(
        default_factory=dict
    )
    """The certificates each Revocation names."""

    authorities: Mapping[str, bytes] = field(default_factory=dict)
    """Certificates (DER) of the authorities that have one."""

    superseded: tuple[CertificateRecord, ...] = ()
    """Certificates with a successor that could still be used, of `onSupersede: Revoke`."""

    first_uses: Mapping[str, datetime] = field(default_factory=dict)
    """When the first certificate with a key began to be valid, of keys with a `maxAge`."""

    blocked_keys: Mapping[str, BlockedKey] = field(default_factory=dict)
    """Those of the keys that Revocations name which are never certified again already."""

    signed_valid: Collection[ObjectId] = ()
    """Authorities without a manifest that signed certificates which are valid."""

    removed_revocations: tuple[Loaded[Revocation], ...] = ()
    """Those that were there at the commit reconciled last."""

    crls: Mapping[tuple[str, str], CrlRecord] = field(default_factory=dict)
    """The last CRL by authority and scope."""

    crl_changes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """When that which a CRL lists changed last: a sequence number by authority and scope."""


@dataclass(frozen=True, slots=True)
class PlanFrame:
    """What a plan says of itself."""

    commit: str
    base: str
    store: str
    now: datetime
    only: frozenset[ObjectId] = frozenset()
    """Nothing but these; everything when empty."""

    def wants(self, object_id: ObjectId) -> bool:
        return not self.only or object_id in self.only
