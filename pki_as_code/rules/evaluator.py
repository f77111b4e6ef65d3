"""Asking the program that has the library, and believing nothing but a clean `true`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final, Self

from pki_as_code.children import Child, ChildError
from pki_as_code.model import Facts, RuleOutcome

SECONDS: Final = 5.0
"""For the rules of one certificate. Real ones take microseconds, and the library gives up by itself
what iterates too often; this is for what it does not notice, on a machine that is busy."""

START_SECONDS: Final = 30.0
"""For the first answer: loading the library is in it."""

MEMORY: Final = 1 << 29
"""Bytes of address space."""

NOT_INSTALLED: Final = "cel-expr-python is not installed"

_PROGRAM: Final = "pki_as_code.rules.cel_child"
_LONGEST: Final = 240
_FRAME: Final = re.compile(
    r"^[A-Z_]+: (?:ERROR: )?(?:<input>:)?| \(in container ''\)| \[[A-Z_]+\]$"
)
"""What the library puts around what it has to say."""

_OUTCOMES: Final = {
    "true": RuleOutcome(holds=True),
    "false": RuleOutcome(),
}
_NO_SENSE: Final = RuleOutcome(problem="the answer makes no sense")


class Rules:
    """
    What evaluates rules, in a process that is started with the first question. Use it in a `with`.

    Forked processes can use it, too: each asks a process of its own.
    """

    def __init__(
        self, *, seconds: float = SECONDS, start: float = START_SECONDS, program: str = _PROGRAM
    ) -> None:
        self._child = Child(
            program, name="the evaluator", seconds=seconds, start_seconds=start, memory=MEMORY
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close()

    def is_installed(self) -> bool:
        """Tell whether there is the library that evaluates: it is an extra."""
        try:
            said = self._child.ask({"check": "true"})
        except ChildError:
            return True  # there is something, and each question says what is wrong with it
        return not _is_missing(said)

    def problem_of(self, expression: str) -> str:
        """
        Return what keeps an expression from being a rule; empty when nothing does.

        That it does not parse, that it names what there is not or compares what cannot be
        compared, or that it gives no boolean. Foreign text, on one line.

        Raises:
            ChildError: the evaluator gave no answer.
        """
        said = self._child.ask({"check": expression})
        if _is_missing(said):
            return NOT_INSTALLED
        return _plain(said) if isinstance(said, str) else _NO_SENSE.problem

    def evaluate(self, expressions: Sequence[str], facts: Facts) -> dict[str, RuleOutcome]:
        """
        Return what became of each of these rules, all asked at once (`model.Evaluate`).

        Where there is no answer, each is asked for itself: one that takes for ever is no reason
        to deny what the others allow.
        """
        try:
            said = self._child.ask({"rules": list(expressions), "facts": dict(facts)})
        except ChildError as error:
            if len(expressions) > 1:
                return {e: self.evaluate([e], facts)[e] for e in expressions}
            return dict.fromkeys(expressions, RuleOutcome(problem=_plain(str(error))))
        if _is_missing(said):
            return dict.fromkeys(expressions, RuleOutcome(problem=NOT_INSTALLED))
        if not isinstance(said, list) or len(said) != len(expressions):
            return dict.fromkeys(expressions, _NO_SENSE)
        return dict(zip(expressions, map(_outcome, said), strict=True))


def _is_missing(said: Any) -> bool:
    return isinstance(said, dict) and "missing" in said


def _outcome(said: Any) -> RuleOutcome:
    match said:
        case ["true" | "false" as word, ""]:
            return _OUTCOMES[word]
        case ["unknown", str(variable)]:
            return RuleOutcome(problem=f"{_plain(variable)} is not known", is_unknown=True)
        case ["failed", str(why)]:
            return RuleOutcome(problem=_plain(why))
    return _NO_SENSE


def _plain(text: str) -> str:
    """Return the first thing that the library says, without the picture below it."""
    line = _FRAME.sub("", text.partition("\n")[0])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
