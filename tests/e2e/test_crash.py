"""Power goes out at any moment: nothing is lost, nothing is signed twice."""

from __future__ import annotations

import os
import random
import re
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.fault_site import KINDS, Site
from tests.faults.forked import run_and_kill
from tests.faults.phases import READING, read_phase
from tests.faults.signatures import read_signatures

KILLS = int(os.environ.get("PKI_TEST_KILLS", "7"))
"""The full measure is 200; see CONTRIBUTING.md."""

ROUNDS_AT_MOST = 3 * KILLS + 10
"""A run that comes to its end before it is killed is a round and no kill."""

EACH = 4
"""Certificates that a round asks for more; what was left undone comes on top."""

BATCH = 2
"""Certificates that are reserved and recorded together: kills meet all that is between batches."""

FROM_THE_START = 8
"""One in so many is killed at any moment, the others at any moment since they began to write."""

LIMITS = ["--allow-unsafe", f"issue={EACH * ROUNDS_AT_MOST + KILLS},revoke={KILLS}"]

SAID = re.compile(r"^issued certificate (\S+): ([0-9A-F:]+)", re.MULTILINE)


@dataclass
class Killing:
    """A site whose runs are killed; what they had said, and what they were at."""

    site: Site
    phases: Path
    chance: random.Random
    longest: float
    """Seconds within which a run is killed; follows how long runs take."""

    said: set[str] = field(default_factory=set)
    met: Counter[str] = field(default_factory=Counter)
    rounds: int = 0

    @property
    def kills(self) -> int:
        return self.met.total()

    def run(self, at: Path) -> None:
        """One run, which is killed or comes to its end before; the ledger is sound after it."""
        self.phases.unlink(missing_ok=True)
        begun = self.phases if self.chance.randrange(FROM_THE_START) else None
        signed = len(read_signatures(self.site.log))
        process = self.site.start("reconcile", *LIMITS, at=at, phases=self.phases)
        done = run_and_kill(process, self.chance.uniform(0, self.longest), begun=begun)
        assert done.code in {0, -signal.SIGKILL}, done.err
        self.rounds += 1
        if done.code == 0:
            self.longest /= 1.3
        else:
            self.met[read_phase(self.phases)] += 1
            if signed == len(read_signatures(self.site.log)):  # most are to meet one that signs
                self.longest *= 1.2
        self.said |= set(SAID.findall(done.err))
        self._check()

    def _check(self) -> None:
        """What any run said it issued is in the ledger, and that is sound."""
        known = {
            (entry["object"]["name"], entry["serialNumber"])
            for entry in self.site.check_sound()
            if entry["type"] == "issued"
        }
        assert self.said <= known

    def report(self, kind: str, entries: int) -> str:
        signatures = len(read_signatures(self.site.log))
        lines = [f"{kind}: {self.kills} of {self.rounds} runs killed, {entries} entries, "
                 f"{signatures} signatures"]  # fmt: skip
        lines += [f"  {count:4} {phase}" for phase, count in self.met.most_common()]
        return "\n".join(lines) + "\n"


@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_at_any_moment_loses_nothing_and_doubles_nothing(
    make_site, monkeypatch, kind, tmp_path
):
    """
    Each round asks for more, every other one revokes something, until so many runs were killed.

    What a killed run said is in the ledger. Where there is a remote, every other round is of
    another machine.
    """
    monkeypatch.setattr("pki_as_code.gitplumbing.locks.STALE_AFTER_SECONDS", 0.3)
    monkeypatch.setattr("pki_as_code.apply.batches.BATCH", BATCH)
    site = make_site(kind)
    names = [f"doomed-{number}" for number in range(KILLS // 2)]
    site.ask(names)
    started = time.monotonic()
    site.start("reconcile", *LIMITS).wait()
    killing = Killing(site, tmp_path / "phases.log", random.Random(f"4711 {kind}"),
                      time.monotonic() - started)  # fmt: skip
    places = [site.root, site.clone()]
    revoked = 0
    while killing.kills < KILLS and killing.rounds < ROUNDS_AT_MOST:
        number = killing.rounds
        if number % 2 and revoked < KILLS // 2:
            site.revoke(f"doomed-{revoked}")
            revoked += 1
        more = [f"host-{number}-{i}" for i in range(EACH)]
        site.ask(more)
        names += more
        place = places[number % 2]
        if place != site.root:
            site.repository.git("-C", str(place), "pull", "--quiet", "--ff-only")
        killing.run(place)
    site.run("reconcile", *LIMITS)
    entries = site.check_issued_once(names)
    assert sum(entry["type"] == "revoked" for entry in entries) == revoked
    crls = [e for e in entries if e["type"] == "crl" and e["issuer"] == "issuing"]
    assert crls[-1]["entryCount"] == revoked
    site.check_nothing_to_do()
    sys.stdout.write(killing.report(kind, len(entries)))
    assert killing.kills == KILLS
    assert killing.met[READING] < KILLS, "no run was killed that had begun to write"
