"""Asking the linters; what cannot be asked objects."""

from __future__ import annotations

import atexit
import base64
import importlib.util
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pki_as_code.children import Child, ChildError
from pki_as_code.escape import safe
from pki_as_code.model import Finding, Severity

_LONGEST_MESSAGE: Final = 300
_MOST_FINDINGS: Final = 100
"""More of them tell nobody more, and one error is enough to refuse."""


@dataclass(frozen=True, slots=True)
class Linter:
    """A linter that can be asked for."""

    library: str
    """The module without which there is no asking it."""

    program: str
    """What runs in the process."""


LINTERS: Final = {
    "pkilint": Linter("pkilint", "pki_as_code.linters.pkilint_program"),
    "badkeys": Linter("badkeys", "pki_as_code.linters.badkeys_program"),
}

_SEVERITIES: Final = {
    "FATAL": Severity.ERROR,
    "ERROR": Severity.ERROR,
    "WARNING": Severity.WARNING,
    "NOTICE": Severity.INFO,
    "INFO": Severity.INFO,
}

_children: dict[str, Child] = {}
"""One of each for the whole run: loading a linter takes a second, asking it some milliseconds."""


def missing(linters: Iterable[str]) -> list[str]:
    """Return which of these linters cannot be asked, as their library is not installed."""
    return [
        name
        for name in linters
        if name not in LINTERS or importlib.util.find_spec(LINTERS[name].library) is None
    ]


def opinions(linters: Sequence[str], certificate_der: bytes) -> list[Finding]:
    """
    Return what these linters object to in a certificate, whose signature they do not look at.

    Codes are `<linter>.<its own code>`. A linter that gives no answer is an error by itself: what
    nobody could judge is not signed.
    """
    question = {"certificate": base64.b64encode(certificate_der).decode("ascii")}
    return [finding for name in linters for finding in _opinion(name, question)]


def _opinion(name: str, question: object) -> list[Finding]:
    if missing([name]):
        return [
            Finding(
                "lint.linter_missing",
                f"pki.yaml asks for {name}, which is not installed",
                help=f"install `pki-as-code[{name}]`, or leave it out of spec.lints.linters",
            )
        ]
    try:
        return _findings(name, _child(name).ask(question))
    except (ChildError, KeyError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, ChildError) else f"{name} gave no list of findings"
        return [
            Finding(
                "lint.linter_failed",
                safe(why[:_LONGEST_MESSAGE]),
                help="try again; a certificate that it cannot look at is not signed",
            )
        ]


def _findings(name: str, answer: Any) -> list[Finding]:
    """Raises KeyError, TypeError or ValueError for what is no list of findings."""
    if not isinstance(answer, list):
        raise TypeError(type(answer))
    findings = [
        Finding(
            safe(f"{name}.{item['code']}"),
            safe(f"{name}: {item['message']}"[:_LONGEST_MESSAGE]),
            severity=_SEVERITIES[item["severity"]],
            help=f"see the documentation of {name}",
        )
        for item in answer
    ]
    return sorted(findings, key=lambda f: f.severity is not Severity.ERROR)[:_MOST_FINDINGS]


def _child(name: str) -> Child:
    child = _children.get(name)
    if child is None:
        child = _children[name] = Child(LINTERS[name].program, name=name)
        atexit.register(child.close)
    return child
