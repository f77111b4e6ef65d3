"""The values in force of one object, and where each comes from, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from pki_as_code.escape import safe
from pki_as_code.formats.terminal import DIM, paint
from pki_as_code.formats.values import source_json
from pki_as_code.model import JsonValue
from pki_as_code.plan.effective import EffectiveValue, Origin


def format_effective(values: Iterable[EffectiveValue], *, color: bool = False) -> str:
    """
    Return a line for each value: field, value, origins.

        profile   webserver   project, pki.yaml:12
    """
    shown = list(values)
    width = max((len(value.field) for value in shown), default=0)
    return "".join(f"{line}\n" for line in _lines(shown, width, color=color))


def _lines(values: Iterable[EffectiveValue], width: int, *, color: bool) -> Iterator[str]:
    for value in values:
        origins = " + ".join(origin_text(origin) for origin in value.origins)
        origins = paint(f"({origins})", DIM, color=color)
        critical = "critical " if value.critical else ""
        yield f"{safe(value.field):<{width}}  {critical}{value_text(value.value)}  {origins}"


def origin_text(origin: Origin) -> str:
    """Return `manifest certificates/web.yaml:7`, `profile client, built in`."""
    if origin.kind == "built in":
        return "built in"
    named = origin.kind in {"namespace", "profile", "authority"} and origin.name
    words = f"{origin.kind} {safe(origin.name)}" if named else origin.kind
    if origin.source is None:
        return f"{words}, built in"
    return f"{words}, {safe(origin.source.path)}:{origin.source.line}"


def value_text(value: JsonValue) -> str:
    """Return a value on one line: texts as they are, lists with commas, the rest as JSON."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return safe(value) or "(empty)"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(safe(item) for item in value) or "none"
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return ", ".join(f"{safe(key)} {safe(item)}" for key, item in value.items()) or "yes"
    return safe(json.dumps(value))


def effective_json(values: Iterable[EffectiveValue]) -> list[JsonValue]:
    """Return a list of `{"field", "value", "critical"?, "origins": [{kind, name, source}]}`."""
    return [_value_json(value) for value in values]


def _value_json(value: EffectiveValue) -> dict[str, JsonValue]:
    told: dict[str, JsonValue] = {"field": value.field, "value": value.value}
    if value.critical is not None:
        told["critical"] = value.critical
    told["origins"] = [
        {
            "kind": origin.kind,
            "name": origin.name or None,
            "source": source_json(origin.source),
        }
        for origin in value.origins
    ]
    return told
