"""
The part of a GitHub runner that composite actions and scripts need: their steps, as bash runs them.

Inputs go into `env:` and nowhere else, since no script here interpolates anything; what is not an
input or a known expression is an error, so that a test notices.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.conftest import environment

ROOT = Path(__file__).parents[2]
ACTIONS = ROOT / ".github/actions"
_BASH = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"]
_EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")


@dataclass(frozen=True)
class Ran:
    """What a step, or an action of one step, came to."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str


def start_step(
    step: dict[str, Any], values: dict[str, str], at: Path, temp: Path, **env: str
) -> tuple[subprocess.Popen[str], Path]:
    """Start the script of a step in `at`; returns it, and the directory of its files."""
    files = temp / f"files-{os.urandom(4).hex()}"
    files.mkdir(parents=True)
    for name in ("output", "summary"):
        (files / name).touch()
    script = files / "step.sh"
    script.write_text(step["run"])
    assert "${{" not in step["run"]
    given = {
        name: _EXPRESSION.sub(lambda found: values[found[1]], str(value))
        for name, value in step.get("env", {}).items()
    }
    variables = environment(
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        GITHUB_OUTPUT=str(files / "output"),
        GITHUB_STEP_SUMMARY=str(files / "summary"),
        RUNNER_TEMP=str(temp),
        GITHUB_ACTIONS="true",
        CI="true",
    )
    process = subprocess.Popen(
        [*_BASH, str(script)],
        cwd=at,
        env={**variables, **env, **given},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return process, files


def end_step(process: subprocess.Popen[str], files: Path) -> Ran:
    log, _ = process.communicate(timeout=300)
    lines = (files / "output").read_text().splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    return Ran(process.returncode, log, outputs, (files / "summary").read_text())


def action_step(name: str, inputs: dict[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the one step of an action, and what the expressions in it stand for."""
    action = yaml.safe_load((ACTIONS / name / "action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    (step,) = action["runs"]["steps"]
    assert set(inputs) <= set(action["inputs"])
    values = {}
    for key, declared in action["inputs"].items():
        assert key in inputs or not declared.get("required"), key
        values[f"inputs.{key}"] = inputs.get(key, declared.get("default", ""))
    return step, values


def run_action(name: str, at: Path, temp: Path, inputs: dict[str, str], **env: str) -> Ran:
    step, values = action_step(name, inputs)
    return end_step(*start_step(step, values, at, temp, **env))
