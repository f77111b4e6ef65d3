"""What people are told."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pki_as_code.model.objects import sha256_digest
from pki_as_code.model.records import CertificateRecord


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
