"""What a run is told, and what it says of each change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pki_as_code.apply.issuers import Issuers
from pki_as_code.errors import InvalidValueError, IssuanceError, KeyBackendError, PkiAsCodeError
from pki_as_code.model import Change, IssuedCertificate, IssuedCrl, ObjectId

ItemError = (IssuanceError, KeyBackendError, InvalidValueError)
"""What can be wrong with one item without being wrong with the run."""


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
