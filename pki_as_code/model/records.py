"""What the store knows."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pki_as_code.model.objects import AUTHORITY, JsonValue, ObjectId


class Status(enum.StrEnum):
    """Status of a certificate at a time; `revoked` wins over `expired`."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ON_HOLD = "on-hold"


CERTIFICATE_HOLD = "certificateHold"


@dataclass(frozen=True, slots=True)
class Revocation:
    """RFC 5280 section 5.3: why and since when a certificate is revoked."""

    reason: str
    """A CRLReason in camelCase: `keyCompromise`."""

    revocation_date: datetime
    invalidity_date: datetime | None = None
    """When the key is thought to have been lost (section 5.3.2)."""

    requested_by: ObjectId | None = None
    """The Revocation that asked for it. It has had its effect: it does not revoke what is issued
    under the same name later."""


@dataclass(frozen=True, slots=True)
class SerialStatus:
    """
    What became of a serial number an authority used: issued, or given up, which counts as revoked.

    One that is reserved, and not known to be signed, has no status.
    """

    serial_number: int
    not_after: datetime
    revocation: Revocation | None = None


@dataclass(frozen=True, slots=True)
class CertificateRecord:
    """One issued certificate as the store's index knows it; its DER is fetched on its own."""

    object_id: ObjectId
    issuer: str
    serial_number: int
    subject: str
    subject_alternative_names: tuple[str, ...]
    profile: str
    not_before: datetime
    not_after: datetime
    public_key_sha256: str
    fingerprint_sha256: str
    request: Mapping[str, JsonValue] = field(repr=False)
    """`CertificateRequest.to_json()` of the request it answers; empty for an adopted one."""

    request_digest: str
    intent_digest: str
    intent: Mapping[str, JsonValue] = field(repr=False)
    issued_at: datetime
    commit: str
    """The commit that last changed the manifest or its CSR; empty when it was not committed."""

    path: str
    """The manifest."""

    deletion_policy: str
    """What removing the manifest does while it is valid; the value in force, see `UpdateObject`."""

    revocation: Revocation | None = None
    superseded_at: datetime | None = None
    """When its successor was issued; None for the current certificate of an object."""

    provenance: Mapping[str, JsonValue] = field(default_factory=dict, repr=False, compare=False)
    """How it came to be, as its entry in the ledger says; empty for one made elsewhere."""

    @property
    def policies(self) -> tuple[str, ...]:
        """Files of the policies that allowed it; provenance is told, and no rule hangs on it."""
        found = self.provenance.get("policies")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def waivers(self) -> Mapping[str, str]:
        """Reasons by the codes of what linters objected to and its manifest put up with."""
        found = self.provenance.get("waivers")
        return {k: str(v) for k, v in found.items()} if isinstance(found, Mapping) else {}

    def status(self, now: datetime) -> Status:
        if self.revocation is not None:
            on_hold = self.revocation.reason == CERTIFICATE_HOLD
            return Status.ON_HOLD if on_hold else Status.REVOKED
        return Status.EXPIRED if self.not_after < now else Status.VALID


@dataclass(frozen=True, slots=True)
class BlockedKey:
    """A public key that was lost, and is never certified again, whoever asks."""

    public_key_sha256: str
    """Hex SHA-256 of the SubjectPublicKeyInfo."""

    object_id: ObjectId | None
    """Whose certificate with this key was revoked for it; None when only the key was named."""

    requested_by: ObjectId | None
    """The Revocation that asked for it."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is about to be signed, durable before the key is touched."""

    object_id: ObjectId
    issuer: str
    serial_number: int
    tbs_certificate: bytes = field(repr=False)
    request: Mapping[str, JsonValue] = field(repr=False)
    request_digest: str
    intent: Mapping[str, JsonValue] = field(repr=False)
    reason: str
    """CamelCase code of why it is issued: `DoesNotExist`."""

    replaces: int | None
    """Serial number of the certificate that was current when this was planned. The store refuses
    the reservation when another one is current by now."""

    commit: str
    path: str
    deletion_policy: str


FULL_SCOPE = "full"
USER_SCOPE = "user"
CA_SCOPE = "ca"


def shard_scope(serial_number: int, shards: int) -> str:
    """Return the scope of the shard that a certificate belongs to, of that many."""
    return f"shard-{serial_number % shards}"


def shard_of(request: Mapping[str, JsonValue], serial_number: int) -> str | None:
    """Return the shard that the certificate of a request is in; None where there were none."""
    shards = request.get("crlShards")
    return shard_scope(serial_number, shards) if isinstance(shards, int) and shards > 1 else None


def scopes_of(kind: str, shard: str | None) -> tuple[str, ...]:
    """Return the scopes of the CRLs that list a certificate of that kind and shard."""
    return (
        FULL_SCOPE,
        CA_SCOPE if kind == AUTHORITY else USER_SCOPE,
        *([shard] if shard else ()),
    )


@dataclass(frozen=True, slots=True)
class CrlRecord:
    """The last CRL of an authority and scope."""

    issuer: str
    scope: str
    """`full` (all that the authority revoked), `user`, `ca` (only such certificates), or
    `shard-<n>`."""

    number: int
    this_update: datetime
    next_update: datetime
    digest: str
    """Hex SHA-256 of the DER."""

    entry_count: int
    as_of: int
    """Sequence number of the last entry of the ledger that it takes account of."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An object whose last attempt failed; it is tried again after `retry_at`."""

    object_id: ObjectId
    message: str
    attempts: int
    failed_at: datetime
    retry_at: datetime
    request_digest: str
    """What was asked for then; something else is tried at once."""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the store knows of one object."""

    object_id: ObjectId
    current: CertificateRecord | None = None
    """The certificate issued last under this object, whatever its status."""

    reservation: Reservation | None = None
    """Open: reserved, and not yet recorded as issued."""

    failure: Failure | None = None
    retired: bool = False
    """The object left the repository, which was noted; a new manifest of that name starts anew."""
