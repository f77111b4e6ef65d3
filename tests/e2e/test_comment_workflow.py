"""The job that writes the comment: one, of the right pull request, of a plan and no more."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from pki_as_code.authoring.forges import forge_files
from pki_as_code.formats.markdown import MARKER
from tests.e2e.conftest import environment
from tests.e2e.runner import Ran, end_step, start_step

pytestmark = pytest.mark.skipif(not shutil.which("jq"), reason="jq stands for what gh has built in")

SHA = "4c1f9e2" + "0" * 33
WORKFLOW = yaml.safe_load(
    forge_files("github", "main", [])[".github/workflows/pki-comment.yml"].decode()
)

FAKE_GH = f"""#!{sys.executable}
import json, os, pathlib, subprocess, sys
arguments, forge = sys.argv[1:], pathlib.Path(os.environ["FORGE"])
with (forge / "calls").open("a") as calls:
    calls.write(json.dumps(arguments) + "\\n")
if arguments[:2] == ["run", "download"]:
    if not (forge / "artifact").exists():
        sys.exit(1)
    (forge / "artifact").rename(arguments[arguments.index("--dir") + 1])
elif "--jq" in arguments:
    kind = "pulls" if "/pulls?" in str(arguments) else "comments"
    query = arguments[arguments.index("--jq") + 1]
    subprocess.run(["jq", "--raw-output", query, forge / kind], check=True)
"""


@pytest.fixture
def forge(tmp_path) -> Path:
    """A forge with two pull requests, and comments of a person and of another program."""
    place = tmp_path / "forge"
    (place / "artifact").mkdir(parents=True)
    (place / "artifact/comment.md").write_text(f"{MARKER}\n### Plan\n")
    pulls = [{"number": 6, "head": {"sha": "0" * 40}}, {"number": 7, "head": {"sha": SHA}}]
    (place / "pulls").write_text(json.dumps(pulls))
    comments = [
        {"id": 1, "user": {"login": "mallory"}, "body": f"{MARKER} mine"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "something else"},
    ]
    (place / "comments").write_text(json.dumps(comments))
    (place / "gh").write_text(FAKE_GH)
    (place / "gh").chmod(0o755)
    return place


def run(forge: Path, tmp_path: Path) -> tuple[Ran, list[list[str]]]:
    ((step,),) = [job["steps"] for job in WORKFLOW["jobs"].values()]
    values = {
        "github.token": "t0ken",
        "github.repository": "example/pki",
        "github.event.workflow_run.id": "4711",
        "github.event.workflow_run.head_sha": SHA,
    }
    path = f"{forge}:{environment()['PATH']}"
    ran = end_step(*start_step(step, values, tmp_path, tmp_path, PATH=path, FORGE=str(forge)))
    calls = [json.loads(line) for line in (forge / "calls").read_text().splitlines()]
    return ran, [call for call in calls if "--method" in call]


def test_the_first_plan_is_a_new_comment_of_its_pull_request(forge, tmp_path):
    ran, written = run(forge, tmp_path)
    assert ran.code == 0, ran.log
    body = f"body=@{tmp_path}/pki-plan/comment.md"
    place = "repos/example/pki/issues/7/comments"
    assert written == [["api", "--silent", "--method", "POST", place, "--field", body]]


def test_the_next_one_edits_it(forge, tmp_path):
    comments = json.loads((forge / "comments").read_text())
    comments.append({"id": 3, "user": {"login": "github-actions[bot]"}, "body": f"{MARKER}\nold"})
    (forge / "comments").write_text(json.dumps(comments))
    _, (written,) = run(forge, tmp_path)
    assert written[2:5] == ["--method", "PATCH", "repos/example/pki/issues/comments/3"]


@pytest.mark.parametrize("body", ["", "hello", "x" * 70_000, f"{MARKER}\n" + "x" * 65_536])
def test_what_is_no_plan_is_not_posted(forge, tmp_path, body):
    (forge / "artifact/comment.md").write_text(body)
    ran, written = run(forge, tmp_path)
    assert ran.code == 1
    assert written == []


def test_a_link_to_a_file_of_the_runner_is_not_posted(forge, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(f"{MARKER}\nsecret")
    (forge / "artifact/comment.md").unlink()
    (forge / "artifact/comment.md").symlink_to(secret)
    ran, written = run(forge, tmp_path)
    assert (ran.code, written) == (1, [])


def test_without_a_plan_or_a_pull_request_there_is_nothing_to_do(forge, tmp_path):
    (forge / "pulls").write_text("[]")
    ran, written = run(forge, tmp_path)
    assert (ran.code, written) == (0, [])
    shutil.rmtree(tmp_path / "pki-plan")
    ran, written = run(forge, tmp_path)
    assert (ran.code, written) == (0, [])
    assert "there is no plan to show" in ran.log
