"""What policies cost a plan: as many certificates as there are, against a hundred policies."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.fleet import commit, make_requests, new_repository, write_request
from benchmarks.seeds import GIT
from benchmarks.timing import Row, Step, environment

SHARE = Path(__file__).parent / "policy_share.py"
POLICIES = 100
ABOUT_ALL = 10
"""Limits and Denies that are about every certificate; the others are Grants of namespaces."""


def policies(bench: Bench) -> Iterator[Step]:
    count = bench.sizes.certificates
    yield Step(f"`plan`, {count:,} to issue, {POLICIES} policies", lambda: _plans(bench, count))


def _plans(bench: Bench, count: int) -> Iterator[Row]:
    root = bench.at / "policies"
    new_repository(bench.clock, root, GIT)
    for request in make_requests(count):
        write_request(root, request)
    with (root / "pki.yaml").open("a", encoding="utf-8") as project:
        project.write("  guards: {maxIssues: 1000000}\n")
    commit(root)
    without = bench.clock.pkictl(root, "plan", "--ref", "HEAD", "--full", store=GIT)
    write_policies(root)
    commit(root)
    taken = bench.clock.pkictl(root, "plan", "--ref", "HEAD", "--full", store=GIT)
    done = subprocess.run(
        [sys.executable, str(SHARE), str(root), str(count)],
        env=environment({"PYTHONPATH": str(SHARE.parents[1])}),
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    spent = json.loads(done.stdout)
    yield taken.row(
        f"`plan`, {count:,} to issue, {POLICIES} policies",
        f"{taken.seconds / without.seconds:.2f} x the time without policies",
        f"{spent['policies'] / spent['plan']:.1%} of it, in one process, judges policies "
        f"({spent['policies'] / count * 1e6:.0f} µs each)",
    )


def write_policies(root: Path) -> None:
    """Write Grants of many namespaces, of the one there is, and what is about everybody."""
    (root / "policies").mkdir()
    for number in range(POLICIES):
        namespaces = f"[team-{number}{', default' if number == ABOUT_ALL else ''}]"
        text = "effect: Limit, allow: {maxValidity: 400d}"
        if number % 2:
            text = f"effect: Deny, match: {{dns: [{{suffix: secret-{number}.example.com}}]}}"
        if number >= ABOUT_ALL:
            text = (
                f"effect: Grant, selector: {{namespaces: {namespaces}}}, allow: {{"
                "dns: [{suffix: example.com, maxLabels: 3}, {suffix: example.net}], "
                "ip: [10.0.0.0/8], keys: [P-256, RSA-3072+], maxValidity: 100d, subject: "
                '{O: ["*"], C: ["*"]}}'
            )
        (root / f"policies/p{number:03}.yaml").write_text(
            f"apiVersion: pki-as-code/v1\nkind: Policy\nmetadata: {{name: p{number:03}}}\n"
            f"spec: {{{text}}}\n",
            encoding="utf-8",
        )
