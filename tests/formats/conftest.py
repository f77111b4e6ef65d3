"""Objects of the pipeline to print."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pki_as_code.model import (
    AUTHORITY,
    CERTIFICATE,
    CertificateRecord,
    CertificateRequest,
    ObjectId,
    Plan,
    RequestedExtension,
)

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)

HOSTILE = [
    "\n::error::pwned",
    "\r\n  ::set-output name=x::y",
    "##[group]pwned",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "line\u2028break",
    "a\tb",
    "\ud800",
]
"""Text that changes what a reader sees, or what a CI runner does."""


def make_request(**changes: Any) -> CertificateRequest:
    values: dict[str, Any] = {
        "object_id": ObjectId(CERTIFICATE, "payments", "api"),
        "issuer": "issuing",
        "profile": "webserver",
        "subject": "O=Example,CN=api.payments.example.com",
        "subject_alternative_names": ("DNS:api.payments.example.com", "IP:10.0.0.7"),
        "public_key_der": b"key",
        "validity_seconds": 90 * 86400,
        "not_after": None,
        "backdate_seconds": 300,
        "hash_algorithm": "SHA-256",
        "extensions": (RequestedExtension("keyUsage", True, ["digitalSignature"]),),
    }
    return CertificateRequest(**{**values, **changes})


def make_record(**changes: Any) -> CertificateRecord:
    values: dict[str, Any] = {
        "object_id": ObjectId(CERTIFICATE, "default", "web"),
        "issuer": "issuing",
        "serial_number": 0x49BCF287,
        "subject": "O=Example,CN=localhost",
        "subject_alternative_names": ("DNS:localhost", "DNS:www.example.com"),
        "profile": "webserver",
        "not_before": datetime(2026, 11, 1, tzinfo=UTC),
        "not_after": datetime(2027, 2, 21, tzinfo=UTC),
        "public_key_sha256": "ab" * 32,
        "fingerprint_sha256": "cd" * 32,
        "request": {"extensions": {"keyUsage": {"critical": True, "value": ["digitalSignature"]}}},
        "request_digest": "sha256:1",
        "intent_digest": "sha256:2",
        "intent": {},
        "issued_at": datetime(2026, 11, 1, tzinfo=UTC),
        "commit": "4c1f9e2" + "0" * 33,
        "path": "certificates/web.yaml",
        "deletion_policy": "Refuse",
        "provenance": {
            "blobId": "b" * 40,
            "author": "Alice <alice@example.com>",
            "signers": ["alice@example.com"],
            "planDigest": "sha256:3",
            "reasons": ["DoesNotExist"],
        },
    }
    return CertificateRecord(**{**values, **changes})


def make_plan(**changes: Any) -> Plan:
    values: dict[str, Any] = {
        "changes": (),
        "refused": (),
        "findings": (),
        "unchanged": 0,
        "commit": "4c1f9e2" + "0" * 33,
        "base": "1a2b3c4" + "0" * 33,
        "store": "git:pki-issued",
        "planned_at": NOW,
    }
    return Plan(**{**values, **changes})


ROOT = ObjectId(AUTHORITY, "", "root")


def is_inert(text: str) -> bool:
    """Tell whether `text` has no control characters but newlines and can start no command."""
    lines = text.split("\n")
    return all(
        (line.isprintable() or all(part.isprintable() for part in line.split("\t")))
        and not line.strip().startswith("::")
        and "##[" not in line
        for line in lines
    )


@pytest.fixture(params=HOSTILE, ids=ascii)
def hostile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def inert() -> Callable[[str], bool]:
    return is_inert
