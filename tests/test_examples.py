"""Every example is a repository: its plan is the one beside it, and carrying it out works."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository

EXAMPLES = sorted(
    path.parent for path in (Path(__file__).parents[1] / "examples").glob("*/pki.yaml")
)


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request, tmp_path) -> Repository:
    root = tmp_path / request.param.name
    shutil.copytree(request.param, root)
    repository = Repository(root)
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit("example")
    return repository


def test_there_are_examples():
    assert {path.name for path in EXAMPLES} >= {"minimal", "offline-root", "two-teams"}


def test_the_plan_is_the_one_that_is_written_down(example):
    plan = example.run("plan").out
    expected = example.root / "PLAN.txt"
    if os.environ.get("PKI_TEST_WRITE_PLANS"):
        (next(e for e in EXAMPLES if e.name == example.root.name) / "PLAN.txt").write_text(plan)
        return
    assert plan == expected.read_text()


def test_its_policies_say_what_their_tests_expect(example):
    if (example.root / "policy-tests").is_dir():
        assert ", 0 not as expected." in example.run("policy", "test").out


def test_it_validates_and_can_be_carried_out(example):
    example.run("validate")
    example.run("reconcile")
    # What waits for a ceremony is said before that, and is no change.
    assert "No changes." in example.run("plan", "--detailed-exitcode").out
    example.run("store", "verify")
