"""What a run does: one class for each kind of change."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime

from pki_as_code.model.objects import CRL, ObjectId, Source
from pki_as_code.model.records import FULL_SCOPE, CertificateRecord, CrlRecord, Reservation
from pki_as_code.model.requests import CertificateRequest


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is planned or refused: a stable CamelCase word and a sentence."""

    code: str
    message: str


class Action(enum.StrEnum):
    """What a change does, in the words of `cli.md`."""

    ISSUE = "issue"
    REPLACE = "replace"
    RENEW = "renew"
    REVOKE = "revoke"
    RELEASE = "release"
    ADOPT = "adopt"
    RENAME = "rename"
    RETIRE = "retire"
    UPDATE = "update"
    BLOCK = "block"
    PUBLISH = "publish"
    FINISH = "finish"
    ABANDON = "abandon"


@dataclass(frozen=True, slots=True)
class IssueCertificate:
    """Sign a certificate, of an end entity or of an authority."""

    request: CertificateRequest
    action: Action
    reasons: tuple[Reason, ...]
    source: Source | None
    replaces: CertificateRecord | None = None
    deletion_policy: str = "Refuse"
    path: str = ""
    """The manifest; `csr_path` is the CSR beside it, empty when inline or for an authority."""

    csr_path: str = ""
    allowed_by: tuple[str, ...] = ()
    """Files of the policies that grant it; none where there is no policy, and of an authority."""

    waived: tuple[tuple[str, str], ...] = ()
    """Codes of what linters object to and the manifest puts up with, each with the reason."""

    @property
    def object_id(self) -> ObjectId:
        return self.request.object_id


@dataclass(frozen=True, slots=True)
class FinishReservation:
    """Sign what a run that died had reserved, because the manifest still asks for just that."""

    reservation: Reservation
    request: CertificateRequest
    """What the manifest asks for now; the reserved bytes must be its certificate."""

    reasons: tuple[Reason, ...]
    source: Source | None = None
    allowed_by: tuple[str, ...] = ()
    waived: tuple[tuple[str, str], ...] = ()
    action: Action = Action.FINISH

    @property
    def object_id(self) -> ObjectId:
        return self.reservation.object_id


@dataclass(frozen=True, slots=True)
class AbandonReservation:
    """
    Give up what a run that died had reserved: nobody asks for it any more.

    That run may have signed it, so that its serial number counts as revoked from now on.
    """

    reservation: Reservation
    reasons: tuple[Reason, ...]
    source: Source | None = None
    action: Action = Action.ABANDON

    @property
    def object_id(self) -> ObjectId:
        return self.reservation.object_id


@dataclass(frozen=True, slots=True)
class AdoptAuthority:
    """Take up the certificate of an authority that was made elsewhere."""

    object_id: ObjectId
    certificate_der: bytes = field(repr=False)
    issuer: str
    reasons: tuple[Reason, ...]
    source: Source | None
    path: str = ""
    action: Action = Action.ADOPT


@dataclass(frozen=True, slots=True)
class AdoptCertificate:
    """Take up a certificate that exists already, and observe it from now on."""

    object_id: ObjectId
    certificate_der: bytes = field(repr=False)
    issuer: str
    serial_number: int
    subject: str
    subject_alternative_names: tuple[str, ...]
    not_after: datetime
    reasons: tuple[Reason, ...]
    source: Source | None
    deletion_policy: str = "Refuse"
    path: str = ""
    has_csr: bool = False
    """The manifest has a CSR too: what it asks for is planned once this is recorded."""

    action: Action = Action.ADOPT


@dataclass(frozen=True, slots=True)
class RevokeCertificate:
    """Revoke `certificate`; `object_id` is what asked for it (a Revocation, or a deletion)."""

    object_id: ObjectId
    certificate: CertificateRecord
    revocation_reason: str
    invalidity_date: datetime | None
    reasons: tuple[Reason, ...]
    source: Source | None
    path: str = ""
    action: Action = Action.REVOKE


@dataclass(frozen=True, slots=True)
class ReleaseHold:
    """Lift a certificateHold, the only revocation that can be lifted (RFC 5280 section 5.3.1)."""

    object_id: ObjectId
    certificate: CertificateRecord
    reasons: tuple[Reason, ...]
    source: Source | None
    path: str = ""
    action: Action = Action.RELEASE


@dataclass(frozen=True, slots=True)
class RenameObject:
    """The certificate of one object goes on under another name of the same namespace."""

    object_id: ObjectId
    previous: ObjectId
    certificate: CertificateRecord
    reasons: tuple[Reason, ...]
    source: Source | None
    path: str = ""
    action: Action = Action.RENAME


@dataclass(frozen=True, slots=True)
class RetireObject:
    """The manifest is gone, and nothing of it is in force that would have to be revoked."""

    object_id: ObjectId
    certificate: CertificateRecord
    reasons: tuple[Reason, ...]
    source: Source | None = None
    action: Action = Action.RETIRE


@dataclass(frozen=True, slots=True)
class UpdateObject:
    """
    Something about a certificate changed that is in no certificate: nothing is signed.

    The deletion policy in force is the one the store knows: else who removes a manifest could
    change it along with that.
    """

    object_id: ObjectId
    certificate: CertificateRecord
    deletion_policy: str
    reasons: tuple[Reason, ...]
    source: Source | None
    path: str = ""
    action: Action = Action.UPDATE


@dataclass(frozen=True, slots=True)
class BlockKey:
    """Keep a lost key from ever being certified, also where no certificate with it is known."""

    object_id: ObjectId
    """The Revocation that asks for it."""

    spki_sha256: str
    reasons: tuple[Reason, ...]
    source: Source | None
    path: str = ""
    action: Action = Action.BLOCK


@dataclass(frozen=True, slots=True)
class PublishCrl:
    """Sign and record the next CRL of an authority and scope."""

    issuer: str
    scope: str
    reasons: tuple[Reason, ...]
    source: Source | None
    previous: CrlRecord | None = None
    validity_seconds: int = 7 * 86_400
    """From thisUpdate to nextUpdate."""

    full_names: tuple[str, ...] = ()
    """URIs of a shard, as the certificates in it name them."""

    first_number: int = 1
    """The lowest CRL number there may be: an authority made elsewhere has used some."""

    path: str = ""
    action: Action = Action.PUBLISH

    @property
    def object_id(self) -> ObjectId:
        return crl_id(self.issuer, self.scope)


@dataclass(frozen=True, slots=True)
class AdoptCrl:
    """Take up a CRL that people signed with the key of an offline authority."""

    issuer: str
    crl_der: bytes = field(repr=False)
    number: int
    this_update: datetime
    next_update: datetime
    entry_count: int
    as_of: int
    """Sequence number of the last entry of the ledger that it takes account of."""

    reasons: tuple[Reason, ...]
    source: Source | None
    previous: CrlRecord | None = None
    path: str = ""
    """The manifest; `crl_path` is the CRL beside it."""

    crl_path: str = ""
    scope: str = FULL_SCOPE
    action: Action = Action.PUBLISH

    @property
    def object_id(self) -> ObjectId:
        return crl_id(self.issuer, self.scope)


def crl_id(issuer: str, scope: str) -> ObjectId:
    """Return the identity of a CRL; it has no manifest of its own."""
    return ObjectId(CRL, "", issuer) if scope == FULL_SCOPE else ObjectId(CRL, issuer, scope)


Change = (
    IssueCertificate
    | FinishReservation
    | AbandonReservation
    | AdoptAuthority
    | AdoptCertificate
    | RevokeCertificate
    | ReleaseHold
    | RenameObject
    | RetireObject
    | UpdateObject
    | BlockKey
    | PublishCrl
    | AdoptCrl
)
