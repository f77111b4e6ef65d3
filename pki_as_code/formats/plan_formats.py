"""The forms a plan can be printed in."""

from __future__ import annotations

from collections.abc import Callable

from pki_as_code.formats.codequality import format_plan_codequality
from pki_as_code.formats.github import format_plan_github
from pki_as_code.formats.junit import format_plan_junit
from pki_as_code.formats.markdown import format_plan_markdown
from pki_as_code.formats.plan import format_plan
from pki_as_code.formats.plan_json import format_plan_json, plan_json
from pki_as_code.formats.sarif import format_plan_sarif
from pki_as_code.formats.structured import format_yaml
from pki_as_code.model import Plan


def _plan_yaml(plan: Plan) -> str:
    return format_yaml(plan_json(plan))


PLAN_FORMATS: dict[str, Callable[[Plan], str]] = {
    "text": format_plan,
    "json": format_plan_json,
    "yaml": _plan_yaml,
    "markdown": format_plan_markdown,
    "github": format_plan_github,
    "sarif": format_plan_sarif,
    "junit": format_plan_junit,
    "codequality": format_plan_codequality,
}
"""`plan --output`; `format_plan` itself also takes `color`."""
