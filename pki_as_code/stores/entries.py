"""
The entries of the ledger. Their field names are the on-disk format; see `docs/store.md`.

One entry is one line of canonical JSON: `seq` (from 0, no gaps), `at` (RFC 3339, UTC), `type`,
`prev` (hex SHA-256 of the previous line without its newline; 64 zeros for the first), and the
fields of its payload. Serial numbers are upper-case hex with colons, DER is base64.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from pki_as_code.model import JsonValue, ObjectId, Reservation

FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class Genesis:
    """The first entry: which ledger this is, and how it is written."""

    type: ClassVar[str] = "genesis"
    lineage: str
    """A random id; two stores with different lineages never are copies of each other."""

    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class Reserved:
    """What is about to be signed."""

    type: ClassVar[str] = "reserved"
    reservation: Reservation


@dataclass(frozen=True, slots=True)
class Issued:
    """The signature over a reserved TBSCertificate, and how it came to be."""

    type: ClassVar[str] = "issued"
    object_id: ObjectId
    issuer: str
    serial_number: int
    signature: bytes = field(repr=False)
    provenance: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Authority:
    """The current certificate of an authority, made here or elsewhere."""

    type: ClassVar[str] = "authority"
    object_id: ObjectId
    certificate_der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A certificate that was issued elsewhere and is observed from now on."""

    type: ClassVar[str] = "adopted"
    object_id: ObjectId
    issuer: str
    serial_number: int
    certificate_der: bytes = field(repr=False)
    commit: str
    path: str
    deletion_policy: str


@dataclass(frozen=True, slots=True)
class Revoked:
    type: ClassVar[str] = "revoked"
    object_id: ObjectId
    """The object whose certificate it is."""

    issuer: str
    serial_number: int
    reason: str
    revocation_date: datetime
    invalidity_date: datetime | None
    commit: str
    path: str
    """Of the manifest that asked for it."""

    requested_by: ObjectId | None = None
    """The Revocation that asked; None when the removal of a manifest did."""


@dataclass(frozen=True, slots=True)
class Released:
    """A hold was lifted."""

    type: ClassVar[str] = "released"
    object_id: ObjectId
    issuer: str
    serial_number: int
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class CrlReserved:
    """
    A CRL that is about to be signed: its number is used from now on, signed or not.

    A run that dies leaves a gap in the numbers, which RFC 5280 section 5.2.3 allows; two CRLs with
    one number it does not.
    """

    type: ClassVar[str] = "crlReserved"
    issuer: str
    scope: str
    number: int
    this_update: datetime
    next_update: datetime
    as_of: int
    """Sequence number of the last entry that it takes account of."""

    tbs_digest: str
    """Hex SHA-256 of the TBSCertList."""


@dataclass(frozen=True, slots=True)
class Crl:
    """A CRL was signed; its bytes are beside the ledger."""

    type: ClassVar[str] = "crl"
    issuer: str
    scope: str
    """`full`, `user`, `ca` or `shard-<n>`."""

    number: int
    this_update: datetime
    next_update: datetime
    digest: str
    """Hex SHA-256 of the DER."""

    entry_count: int


@dataclass(frozen=True, slots=True)
class CrlAdopted:
    """A CRL that was signed elsewhere, by an authority whose key is never here."""

    type: ClassVar[str] = "crlAdopted"
    issuer: str
    scope: str
    number: int
    this_update: datetime
    next_update: datetime
    as_of: int
    """Sequence number of the last entry that it takes account of."""

    digest: str
    entry_count: int
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class Renamed:
    """The certificates of `previous` go on under `object_id`."""

    type: ClassVar[str] = "renamed"
    object_id: ObjectId
    previous: ObjectId
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class Retired:
    """The manifest is gone; the object is no longer looked after."""

    type: ClassVar[str] = "retired"
    object_id: ObjectId
    commit: str


@dataclass(frozen=True, slots=True)
class Updated:
    """The manifest says otherwise by now what happens to its certificate when it is removed."""

    type: ClassVar[str] = "updated"
    object_id: ObjectId
    deletion_policy: str
    commit: str
    path: str


@dataclass(frozen=True, slots=True)
class Blocked:
    """
    A key that is never certified again, whether or not a certificate with it is known.

    It outlives the Revocation that asked for it.
    """

    type: ClassVar[str] = "blocked"
    spki_sha256: str
    """Hex SHA-256 of the SubjectPublicKeyInfo."""

    reason: str
    """A CRLReason in camelCase: `keyCompromise`."""

    commit: str
    path: str
    requested_by: ObjectId


@dataclass(frozen=True, slots=True)
class Abandoned:
    """
    A reservation that is not going to be signed.

    The run that died may have signed it and told nobody: its serial number counts as revoked.
    """

    type: ClassVar[str] = "abandoned"
    object_id: ObjectId
    issuer: str
    serial_number: int
    reason: str
    """CamelCase code of why: `NoLongerAsked`."""

    commit: str


@dataclass(frozen=True, slots=True)
class Notified:
    type: ClassVar[str] = "notified"
    object_id: ObjectId
    issuer: str
    serial_number: int
    event: str
    threshold_seconds: int
    address: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An attempt to sign something for an object failed."""

    type: ClassVar[str] = "failed"
    object_id: ObjectId
    message: str
    attempts: int
    """How many failed in a row, with this one."""

    retry_at: datetime
    request_digest: str
    """What was asked for: something else is tried at once."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Everything the manifests of this commit ask for was done."""

    type: ClassVar[str] = "reconciled"
    commit: str


Payload = (
    Genesis
    | Reserved
    | Issued
    | Authority
    | Adopted
    | Revoked
    | Released
    | CrlReserved
    | Crl
    | CrlAdopted
    | Renamed
    | Retired
    | Updated
    | Blocked
    | Abandoned
    | Notified
    | Failed
    | Reconciled
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    sequence: int
    at: datetime
    previous_digest: str
    payload: Payload
    line: bytes = field(repr=False)
    """The canonical JSON, without the newline; its SHA-256 is the next entry's `prev`."""
