"""What `init --forge` writes: sound to linters, without a secret where a pull request runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pki_as_code import __version__
from pki_as_code.authoring.forges import forge_files, forge_readme
from tests.e2e.quick import Quick

BIN = Path(sys.executable).parent
GITHUB = forge_files("github", "trunk", ["@example/admins"])
GITLAB = forge_files("gitlab", "main", [])
WORKFLOWS = {path: data.decode() for path, data in GITHUB.items() if "/workflows/" in path}
PULL_REQUEST = WORKFLOWS[".github/workflows/pki-pull-request.yml"]
COMMENT = WORKFLOWS[".github/workflows/pki-comment.yml"]


@pytest.fixture
def scaffolded(tmp_path) -> Quick:
    (tmp_path / "pki").mkdir()
    quick = Quick(tmp_path / "pki")
    quick.run("init", "--forge", "github", "--no-authorities")
    return quick


@pytest.mark.parametrize(
    "command", [["actionlint"], ["zizmor", "--offline", "--quiet"]], ids=lambda c: c[0]
)
def test_what_is_scaffolded_is_clean(scaffolded, command):
    if not (BIN / command[0]).exists():
        pytest.skip(f"{command[0]} is not installed; ./run lint installs it")
    workflows = sorted(str(path) for path in (scaffolded.root / ".github/workflows").iterdir())
    assert len(workflows) == 4
    places = workflows if command[0] == "actionlint" else [str(scaffolded.root / ".github")]
    done = subprocess.run(
        [BIN / command[0], *command[1:], *places],
        cwd=scaffolded.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_pull_request_has_no_secret_and_may_write_nothing():
    workflow = yaml.safe_load(PULL_REQUEST)
    assert workflow[True] == {"pull_request": None}  # YAML reads `on` as true
    assert workflow["permissions"] == {}
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    assert "environment" not in job
    assert "secrets." not in PULL_REQUEST
    assert "github.token" not in PULL_REQUEST
    assert job["steps"][0]["with"]["persist-credentials"] is False


def test_a_pull_request_is_planned_against_where_it_will_be_merged():
    (step,) = [s for s in yaml.safe_load(PULL_REQUEST)["jobs"]["plan"]["steps"] if "base" in str(s)]
    assert step["with"]["base"] == "origin/${{ github.base_ref }}"
    action = GITHUB[".github/actions/plan/action.yml"].decode()
    assert 'options+=(--base "$BASE")' in action
    assert "merge-base" not in action, "a branch begins where its author likes: at an old policy"


def test_the_job_that_comments_checks_nothing_out():
    (job,) = yaml.safe_load(COMMENT)["jobs"].values()
    assert job["permissions"] == {"actions": "read", "pull-requests": "write"}
    assert not [step for step in job["steps"] if "uses" in step]
    assert "secrets." not in COMMENT


@pytest.mark.parametrize("name", ["merge", "schedule"])
def test_keys_are_in_a_protected_environment_and_runs_take_turns(name):
    workflow = yaml.safe_load(WORKFLOWS[f".github/workflows/pki-{name}.yml"])
    assert workflow["concurrency"] == {"group": "pki-store", "cancel-in-progress": False}
    (job,) = workflow["jobs"].values()
    assert job["environment"] == "pki-production"
    assert job["permissions"] == {"contents": "write"}


def test_the_branch_is_that_of_the_repository():
    assert yaml.safe_load(WORKFLOWS[".github/workflows/pki-merge.yml"])[True] == {
        "push": {"branches": ["trunk"]}
    }


@pytest.mark.parametrize("path", [path for path in GITHUB if path.endswith(".yml")])
def test_actions_of_others_are_pinned_and_scripts_interpolate_nothing(path):
    text = GITHUB[path].decode()
    for used in re.findall(r"uses: (\S+)", text):
        assert used.startswith("$/.github/actions/") or re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", used)
    content = yaml.safe_load(text)
    steps = content.get("runs", {}).get("steps") or [
        step for job in content["jobs"].values() for step in job["steps"]
    ]
    assert not [step for step in steps if "${{" in step.get("run", "")]


def test_what_is_installed_is_of_this_version():
    for files, place in ((GITHUB, ".github"), (GITLAB, ".gitlab")):
        assert f"\npki-as-code[notify]=={__version__}\n" in files[f"{place}/pkictl.txt"].decode()


def test_on_gitlab_a_merge_request_has_reports_and_no_token():
    pipeline = yaml.safe_load(GITLAB[".gitlab-ci.yml"])
    job = pipeline["pki-plan"]
    assert job["artifacts"]["reports"] == {
        "junit": ["validate.xml", "plan.xml"],
        "codequality": "codequality.json",
    }
    assert not re.search(r"PKI_|TOKEN", str(job))
    assert 'plan --ref HEAD --base "origin/$CI_MERGE_REQUEST_TARGET_BRANCH_NAME"' in " ".join(
        job["script"]
    )
    for name in ("pki-merge", "pki-schedule"):
        (rule,) = pipeline[name]["rules"]
        assert "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH" in rule["if"]
    reconcile = pipeline[".reconcile"]
    assert (reconcile["environment"], reconcile["resource_group"]) == (
        "pki-production",
        "pki-store",
    )


@pytest.mark.parametrize("name", [".reconcile", "pki-plan"])
def test_the_scripts_for_gitlab_are_shell(name):
    script = "\n".join(yaml.safe_load(GITLAB[".gitlab-ci.yml"])[name]["script"])
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)


def test_everything_else_is_as_without_a_forge(scaffolded):
    assert forge_files("none", "main", []) == {}
    assert forge_readme("none", "main") == ""
    assert "pkictl doctor --forge" in (scaffolded.root / "README.md").read_text()
    assert "@your-organisation/pki-admins" in scaffolded.git("show", "HEAD:.github/CODEOWNERS")
    scaffolded.run("codeowners", "--check")
    scaffolded.run("validate")


def test_a_forge_is_added_to_a_repository_that_is_set_up(repository):
    quick = Quick(repository.root)
    quick.write(".github/CODEOWNERS", "* @mine\n")
    done = quick.run("init", ".", "--forge", "gitlab", "--admins", "@example/admins")
    assert "@example/admins" in (quick.root / ".gitlab/CODEOWNERS").read_text()
    assert "wrote and committed 4 files" in done.err
    assert quick.git("show", "--stat", "--format=%s", "HEAD").startswith("Let the forge plan")
    assert "kept .github/CODEOWNERS" in quick.run("init", "--forge", "github").err
    assert (quick.root / ".github/CODEOWNERS").read_text() == "* @mine\n"
    assert "project.exists" in quick.run("init", expect=1).err
