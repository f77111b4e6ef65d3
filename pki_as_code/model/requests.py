"""What is to be signed, and what was."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pki_as_code.model.objects import JsonValue, ObjectId, format_time, sha256_digest


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
