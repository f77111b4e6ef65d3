"""What there is to say about a finding code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Explanation(NamedTuple):
    """What `pkictl explain CODE` prints; each is one or more whole sentences."""

    summary: str
    """What was found."""

    why: str
    """Why it matters."""

    remedy: str
    """What to do."""


Told = str | tuple[str, str] | tuple[str, str, str]
"""A summary, then a reason and a remedy of its own where the group's are not the best."""


def explanations(
    source: str, told: Mapping[str, Told], *, why: str, remedy: str
) -> dict[str, Explanation]:
    """Return the codes `source.name`; `why` and `remedy` are those of all that have none."""
    codes = {}
    for name, given in told.items():
        parts = (given,) if isinstance(given, str) else given
        summary, own_why, own_remedy = (*parts, "", "")[:3]
        codes[f"{source}.{name}"] = Explanation(summary, own_why or why, own_remedy or remedy)
    return codes
