"""What is peculiar to a store in a branch: the remote, the cache, and hands that edit history."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from pki_as_code.errors import ContentionError, RepositoryError, StoreError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.model import canonical_json
from pki_as_code.stores import open_store, segments
from pki_as_code.stores.entries import Reconciled, Renamed
from pki_as_code.stores.interface import CertificateFilter
from tests.stores.conftest import Place, git
from tests.stores.material import (
    NOW,
    certificate,
    certificate_id,
    crl_payloads,
    der,
    issue,
    issued,
    reservation,
)

WEB = certificate_id("web")
API = certificate_id("api", "payments")
BRANCH = "refs/heads/pki-issued"
SEGMENT = "ledger/000000000000.jsonl"


def show(place: Place, path: str) -> str:
    return git(place.root, "show", f"{BRANCH}:{path}") + "\n"


def tip(directory: Path) -> str:
    return git(directory, "rev-parse", BRANCH)


def rewrite(place: Place, files: dict[str, str | None], *, on: str | None = BRANCH) -> str:
    """Commit other content to the branch, as somebody with git at hand would."""
    lines = ["commit " + BRANCH, "committer M <m@example.com> 1800000000 +0000", "data 4", "edit"]
    if on:
        lines.append(f"from {git(place.root, 'rev-parse', on)}")
    stream = "\n".join(lines).encode() + b"\n"
    for path, content in files.items():
        if content is None:
            stream += f"D {path}\n".encode()
        else:
            data = content.encode()
            stream += f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n"
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"], cwd=place.root, input=stream, check=True
    )
    return tip(place.root)


def record(store: Any, *payloads: Any) -> None:
    store.record(payloads, now=NOW, message="Record")


def state_directory(place: Place) -> Path:
    return place.root / ".git" / "pki-as-code"


def delete_index(place: Place, *, head: bool = False) -> None:
    for path in state_directory(place).iterdir():
        if head or not path.name.endswith(".head"):
            path.unlink()


# --- The branch ----------------------------------------------------------------------------------


def test_the_branch_has_the_ledger_and_files_to_fetch(local_git_place: Place) -> None:
    store = local_git_place.open()
    issue(store, reservation(API, 0x2001))
    listing = git(local_git_place.root, "ls-tree", "-r", "--name-only", BRANCH).splitlines()
    assert listing == ["authorities/root.pem", "certificates/payments/api.pem", SEGMENT]
    chain = x509.load_pem_x509_certificates(
        show(local_git_place, "certificates/payments/api.pem").encode()
    )
    assert der(chain[0]) == der(certificate("api", 0x2001))
    assert der(chain[1]) == store.authority_certificate("root")
    assert len(chain) == 2
    lines = show(local_git_place, SEGMENT).splitlines()
    digests = ["0" * 64, *(hashlib.sha256(line.encode()).hexdigest() for line in lines)]
    assert [json.loads(line)["prev"] for line in lines] == digests[:-1]
    assert store.head().digest == digests[-1]


def test_a_commit_is_the_users_and_names_the_head_of_the_ledger(local_git_place: Place) -> None:
    store = local_git_place.open()
    store.record([Reconciled("a" * 40)], now=NOW, message="Reconcile 1234567\n\nby hand\n")
    shown = git(local_git_place.root, "log", "-1", "--format=%an <%ae> %ct%n%B", BRANCH)
    assert shown.startswith(f"Alice Example <alice@example.com> {int(NOW.timestamp())}\nReconcile")
    head = store.head()
    assert shown.endswith(f"Ledger-Head: {head.sequence} {head.digest}")


def test_without_an_identity_the_program_signs_for_itself(
    local_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    record(local_git_place.open(), Reconciled("a" * 40))
    assert git(local_git_place.root, "log", "-1", "--format=%an", BRANCH) == "pkictl"


def test_an_identity_cannot_break_out_of_the_commit(local_git_place: Place) -> None:
    git(local_git_place.root, "config", "user.name", "A <x@y> 0 +0000\ncommitter Mallory")
    record(local_git_place.open(), Reconciled("a" * 40))
    author = git(local_git_place.root, "log", "-1", "--format=%an|%ae|%cn", BRANCH)
    assert author.split("|")[1] == "alice@example.com"
    assert "<" not in author


def test_neither_the_checked_out_branch_nor_the_index_is_touched(local_git_place: Place) -> None:
    (local_git_place.root / "pki.yaml").write_text("kind: Project\n")
    git(local_git_place.root, "add", "pki.yaml")
    before = git(local_git_place.root, "status", "--porcelain", "--branch")
    record(local_git_place.open(), Reconciled("a" * 40))
    assert git(local_git_place.root, "status", "--porcelain", "--branch") == before
    refs = git(local_git_place.root, "for-each-ref", "--format=%(refname)").splitlines()
    assert {ref for ref in refs if not ref.startswith("refs/pki-as-code/")} == {BRANCH}


def test_segments_are_bounded(local_git_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "CONTINUED_BELOW", 5)
    monkeypatch.setattr(segments, "MAX_ENTRIES", 8)
    store = local_git_place.open()
    batch = [reservation(certificate_id(f"n{i}"), 0x3000 + i) for i in range(20)]
    store.reserve(batch, now=NOW, message="Reserve")
    for number in range(6):
        record(store, Reconciled(f"{number:040x}"))
    listing = git(local_git_place.root, "ls-tree", "-r", BRANCH, "ledger/").splitlines()
    names = [line.split("/")[-1] for line in listing]
    assert names == [
        "000000000000.jsonl", "000000000008.jsonl", "000000000016.jsonl", "000000000023.jsonl",
        "000000000028.jsonl",
    ]  # fmt: skip
    assert [e.sequence for e in store.entries(first_sequence=9)] == list(range(9, 29))
    delete_index(local_git_place)
    again = local_git_place.open()
    assert again.head() == store.head()
    assert list(again.verify()) == []


def test_a_renamed_certificate_is_moved(local_git_place: Place) -> None:
    store = local_git_place.open()
    issue(store, reservation(WEB, 0x2001))
    old = show(local_git_place, "certificates/default/web.pem")
    record(store, Renamed(certificate_id("www"), WEB, "a" * 40, "x"))
    listing = git(local_git_place.root, "ls-tree", "-r", "--name-only", BRANCH)
    assert "default/web.pem" not in listing
    assert show(local_git_place, "certificates/default/www.pem") == old


def test_it_works_in_a_bare_repository_and_in_a_linked_working_tree(
    local_git_place: Place, directory: Path
) -> None:
    root = local_git_place.root
    git(directory, "clone", "--quiet", "--bare", str(root), "bare.git")
    git(directory / "bare.git", "remote", "remove", "origin")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "first")
    git(root, "worktree", "add", "--quiet", "--detach", str(directory / "linked"))
    for place in (directory / "bare.git", directory / "linked"):
        store = open_store("git:pki-issued", GitRepository.discover(place), root=place)
        issue(store, reservation(WEB, 0x2001))
        assert list(store.verify()) == []
        store.close()
    assert local_git_place.open().observe([WEB])[WEB].current.serial_number == 0x2001


def test_it_works_with_sha256_objects(directory: Path) -> None:
    git(directory, "init", "--quiet", "--object-format=sha256", "r")
    store = open_store(
        "git:pki-issued", GitRepository.discover(directory / "r"), root=directory / "r"
    )
    record(store, Reconciled("a" * 64))
    record(store, Reconciled("b" * 64))
    assert list(store.verify()) == []
    store.close()


def test_a_branch_that_is_something_else_is_not_written_to(local_git_place: Place) -> None:
    root = local_git_place.root
    git(root, "commit", "--quiet", "--allow-empty", "--message", "manifests")
    main = git(root, "rev-parse", "main")
    store = open_store("git:main", GitRepository.discover(root), root=root)
    with pytest.raises(StoreError) as caught:
        record(store, Reconciled("a" * 40))
    assert caught.value.code == "store.not_a_store"
    assert git(root, "rev-parse", "main") == main
    store.close()


@pytest.mark.parametrize("name", ["", "a..b", "-x", "a b", "x.lock", "@{-1}", "a\nb"])
def test_what_is_no_name_of_a_branch_is_refused(local_git_place: Place, name: str) -> None:
    root = local_git_place.root
    with pytest.raises(StoreError) as caught:
        open_store(f"git:{name}", GitRepository.discover(root), root=root)
    assert caught.value.code == "store.bad_uri"


def test_without_a_repository_there_is_no_branch(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_store("git:pki-issued", None, root=tmp_path)
    assert caught.value.code == "store.no_repository"


# --- The cache -----------------------------------------------------------------------------------


def test_a_deleted_index_is_made_anew_with_equal_content(git_place: Place) -> None:
    store = git_place.open()
    issue(store, reservation(WEB, 0x2001))
    before = list(store.find(CertificateFilter(kinds=())))
    head = store.head()
    store.close()
    delete_index(git_place)
    again = git_place.open()
    assert (again.head(), list(again.find(CertificateFilter(kinds=())))) == (head, before)
    assert list(again.verify()) == []


def test_only_the_tail_is_read(local_git_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = local_git_place.open()
    record(store, Reconciled("a" * 40))
    parsed: list[int] = []
    real = segments.RawLine

    def watch(sequence: int, line: bytes, source: Any) -> Any:
        parsed.append(sequence)
        return real(sequence, line, source)

    monkeypatch.setattr(segments, "RawLine", watch)
    assert local_git_place.open().last_reconciled() == "a" * 40
    assert parsed == []


def test_a_damaged_index_is_refused_and_made_anew_when_asked(local_git_place: Place) -> None:
    local_git_place.open().head()
    local_git_place.close()
    (path,) = state_directory(local_git_place).glob("*.db")
    path.write_bytes(b"not a database, and longer than a header of one " * 100)
    with pytest.raises(StoreError) as caught:
        local_git_place.open().head()
    assert caught.value.code == "store.damaged_database"
    assert "rebuild" in caught.value.help
    store = local_git_place.open()
    assert store.rebuild() == 3
    assert list(store.verify()) == []


def test_an_index_of_a_newer_version_is_refused(local_git_place: Place) -> None:
    import sqlite3

    local_git_place.open().head()
    local_git_place.close()
    (path,) = state_directory(local_git_place).glob("*.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    connection.close()
    with pytest.raises(StoreError) as caught:
        record(local_git_place.open(), Reconciled("a" * 40))
    assert caught.value.code == "store.newer_schema"


def test_a_changed_index_is_found_by_verify(local_git_place: Place) -> None:
    import sqlite3

    store = local_git_place.open()
    issue(store, reservation(WEB, 0x2001))
    (path,) = state_directory(local_git_place).glob("*.db")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE certificates SET profile = 'ca' WHERE name = 'web'")
    connection.close()
    (finding,) = store.verify()
    assert finding.code == "store.index_differs"
    assert "certificates" in finding.message
    store.rebuild()
    assert list(store.verify()) == []


def test_a_git_directory_that_cannot_be_written_can_be_read(
    local_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(local_git_place.open(), reservation(WEB, 0x2001))
    local_git_place.close()
    before = sorted(state_directory(local_git_place).iterdir())
    # The mode of a directory does not stop root, who may run these tests.
    monkeypatch.setattr("pki_as_code.stores.git_index.os.access", lambda path, mode: False)
    store = local_git_place.open(read_only=True)
    assert store.observe([WEB])[WEB].current.serial_number == 0x2001
    assert list(store.verify()) == []
    with pytest.raises(StoreError) as caught:
        local_git_place.open()
    assert caught.value.code == "store.read_only"
    assert sorted(state_directory(local_git_place).iterdir()) == before


def test_entries_that_cannot_be_fetched_are_not_left_out(
    remote_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote_git_place.open().head()
    record(remote_git_place.open_elsewhere(), Reconciled("a" * 40))
    monkeypatch.setattr("pki_as_code.stores.git_index.os.access", lambda path, mode: False)
    with pytest.raises(StoreError) as caught:
        remote_git_place.open(read_only=True).head()
    assert caught.value.code == "store.behind_remote"
    assert remote_git_place.open(read_only=True, push=False).last_reconciled() is None


# --- Hands that edit history ---------------------------------------------------------------------


def edits(place: Place) -> dict[str, dict[str, str | None]]:
    """Ways to change the ledger of a store that has five entries."""
    content = show(place, SEGMENT)
    lines = content.splitlines(keepends=True)
    swapped = [*lines[:3], lines[4], lines[3]]
    broken_prev = json.loads(lines[4]) | {"prev": "a" * 64}
    later = json.loads(lines[4]) | {"seq": 7}
    return {
        "a removed line": {SEGMENT: "".join(lines[:3] + lines[4:])},
        "a changed line": {SEGMENT: content.replace('"reason":"DoesNotExist"', '"reason":"Other"')},
        "two swapped lines": {SEGMENT: "".join(swapped)},
        "a broken prev": {SEGMENT: "".join([*lines[:4], canonical_json(broken_prev) + "\n"])},
        "a gap": {SEGMENT: "".join([*lines[:4], canonical_json(later) + "\n"])},
        "a cut off segment": {SEGMENT: content[:-30]},
        "an empty segment": {SEGMENT: ""},
        "an empty line": {SEGMENT: content + "\n"},
        "foreign content": {SEGMENT: "hello\n"},
        "a renamed segment": {SEGMENT: None, "ledger/000000000001.jsonl": content},
        "a second segment with a gap": {"ledger/000000000009.jsonl": lines[4]},
        "a foreign file among segments": {"ledger/README.md": "hello"},
        "no ledger": {SEGMENT: None},
    }


EDITS = [
    "a removed line", "a changed line", "two swapped lines", "a broken prev", "a gap",
    "a cut off segment", "an empty segment", "an empty line", "foreign content",
    "a renamed segment", "a second segment with a gap", "a foreign file among segments",
    "no ledger",
]  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_ledger_is_never_written_to_nor_called_sound(
    local_git_place: Place, edit: str
) -> None:
    store = local_git_place.open()
    issue(store, reservation(WEB, 0x2001))
    store.close()
    changes = edits(local_git_place)
    assert sorted(changes) == sorted(EDITS)
    edited = rewrite(local_git_place, changes[edit])

    # Those who saw the ledger before do not go on with it.
    seen = local_git_place.open()
    with pytest.raises(StoreError):
        record(seen, Reconciled("a" * 40))
    assert list(seen.verify()) != []
    assert tip(local_git_place.root) == edited

    # Someone who never saw the ledger before it was edited finds out from its own bytes.
    delete_index(local_git_place, head=True)
    fresh = local_git_place.open()
    with pytest.raises(StoreError):
        fresh.observe([WEB])
    with pytest.raises(StoreError):
        record(fresh, Reconciled("a" * 40))
    assert list(local_git_place.open().verify()) != []
    assert tip(local_git_place.root) == edited


def test_verify_names_the_line(local_git_place: Place) -> None:
    issue(local_git_place.open(), reservation(WEB, 0x2001))
    rewrite(local_git_place, edits(local_git_place)["a changed line"])
    places = [str(f.source) for f in local_git_place.open().verify() if f.source]
    assert places == [f"{SEGMENT}:3:1", f"{SEGMENT}:5:1"]  # the chain breaks after each change


def test_a_ledger_forged_with_a_valid_chain_has_no_valid_signatures(
    local_git_place: Place,
) -> None:
    reserved = reservation(WEB, 0x2001)
    issue(local_git_place.open(), reserved)
    lines = show(local_git_place, SEGMENT).splitlines()
    forged = json.loads(lines[4])
    forged["signature"] = json.loads(lines[2])["signature"]
    rewrite(local_git_place, {SEGMENT: "\n".join([*lines[:4], canonical_json(forged)]) + "\n"})
    delete_index(local_git_place, head=True)
    codes = {f.code for f in local_git_place.open().verify()}
    assert "store.signature_invalid" in codes
    assert "store.projection_differs" in codes


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("certificates/default/web.pem", "tampered"),
        ("certificates/default/web.pem", None),
        ("certificates/default/other.pem", "foreign"),
        ("README.md", "foreign"),
        ("authorities/root.pem", ""),
    ],
)
def test_a_changed_file_is_named_by_verify(
    local_git_place: Place, path: str, content: str | None
) -> None:
    issue(local_git_place.open(), reservation(WEB, 0x2001))
    rewrite(local_git_place, {path: content})
    (finding,) = local_git_place.open().verify()
    assert finding.code == "store.projection_differs"
    assert finding.source is not None
    assert finding.source.path == path


def test_a_damaged_object_is_named_by_verify(local_git_place: Place) -> None:
    issue(local_git_place.open(), reservation(WEB, 0x2001))
    for path in ("certificates/default/web.pem", SEGMENT):
        blob = git(local_git_place.root, "rev-parse", f"{BRANCH}:{path}")
        loose = local_git_place.root / ".git" / "objects" / blob[:2] / blob[2:]
        loose.chmod(0o644)
        data = bytearray(loose.read_bytes())
        data[len(data) // 2] ^= 0xFF
        loose.write_bytes(data)
        findings = list(local_git_place.open().verify())
        assert any(path in f.message for f in findings), path


@pytest.mark.parametrize("with_index", [True, False])
def test_a_branch_that_went_back_is_noticed(local_git_place: Place, with_index: bool) -> None:
    store = local_git_place.open()
    old = tip(local_git_place.root)
    issue(store, reservation(WEB, 0x2001))
    new = tip(local_git_place.root)
    store.close()
    git(local_git_place.root, "update-ref", BRANCH, old)
    if not with_index:
        delete_index(local_git_place)
    store = local_git_place.open()
    for use in (store.head, lambda: record(store, Reconciled("a" * 40))):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.code == "store.rolled_back"
    assert "store.rolled_back" in {f.code for f in store.verify()}
    # Putting it back heals it.
    git(local_git_place.root, "update-ref", BRANCH, new)
    assert list(local_git_place.open().verify()) == []
    # And an operator can say that it is meant.
    git(local_git_place.root, "update-ref", BRANCH, old)
    store = local_git_place.open()
    assert store.rebuild() == 3
    assert list(store.verify()) == []
    issue(store, reservation(WEB, 0x2002))


def test_a_deleted_branch_is_not_an_empty_store(local_git_place: Place) -> None:
    local_git_place.open().head()
    git(local_git_place.root, "update-ref", "-d", BRANCH)
    for index in (True, False):
        with pytest.raises(StoreError) as caught:
            local_git_place.open().head()
        assert caught.value.code == "store.rolled_back"
        if index:
            local_git_place.close()
            delete_index(local_git_place)


def test_another_ledger_in_its_place_is_noticed(local_git_place: Place, directory: Path) -> None:
    local_git_place.open().head()
    local_git_place.close()
    git(directory, "init", "--quiet", "other")
    other = open_store(
        "git:pki-issued", GitRepository.discover(directory / "other"), root=directory / "other"
    )
    for number in range(5):
        record(other, Reconciled(f"{number:040x}"))
    other.close()
    git(local_git_place.root, "fetch", "--quiet", "../other", f"+{BRANCH}:{BRANCH}")
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            local_git_place.open().head()
        assert caught.value.code == "store.rolled_back"
        local_git_place.close()
        delete_index(local_git_place)


# --- What the dead leave -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ref",
    [BRANCH, "refs/pki-as-code/staging/pki-issued", "refs/pki-as-code/remotes/origin/pki-issued"],
)
def test_a_lock_whose_owner_died_does_not_stop_the_store_for_ever(
    remote_git_place: Place, monkeypatch: pytest.MonkeyPatch, ref: str
) -> None:
    monkeypatch.setattr("pki_as_code.gitplumbing.locks.STALE_AFTER_SECONDS", 0.05)
    record(remote_git_place.open_elsewhere(), Reconciled("a" * 40))  # there is something to fetch
    lock = remote_git_place.root / ".git" / f"{ref}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    store = remote_git_place.open()
    record(store, Reconciled("b" * 40))
    assert list(store.verify()) == []
    assert not lock.exists()


def test_a_lock_that_is_held_is_waited_for_and_not_broken(
    local_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = local_git_place.open()
    before = store.head()
    lock = local_git_place.root / ".git" / f"{BRANCH}.lock"
    lock.touch()
    future = time.time() + 3600
    os.utime(lock, (future, future))
    monkeypatch.setattr("pki_as_code.gitplumbing.locks.STALE_AFTER_SECONDS", 0.05)
    with pytest.raises(RepositoryError):
        record(store, Reconciled("b" * 40))
    assert lock.exists()
    assert store.head() == before
    lock.unlink()
    record(store, Reconciled("b" * 40))


def test_what_was_written_and_not_published_is_not_stood_on(
    make_empty: Callable[[str], Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_empty("git")
    store = place.open()
    with monkeypatch.context() as patch:
        patch.setattr(GitRepository, "fsync_objects", lambda *_: os.open("/nowhere/x", os.O_RDONLY))
        with pytest.raises(StoreError) as caught:
            record(store, Reconciled("a" * 40))
    assert caught.value.code == "store.io_error"
    assert store.head().sequence == -1
    record(store, Reconciled("b" * 40))
    assert git(place.root, "rev-list", "--count", BRANCH) == "1"
    assert list(store.verify()) == []


# --- The remote ----------------------------------------------------------------------------------


def test_what_is_recorded_is_at_the_remote(remote_git_place: Place) -> None:
    issue(remote_git_place.open(), reservation(WEB, 0x2001))
    assert tip(remote_git_place.directory / "remote.git") == tip(remote_git_place.root)


def test_a_race_that_is_lost_is_run_again_on_what_the_winner_left(remote_git_place: Place) -> None:
    ours, theirs = remote_git_place.open(), remote_git_place.open_elsewhere()
    ours.head()
    theirs.head()
    issue(theirs, reservation(API, 0x3001))
    issue(ours, reservation(WEB, 0x2001))
    assert {o.name for o in ours.live_objects()} == {"root", "web", "api"}
    issue(theirs, reservation(certificate_id("x"), 0x3002))
    assert list(ours.verify()) == list(theirs.verify()) == []


def test_a_push_that_loses_the_race_is_repeated(
    remote_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other one comes between our fetch and our push."""
    from pki_as_code.gitplumbing import remotes

    ours, theirs = remote_git_place.open(), remote_git_place.open_elsewhere()
    ours.head()
    real, numbers = remotes.push_ref, iter(range(100))

    def interrupted(repository: GitRepository, *arguments: Any) -> Any:
        if repository.root == remote_git_place.root and (number := next(numbers)) < 3:
            record(theirs, Reconciled(f"{number:040x}"))
        return real(repository, *arguments)

    monkeypatch.setattr(remotes, "push_ref", interrupted)
    record(ours, Reconciled("f" * 40))
    assert ours.last_reconciled() == "f" * 40
    assert ours.head().sequence == 6
    assert list(ours.verify()) == []
    assert tip(remote_git_place.directory / "remote.git") == tip(remote_git_place.root)


def test_an_object_reserved_by_the_winner_is_contention(
    remote_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pki_as_code.gitplumbing import remotes

    ours, theirs = remote_git_place.open(), remote_git_place.open_elsewhere()
    real, pending = remotes.push_ref, [reservation(WEB, 0x3001)]

    def interrupted(repository: GitRepository, *arguments: Any) -> Any:
        if repository.root == remote_git_place.root and pending:
            theirs.reserve([pending.pop()], now=NOW, message="theirs")
        return real(repository, *arguments)

    monkeypatch.setattr(remotes, "push_ref", interrupted)
    with pytest.raises(ContentionError):
        ours.reserve([reservation(WEB, 0x2001)], now=NOW, message="ours")
    # What the winner left is seen without another run.
    assert [r.serial_number for r in ours.open_reservations()] == [0x3001]
    assert list(ours.verify()) == []


def test_a_run_beside_this_one_is_no_step_back(
    local_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It appends when this one has looked where the branch is, and at nothing else yet."""
    from pki_as_code.stores.git import GitStore

    ours, theirs = local_git_place.open(), local_git_place.open()
    theirs.head()
    real, numbers = GitStore._find_tip, iter(range(3))

    def overtaken(store: GitStore) -> str | None:
        found = real(store)
        if store is ours and (number := next(numbers, None)) is not None:
            record(theirs, Reconciled(f"{number:040x}"))
        return found

    monkeypatch.setattr(GitStore, "_find_tip", overtaken)
    assert ours.last_reconciled() == f"{2:040x}"
    record(ours, Reconciled("f" * 40))
    assert list(ours.verify()) == []


def test_what_a_run_beside_this_one_wrote_is_read_from_where_it_is(local_git_place: Place) -> None:
    """They share the index, which is further than the commit that was looked at before."""
    ours, theirs = local_git_place.open(), local_git_place.open()
    ours.head()
    issue(theirs, reservation(WEB, 0x2001))
    assert ours.observe([WEB])[WEB].current.serial_number == 0x2001
    assert ours.certificate_der("root", 0x2001) == theirs.certificate_der("root", 0x2001)
    theirs.reserve([reservation(API, 0x2002)], now=NOW, message="Reserve")
    assert [r.serial_number for r in ours.open_reservations()] == [0x2002]


def test_of_two_machines_that_say_the_same_in_the_same_second_one_has_said_it(
    remote_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else git takes the second push for the first, and one CRL number is signed twice."""
    from pki_as_code.gitplumbing import remotes

    ours, theirs = remote_git_place.open(), remote_git_place.open_elsewhere()
    theirs.head()
    reserved, _ = crl_payloads(7)
    real, pending = remotes.push_ref, [reserved]

    def interrupted(repository: GitRepository, *arguments: Any) -> Any:
        if repository.root == remote_git_place.root and pending:
            record(theirs, pending.pop())
        return real(repository, *arguments)

    monkeypatch.setattr(remotes, "push_ref", interrupted)
    with pytest.raises(ContentionError):
        record(ours, reserved)
    assert list(ours.verify()) == []


def test_races_that_never_end_are_contention(
    remote_git_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pki_as_code.gitplumbing import PushResult, PushStatus, remotes

    monkeypatch.setattr(remotes, "push_ref", lambda *_: PushResult(PushStatus.REJECTED))
    monkeypatch.setattr("pki_as_code.stores.git.time.sleep", lambda _: None)
    store = remote_git_place.open()
    before = store.head()
    with pytest.raises(ContentionError):
        record(store, Reconciled("a" * 40))
    assert store.head() == before
    assert list(store.verify()) == []


def test_a_push_that_fails_records_nothing(remote_git_place: Place) -> None:
    store = remote_git_place.open()
    before = store.head()
    remote = remote_git_place.directory / "remote.git"
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(StoreError) as caught:
        store.reserve([reservation(WEB, 0x2001)], now=NOW, message="Reserve")
    assert caught.value.code == "store.push_failed"
    assert "nothing was recorded" in caught.value.help
    assert store.head() == before
    assert tip(remote) == tip(remote_git_place.root)
    assert list(store.open_reservations()) == []
    hook.unlink()
    store.reserve([reservation(WEB, 0x2001)], now=NOW, message="Reserve")


def test_an_unreachable_remote_is_an_error_unless_it_is_left_alone(
    remote_git_place: Place,
) -> None:
    remote_git_place.open().head()
    (remote_git_place.directory / "remote.git").rename(remote_git_place.directory / "moved.git")
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            remote_git_place.open(read_only=read_only).head()
        assert caught.value.code == "store.fetch_failed"
    local = remote_git_place.open(push=False)
    record(local, Reconciled("a" * 40))
    (remote_git_place.directory / "moved.git").rename(remote_git_place.directory / "remote.git")
    # What was not pushed goes along with the next push.
    record(remote_git_place.open(), Reconciled("b" * 40))
    assert tip(remote_git_place.directory / "remote.git") == tip(remote_git_place.root)


def test_histories_that_went_apart_are_refused(remote_git_place: Place) -> None:
    record(remote_git_place.open(push=False), Reconciled("a" * 40))
    record(remote_git_place.open_elsewhere(), Reconciled("b" * 40))
    before = tip(remote_git_place.root)
    store = remote_git_place.open()
    with pytest.raises(StoreError) as caught:
        record(store, Reconciled("c" * 40))
    assert caught.value.code == "store.diverged"
    assert tip(remote_git_place.root) == before


@pytest.mark.parametrize("change", ["went back", "was deleted", "was rewritten"])
def test_a_remote_that_lost_entries_is_refused(remote_git_place: Place, change: str) -> None:
    store = remote_git_place.open()
    old = tip(remote_git_place.root)
    record(store, Reconciled("a" * 40))
    remote = remote_git_place.directory / "remote.git"
    if change == "went back":
        git(remote, "update-ref", BRANCH, old)
    elif change == "was deleted":
        git(remote, "update-ref", "-d", BRANCH)
    else:
        tree = git(remote, "rev-parse", f"{BRANCH}^{{tree}}")
        other = git(
            remote, "-c", "user.name=M", "-c", "user.email=m@x", "commit-tree", "-m", "x", tree
        )
        git(remote, "update-ref", BRANCH, other)
    for attempt in (remote_git_place.open(), store):
        with pytest.raises(StoreError) as caught:
            record(attempt, Reconciled("b" * 40))
        assert caught.value.code == "store.rolled_back"
    if change != "was rewritten":
        assert "git push" in caught.value.help
        git(remote_git_place.root, "push", "--quiet", "origin", BRANCH)
        record(remote_git_place.open(), Reconciled("b" * 40))


def test_a_fresh_clone_reads_the_branch_even_without_the_network(remote_git_place: Place) -> None:
    issue(remote_git_place.open(), reservation(WEB, 0x2001))
    clone = remote_git_place.directory / "fresh"
    git(remote_git_place.directory, "clone", "--quiet", "remote.git", str(clone))
    (remote_git_place.directory / "remote.git").rename(remote_git_place.directory / "gone.git")
    store = open_store(
        "git:pki-issued", GitRepository.discover(clone), root=clone, push=False, read_only=True
    )
    assert store.observe([WEB])[WEB].current.serial_number == 0x2001
    store.close()


def test_a_shallow_clone_of_one_branch_fetches_the_store(remote_git_place: Place) -> None:
    root, remote = remote_git_place.root, remote_git_place.directory / "remote.git"
    git(root, "commit", "--quiet", "--allow-empty", "--message", "one")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "two")
    git(root, "push", "--quiet", "origin", "main")
    store = remote_git_place.open()
    issue(store, reservation(WEB, 0x2001))
    clone = remote_git_place.directory / "runner"
    git(
        remote_git_place.directory,
        "clone", "--quiet", "--depth=1", "--branch=main", f"file://{remote}", str(clone),
    )  # fmt: skip
    runner = open_store("git:pki-issued", GitRepository.discover(clone), root=clone)
    issue(runner, reservation(API, 0x3001))
    assert list(runner.verify()) == []
    runner.close()
    assert tip(remote) == tip(clone)


def test_a_store_branch_that_was_cloned_shallow_is_deepened(remote_git_place: Place) -> None:
    store = remote_git_place.open()
    remote, clone = remote_git_place.directory / "remote.git", remote_git_place.directory / "cut"
    for number in range(3):
        record(store, Reconciled(f"{number:040x}"))
    git(
        remote_git_place.directory,
        "clone", "--quiet", "--depth=1", "--branch=pki-issued", f"file://{remote}", str(clone),
    )  # fmt: skip
    git(clone, "checkout", "--quiet", "--detach")
    for number in range(3, 6):
        record(store, Reconciled(f"{number:040x}"))
    # Another cut: the new end is not seen to stand on the old one.
    git(
        clone,
        "fetch",
        "--quiet",
        "--depth=1",
        "origin",
        f"+{BRANCH}:refs/remotes/origin/pki-issued",
    )
    runner = open_store("git:pki-issued", GitRepository.discover(clone), root=clone)
    record(runner, Reconciled("f" * 40))
    assert list(runner.verify()) == []
    runner.close()


def test_a_remote_that_would_run_something_is_refused(remote_git_place: Place) -> None:
    git(remote_git_place.root, "config", "remote.origin.receivepack", "evil")
    with pytest.raises(RepositoryError) as caught:
        record(remote_git_place.open(), Reconciled("a" * 40))
    assert caught.value.code == "git.unsafe_config"


def test_the_branchs_own_remote_is_used(remote_git_place: Place) -> None:
    root, directory = remote_git_place.root, remote_git_place.directory
    git(directory, "init", "--quiet", "--bare", "second.git")
    git(root, "remote", "add", "second", "../second.git")
    git(root, "config", "branch.pki-issued.remote", "second")
    record(remote_git_place.open(), Reconciled("a" * 40))
    assert tip(directory / "second.git") == tip(root)


def test_an_issued_payload_is_the_same_whoever_signs(remote_git_place: Place) -> None:
    reserved = reservation(WEB, 0x2001)
    assert issued(reserved) == issued(reserved)


def test_who_reads_while_the_index_is_made_anew_never_finds_it_empty(
    local_git_place: Place,
) -> None:
    """`serve` would say of a revoked certificate that nobody knows it."""
    store = local_git_place.open()
    many = [reservation(certificate_id(f"web{n}"), 0x2000 + n) for n in range(64)]
    store.reserve(many, now=NOW, message="Reserve")
    store.record([issued(one) for one in many], now=NOW, message="Record")
    reader = local_git_place.open()
    assert reader.head() == store.head()
    done = threading.Event()
    seen = set()

    def read() -> None:
        while not done.is_set():
            seen.add(len(list(reader.find(CertificateFilter()))))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for _ in range(5):
            store.rebuild()
    finally:
        done.set()
        thread.join()
    assert seen == {64}
