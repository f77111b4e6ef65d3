"""What every command costs before it does anything."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.bench import Bench
from benchmarks.fleet import new_repository
from benchmarks.seeds import GIT
from benchmarks.timing import Row, Step

COMMANDS = (["validate"], ["list_certs"], ["plan"], ["reconcile"], ["dump_crl", "issuing"])


def start_up(bench: Bench) -> Iterator[Step]:
    yield Step("start-up", partial(_rows, bench))


def _rows(bench: Bench) -> Iterator[Row]:
    clock = bench.clock
    root = bench.at / "small"
    new_repository(clock, root, GIT)
    for command in (["--help"], *COMMANDS):
        clock.pkictl(root, *command)  # compiles, and notes what there is to do
        taken = clock.pkictl(root, *command, runs=7)
        suffix = "" if command == ["--help"] else ", nothing issued"
        yield taken.row(f"`{' '.join(command)}`{suffix}", clock.times_python(root, taken))
