"""The scripts, workflows and pages around the package."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from pki_as_code import errors
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.stores.codec import digest, parse_line

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
SCRIPTS = [ROOT / "run", ROOT / ".ci/run"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
OWN_ACTION = r"\$/\.github/actions/[a-z]+"
"""An action of this repository, of the same commit."""

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
scripts = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
workflows = pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.M | re.S)


@scripts
def test_scripts_are_bash_that_parses_and_may_be_run(script):
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in script.read_text()
    subprocess.run(["bash", "-n", script], check=True)


def test_run_without_a_command_tells_what_there_is():
    result = subprocess.run([ROOT / "run"], check=False, capture_output=True, text=True)
    assert result.returncode == 1
    assert "usage: ./run demo" in result.stderr


def test_run_without_a_new_enough_python_says_so(tmp_path):
    """In a clone whose PATH has nothing but an old python3."""
    shutil.copy(ROOT / "run", tmp_path / "run")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("bash", "dirname", "env"):
        (tools / name).symlink_to(shutil.which(name) or "")
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)
    result = subprocess.run(
        [tmp_path / "run", "test"],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": str(tools)},
    )
    assert result.returncode == 1
    assert "needs Python 3.11 or newer" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_continuous_integration_runs_what_people_run():
    text = (ROOT / ".ci/run").read_text()
    assert "./run lint" in text
    assert "./run test" in text
    steps = [
        step["run"]
        for workflow in WORKFLOWS
        for job in yaml.safe_load(workflow.read_text())["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert ".ci/run" in steps


@workflows
def test_workflows_grant_nothing_and_pin_everything(workflow):
    value = yaml.safe_load(workflow.read_text())
    assert value["permissions"] == {}
    for job in value["jobs"].values():
        assert "timeout-minutes" in job
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(rf"[\w./-]+@[0-9a-f]{{40}}|{OWN_ACTION}", step["uses"])
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
    for line in workflow.read_text().splitlines():
        if line.startswith("#"):
            continue
        assert "uses:" not in line or re.search(rf" # v\d+\.\d+\.\d+$|: {OWN_ACTION}$", line)


def test_the_matrix_is_what_the_project_promises():
    [workflow] = [w for w in WORKFLOWS if "check" in yaml.safe_load(w.read_text())["jobs"]]
    versions = yaml.safe_load(workflow.read_text())["jobs"]["check"]["strategy"]["matrix"]["python"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == f">={versions[0]}"


@pytest.mark.parametrize("name", ["actionlint", "zizmor"])
def test_workflows_pass_their_linters(name):
    program = Path(sys.executable).parent / name
    if not program.exists():
        pytest.skip(f"{name} is in the extra `lint`")
    arguments = {"actionlint": list(map(str, WORKFLOWS)), "zizmor": ["--offline", ".github"]}
    result = subprocess.run(
        [program, *arguments[name]], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_extras_that_run_installs_exist():
    used = set(re.findall(r"^\s*(?:lint\) )?sync ([a-z ]+?)$", (ROOT / "run").read_text(), re.M))
    names = {name for line in used for name in line.split()}
    assert names <= set(EXTRAS)


def test_the_licence_is_whole():
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


@pages
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), target


@pages
def test_files_that_pages_name_exist(page):
    """What stands between backticks and looks like a file of the package is one."""
    package = ROOT / "pki_as_code"
    for name in re.findall(r"`((?:\w+/)+\w+\.py)`", page.read_text()):
        assert (ROOT / name).exists() or (package / name).exists(), name


def test_every_exit_code_is_documented():
    page = (ROOT / "docs/exit-codes.md").read_text()
    documented = set(map(int, re.findall(r"^\| (\d+) \|", page, re.M)))
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    assert codes <= documented


def test_the_manifests_of_the_documentation_are_valid(tmp_path):
    from pki_as_code.manifests.load import load_manifests
    from pki_as_code.manifests.tree import WorkingTree

    documented = blocks("docs/manifests.md", "yaml")
    assert len(documented) > 5
    for text in documented:
        path = tmp_path / text.split("\n", 1)[0].removeprefix("# ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "/dev/null", "-subj", "/CN=api",
         "-out", str(tmp_path / "certificates/payments/api.csr")],
        check=True,
        capture_output=True,
    )  # fmt: skip
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    tree = WorkingTree(GitRepository.discover(tmp_path).root)
    assert list(map(str, load_manifests(tree, second_gate=True).findings)) == []


def test_the_ledger_of_the_documentation_holds_together():
    (block,) = blocks("docs/store.md", "jsonl")
    previous = "0" * 64
    for sequence, line in enumerate(block.encode().splitlines()):
        entry = parse_line(line, sequence)
        assert entry.sequence == sequence
        assert entry.previous_digest == previous
        previous = digest(line)


def test_every_entry_type_is_documented():
    from pki_as_code.stores.codec import PAYLOADS

    page = (ROOT / "docs/store.md").read_text()
    assert all(f"`{name}`" in page for name in PAYLOADS)


@pages
def test_pages_name_only_commands_that_exist(page):
    commands = importlib.import_module("pki_as_code.cli.commands").COMMANDS
    for name in re.findall(r"pkictl ([a-z_]+)", page.read_text()):
        assert name in commands, name


def test_no_private_key_is_in_the_repository():
    marker = "-----BEGIN " + "PRIVATE KEY-----"
    for directory in ("pki_as_code", "tests", "docs", "examples", "schemas", ".github"):
        for path in (ROOT / directory).rglob("*"):
            if path.is_file() and path.suffix in {".pem", ".key", ".yaml", ".md"}:
                lines = path.read_text(errors="replace").splitlines()
                assert marker not in lines, path


def test_the_version_is_written_once():
    tree = ast.parse((ROOT / "pki_as_code/__init__.py").read_text())
    names = [t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets
             if isinstance(t, ast.Name)]  # fmt: skip
    assert names == ["__version__"]
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
