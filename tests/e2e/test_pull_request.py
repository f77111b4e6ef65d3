"""The whole story: a fork asks, the forge plans, and each way around is refused for its reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import environment, make_csr
from tests.e2e.in_process import InProcess, in_process, without_certificates
from tests.people import People

TEAMS = {"payments": "alice", "web": "bob"}


def policy_of(team: str, *more: str) -> str:
    names = "".join(f", {{name: {name}}}" for name in more)
    return (
        f"apiVersion: pki-as-code/v1\nkind: Policy\nmetadata: {{name: {team}}}\nspec:\n"
        f"  effect: Grant\n  selector: {{namespaces: [{team}]}}\n"
        f"  allow:\n    dns: [{{suffix: {team}.example.com}}{names}]\n"
    )


@dataclass(frozen=True)
class Story:
    """The project's repository, a fork of it, and the people of both."""

    upstream: InProcess
    fork: InProcess
    people: People

    def ask(self, path: str, *names: str) -> int:
        """Write a Certificate in the fork; returns the line with its first name."""
        make_csr(self.fork.root / f"certificates/{path}.csr")
        listed = "\n".join(f"  - {name}" for name in names)
        self.fork.manifest(
            path, f"csrFile: {path.rpartition('/')[2]}.csr\nsubjectAltNames:\n{listed}"
        )
        text = (self.fork.root / f"certificates/{path}.yaml").read_text()
        return next(n for n, line in enumerate(text.splitlines(), 1) if names[0] in line)

    def propose(self, *, by: str = "alice", author: str = "") -> InProcess:
        """Commit in the fork, and return what the forge has: the change merged on top of main."""
        self.people.commit(self.fork.root, by=by, author=author)
        root = self.upstream.root.parent / "merge"
        shutil.rmtree(root, ignore_errors=True)
        self.upstream.git("clone", "--quiet", "--no-local", str(self.upstream.root), str(root))
        merged = in_process(root)
        merged.git("fetch", "--quiet", "origin", "pki-issued:pki-issued")
        merged.git("fetch", "--quiet", str(self.fork.root), "main:proposed")
        merged.git("checkout", "--quiet", "proposed")
        return merged

    def plan(self, *, expect: int, by: str = "alice", author: str = "", form: str = "json"):
        merged = self.propose(by=by, author=author)
        done = merged.run(
            "plan", "--ref", "HEAD", "--base", "origin/main", "--detailed-exitcode",
            "--output", form, expect=expect,
        )  # fmt: skip
        return done.json if form == "json" else done.out

    def merge(self) -> None:
        """Take the fork's change into main, and reconcile there."""
        self.upstream.git("pull", "--quiet", "--ff-only", str(self.fork.root), "main")
        self.upstream.run("reconcile")


@pytest.fixture
def story(template, tmp_path, tmp_path_factory, monkeypatch) -> Story:
    for name, value in environment().items():
        if name.startswith("GIT_CONFIG"):
            monkeypatch.setenv(name, value)
    people = People(tmp_path_factory.mktemp("people"))
    upstream = without_certificates(template, tmp_path / "upstream")
    root = upstream.root
    text = (root / "pki.yaml").read_text()
    upstream.write(
        "pki.yaml", text.replace("spec:\n", "spec:\n  trust: {requireSignedCommits: true}\n", 1)
    )
    upstream.write("allowed_signers", people.allowed("admin", *TEAMS.values()))
    for team, owner in TEAMS.items():
        upstream.write(f"policies/{team}.yaml", policy_of(team))
        upstream.write(
            f"certificates/{team}/_namespace.yaml",
            f"apiVersion: pki-as-code/v1\nkind: Namespace\nmetadata: {{name: {team}}}\n"
            f"spec: {{owners: [{people.address(owner)}]}}\n",
        )
    people.commit(root, by="admin")
    upstream.run("reconcile")
    fork = tmp_path / "fork"
    upstream.git("clone", "--quiet", "--no-local", str(root), str(fork))
    return Story(upstream, in_process(fork), people)


def codes(plan: dict) -> set[str]:
    return {f["code"] for f in plan["findings"] if f["severity"] == "error"}


def test_what_a_team_may_have_is_planned_with_the_rule_that_allows_it_and_issued_on_merge(story):
    story.ask("payments/api", "api.payments.example.com")
    plan = story.plan(expect=2)
    [change] = [c for c in plan["changes"] if c["kind"] == "Certificate"]
    assert (change["action"], change["allowedBy"]) == ("issue", ["policies/payments.yaml"])
    story.merge()
    [listed] = story.upstream.run("list_certs", "--output", "json").json
    assert listed["provenance"]["signers"] == ["alice@example.com"]
    assert listed["provenance"]["policies"] == ["policies/payments.yaml"]
    assert listed["provenance"]["commit"] == story.fork.git("rev-parse", "HEAD")


def test_somebody_elses_name_is_denied_on_its_line(story):
    line = story.ask("payments/api", "www.web.example.com")
    told = story.plan(expect=3, form="github")
    assert f"::error file=certificates/payments/api.yaml,line={line}," in told
    assert "title=policy.name_not_allowed::" in told


def test_a_policy_is_not_widened_and_used_in_one_change(story):
    story.fork.write("policies/payments.yaml", policy_of("payments", "www.web.example.com"))
    story.ask("payments/api", "www.web.example.com")
    plan = story.plan(expect=3)
    assert codes(plan) == {"policy.name_not_allowed"}
    assert "under the base" in json.dumps(plan["findings"])


def test_a_certificate_does_not_move_to_another_team(story):
    story.ask("payments/api", "api.payments.example.com")
    story.propose()
    story.merge()
    place = story.fork.root / "certificates"
    for suffix in ("yaml", "csr"):
        (place / f"payments/api.{suffix}").rename(place / f"web/api.{suffix}")
    plan = story.plan(expect=4)
    assert [r["reason"]["code"] for r in plan["refused"]] == ["MovedAcrossNamespaces"]


def test_nobody_makes_himself_a_signer(story):
    lines = (story.fork.root / "allowed_signers").read_text()
    story.fork.write("allowed_signers", lines + story.people.line("mallory"))
    story.ask("payments/api", "api.payments.example.com")
    assert "trust.signature_unknown" in codes(story.plan(expect=4, by="mallory"))


def test_an_author_whose_key_did_not_sign_is_spoofed(story):
    story.ask("payments/api", "api.payments.example.com")
    assert codes(story.plan(expect=4, by="bob", author="alice")) == {"trust.author_differs"}


def _forge_an_entry(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], lines[-1].replace(b'"at":"2', b'"at":"3')]


def _drop_the_last(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


@pytest.mark.parametrize("change", [_forge_an_entry, _drop_the_last])
def test_an_edited_store_is_noticed(story, change: Callable[[list[bytes]], list[bytes]]):
    """By whoever saw the real one: what was pushed to its branch is neither planned nor run on."""
    story.upstream.run("plan", "--ref", "HEAD")
    before = story.upstream.store_head()
    root = story.upstream.root.parent / "store"
    story.upstream.git("clone", "--quiet", "--no-local", "--branch", "pki-issued",
                       str(story.upstream.root), str(root))  # fmt: skip
    store = in_process(root)
    segment = sorted(Path(root, "ledger").glob("*.jsonl"))[-1]
    segment.write_bytes(b"\n".join(change(segment.read_bytes().splitlines())) + b"\n")
    store.commit("an innocent change")
    store.git("push", "--quiet", "origin", "pki-issued")
    assert story.upstream.store_head() != before
    for command in ("plan", "reconcile"):
        done = story.upstream.run(command, "--ref", "HEAD", expect=None)
        assert done.code in {1, 4}, done.out
        assert "store." in done.err
    assert story.upstream.git("log", "-1", "--format=%s", "pki-issued") == "an innocent change"
