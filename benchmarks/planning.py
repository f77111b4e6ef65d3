"""Reading manifests: a `reconcile` with nothing to do, a full plan, a cold `validate`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from itertools import count as counting
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.fleet import commit, name_of
from benchmarks.seeds import GIT
from benchmarks.timing import Measured, Row, Step, against_first, git

READ_ONLY = Path(__file__).parent / "only_read.py"


def reconciles(bench: Bench) -> Iterator[Step]:
    first: dict[str, tuple[int, Measured]] = {}
    for count in bench.sizes.manifests:
        work = f"`reconcile`, {count:,} manifests"
        yield Step(work, partial(_reconciles, bench, count, first))


def _reconciles(bench: Bench, count: int, first: dict[str, tuple[int, Measured]]) -> Iterator[Row]:
    clock, root = bench.clock, bench.seeds.issued(count)
    clock.pkictl(root, "reconcile", store=GIT)  # what became due since, and a note of quiet
    numbers = counting(len(git(root, "log", "--format=%h").splitlines()))

    def change() -> None:
        """Change a manifest in a way that changes nothing else."""
        path = root / f"certificates/{name_of(next(numbers) % count)}.yaml"
        with path.open("a") as file:
            file.write("# looked at, and found in order\n")
        commit(root)

    head = git(root, "rev-parse", "pki-issued")
    for what, before in (("nothing changed", None), ("one file changed", change)):
        taken = clock.pkictl(root, "reconcile", runs=5, before=before, store=GIT)
        if before is None:
            assert git(root, "rev-parse", "pki-issued") == head, "there was something to do"
        yield taken.row(
            f"`reconcile`, {count:,} manifests, {what}",
            clock.times_python(root, taken), against_first(first, what, count, taken),
        )  # fmt: skip
    listing = clock.run(["git", "ls-tree", "-r", "HEAD"], root, runs=3)
    taken = clock.pkictl(root, "plan", "--ref", "HEAD", "--full", store=GIT)
    yield taken.row(
        f"`plan --full`, {count:,} manifests",
        f"{taken.seconds / listing.seconds:.3g} x `git ls-tree -r`",
        f"{taken.seconds / count * 1000:.2f} ms each",
    )


def validates(bench: Bench) -> Iterator[Step]:
    count = bench.sizes.validated
    yield Step(f"`validate`, {count:,} manifests", partial(_validate, bench, count))


def _validate(bench: Bench, count: int) -> Iterator[Row]:
    """Against what has to be done at least, in one process."""
    clock, root = bench.clock, bench.seeds.issued(count)
    limit = clock.run([sys.executable, str(READ_ONLY), str(root / "certificates")], root)
    taken = clock.pkictl(root, "validate")
    yield taken.row(
        f"`validate`, {count:,} manifests",
        f"{limit.seconds / taken.seconds:.2g} x as fast as CSafeLoader and the signatures of the "
        f"CSRs in one process ({limit.time}, {limit.memory})",
    )
