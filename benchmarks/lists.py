"""Finding certificates among many."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.fleet import name_of
from benchmarks.seeds import SQLITE
from benchmarks.timing import Measured, Row, Step, against_first

ONE = name_of(17)
QUESTIONS = {
    "a page of 50": ("list_certs", "--limit", "50"),
    "by exact name": ("list_certs", "--san", f"{ONE}.example.com"),
    "by part of a name": ("list_certs", "--name", f"*{ONE[6:]}*"),
    "all, JSON lines": ("list_certs", "-o", "jsonl"),
    "one, in full": ("view_cert", f"{ONE}.example.com"),
}


def lists(bench: Bench) -> Iterator[Step]:
    first: dict[str, tuple[int, Measured]] = {}
    for count in bench.sizes.listed:
        work, options = f"lists of {count:,}", f"--only list --listed {count}"
        yield bench.step(work, count, partial(_lists, bench, count, first), "adopted", options)


def _lists(bench: Bench, count: int, first: dict[str, tuple[int, Measured]]) -> Iterator[Row]:
    clock, root = bench.clock, bench.seeds.adopted(count)
    for what, command in QUESTIONS.items():
        taken = clock.pkictl(root, *command, runs=3, store=SQLITE)
        yield taken.row(
            f"`{command[0]}` of {count:,}: {what}",
            clock.times_python(root, taken),
            against_first(first, what, count, taken),
        )
