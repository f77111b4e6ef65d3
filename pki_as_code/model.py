"""
The data that flows through the pipeline. Read this file first.

    Manifest -> CertificateRequest -> Change -> Plan -> PreparedCertificate -> IssuedCertificate

Everything here is frozen, holds no open resources and imports nothing from this package. Times are
aware and in UTC, serial numbers are integers (text only at the edges), DER is `bytes`.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

JsonValue = Any
"""What `json.loads` can return."""

CERTIFICATE = "Certificate"
AUTHORITY = "CertificateAuthority"
RESPONDER = "OcspResponder"
"""Who signs OCSP responses for the authority of the same name; it has no manifest of its own."""

CRL = "CertificateRevocationList"
DEFAULT_NAMESPACE = "default"


def canonical_json(value: JsonValue) -> str:
    """Return the one text of `value`: sorted keys, no spaces, UTF-8. Equal values, equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_digest(value: JsonValue) -> str:
    """Return `sha256:<hex>` of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


# --- Findings ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value was written, so that an error can point at it. Prints as a clickable place."""

    path: str
    line: int = 1
    column: int = 1
    end_line: int | None = None
    end_column: int | None = None
    snippet: str = field(default="", compare=False, repr=False)
    """The whole line, as written; escape it before showing it."""

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Severity(enum.StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One thing a check has to say. Shared by loading, validation, policy, lint and `store verify`.

    `code` is stable (`source.snake_case`) and known to `pkictl explain`; `message` is one sentence
    without the place; `help` says what to do about it.
    """

    code: str
    message: str
    source: Source | None = None
    severity: Severity = Severity.ERROR
    help: str = ""

    def at(self, source: Source | None) -> Self:
        """Return the same finding, pointing at `source` unless it already has a place."""
        return self if self.source is not None else replace(self, source=source)

    def __str__(self) -> str:
        where = f"{self.source}: " if self.source else ""
        return f"{where}{self.severity}[{self.code}]: {self.message}"


# --- Objects and requests ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """The identity of a manifest. `namespace` is empty for kinds that have none."""

    kind: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        """`payments/api`; without the namespace for the default one and for kinds without one."""
        if self.namespace in {"", DEFAULT_NAMESPACE}:
            return self.name
        return f"{self.namespace}/{self.name}"

    @property
    def thing(self) -> str:
        """What people call something of its kind: `authority`, `certificate`."""
        named = {AUTHORITY: "authority", RESPONDER: "OCSP responder", CRL: "crl"}
        return named.get(self.kind) or self.kind.lower()

    def __str__(self) -> str:
        return f"{self.kind} {self.path}"

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind, "namespace": self.namespace, "name": self.name}

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> Self:
        return cls(value["kind"], value["namespace"], value["name"])


@dataclass(frozen=True, slots=True)
class RequestedExtension:
    """An extension with its criticality settled and its value in the manifest's JSON form."""

    name: str
    """RFC 5280's ASN.1 name in camelCase (`keyUsage`), or a dotted OID for a custom one."""

    critical: bool
    value: JsonValue


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """
    A Certificate (or the certificate of an authority) with every default resolved.

    What will be signed and nothing else: labels, watchers and renewal windows are not in it.
    `digest` does not cover the object's name, so that a rename is recognised as one.
    """

    object_id: ObjectId
    issuer: str
    """`metadata.name` of the authority that signs; for a root its own name."""

    profile: str
    """Empty for an authority."""

    subject: str
    """Distinguished name in certificate order, as `pkix.names.format_name` writes it."""

    subject_alternative_names: tuple[str, ...]
    """General names as `pkix.names.format_general_name` writes them: `DNS:api.example.com`."""

    public_key_der: bytes = field(repr=False)
    """SubjectPublicKeyInfo, byte for byte as the CSR carries it. Empty while the key of an
    authority does not exist yet."""

    validity_seconds: int | None
    not_after: datetime | None
    """Exactly one of the two is set."""

    backdate_seconds: int
    hash_algorithm: str | None
    """`SHA-256`; None where the issuer's key has no separate digest (EdDSA, ML-DSA)."""

    is_ca: bool = False
    path_length: int | None = None
    extensions: tuple[RequestedExtension, ...] = ()
    """Sorted by name; without those that follow from the fields above (subjectAltName,
    basicConstraints, key identifiers)."""

    reissue: int = 0
    crl_shards: int = 1
    """Over how many CRLs the issuer spreads its certificates: the serial number says into which
    this one goes, and its CRL distribution point names that."""

    intent: Mapping[str, JsonValue] = field(default_factory=dict, compare=False)
    """What the manifest itself says, normalised. A request whose intent is unchanged while its
    digest is not was changed by something shared (a profile, an authority): no cause to re-sign."""

    @property
    def public_key_sha256(self) -> str:
        """Hex SHA-256 of the SubjectPublicKeyInfo."""
        return hashlib.sha256(self.public_key_der).hexdigest()

    def to_json(self) -> dict[str, JsonValue]:
        """Return the fields that decide what is signed, in the form the ledger keeps."""
        return {
            "issuer": self.issuer,
            "profile": self.profile,
            "subject": self.subject,
            "subjectAltNames": list(self.subject_alternative_names),
            "publicKeySha256": self.public_key_sha256,
            "validitySeconds": self.validity_seconds,
            "notAfter": format_time(self.not_after) if self.not_after else None,
            "backdateSeconds": self.backdate_seconds,
            "hashAlgorithm": self.hash_algorithm,
            "isCa": self.is_ca,
            "pathLength": self.path_length,
            "extensions": {
                extension.name: {"critical": extension.critical, "value": extension.value}
                for extension in self.extensions
            },
            "reissue": self.reissue,
            **({"crlShards": self.crl_shards} if self.crl_shards > 1 else {}),
        }

    @property
    def digest(self) -> str:
        return sha256_digest(self.to_json())

    @property
    def intent_digest(self) -> str:
        return sha256_digest(dict(self.intent))


def format_time(when: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds: `2026-11-23T10:00:00Z`."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- What the store knows ------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A signed certificate whose signature was verified."""

    object_id: ObjectId
    issuer: str
    serial_number: int
    certificate_der: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class IssuedCrl:
    """A signed CRL whose signature was verified, in a file."""

    issuer: str
    scope: str
    """`full`, `user`, `ca`, or `shard-<n>`."""

    number: int
    this_update: datetime
    next_update: datetime
    digest: str
    """SHA-256 of the DER, in hex."""

    entry_count: int
    path: Path
    """The DER."""


# --- Plans ---------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that will not be made, with the way out in `help`."""

    object_id: ObjectId
    reason: Reason
    source: Source | None = None
    help: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Desired minus observed. Sorted, so that equal inputs give equal plans."""

    changes: tuple[Change, ...]
    refused: tuple[Refusal, ...]
    findings: tuple[Finding, ...]
    unchanged: int
    commit: str
    """What was planned: a commit id, or empty for a working tree."""

    base: str
    """The last reconciled commit; empty when there was none."""

    store: str
    planned_at: datetime
    live: int = 0
    """How many certificates the store looks after; guards measure a plan by it."""

    waiting: tuple[ObjectId, ...] = ()
    """Objects that failed and are left out until they are tried again."""

    judged: frozenset[bytes] = field(default=frozenset(), compare=False, repr=False)
    """Marks of the drafts that were judged and found to be without an error (`pkix.judged`)."""

    @property
    def digest(self) -> str:
        """Name the reviewed plan. Neither the time nor the commit is part of it, its effect is."""
        return sha256_digest(
            {
                "changes": [_change_identity(change) for change in self.changes],
                "refused": [[r.object_id.to_json(), r.reason.code] for r in self.refused],
            }
        )


def _change_identity(change: Change) -> JsonValue:
    """Return what makes two changes the same: the effect, not its wording."""
    identity: dict[str, JsonValue] = {
        "action": str(change.action),
        "object": change.object_id.to_json(),
        "reasons": [reason.code for reason in change.reasons],
    }
    match change:
        case IssueCertificate():
            identity["request"] = change.request.digest
            identity["replaces"] = change.replaces and f"{change.replaces.serial_number:x}"
            identity["deletionPolicy"] = change.deletion_policy
        case FinishReservation() | AbandonReservation():
            identity["serial"] = f"{change.reservation.serial_number:x}"
        case AdoptAuthority() | AdoptCertificate():
            identity["certificate"] = hashlib.sha256(change.certificate_der).hexdigest()
        case RevokeCertificate() | ReleaseHold() | RenameObject() | RetireObject():
            identity["certificate"] = (
                f"{change.certificate.issuer}/{change.certificate.serial_number:x}"
            )
            if isinstance(change, RevokeCertificate):
                identity["reason"] = change.revocation_reason
                invalid_since = change.invalidity_date
                identity["invalidityDate"] = invalid_since and format_time(invalid_since)
        case UpdateObject():
            identity["deletionPolicy"] = change.deletion_policy
        case BlockKey():
            identity["spkiSha256"] = change.spki_sha256
        case PublishCrl():
            identity["previous"] = change.previous and change.previous.number
        case AdoptCrl():
            identity["crl"] = hashlib.sha256(change.crl_der).hexdigest()
    return identity


@dataclass(frozen=True, slots=True)
class StatusReport:
    """How things stand: what is pending, what is due, what failed."""

    plan: Plan
    last_reconciled: str
    entries: int
    expiring: tuple[CertificateRecord, ...]
    """Certificates in use that end soon, the first to end first."""

    reservations: tuple[Reservation, ...]
    failures: tuple[Failure, ...]
    crls: tuple[CrlRecord, ...]
    """The last CRL of each authority and scope."""

    checked_at: datetime

    @property
    def in_sync(self) -> bool:
        return not (self.plan.changes or self.plan.refused or self.plan.waiting)


# --- Notices -------------------------------------------------------------------------------------


class Event(enum.StrEnum):
    """What people are told about; the ledger keeps these words."""

    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"
    ON_HOLD = "onHold"
    RENEWAL_FAILED = "renewalFailed"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one address about one certificate."""

    event: Event
    certificate: CertificateRecord
    channel: str
    """Where it goes: `mailto:ops@example.com`, or the URL of a webhook."""

    address: str
    """The channel as the ledger remembers it, and as it may be shown: of a URL, which may hold a
    token, no more than its host and a digest."""

    name: str = ""
    """What the recipient is called; may be empty."""

    threshold_seconds: int = 0
    """How long before the end of the certificate it became due; 0 for what has no such time."""

    renewal: str = ""
    """`Automatic`, `Request` or `None`; empty when no manifest says how it is renewed."""

    csr_path: str = ""
    failure: str = ""
    """Why it could not be renewed."""

    @property
    def id(self) -> str:
        """The same for the same notice in any run, so that who gets one twice can tell."""
        key = [self.certificate.issuer, f"{self.certificate.serial_number:x}"]
        return sha256_digest([*key, self.event, self.threshold_seconds, self.channel])
