"""What objects and findings are, and the words that everything has in common."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

JsonValue = Any
"""What `json.loads` can return."""

CERTIFICATE = "Certificate"
AUTHORITY = "CertificateAuthority"
RESPONDER = "OcspResponder"
"""Who signs OCSP responses for the authority of the same name; it has no manifest of its own."""

CRL = "CertificateRevocationList"
DEFAULT_NAMESPACE = "default"

TOLERATED_CLOCK_ERROR = timedelta(minutes=5)
"""By so much the clocks of two machines may differ."""


def canonical_json(value: JsonValue) -> str:
    """Return the one text of `value`: sorted keys, no spaces, UTF-8. Equal values, equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_digest(value: JsonValue) -> str:
    """Return `sha256:<hex>` of the canonical JSON of `value`."""
    return "sha256:" + hashlib.sha256(canonical_json(value).encode()).hexdigest()


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
    waiver: str = ""
    """Why it is put up with, as a manifest says; empty when it is not."""

    def at(self, source: Source | None) -> Self:
        """Return the same finding, pointing at `source` unless it already has a place."""
        return self if self.source is not None else replace(self, source=source)

    def __str__(self) -> str:
        where = f"{self.source}: " if self.source else ""
        return f"{where}{self.severity}[{self.code}]: {self.message}"


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


def format_time(when: datetime) -> str:
    """Return RFC 3339 in UTC with whole seconds: `2026-11-23T10:00:00Z`."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
