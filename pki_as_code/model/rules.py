"""What became of the rules of policies, which are evaluated elsewhere and judged by `plan`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pki_as_code.model.objects import JsonValue


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """One rule for one certificate. Whatever is not known for certain is not `holds`."""

    holds: bool = False
    """It gave `true`, and nothing else."""

    problem: str = ""
    """Why it could not be evaluated; foreign text, and empty where it gave `true` or `false`."""

    is_unknown: bool = False
    """It depends on who stands behind the certificate, which was not among the facts."""


Facts = Mapping[str, JsonValue]
"""What a rule sees, by the name of the variable; durations in seconds."""

Evaluate = Callable[[Sequence[str], Facts], Mapping[str, RuleOutcome]]
"""Returns what became of each expression. What is missing in the answer does not hold."""
