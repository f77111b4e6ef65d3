"""What it costs to ask others: linters of other people, and rules in CEL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.fleet import commit, make_requests, new_repository, write_request
from benchmarks.seeds import GIT
from benchmarks.timing import Row, Step

MOST = 1_000
LINTS = "  lints: {linters: [%s]}\n"
RULE = (
    "apiVersion: pki-as-code/v1\nkind: Policy\nmetadata: {name: all}\nspec:\n  effect: Grant\n"
    '  allow: {dns: [{suffix: example.com}], subject: {O: ["*"], C: ["*"]}}\n'
)
RULES = "  rules: [{expression: 'san.dns.all(n, !n.startsWith(\"dev\"))'}]\n"


def opinions(bench: Bench) -> Iterator[Step]:
    count = min(bench.sizes.certificates, MOST)
    yield Step(f"`plan`, {count:,} to issue, second opinions", lambda: _plans(bench, count))


def _plans(bench: Bench, count: int) -> Iterator[Row]:
    root = bench.at / "opinions"
    new_repository(bench.clock, root, GIT)
    for request in make_requests(count):
        write_request(root, request)
    project = root / "pki.yaml"
    plain = project.read_text(encoding="utf-8")
    without = _seconds(bench, root)
    for linter in ("pkilint", "badkeys"):
        project.write_text(plain + LINTS % linter, encoding="utf-8")
        yield _row(bench, root, f"`plan`, {count:,} to issue, {linter}", without, "without")
    project.write_text(plain, encoding="utf-8")
    (root / "policies").mkdir()
    policy = root / "policies/all.yaml"
    policy.write_text(RULE, encoding="utf-8")
    granted = _seconds(bench, root)
    policy.write_text(RULE + RULES, encoding="utf-8")
    yield _row(
        bench, root, f"`plan`, {count:,} to issue, a rule in CEL", granted, "without the rule"
    )


def _seconds(bench: Bench, root: Path) -> float:
    commit(root)
    return bench.clock.pkictl(root, "plan", "--ref", "HEAD", "--full", store=GIT).seconds


def _row(bench: Bench, root: Path, work: str, without: float, what: str) -> Row:
    commit(root)
    taken = bench.clock.pkictl(root, "plan", "--ref", "HEAD", "--full", store=GIT)
    return taken.row(work, f"{taken.seconds / without:.2f} x the time {what}")
