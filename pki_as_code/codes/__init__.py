"""Every finding and error code with its explanation: one file for each group, listed here."""

from __future__ import annotations

from pki_as_code.codes import (
    ceremonies,
    doctor,
    forges,
    guards,
    keys,
    linting,
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
from pki_as_code.codes.base import Explanation

__all__ = ["CODES", "Explanation", "explanation_of"]

_GROUPS = (
    ceremonies,
    doctor,
    forges,
    guards,
    keys,
    linting,
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


def explanation_of(code: str) -> Explanation | None:
    """Return what there is to say about a code: its own, or that of others' codes of its family."""
    return CODES.get(code) or linting.FAMILIES.get(code.partition(".")[0])
