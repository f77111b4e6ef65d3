"""The composite actions, step by step as a runner does, against a bare remote."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from pki_as_code.authoring.forges import forge_files
from tests.e2e.conftest import Repository, environment
from tests.e2e.runner import ACTIONS, ROOT, action_step, end_step, run_action, start_step
from tests.formats.test_sarif import sarif_of


@pytest.fixture
def remote(repository, tmp_path) -> Path:
    """A bare repository as a forge has it, with the store's branch."""
    place = tmp_path / "remote.git"
    repository.git("clone", "--quiet", "--bare", ".", str(place))
    repository.git("remote", "add", "origin", str(place))
    return place


@pytest.fixture
def merged(repository, remote) -> Repository:
    """A change that was merged: one certificate asked for, which nobody has issued yet."""
    repository.ask("web")
    repository.commit("Request web")
    repository.git("push", "--quiet", "origin", "main")
    return repository


def checkout(remote: Path, at: Path) -> Path:
    """What actions/checkout leaves with all branches: a detached commit, and no credentials."""
    run = {"env": environment(), "check": True, "capture_output": True}
    subprocess.run(["git", "clone", "--quiet", str(remote), str(at)], **run)
    subprocess.run(["git", "checkout", "--quiet", "--detach", "origin/main"], cwd=at, **run)
    return at


def issued(repository: Repository) -> list[str]:
    repository.git("fetch", "--quiet", "origin", "+pki-issued:pki-issued")
    return [
        entry["type"]
        for entry in repository.ledger()
        if "web" in json.dumps(entry.get("object", entry)) and entry["type"] == "issued"
    ]


def keys_of(repository: Repository) -> str:
    """The secret PKI_KEYS, made as the README of the scaffold says."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.add(repository.root / "keys", arcname="keys")
    return base64.b64encode(buffer.getvalue()).decode()


def test_the_actions_are_those_that_init_writes():
    scaffolded = {
        path: data
        for path, data in forge_files("github", "main", []).items()
        if "/actions/" in path
    }
    assert {path: (ROOT / path).read_bytes() for path in scaffolded} == scaffolded
    assert len(list(ACTIONS.iterdir())) == len(scaffolded) == 4


def test_a_plan_is_annotated_summed_up_and_kept(merged, remote, tmp_path):
    place = checkout(remote, tmp_path / "runner")
    reports = tmp_path / "reports"
    ran = run_action("plan", place, tmp_path, {"report-directory": str(reports)})
    assert ran.code == 0, ran.log
    assert ran.outputs == {"exit-code": "0"}
    assert "::notice file=certificates/web.yaml,line=" in ran.log
    assert "`certificate web`" in ran.summary
    assert (reports / "comment.md").read_text().startswith("<!-- pki-as-code -->\n")
    assert json.loads((reports / "plan.json").read_text())["summary"]["issue"] == 1
    sarif_of((reports / "pki.sarif").read_text())
    assert not (place / "keys").exists()


def test_a_plan_that_fails_says_where_and_leaves_a_comment(merged, remote, tmp_path):
    merged.write("certificates/web.yaml", "kind: Certificate\n")
    merged.commit()
    merged.git("push", "--quiet", "origin", "main")
    place = checkout(remote, tmp_path / "runner")
    ran = run_action("plan", place, tmp_path, {"report-directory": str(tmp_path / "reports")})
    assert (ran.code, ran.outputs) == (1, {"exit-code": "1"})
    assert "::error file=certificates/web.yaml,line=1" in ran.log
    assert "error" in (tmp_path / "reports/comment.md").read_text()


def test_what_is_trusted_is_that_of_where_it_will_be_merged(merged, remote, tmp_path):
    """Not of where both parted, which could be a commit before a policy was written."""
    merged.git("checkout", "--quiet", "-b", "other", "HEAD~1")
    merged.commit("meanwhile")
    merged.git("push", "--quiet", "origin", "other")
    place = checkout(remote, tmp_path / "runner")
    inputs = {"report-directory": str(tmp_path / "reports"), "base": "origin/other"}
    step, values = action_step("plan", inputs)
    path = with_pkictl('echo "pkictl $*"', tmp_path / "bin")
    ran = end_step(*start_step(step, values, place, tmp_path, PATH=path))
    (line,) = [line for line in ran.log.splitlines() if " plan " in line]
    assert "--base origin/other " in line
    assert line.startswith("pkictl --offline plan --ref HEAD")


def test_a_merged_change_that_is_reconciled_twice_at_once_is_issued_once(merged, remote, tmp_path):
    inputs = {"token": "t0ken-of-the-job", "keys": keys_of(merged)}
    step, values = action_step("reconcile", inputs)
    places = [checkout(remote, tmp_path / f"runner-{n}") for n in range(2)]
    running = [start_step(step, values, place, tmp_path) for place in places]
    ran = [end_step(*each) for each in running]
    assert [each.code for each in ran] == [0, 0], ran
    assert [each.outputs for each in ran] == [{"exit-code": "0"}] * 2
    assert issued(merged) == ["issued"]
    assert all("**No changes." in each.summary for each in ran)
    for place, each in zip(places, ran, strict=True):
        assert "t0ken-of-the-job" not in each.log
        assert "t0ken-of-the-job" not in (place / ".git/config").read_text()
        assert not (place / "keys").exists()
    assert not list(tmp_path.glob("askpass.*"))
    merged.run("store", "verify")


def with_pkictl(script: str, at: Path) -> str:
    """Put a program in the place of `pkictl`; returns the PATH with it."""
    at.mkdir()
    (at / "pkictl").write_text(f"#!/bin/sh\n{script}\n")
    (at / "pkictl").chmod(0o755)
    return f"{at}:{environment()['PATH']}"


LOOK = """
"$GIT_ASKPASS" "Username for 'https://x': "
"$GIT_ASKPASS" "Password for 'https://x@y': "
grep --count t0ken "$GIT_ASKPASS"
stat --format %a "$GIT_ASKPASS" keys/issuing.pem
exit 3
"""


def test_token_and_keys_are_there_for_the_program_and_gone_afterwards(merged, remote, tmp_path):
    """git is told the token by a program that has it from the environment; keys are the owner's."""
    place = checkout(remote, tmp_path / "runner")
    step, values = action_step("reconcile", {"token": "t0ken", "keys": keys_of(merged)})
    path = with_pkictl(LOOK, tmp_path / "bin")
    ran = end_step(*start_step(step, values, place, tmp_path, PATH=path))
    assert ran.log.splitlines()[:5] == ["x-access-token", "t0ken", "0", "700", "600"]
    assert (ran.code, ran.outputs) == (3, {"exit-code": "3"})
    assert not (place / "keys").exists()
    assert not list(tmp_path.glob("askpass.*"))


def test_who_was_overtaken_too_often_tries_again(merged, remote, tmp_path):
    place = checkout(remote, tmp_path / "runner")
    step, values = action_step("reconcile", {})
    script = f'echo "$1" >>{tmp_path}/calls; [ "$1" = plan ] || exit 6'
    fake = with_pkictl(script, tmp_path / "bin")
    (tmp_path / "bin/sleep").write_text("#!/bin/sh\n")
    (tmp_path / "bin/sleep").chmod(0o755)
    ran = end_step(*start_step(step, values, place, tmp_path, PATH=fake))
    assert ran.code == 6
    assert (tmp_path / "calls").read_text().split() == ["reconcile"] * 3 + ["plan"]


def test_what_is_refused_fails_the_job(merged, remote, tmp_path):
    place = checkout(remote, tmp_path / "first")
    assert run_action("reconcile", place, tmp_path, {"keys": keys_of(merged)}).code == 0
    (merged.root / "certificates/web.yaml").unlink()
    merged.commit("remove it")
    merged.git("push", "--quiet", "origin", "main")
    place = checkout(remote, tmp_path / "second")
    ran = run_action("reconcile", place, tmp_path, {"keys": keys_of(merged)})
    assert (ran.code, ran.outputs) == (4, {"exit-code": "4"})
    assert "| ! | refuse |" in ran.summary
    assert "::error " in ran.log


def test_publish_lays_out_the_tree(merged, remote, tmp_path):
    place = checkout(remote, tmp_path / "runner")
    out = tmp_path / "public"
    ran = run_action("publish", place, tmp_path, {"out": str(out), "certificates": "false"})
    assert ran.code == 0, ran.log
    assert list(out.rglob("*.crl"))


def test_notify_shows_what_it_would_send(merged, remote, tmp_path):
    place = checkout(remote, tmp_path / "runner")
    ran = run_action("notify", place, tmp_path, {"dry-run": "true"})
    assert ran.code == 0, ran.log


@pytest.mark.parametrize("name", ["plan", "reconcile", "publish", "notify"])
def test_inputs_reach_scripts_by_the_environment_alone(name):
    text = (ACTIONS / name / "action.yml").read_text()
    script = text.partition("run: |")[2]
    assert "${{" not in script
    assert re.findall(r"uses:", text) == []
