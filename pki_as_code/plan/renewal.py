"""When a certificate is renewed: some time in its renewal window, always the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from pki_as_code.model import CertificateRecord, ObjectId, sha256_digest

JITTER = Fraction(1, 10)
"""The part of the window over which renewals are spread."""

LONGEST_WINDOW = Fraction(9, 10)
"""Of a lifetime: a window as long as a certificate lives would renew it in every run."""

_HEX_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Renewal:
    """How a certificate is renewed."""

    mode: str
    """`Automatic`, or `Request`: people are told that a new CSR is wanted."""

    before: timedelta
    """How long before its end the window opens."""


def renewal_time(current: CertificateRecord, before: timedelta) -> datetime:
    """
    Return when a certificate is to be renewed.

    What was issued together would be due together. So the first tenth of the window is used, at a
    point that follows from the object's identity: the same in any run, on any machine.
    """
    lifetime = current.not_after - current.not_before
    window = min(before, lifetime * LONGEST_WINDOW.numerator / LONGEST_WINDOW.denominator)
    seconds = int(Fraction(int(window.total_seconds())) * JITTER * jitter_of(current.object_id))
    return current.not_after - window + timedelta(seconds=seconds)


def jitter_of(object_id: ObjectId) -> Fraction:
    """Return a number from 0 to below 1 that is the object's own, by its SHA-256."""
    digest = sha256_digest(object_id.to_json()).partition(":")[2]
    return Fraction(int(digest[:_HEX_DIGITS], 16), 16**_HEX_DIGITS)
