"""The connection to the remote is lost in a push: what was done is found out, not guessed."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from tests.faults import cut_ssh

NAMES = [f"host-{number}" for number in range(4)]


@pytest.fixture
def site(make_site, tmp_path):
    """A site whose remote is reached through what git takes for ssh."""
    site = make_site("git with a remote")
    site.ask(NAMES)
    site.repository.git("remote", "set-url", "origin", f"ssh://localhost{site.remote}")
    return site


def ssh(order: Path) -> dict[str, str]:
    command = [sys.executable, cut_ssh.__file__, str(order)]
    return {"GIT_SSH_COMMAND": shlex.join(command), "GIT_SSH_VARIANT": "ssh"}


def test_a_push_that_was_done_and_never_answered_is_done_once(site, tmp_path):
    order = tmp_path / "order"
    order.write_text("after\n")
    done = site.start("reconcile", env=ssh(order)).wait()
    assert not order.exists()
    assert done.code == 0, done.err
    site.repository.git("remote", "set-url", "origin", str(site.remote))
    site.check_issued_once(NAMES)
    site.check_nothing_to_do()


def test_another_run_may_go_on_before_the_loss_is_noticed(site, tmp_path):
    """What this run had reserved is signed by the other one, and by no other."""
    order = tmp_path / "order"
    clone = site.clone()
    program = shlex.join([sys.executable, "-m", "pki_as_code", "-C", str(clone), "reconcile"])
    order.write_text(f"after\n{program}")
    done = site.start("reconcile", env=ssh(order)).wait()
    assert not order.exists()
    assert done.code == 0, done.err
    assert "certificate host-0" not in done.err  # the other one made it
    site.repository.git("remote", "set-url", "origin", str(site.remote))
    entries = site.check_issued_once(NAMES)
    assert sum(e["type"] == "reserved" and e["object"]["name"] in NAMES for e in entries) == 4
    site.check_nothing_to_do()


def test_a_push_that_never_arrived_is_an_error_and_signs_nothing(site, tmp_path):
    order = tmp_path / "order"
    order.write_text("before\n")
    refs = site.repository.git("ls-remote", str(site.remote))
    done = site.start("reconcile", env=ssh(order)).wait()
    assert done.code == 1
    assert "error[store.push_failed]" in done.err
    assert site.repository.git("ls-remote", str(site.remote)) == refs
    assert not site.log.exists() or not site.log.read_text()
    site.repository.git("remote", "set-url", "origin", str(site.remote))
    site.run("reconcile")
    site.check_issued_once(NAMES)
