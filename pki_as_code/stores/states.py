"""What the rules know and change of objects and certificates, and what is to be written of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pki_as_code.model import (
    Failure,
    ObjectId,
    Revocation,
)

CertificateKey = tuple[str, int]
"""Issuer and serial number."""


class _OfCertificate(Protocol):
    @property
    def issuer(self) -> str: ...
    @property
    def serial_number(self) -> int: ...


def key_of(value: _OfCertificate) -> CertificateKey:
    """Return which certificate something is about."""
    return (value.issuer, value.serial_number)


@dataclass(slots=True)
class ObjectState:
    """What is known of one object. `current` is the certificate issued last under it."""

    object_id: ObjectId
    current: CertificateKey | None = None
    current_not_after: datetime | None = None
    retired: bool = False
    failure: Failure | None = None
    renamed_from: ObjectId | None = None
    open_reservation: CertificateKey | None = None

    @property
    def in_force(self) -> CertificateKey | None:
        """The current certificate, unless the object was retired."""
        return None if self.retired else self.current


@dataclass(slots=True)
class CertificateState:
    object_id: ObjectId
    fingerprint_sha256: str
    not_after: datetime
    deletion_policy: str
    revocation: Revocation | None = None
    superseded_at: datetime | None = None
    crl_scope: str | None = None
    """The shard it belongs to, of those its issuer had when it was issued."""


@dataclass(slots=True)
class CrlProgress:
    """What stands for the next CRL of an authority and scope."""

    reserved_number: int | None = None
    reserved_as_of: int | None = None
    reserved_this_update: datetime | None = None
    changed_at: int | None = None
    """Sequence number of the last entry that changed what the CRL lists."""


@dataclass(slots=True)
class Changes:
    """What a working set has to write: rows that are new, and keys of what changed."""

    certificates: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[CertificateKey, dict[str, Any]] = field(default_factory=dict)
    names: list[dict[str, Any]] = field(default_factory=list)
    mentions: dict[tuple[ObjectId, int], None] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)
    abandoned: dict[CertificateKey, dict[str, Any]] = field(default_factory=dict)
    objects: set[ObjectId] = field(default_factory=set)
    authorities: set[str] = field(default_factory=set)
    touched: set[CertificateKey] = field(default_factory=set)
    """Certificates whose state changed: revocation, successor, deletion policy."""

    blocked: dict[str, dict[str, Any]] = field(default_factory=dict)
    reserved: dict[CertificateKey, int] = field(default_factory=dict)
    """Reservations made here and still open, with the sequence number of their entry."""

    finished: set[CertificateKey] = field(default_factory=set)
    """Reservations of the index that are no longer open."""

    meta: set[str] = field(default_factory=set)
