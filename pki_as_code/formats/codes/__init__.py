"""Every finding and error code with its explanation: one file for each group, listed here."""

from __future__ import annotations

from pki_as_code.formats.codes import (
    ceremonies,
    doctor,
    forges,
    guards,
    keys,
    lints,
    manifests,
    names,
    notices,
    ocsp,
    planning,
    policies,
    publishing,
    revocation_lists,
    running,
    trust,
)
from pki_as_code.formats.codes.base import Explanation

__all__ = ["CODES", "Explanation"]

_GROUPS = (
    ceremonies,
    doctor,
    forges,
    guards,
    keys,
    lints,
    manifests,
    names,
    notices,
    ocsp,
    planning,
    policies,
    publishing,
    revocation_lists,
    running,
    trust,
)

CODES: dict[str, Explanation] = {
    code: explanation for group in _GROUPS for code, explanation in group.CODES.items()
}
