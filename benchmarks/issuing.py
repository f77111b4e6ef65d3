"""The main job: many requests in one run, from manifests to recorded certificates."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import partial

from benchmarks import django_ca, openssl_ca
from benchmarks.bench import Bench
from benchmarks.fleet import commit, make_requests, new_repository, write_request
from benchmarks.raw_signing import signatures_per_second
from benchmarks.seeds import GIT, SQLITE
from benchmarks.timing import Measured, Row, Step


def issues(bench: Bench) -> Iterator[Step]:
    for key in bench.sizes.keys:
        name = f"issue {bench.sizes.certificates:,}, {key} authority"
        yield Step(name, partial(_issue, bench, key))


def _issue(bench: Bench, key: str) -> Iterator[Row]:
    count, cores = bench.sizes.certificates, os.cpu_count() or 1
    one, all_cores = (
        signatures_per_second(key, processes, bench.sizes.signing_seconds)
        for processes in (1, cores)
    )
    peers = {
        "`openssl ca -infiles`": openssl_ca.issue(bench, key, make_requests(count)),
        "django-ca": django_ca.issue(bench, key, make_requests(count)),
    }
    for store in (GIT, SQLITE) if key == "P-256" else (GIT,):
        taken = _ours(bench, key, store)
        rate = count / taken.seconds
        ratios = [f"{rate:.0f}/s",
                  f"{rate / one:.2g} of `key.sign` on one core ({one:.0f}/s), "
                  f"{rate / all_cores:.2g} on all {cores} ({all_cores:.0f}/s)"]  # fmt: skip
        ratios += [f"{rate / peer.rate:.2g} x {name}" for name, peer in peers.items() if peer.rate]
        kind = store.partition(":")[0]
        yield taken.row(f"issue {count:,}, {key} authority, {kind} store", *ratios)
    for name, peer in peers.items():
        yield peer.row(f"{name}, {key} authority")


def _ours(bench: Bench, key: str, store: str) -> Measured:
    root = bench.at / f"issue-{key}-{store.partition(':')[0]}"
    new_repository(bench.clock, root, store, key)
    requests = make_requests(bench.sizes.certificates)
    for request in requests:
        write_request(root, request)
    commit(root)
    allowed = f"issue={len(requests)}"
    taken = bench.clock.pkictl(root, "reconcile", "--allow-unsafe", allowed, store=store)
    shutil.rmtree(root)
    return taken
