"""One more revocation, and the CRL that follows, where many certificates are revoked already."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import openssl_ca
from benchmarks.bench import Bench
from benchmarks.fleet import commit, make_request, write_request
from benchmarks.seeds import SQLITE
from benchmarks.timing import Row, Step, faster

BUILDER = Path(__file__).parent / "library_crl.py"
BUILDER_AT_MOST = 20_000
"""It takes four times as long for twice as many."""

ASKED_FOR_FROM = 5_000_000
"""Numbers of certificates that are made to be revoked."""


def crls(bench: Bench) -> Iterator[Step]:
    for count in bench.sizes.entries:
        work, options = f"CRL of {count:,} entries", f"--only crl --entries {count}"
        yield bench.step(work, count, partial(_crl, bench, count), "revoked", options)


def _crl(bench: Bench, count: int) -> Iterator[Row]:
    clock, root = bench.clock, bench.seeds.revoked(count)
    number = ASKED_FOR_FROM + len(list(root.glob("certificates/*.yaml")))
    request = make_request(number)
    write_request(root, request)
    commit(root)
    clock.pkictl(root, "reconcile", store=SQLITE)
    (root / "revocations").mkdir(exist_ok=True)
    (root / f"revocations/{request.name}.yaml").write_text(
        "apiVersion: pki-as-code/v1\nkind: Revocation\n"
        f"metadata: {{name: {request.name}}}\n"
        f"spec: {{certificate: {request.name}, reason: superseded}}\n",
        encoding="utf-8",
    )
    commit(root)
    taken = clock.pkictl(root, "reconcile", store=SQLITE)
    ratios = []
    theirs = openssl_ca.revoke(bench, count)
    if theirs is not None:
        times = faster(taken.seconds, theirs.seconds)
        ratios.append(f"{times} as fast as `openssl ca -gencrl` ({theirs.time}, {theirs.memory})")
    if count <= BUILDER_AT_MOST:
        built = clock.run([sys.executable, str(BUILDER), str(count)], bench.at)
        times = faster(taken.seconds, built.seconds)
        ratios.append(f"{times} as fast as the library's builder ({built.time}, {built.memory})")
    yield taken.row(f"revoke one more and make the CRL of {count:,} entries, whole `reconcile`",
                    *ratios)  # fmt: skip
