"""The file that a plan is remembered in."""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from pki_as_code.increments import memo as memo_module
from pki_as_code.increments.memo import Memo, Row, State, write_memo
from pki_as_code.increments.rows import path_key


def state(**changes: Any) -> State:
    given = {"commit": "0" * 40, "sequence": 1, "digest": "d", "store": "s", "planned_at": 1,
             "full_at": 1, "default_issuers": ("issuing",)}  # fmt: skip
    return State(**{**given, **changes})


def test_two_that_write_after_the_same_memo_do_not_both(site):
    repository = site.workspace().repository
    first = state()
    assert write_memo(repository, first, [("a", Row(declares={"k"}))], [], after=None)
    second, third = state(), state()
    assert write_memo(repository, second, [], [], after=(first.token, ["a"]))
    assert not write_memo(repository, third, [], [], after=(first.token, []))
    with Memo.open(repository) as memo:
        assert memo is not None
        assert memo.state.token == second.token
        assert memo.paths_of(["k"]) == set()


def test_a_memo_that_another_run_holds_is_left_alone(site, monkeypatch):
    monkeypatch.setattr(memo_module, "_WAIT_SECONDS", 0.05)
    repository = site.workspace().repository
    assert write_memo(repository, state(), [], [], after=None)
    with sqlite3.connect(memo_path(site), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert not write_memo(repository, state(), [], [], after=None)
        other.execute("ROLLBACK")
    assert write_memo(repository, state(), [], [], after=None)


def test_paths_need_not_be_text(site):
    repository = site.workspace().repository
    path = os.fsdecode(b"certificates/\xff.yaml")
    row = Row(due_at=5, certificates=2, declares={"k"}, names={"n", "k"})
    assert write_memo(repository, state(), [(path, row)], [path_key(path)], after=None)
    with Memo.open(repository) as memo:
        assert memo is not None
        assert memo.due(5) == memo.paths_of(["k"], declared=True) == memo.paths_of(["n"]) == {path}
        assert memo.due(4) == memo.paths_of(["n"], declared=True) == set()
        assert memo.keys_of([path], declares=True) == {"k"}
        assert memo.keys_of([path], declares=False) == {"n"}
        assert memo.below("certificates") == {path}
        assert memo.pending() == {path_key(path)}
        assert memo.state.certificates == memo.certificates_in([path, "other"]) == 2


def test_the_memo_is_private(site):
    assert write_memo(site.workspace().repository, state(), [], [], after=None)
    assert memo_path(site).stat().st_mode & 0o777 == 0o600


def memo_path(site):
    return site.root / ".git/pki-as-code/plan.memo.db"
