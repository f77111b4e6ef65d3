"""
Plans, findings and lists as text: pure functions, no colour unless asked for.

Text is for people and has foreign text escaped; JSON is for programs and keeps it as it is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pki_as_code.formats.finding_formats import FINDING_FORMATS
    from pki_as_code.formats.findings import findings_json, format_findings, format_findings_json
    from pki_as_code.formats.plan import format_plan
    from pki_as_code.formats.plan_formats import PLAN_FORMATS
    from pki_as_code.formats.plan_json import format_plan_json

__all__ = [
    "FINDING_FORMATS",
    "PLAN_FORMATS",
    "findings_json",
    "format_findings",
    "format_findings_json",
    "format_plan",
    "format_plan_json",
]

_HOMES: Final = {
    "FINDING_FORMATS": "finding_formats",
    "PLAN_FORMATS": "plan_formats",
    "findings_json": "findings",
    "format_findings": "findings",
    "format_findings_json": "findings",
    "format_plan": "plan",
    "format_plan_json": "plan_json",
}
"""Imported when they are asked for: who lists certificates formats no plan."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
