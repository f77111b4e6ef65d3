"""
Measure what people wait for, each as a ratio against a peer or a limit in the same run.

    ./run bench [--quick] [--certificates N] [--entries N]...

Absolute figures move from machine to machine; the ratios are what counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.issuing import bulk, start_up
from benchmarks.revocation_lists import crls
from benchmarks.timing import HEAD, Row

QUICK = 200


def rows(at: Path, certificates: int, entries: tuple[int, ...]) -> Iterator[Row]:
    yield from start_up(at)
    yield from bulk(at, certificates)
    yield from crls(at, entries)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="A minute, to see that it runs.")
    parser.add_argument("--certificates", type=int, default=2000)
    parser.add_argument("--entries", type=int, action="append", help="Of CRLs; may be repeated.")
    given = parser.parse_args()
    certificates = QUICK if given.quick else given.certificates
    entries = tuple(given.entries or ([1000] if given.quick else [10_000, 100_000]))
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"Measured with {machine}.\n\n{HEAD}")
    with tempfile.TemporaryDirectory(prefix="pki-bench-") as place:
        for row in rows(Path(place), certificates, entries):
            print(row, flush=True)


if __name__ == "__main__":
    main()
