"""The forms a plan can be printed in."""

from __future__ import annotations

from collections.abc import Callable

from pki_as_code.formats.plan import format_plan
from pki_as_code.formats.plan_json import format_plan_json, plan_json
from pki_as_code.formats.structured import format_yaml
from pki_as_code.model import Plan


def _plan_yaml(plan: Plan) -> str:
    return format_yaml(plan_json(plan))


PLAN_FORMATS: dict[str, Callable[[Plan], str]] = {
    "text": format_plan,
    "json": format_plan_json,
    "yaml": _plan_yaml,
}
"""`plan --output`; `format_plan` itself also takes `color`."""
