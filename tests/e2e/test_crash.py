"""Power goes out at any moment: nothing is lost, nothing is signed twice."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time

import pytest

from tests.e2e.fault_site import KINDS
from tests.faults.forked import run_and_kill
from tests.faults.signatures import read_signatures

MANIFESTS = int(os.environ.get("PKI_TEST_CRASH_MANIFESTS", "40"))
ROUNDS = int(os.environ.get("PKI_TEST_CRASH_ROUNDS", "8"))
"""The full measure is 1,000 manifests and 200 rounds; see CONTRIBUTING.md."""

BATCH = 2
"""Certificates that are reserved and recorded together: kills meet all that is between batches."""

SAID = re.compile(r"^issued certificate (\S+): ([0-9A-F:]+)", re.MULTILINE)


@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(make_site, monkeypatch, kind):
    """
    Each round asks for more, every other one revokes something, and its run is killed.

    What the killed run said is in the ledger. Where there is a remote, every other round is of
    another machine.
    """
    monkeypatch.setattr("pki_as_code.gitplumbing.locks.STALE_AFTER_SECONDS", 0.3)
    each = max(1, MANIFESTS // ROUNDS)
    monkeypatch.setattr("pki_as_code.apply.batches.BATCH", BATCH)
    site = make_site(kind)
    names = [f"doomed-{number}" for number in range(ROUNDS // 2)]
    site.ask(names)
    limits = ["--allow-unsafe", f"issue={each * ROUNDS + ROUNDS},revoke={ROUNDS}"]
    started = time.monotonic()
    site.start("reconcile", *limits).wait()
    longest = 1.5 * (time.monotonic() - started)
    places = [site.root, site.clone()]
    chance = random.Random(f"4711 {kind}")
    killed, signed, said = 0, 0, set()
    for number in range(ROUNDS):
        if number % 2:
            site.revoke(f"doomed-{number // 2}")
        more = [f"host-{number}-{i}" for i in range(each)]
        site.ask(more)
        place = places[number % 2]
        if place != site.root:
            site.repository.git("-C", str(place), "pull", "--quiet", "--ff-only")
        done = run_and_kill(site.start("reconcile", *limits, at=place), chance.uniform(0, longest))
        assert done.code in {0, -signal.SIGKILL}, done.err
        signed_before, signed = signed, len(read_signatures(site.log))
        if signed == signed_before and done.code:  # most kills are to meet a run that signs
            longest *= 1.3
        elif not done.code:
            longest /= 1.3
        killed += done.code != 0
        said |= set(SAID.findall(done.err))
        names += more
        entries = site.check_sound()
        known = {
            (entry["object"]["name"], entry["serialNumber"])
            for entry in entries
            if entry["type"] == "issued"
        }
        assert said <= known
    assert killed, "no run was killed"
    site.run("reconcile", *limits)
    entries = site.check_issued_once(names)
    assert sum(entry["type"] == "revoked" for entry in entries) == ROUNDS // 2
    crls = [e for e in entries if e["type"] == "crl" and e["issuer"] == "issuing"]
    assert crls[-1]["entryCount"] == ROUNDS // 2
    site.check_nothing_to_do()
    sys.stdout.write(
        f"{kind}: {killed} of {ROUNDS} runs killed, {len(entries)} entries, {signed} signatures\n"
    )
