"""What a plan is made of, beside the manifests: what the store knows, and what is asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.revocation import Revocation as RevocationManifest
from pki_as_code.model import (
    BlockedKey,
    CertificateRecord,
    Change,
    CrlRecord,
    Endorsement,
    Finding,
    ObjectId,
    Observed,
    Refusal,
    Reservation,
    Revocation,
)
from pki_as_code.plan.linting import OWN_LINTS, Linting

Item = Change | Refusal | Finding | None
"""What planning one object gives; None when it is as it should be."""


@dataclass(frozen=True, slots=True)
class GivenCrl:
    """What the store knows of an offline authority whose manifest names a CRL."""

    highest_number: int
    """The highest CRL number that was used; 0 for none."""

    revoked: tuple[tuple[int, Revocation, datetime], ...]
    """Serial number, revocation and notAfter of all that the authority revoked."""


class Elsewhere(NamedTuple):
    """What a plan need not look at, because it is as it should be."""

    asked: int = 0
    """Certificates in the repository."""

    live: int = 0
    """Certificates that the store looks after."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the store knows, as far as this plan needs it."""

    objects: Mapping[ObjectId, Observed] = field(default_factory=dict)
    live: Collection[ObjectId] = ()
    """Objects that have a certificate and were not retired."""

    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    """Beside these."""

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

    removed_revocations: tuple[Loaded[RevocationManifest], ...] = ()
    """Those that were there at the commit reconciled last."""

    crls: Mapping[tuple[str, str], CrlRecord] = field(default_factory=dict)
    """The last CRL by authority and scope."""

    crl_changes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """When that which a CRL lists changed last: a sequence number by authority and scope."""

    lost_keys: Collection[ObjectId] = ()
    """OCSP responders whose key is gone, or is not the one they were certified with. Only a run
    that may use keys looks."""

    given_crls: Mapping[str, GivenCrl] = field(default_factory=dict)
    """What a CRL that people signed is compared with, by authority."""

    endorsements: Mapping[ObjectId, Endorsement] = field(default_factory=dict)
    """Who stands behind each certificate that is about to be issued; known only once it is known
    which are, and only where anything depends on it."""

    sequence: int = -1
    """Of the last entry of the ledger."""


@dataclass(frozen=True, slots=True)
class PlanFrame:
    """What a plan says of itself."""

    commit: str
    base: str
    store: str
    now: datetime
    only: frozenset[ObjectId] = frozenset()
    """Nothing but these; everything when empty."""

    retry: bool = False
    """Try at once what failed before, however long it should wait."""

    linting: Linting = OWN_LINTS
    """Who judges what the plan itself would have made: OCSP responders."""

    @property
    def tries_at_once(self) -> bool:
        """Whoever names an object wants it now."""
        return self.retry or bool(self.only)

    def wants(self, object_id: ObjectId) -> bool:
        return not self.only or object_id in self.only
