"""What a run is told, and what it says of each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pki_as_code.apply.issuers import Issuers
from pki_as_code.errors import PkiAsCodeError
from pki_as_code.issuance import ItemError
from pki_as_code.model import Change, IssuedCertificate, IssuedCrl, ObjectId

__all__ = ["ItemError", "Outcome", "Settings"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change: a certificate if something was signed, an error if it failed."""

    change: Change
    issued: IssuedCertificate | None = None
    crl: IssuedCrl | None = None
    error: PkiAsCodeError | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is to be made."""

    issuers: Issuers
    now: datetime
    only: frozenset[ObjectId] = frozenset()
    allowed: Mapping[str, int] = field(default_factory=dict)
    """Limits lifted for this run: class -> number."""

    retry: bool = False
    """Try at once what failed before."""
