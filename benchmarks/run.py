"""
Measure what people wait for, each as a ratio against a peer or a limit in the same run.

    ./run bench [--quick] [--only SECTION,...] [--write docs/performance.md] ...

Absolute figures move from machine to machine; the ratios are what counts.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.bench import QUICK, Bench, Sizes
from benchmarks.fleet import KEYS
from benchmarks.issuing import issues
from benchmarks.lists import lists
from benchmarks.machine import describe_machine
from benchmarks.opinions import opinions
from benchmarks.planning import reconciles, validates
from benchmarks.policies import policies
from benchmarks.revocation_lists import crls
from benchmarks.seeds import Seeds
from benchmarks.starting import start_up
from benchmarks.timing import HEAD, Clock, Row, Step, TimeIsUpError

SECTIONS: Mapping[str, Callable[[Bench], Iterator[Step]]] = {
    "start": start_up,
    "validate": validates,
    "policy": policies,
    "opinion": opinions,
    "issue": issues,
    "crl": crls,
    "list": lists,
    "reconcile": reconciles,
}
"""In the order in which they are measured; the longest comes last."""

BEGIN, END = "<!-- ./run bench --write puts its table here -->\n", "<!-- the end of the table -->\n"
MINUTES = 14.5


def main() -> None:
    given = parse_arguments(sys.argv[1:])
    lines = []

    def say(line: object) -> None:
        lines.append(f"{line}\n")
        print(line, flush=True)

    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pki-bench-")))
        bench = make_bench(given, place)
        try:
            stack.enter_context(bench.seeds.locked())
        except BlockingIOError:
            sys.exit(f"bench: another one is using {bench.cache}; name another place with --cache")
        say(f"{describe_machine()}\n\n{HEAD}")
        started = time.monotonic()
        for section in given.only or SECTIONS:
            for step in SECTIONS[section](bench):
                for row in rows_of(step, bench.clock):
                    say(row)
        print(f"\n{(time.monotonic() - started) / 60:.1f} minutes", file=sys.stderr)
    if given.write is not None:
        write_table(given.write, "".join(lines))


def rows_of(step: Step, clock: Clock) -> Iterator[Row]:
    """Measure what the time is enough for; the table says what it was not."""
    try:
        if clock.left <= 0:
            raise TimeIsUpError
        yield from step.rows()
    except TimeIsUpError:
        yield Row(step.work, ratio="not measured any further: the time was over (see --minutes)")


def write_table(path: Path, table: str) -> None:
    """Replace what is between the two marks of a page."""
    text = path.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        sys.exit(f"bench: {path} has no place for the table: {BEGIN.strip()} {END.strip()}")
    path.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


def make_bench(given: argparse.Namespace, place: Path) -> Bench:
    chosen = {"manifests": given.manifests, "certificates": given.certificates,
              "validated": given.validated, "entries": given.entries, "listed": given.listed,
              "keys": given.keys}  # fmt: skip
    named = {name: tuple(v) if isinstance(v, list) else v for name, v in chosen.items() if v}
    sizes = replace(QUICK if given.quick else Sizes(), **named)
    # What is measured quickly is measured anywhere, and leaves nothing behind.
    usual = place / "cache" if given.quick else default_cache()
    cache = (given.cache or usual).absolute()
    clock = Clock(given.minutes * 60, place, most_runs=1 if given.quick else 99)
    sized = {"revoked": given.entries, "adopted": given.listed}
    asked = frozenset(kind for kind, counts in sized.items() if counts)
    return Bench(sizes, clock, Seeds(clock, cache), place, cache, given.quick, asked)


def default_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pki-as-code-bench"


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run bench", description="Measure, as ratios.")
    add = parser.add_argument
    add("--quick", action="store_true", help="Less than a minute, to see that all of it runs.")
    add("--only", type=section_names, help=f"Some of {','.join(SECTIONS)}.")
    add("--manifests", type=int, action="append", help="For `reconcile`; may be repeated.")
    add("--certificates", type=int, help="To issue.")
    add("--validated", type=int, help="Manifests for `validate`.")
    add("--keys", choices=KEYS, action="append", help="Of authorities; may be repeated.")
    add("--entries", type=int, action="append", help="Of CRLs; may be repeated.")
    add("--listed", type=int, action="append", help="Certificates in lists; may be repeated.")
    add("--minutes", type=float, default=MINUTES, help="When to stop, at the latest.")
    add("--cache", type=Path, help="Where big stores and other programs are kept.")
    add("--write", type=Path, metavar="PAGE", help="Also put the table into this page.")
    return parser.parse_args(arguments)


def section_names(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SECTIONS)}")
    return names


if __name__ == "__main__":
    main()
