"""`plan --out`, somebody reviews it, `reconcile --plan`: that plan, or nothing."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.in_process import InProcess, in_process
from tests.e2e.moved_clock import later, needs_moved_clock

PLAN = "../plan.json"


@pytest.fixture(scope="module")
def reviewed_template(template, tmp_path_factory) -> Path:
    """`main` has one certificate issued; the branch `proposal` adds one and replaces that one."""
    root = tmp_path_factory.mktemp("reviewed") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = in_process(root)
    repository.ask("web")
    repository.commit()
    repository.run("reconcile")
    repository.git("checkout", "--quiet", "-b", "proposal")
    repository.ask("api")
    repository.ask("web", "reissue: 1")
    repository.commit()
    repository.run("plan", "--ref", "HEAD", "--out", PLAN)
    repository.git("checkout", "--quiet", "main")
    return root


@pytest.fixture
def repository(reviewed_template, tmp_path) -> InProcess:
    shutil.copytree(reviewed_template.parent, tmp_path / "site", symlinks=True)
    return in_process(tmp_path / "site/example-pki")


def merge(repository: InProcess) -> str:
    repository.git("merge", "--quiet", "--no-ff", "-m", "Merge", "proposal")
    return repository.git("rev-parse", "HEAD")


def plan_of(repository: InProcess) -> dict[str, Any]:
    return json.loads((repository.root / PLAN).read_text())


def edit(repository: InProcess, **values: Any) -> None:
    plan = {**plan_of(repository), **values}
    repository.write(PLAN, json.dumps(plan))


def stale(repository: InProcess, *arguments: str) -> str:
    head = repository.store_head()
    done = repository.run("reconcile", "--plan", PLAN, *arguments, expect=6)
    assert repository.store_head() == head
    assert done.out == ""
    return done.err


def names(repository: InProcess) -> list[str]:
    listed = repository.run("list_certs", "--output", "json").json
    return sorted(record["name"] for record in listed)


def test_a_plan_of_the_pull_request_is_applied_to_the_merge_that_has_another_commit_id(repository):
    commit = merge(repository)
    assert plan_of(repository)["commit"] != commit
    repository.run("reconcile", "--plan", PLAN, "--dry-run")
    done = repository.run("reconcile", "--plan", PLAN)
    assert plan_of(repository)["digest"] in done.out
    assert "issued certificate api" in done.err
    assert "replaced certificate web" in done.err
    assert names(repository) == ["api", "web", "web"]
    last = repository.ledger()[-1]
    assert (last["type"], last["commit"]) == ("reconciled", commit)
    head = repository.store_head()
    repository.run("reconcile")
    assert repository.store_head() == head


def test_a_revocation_is_reviewed_and_applied_with_the_crl_that_follows(repository):
    repository.write(
        "revocations/web.yaml",
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: web}\n"
        "spec: {certificate: web, reason: superseded}\n",
    )
    repository.commit()
    repository.run("plan", "--ref", "HEAD", "--out", PLAN)
    reviewed = [(change["action"], change["name"]) for change in plan_of(repository)["changes"]]
    assert ("revoke", "web") in reviewed
    done = repository.run("reconcile", "--plan", PLAN)
    assert "revoked certificate web" in done.err
    assert "more to do" not in done.err
    assert repository.run("plan", "--output", "json").json["changes"] == []


def test_the_revision_can_be_named(repository):
    repository.run("reconcile", "--plan", PLAN, "--ref", "proposal")
    assert names(repository) == ["api", "web", "web"]


def test_a_commit_that_adds_to_what_was_reviewed_makes_it_stale(repository):
    merge(repository)
    repository.ask("more")
    repository.commit()
    said = stale(repository)
    assert "error[plan.stale]" in said
    assert "new: issue Certificate default/more" in said
    assert "api" not in said
    stale(repository, "--dry-run")


def test_a_commit_that_changes_what_was_reviewed_makes_it_stale_and_names_the_field(repository):
    merge(repository)
    repository.ask("api", "deletionPolicy: Revoke")
    repository.commit()
    stale(repository)
    repository.manifest("api", "csrFile: api.csr\nsubjectAltNames: [other.example.com]")
    repository.commit()
    said = stale(repository)
    words = "otherwise: issue Certificate default/api (after.subject, after.subjectAltNames)"
    assert words in said


def test_what_was_not_merged_is_gone_from_the_plan(repository):
    said = stale(repository)
    assert "gone: issue Certificate default/api" in said
    assert "gone: replace Certificate default/web" in said


def test_another_runner_that_was_faster_makes_it_stale(repository):
    merge(repository)
    repository.run("reconcile", "--only", "api")
    assert "gone: issue Certificate default/api" in stale(repository)
    repository.run("reconcile")
    stale(repository)


def test_a_plan_is_applied_once(repository):
    merge(repository)
    repository.run("reconcile", "--plan", PLAN)
    stale(repository)


def test_a_file_that_was_edited_has_nothing_done(repository):
    """Neither another digest nor other contents under the same digest pass."""
    merge(repository)
    good = plan_of(repository)
    edit(repository, digest="sha256:" + "0" * 64)
    assert "0000" in stale(repository)
    edit(repository, digest=good["digest"], changes=good["changes"][:1])
    stale(repository)
    api = next(change for change in good["changes"] if change["name"] == "api")
    api["after"]["subjectAltNames"] = ["DNS:innocent.example.com"]
    edit(repository, changes=good["changes"])
    assert "otherwise: issue Certificate default/api (after.subjectAltNames)" in stale(repository)
    assert names(repository) == ["web"]


def test_a_plan_from_the_future_or_from_long_ago_is_refused(repository):
    merge(repository)
    now = datetime.now(UTC)
    for when, code in (
        (now + timedelta(minutes=10), "plan.from_the_future"),
        (now - timedelta(days=30, minutes=1), "plan.outdated"),
    ):
        edit(repository, plannedAt=when.strftime("%Y-%m-%dT%H:%M:%SZ"))
        assert f"error[{code}]" in stale(repository)


@needs_moved_clock
def test_a_plan_waits_for_its_review_and_what_became_due_waits_for_the_next(repository):
    """In the meantime `old` is to be renewed: nobody has seen that, so it is not done."""
    merge(repository)
    repository.ask("old", "validity: 30d", "renewal: {mode: Automatic, before: 15d}")
    repository.commit()
    repository.run("reconcile", "--only", "old")
    repository.run("plan", "--ref", "HEAD", "--out", PLAN)
    done = later(repository, 20).run("reconcile", "--plan", PLAN)
    assert "more to do, which the reviewed plan did not have" in done.err
    assert "certificate old" not in done.err
    listed = {r["name"]: r for r in repository.run("list_certs", "--output", "json").json}
    issued = datetime.fromisoformat(listed["api"]["notBefore"])
    assert issued > datetime.now(UTC) + timedelta(days=19), "signed with the real time"
    later(repository, 31).run("reconcile", "--plan", PLAN, expect=6)


def test_reviewed_is_not_allowed(repository):
    """The guards hold for a reviewed plan, too: the review may have missed how much it is."""
    project = (repository.root / "pki.yaml").read_text()
    repository.write("pki.yaml", f"{project}  guards: {{maxIssues: 0}}\n")
    repository.commit()
    merge(repository)
    head = repository.store_head()
    done = repository.run("reconcile", "--plan", PLAN, expect=4)
    assert "--allow-unsafe issue=1" in done.err
    assert repository.store_head() == head
    repository.run("reconcile", "--plan", PLAN, "--allow-unsafe", "issue=1")


@pytest.mark.parametrize("options", [["--only", "api"], ["--retry"]])
def test_nothing_else_says_what_is_done(repository, options):
    merge(repository)
    repository.run("reconcile", "--plan", PLAN, *options, expect=64)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "plan_file.malformed"),
        ("[]", "plan_file.malformed"),
        ("[" * 100_000, "plan_file.malformed"),
        ("\xff", "plan_file.malformed"),
        ('{"schemaVersion": 99}', "plan_file.newer_version"),
        ('{"schemaVersion": 1}', "plan_file.malformed"),
    ],
)
def test_a_file_that_is_no_plan_is_said_to_be_none(repository, content, code):
    merge(repository)
    head = repository.store_head()
    repository.write(PLAN, content.encode("latin-1"))
    assert f"error[{code}]" in repository.run("reconcile", "--plan", PLAN, expect=1).err
    assert repository.store_head() == head


def test_a_file_that_is_not_there_is_said_not_to_be(repository):
    done = repository.run("reconcile", "--plan", "../nothing.json", expect=1)
    assert "nothing.json" in done.err
