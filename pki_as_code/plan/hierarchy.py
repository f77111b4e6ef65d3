"""Authorities that have a certificate, and how they stand to each other."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from cryptography import x509

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import CERTIFICATE_HOLD, Revocation
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.plan.adoptable import is_signed_by
from pki_as_code.plan.authorities import Authority, find_authority


class Condition(enum.StrEnum):
    """What can be said of an authority in one word."""

    VALID = "valid"
    REVOKED = "revoked"
    ON_HOLD = "on hold"
    NOT_YET_VALID = "not yet valid"
    EXPIRED = "expired"
    RETIRED = "retired"
    """It signs no more: `usages` is without `sign`, or its manifest is gone."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One authority, with its place in the tree."""

    name: str
    certificate: x509.Certificate
    authority: Authority | None
    """Its manifest; None when that is gone."""

    parent: str | None
    """None for a root, and for one whose parent nobody knows."""

    children: tuple[str, ...]
    """Those that end first before the others."""

    revocation: Revocation | None = None

    def condition(self, now: datetime) -> Condition:
        if self.revocation is not None:
            on_hold = self.revocation.reason == CERTIFICATE_HOLD
            return Condition.ON_HOLD if on_hold else Condition.REVOKED
        if self.certificate.not_valid_after_utc < now:
            return Condition.EXPIRED
        if self.authority is None or "sign" not in self.authority.manifest.spec.usages:
            return Condition.RETIRED
        if self.certificate.not_valid_before_utc > now:
            return Condition.NOT_YET_VALID
        return Condition.VALID


def authority_standings(
    certificates: Mapping[str, x509.Certificate],
    manifests: ManifestSet,
    revocations: Mapping[str, Revocation] = MappingProxyType({}),
) -> dict[str, Standing]:
    """Return every authority by name, those that end first before the others."""
    order = sorted(certificates, key=lambda name: (certificates[name].not_valid_after_utc, name))
    authorities = {name: find_authority(manifests, name) for name in order}
    parents = {name: _parent(name, certificates, authorities[name]) for name in order}
    return {
        name: Standing(
            name,
            certificates[name],
            authorities[name],
            parents[name],
            tuple(child for child in order if parents[child] == name),
            revocations.get(name),
        )
        for name in order
    }


def _parent(
    name: str, certificates: Mapping[str, x509.Certificate], authority: Authority | None
) -> str | None:
    """Return what the manifest says; without one, who signed the certificate."""
    if authority is not None:
        parent = authority.manifest.spec.parent
        return parent if parent in certificates and parent != name else None
    return find_signer(certificates[name], certificates)


def find_signer(
    certificate: x509.Certificate, certificates: Mapping[str, x509.Certificate]
) -> str | None:
    """Return the name of the authority that signed it; None when it is none of these, or itself."""
    if is_signed_by(certificate, certificate):
        return None
    for name in sorted(certificates):
        if is_signed_by(certificate, certificates[name]):
            return name
    return None


def chain_upwards(name: str, standings: Mapping[str, Standing]) -> list[Standing]:
    """Return the authority, its parent, and so on up to the root that is known."""
    chain: list[Standing] = []
    current = standings.get(name)
    while current is not None and current not in chain:
        chain.append(current)
        current = standings.get(current.parent or "")
    return chain


def path_length(certificate: x509.Certificate) -> int | None:
    """Return the path length of a certificate; None without one, or when it cannot be read."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None
    return found.value.path_length


def effective_path_length(name: str, standings: Mapping[str, Standing]) -> int | None:
    """
    Return how many authorities may follow below this one, given all those above it.

    None for any number. RFC 5280 section 6.1.4 (l) and (m): each authority that is not self-issued
    uses one up.
    """
    remaining: int | None = None
    for standing in reversed(chain_upwards(name, standings)):
        certificate = standing.certificate
        if remaining is not None and certificate.subject != certificate.issuer:
            remaining = max(remaining - 1, 0)
        own = path_length(certificate)
        if own is not None:
            remaining = own if remaining is None else min(remaining, own)
    return remaining
