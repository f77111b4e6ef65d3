"""
The program that has the library: compiles expressions once, evaluates them for each certificate.

    {"check": EXPRESSION}                     what is wrong with it; empty when nothing is
    {"rules": [EXPRESSION, ...], "facts": {}} of each what it gave, and why it gave nothing:
                                              ["true", ""], ["false", ""], ["failed", WHY], or
                                              ["unknown", VARIABLE]

Without the library each answer is `{"missing": WHY}`.

A failed evaluation comes as an exception, or as a value of type ERROR, which is true to Python.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

from pki_as_code.children import serve
from pki_as_code.rules.variables import VARIABLES, WHO_STANDS_BEHIND_IT

TRUE: Final = "true"
FALSE: Final = "false"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"

_NO_VALUE: Final = re.compile(r'UNKNOWN: No value with name "([\w.]+)" found in Activation')


def answer(question: Any) -> object:
    try:
        _environment()
    except ImportError as error:
        return {"missing": str(error)}
    match question:
        case {"check": str(expression)}:
            found = _compiled(expression)
            return found if isinstance(found, str) else ""
        case {"rules": list(expressions), "facts": dict(facts)}:
            try:
                activation = _environment().Activation(_values(facts))
            except Exception as error:  # noqa: BLE001 (a text that is no Unicode, for one)
                return [(FAILED, _told(error))] * len(expressions)
            return [_evaluated(expression, activation, facts) for expression in expressions]
    raise ValueError("this is no question about rules")


def _library() -> Any:
    from cel_expr_python import cel  # type: ignore[import-untyped]

    return cel


@cache
def _environment() -> Any:
    cel = _library()
    text = cel.Type.STRING
    types = {
        "string": text,
        "int": cel.Type.INT,
        "duration": cel.Type.DURATION,
        "list(string)": cel.Type.List(text),
        "map(string, string)": cel.Type.Map(text, text),
        "map(string, list(string))": cel.Type.Map(text, cel.Type.List(text)),
    }
    return cel.NewEnv(variables={name: types[type_] for name, type_ in VARIABLES.items()})


@cache
def _compiled(expression: str) -> Any:
    """Return the expression, made ready; or what is wrong with it."""
    try:
        found = _environment().compile(expression)
        type_ = found.return_type()
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told)
        return _told(error)
    if type_ != _library().Type.BOOL:
        return f"it gives {type_.name().lower()}, and a rule has to give bool"
    return found


def _values(facts: Mapping[str, Any]) -> dict[str, Any]:
    is_duration = {name for name, type_ in VARIABLES.items() if type_ == "duration"}
    return {
        name: timedelta(seconds=value) if name in is_duration else value
        for name, value in facts.items()
    }


def _evaluated(expression: str, activation: Any, facts: Mapping[str, Any]) -> tuple[str, str]:
    found = _compiled(expression)
    if isinstance(found, str):
        return FAILED, found
    try:
        result = found.eval(activation)
        type_, value = result.type(), result.value()
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told)
        return FAILED, _told(error)
    if type_ == _library().Type.BOOL and (value is True or value is False):
        return (TRUE if value else FALSE), ""
    missing = _NO_VALUE.fullmatch(str(value))
    if missing and missing[1] in WHO_STANDS_BEHIND_IT - facts.keys():
        return UNKNOWN, missing[1]
    return FAILED, str(value) or f"it gave {type_.name()}"


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def load() -> bool:
    """Load the library; tell whether there is one."""
    try:
        _environment()
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    serve(answer, load)
