"""
A schema of manifests as nested functions that say yes or no.

The library that explains what a schema objects to takes as long for a manifest as all the rest of
reading it. It is asked when the answer here is no, and for schemas with a keyword that is not in
the table here. A test holds that both give the same answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence, Sized
from typing import Any, Final

from pki_as_code.model import JsonValue

Check = Callable[[Any], bool]
"""Tells whether a value is as a (part of a) schema wants it."""


class UnknownKeywordError(Exception):
    """The schema has a keyword that is not known here."""


def compile_schema(schema: Mapping[str, Any]) -> Check:
    """Return the check for a schema of draft 7. Raises `UnknownKeywordError`."""
    return _Compiler(schema.get("definitions", {})).check(schema)


class _Compiler:
    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._compiled: dict[str, Check] = {}

    def check(self, schema: Any) -> Check:
        if not isinstance(schema, Mapping):
            return _always if schema else _never
        if "$ref" in schema:  # draft 7: what stands beside it is ignored
            return self._reference(schema["$ref"])
        unknown = schema.keys() - _MAKERS.keys() - _SAYS_NOTHING - _TOGETHER
        if unknown:
            raise UnknownKeywordError(", ".join(sorted(unknown)))
        checks = [make(self, schema[key]) for key, make in _MAKERS.items() if key in schema]
        if "properties" in schema or "additionalProperties" in schema:
            checks.append(self._properties(schema))
        return _all_of(checks)

    def _reference(self, reference: str) -> Check:
        """Return the check of a definition, made when it is first used: they may be recursive."""
        start, _, name = reference.rpartition("/")
        if start != "#/definitions" or name not in self._definitions:
            raise UnknownKeywordError(reference)
        if name not in self._compiled:
            self._compiled[name] = self._later(name)
            self._compiled[name] = self.check(self._definitions[name])
        return self._compiled[name]

    def _later(self, name: str) -> Check:
        def check(value: Any) -> bool:
            return self._compiled[name](value)

        return check

    def _properties(self, schema: Mapping[str, Any]) -> Check:
        known = {name: self.check(part) for name, part in schema.get("properties", {}).items()}
        other = self.check(schema.get("additionalProperties", True))

        def check(value: Any) -> bool:
            if isinstance(value, dict):
                for name, item in value.items():
                    if not known.get(name, other)(item):
                        return False
            return True

        return check

    # --- Keywords ---

    def items(self, part: Any) -> Check:
        if isinstance(part, list):
            raise UnknownKeywordError("items: [...]")
        each = self.check(part)
        return lambda value: not isinstance(value, list) or all(map(each, value))

    def property_names(self, part: Any) -> Check:
        each = self.check(part)
        return lambda value: not isinstance(value, dict) or all(map(each, value))

    def all_of(self, parts: Sequence[Any]) -> Check:
        return _all_of([self.check(part) for part in parts])

    def any_of(self, parts: Sequence[Any]) -> Check:
        checks = [self.check(part) for part in parts]
        return lambda value: any(check(value) for check in checks)

    def one_of(self, parts: Sequence[Any]) -> Check:
        checks = [self.check(part) for part in parts]
        return lambda value: sum(check(value) for check in checks) == 1

    def negated(self, part: Any) -> Check:
        unwanted = self.check(part)
        return lambda value: not unwanted(value)


def _always(_value: Any) -> bool:
    return True


def _never(_value: Any) -> bool:
    return False


def _all_of(checks: Sequence[Check]) -> Check:
    if len(checks) == 1:
        return checks[0]

    def check(value: Any) -> bool:
        for part in checks:  # noqa: SIM110 (a generator would take as long as what it runs)
            if not part(value):
                return False
        return True

    return check


# --- Keywords that stand for themselves ----------------------------------------------------------


def _type(_: _Compiler, name: Any) -> Check:
    if not isinstance(name, str) or name not in _TYPES:
        raise UnknownKeywordError(f"type: {name}")
    return _TYPES[name]


def _one_of_these(_: _Compiler, values: Sequence[JsonValue]) -> Check:
    if not all(isinstance(value, str) for value in values):
        raise UnknownKeywordError("enum of other values than text")
    known = frozenset(str(value) for value in values)
    return lambda value: isinstance(value, str) and value in known


def _const(compiler: _Compiler, wanted: JsonValue) -> Check:
    if isinstance(wanted, bool):
        return lambda value: value is wanted
    return _one_of_these(compiler, [wanted])


def _pattern(_: _Compiler, text: str) -> Check:
    search = re.compile(text).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _length(kind: type[Sized], longest: bool) -> Callable[[_Compiler, int], Check]:
    def make(_: _Compiler, limit: int) -> Check:
        if longest:
            return lambda value: not isinstance(value, kind) or len(value) <= limit
        return lambda value: not isinstance(value, kind) or len(value) >= limit

    return make


def _minimum(_: _Compiler, limit: int) -> Check:
    return lambda value: not _is_integer(value) or value >= limit


def _maximum(_: _Compiler, limit: int) -> Check:
    return lambda value: not _is_integer(value) or value <= limit


def _required(_: _Compiler, names: Sequence[str]) -> Check:
    wanted = frozenset(names)
    return lambda value: not isinstance(value, dict) or wanted <= value.keys()


def _unique(_: _Compiler, wanted: bool) -> Check:
    return (lambda value: not isinstance(value, list) or _all_differ(value)) if wanted else _always


def _all_differ(values: list[Any]) -> bool:
    """As text: `1` and `true` are equal in Python, and mappings cannot be in a set."""
    return len({json.dumps(value, sort_keys=True) for value in values}) == len(values)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Check]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": _is_integer,
}

_MAKERS: Final[Mapping[str, Callable[[_Compiler, Any], Check]]] = {
    "type": _type,
    "enum": _one_of_these,
    "const": _const,
    "pattern": _pattern,
    "minLength": _length(str, longest=False),
    "maxLength": _length(str, longest=True),
    "minItems": _length(list, longest=False),
    "maxItems": _length(list, longest=True),
    "maxProperties": _length(dict, longest=True),
    "minimum": _minimum,
    "maximum": _maximum,
    "required": _required,
    "uniqueItems": _unique,
    "items": _Compiler.items,
    "propertyNames": _Compiler.property_names,
    "allOf": _Compiler.all_of,
    "anyOf": _Compiler.any_of,
    "oneOf": _Compiler.one_of,
    "not": _Compiler.negated,
}

_TOGETHER: Final = frozenset({"properties", "additionalProperties"})

# `format` and `contentEncoding` are for editors: the library does not check them either.
_SAYS_NOTHING: Final = frozenset(
    {"$schema", "$id", "definitions", "description", "default", "examples"}
    | {"format", "contentEncoding"}
)
