"""Power goes out at any moment: nothing is lost, nothing is signed twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter

from tests.e2e.conftest import environment, make_csr

MANIFESTS = int(os.environ.get("PKI_TEST_CRASH_MANIFESTS", "40"))
ROUNDS = int(os.environ.get("PKI_TEST_CRASH_ROUNDS", "8"))
"""The full measure is 200 manifests and 50 rounds; see CONTRIBUTING.md."""


def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(repository, tmp_path):
    csr = make_csr(tmp_path / "web.csr")
    for number in range(MANIFESTS):
        name = f"host-{number}"
        repository.write(f"certificates/{name}.csr", csr)
        repository.manifest(name, f"csrFile: {name}.csr\nsubjectAltNames: [{name}.example.com]")
    repository.commit()
    limits = ["--allow-unsafe", f"issue={MANIFESTS}"]
    started = time.monotonic()
    repository.run("plan")
    longest = 2 * (time.monotonic() - started) + 1
    chance = random.Random(4711)
    for _ in range(ROUNDS):
        process = subprocess.Popen(
            [sys.executable, "-m", "pki_as_code", "reconcile", *limits],
            cwd=repository.root,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(chance.uniform(0.1, longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    repository.run("reconcile", *limits)
    repository.run("plan", "--detailed-exitcode")
    repository.run("store", "verify")

    entries = repository.ledger()
    reserved = {}
    for entry in entries:
        if entry["type"] == "reserved":
            key = (entry["issuer"], entry["serialNumber"])
            assert reserved.setdefault(key, entry["tbsCertificate"]) == entry["tbsCertificate"]
    issued = Counter(
        (entry["object"]["kind"], entry["object"]["name"])
        for entry in entries
        if entry["type"] == "issued" and entry["object"]["kind"] == "Certificate"
    )
    assert len(issued) == MANIFESTS
    assert set(issued.values()) == {1}
    listed = repository.run("list_certs", "--output", "json").json
    assert len(listed) == MANIFESTS
