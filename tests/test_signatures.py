"""Who signed a commit, by git's own verification, in clones that want it otherwise."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pki_as_code.errors import RepositoryError
from pki_as_code.gitplumbing import (
    GitRepository,
    changes_between,
    cut_commits,
    read_commits,
    takes_back,
)
from pki_as_code.gitplumbing.signatures import common_ancestor
from pki_as_code.model import SignedCommit
from pki_as_code.plan.signers import identify, parse_signers
from tests.people import People, execute, gpg_home, needs_gpg, without_programs

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PLACES = ("certificates", "allowed_signers")


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def people(tmp_path_factory: pytest.TempPathFactory) -> People:
    return People(tmp_path_factory.mktemp("people"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    execute(tmp_path, "git", "init", "-q", "-b", "main", str(place))
    return place


def write(root: Path, path: str, text: str) -> None:
    place = root / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)


def told(root: Path, commit: str, allowed: str, gpg_keys: str = "") -> tuple[str, ...]:
    """Return status, fault and signers of a commit."""
    signers = parse_signers(allowed.encode(), gpg_keys.encode(), NOW)
    repository = GitRepository.discover(root)
    read = read_commits(repository, [commit], signers.allowed_signers)[commit]
    identity = identify(read, signers)
    return read.status, identity.fault, *identity.signers


# --- SSH -----------------------------------------------------------------------------------------


def test_a_good_signature_names_its_signer(root, people):
    commit = people.commit(root, by="alice")
    assert told(root, commit, people.allowed("bob", "alice")) == ("G", "", "alice@example.com")


def test_without_a_signature_there_is_no_signer(root, people):
    commit = people.commit_unsigned(root)
    assert told(root, commit, people.allowed("alice")) == ("N", "trust.commit_not_signed")


def test_a_key_that_is_not_listed_is_unknown(root, people):
    commit = people.commit(root, by="mallory", author="alice")
    assert told(root, commit, people.allowed("alice")) == ("U", "trust.signature_unknown")
    assert told(root, commit, "") == ("U", "trust.signature_unknown")


def test_an_author_is_not_whom_the_commit_says_but_whose_key_signed(root, people):
    commit = people.commit(root, by="bob", author="alice")
    assert told(root, commit, people.allowed("alice", "bob")) == (
        "G", "trust.author_differs", "bob@example.com",
    )  # fmt: skip


def test_a_commit_that_was_changed_after_it_was_signed_is_bad(root, people):
    commit = people.commit(root, "pay 10")
    text = execute(root, "git", "cat-file", "commit", commit).replace("pay 10", "pay 99")
    forged = execute(
        root, "git", "hash-object", "-t", "commit", "-w", "--stdin", data=f"{text}\n".encode()
    )
    assert told(root, forged, people.allowed("alice"))[:2] == ("B", "trust.signature_bad")


def test_one_key_with_several_names_signs_for_each_of_them(root, people):
    allowed = people.line("alice", principals="al@example.org,alice@example.com")
    commit = people.commit(root)
    assert told(root, commit, allowed) == ("G", "", "al@example.org", "alice@example.com")


def test_a_name_that_only_a_line_with_other_conditions_has_does_not_count(root, people):
    allowed = people.line("alice", 'namespaces="file"', "boss@example.com,al@example.org")
    allowed += people.line("alice", "", "al@example.org")
    commit = people.commit(root)
    assert told(root, commit, allowed)[2:] == ("al@example.org",)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ('valid-before="20260101Z"', "trust.signature_unknown"),
        ('valid-after="20270101Z"', "trust.signature_unknown"),
        ('valid-before="20991231Z"', ""),
        ('namespaces="git,pki-as-code"', ""),
        ('namespaces="pki-as-code"', "trust.signature_bad"),
        ('namespaces="git",valid-after="20200101Z",valid-before="20991231Z"', ""),
    ],
)
def test_what_a_line_says_of_its_use_holds(root, people, options, fault):
    commit = people.commit(root)
    assert told(root, commit, people.line("alice", options))[1] == fault


def test_a_key_that_has_ended_does_not_come_back_by_a_date_of_before(root, people, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2025-06-01T00:00:00Z")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2025-06-01T00:00:00Z")
    commit = people.commit(root)
    allowed = people.line("alice", 'valid-before="20260101Z"')
    settings = ["-c", f"gpg.ssh.allowedSignersFile={root / 'allowed'}"]
    (root / "allowed").write_text(allowed)
    # By the date that the commit gives itself, which is what git goes by, all is well.
    assert execute(root, "git", *settings, "log", "-1", "--format=%G?", commit) == "G"
    assert told(root, commit, allowed)[1] == "trust.signature_unknown"


@pytest.mark.parametrize(
    "line",
    [
        "*@example.com {key}", "alice@example.com,!bob@example.com {key}",
        "alice@example.com cert-authority {key}", "alice@example.com ssh-ed25519 ####",
        "alice@example.com", "alice@example.com valid-before=2099 {key}",
        'alice@example.com valid-before="20991399Z" {key}',
        'alice@example.com valid-before="20990101Z",valid-before="20200101Z" {key}',
    ],
)  # fmt: skip
def test_a_line_that_names_nobody_is_told_and_not_believed(root, people, line):
    key = people.line("alice").partition(" ")[2].strip()
    allowed = f"# who may\n\n{line.format(key=key)}\n"
    signers = parse_signers(allowed.encode(), b"", NOW)
    assert signers.allowed_signers == b""
    [finding] = signers.findings
    assert finding.code == "trust.signer_ignored"
    assert (finding.source.path, finding.source.line) == ("allowed_signers", 3)
    commit = people.commit(root)
    assert told(root, commit, allowed)[1] == "trust.signature_unknown"


def test_what_is_not_text_names_nobody():
    signers = parse_signers(b"\xff\x00\x1b[31m\n" + b'"' * 50, b"\xff\n", NOW)
    assert signers.allowed_signers == b""
    assert len(signers.findings) == 3


def test_only_good_is_good():
    signers = parse_signers(b"", b"alice@example.com " + b"AB" * 20, NOW)
    for status in "GBUXYREN?":
        commit = SignedCommit(
            "1" * 40, "Alice", "alice@example.com", "", status, "Alice", "AB" * 20, "AB" * 20, True
        )
        assert bool(identify(commit, signers).fault) is (status != "G"), status


# --- Hostile clones ------------------------------------------------------------------------------


@pytest.fixture
def evil(tmp_path: Path) -> Iterator[Path]:
    """A program that says that all is well, and notes that it was run."""
    program = tmp_path / "evil"
    program.write_text(
        f"#!/bin/sh\necho \"$0 $*\" >> '{tmp_path}/ran'\n"
        "echo 'Good \"git\" signature for alice@example.com with ED25519 key SHA256:AAAA'\n"
        "echo '[GNUPG:] GOODSIG 0 alice@example.com'\n"
    )
    program.chmod(0o755)
    yield program
    assert not (tmp_path / "ran").exists(), (tmp_path / "ran").read_text()


def test_no_program_of_the_clones_choice_judges_signatures(root, people, evil):
    good = people.commit(root, by="alice")
    commit = people.commit(root, by="mallory", author="alice")
    trusted = root / "mine"
    trusted.write_text(people.line("mallory", principals="alice@example.com"))
    for key, value in {
        "gpg.program": evil, "gpg.openpgp.program": evil, "gpg.x509.program": evil,
        "gpg.ssh.program": evil, "gpg.ssh.allowedSignersFile": trusted, "gpg.format": "openpgp",
        "gpg.ssh.defaultKeyCommand": evil, "gpg.ssh.revocationFile": evil,
        "gpg.minTrustLevel": "undefined", "log.showSignature": "true", "core.pager": evil,
        "mailmap.file": evil, "format.pretty": "raw", "i18n.logOutputEncoding": "UTF-16",
    }.items():  # fmt: skip
        execute(root, "git", "config", key, str(value))
    assert told(root, commit, people.allowed("alice")) == ("U", "trust.signature_unknown")
    assert told(root, good, people.allowed("alice")) == ("G", "", "alice@example.com")


@pytest.mark.parametrize("kind", ["SIGNED MESSAGE", "PGP SIGNATURE", "PGP MESSAGE"])
def test_a_signature_of_another_kind_runs_nothing_either(root, people, evil, kind):
    for key in ("gpg.program", "gpg.openpgp.program", "gpg.x509.program"):
        execute(root, "git", "config", key, str(evil))
    commit = people.commit(root)
    text = execute(root, "git", "cat-file", "commit", commit).replace("SSH SIGNATURE", kind)
    forged = execute(
        root, "git", "hash-object", "-t", "commit", "-w", "--stdin", data=f"{text}\n".encode()
    )
    status, fault = told(root, forged, people.allowed("alice"))[:2]
    assert status != "G"
    assert fault.startswith("trust.signature_")


def test_replaced_and_grafted_commits_hide_nothing(root, people):
    first = people.commit(root)
    write(root, "certificates/web.yaml", "bad")
    hidden = people.commit_unsigned(root)
    last = people.commit(root)
    write(root, ".git/info/grafts", f"{last} {first}\n")
    execute(root, "git", "replace", "--graft", last, first)
    seen = execute(root, "git", "rev-list", f"{first}..{last}")
    assert hidden not in seen
    repository = GitRepository.discover(root)
    [change] = changes_between(repository, first, last, PLACES)
    assert change.commit == hidden


def forge_graph(root: Path, child: str, parent: str) -> None:
    """Have the graph of commits that is kept beside them give a first commit a parent."""
    settings = ("-c", "core.commitGraph=true", "-c", "commitGraph.generationVersion=1")
    execute(root, "git", *settings, "commit-graph", "write", "--reachable")
    path = root / ".git/objects/info/commit-graph"
    data = bytearray(path.read_bytes()[:-20])
    chunks = {}
    for at in range(8, 8 + 12 * data[6], 12):
        chunks[bytes(data[at : at + 4])] = int.from_bytes(data[at + 4 : at + 12], "big")
    ids = bytes(data[chunks[b"OIDL"] : chunks[b"CDAT"]])
    places = {ids[at : at + 20].hex(): at // 20 for at in range(0, len(ids), 20)}
    row = chunks[b"CDAT"] + 36 * places[child]
    data[row + 20 : row + 24] = places[parent].to_bytes(4, "big")
    data[row + 31] = 2 << 2  # its generation, above two bits of the date
    path.chmod(0o644)
    path.write_bytes(bytes(data) + hashlib.sha1(data, usedforsecurity=False).digest())


def test_a_graph_of_commits_that_lies_is_not_asked(root, people):
    first = people.commit(root, "first")
    execute(root, "git", "checkout", "-q", "--orphan", "other")
    write(root, "certificates/web.yaml", "bad")
    other = people.commit_unsigned(root, "other")
    last = people.commit(root, "last")
    forge_graph(root, other, first)
    trusting = ("-c", "core.commitGraph=true", "merge-base", "--is-ancestor", first, last)
    assert execute(root, "git", *trusting) == ""  # what git says by itself
    repository = GitRepository.discover(root)
    assert not repository.is_ancestor(first, last)
    assert common_ancestor(repository, [first, last]) is None
    [change] = changes_between(repository, first, last, PLACES)
    assert (change.commit, change.parents) == (other, ())


def test_names_with_line_breaks_and_escapes_do_not_become_fields(root, people):
    commit = people.commit_unsigned(root)
    text = execute(root, "git", "cat-file", "commit", commit)
    text = text.replace("Alice <alice@example.com>", "A\x1b[31m::error::x <a b@\u202eexample.com>")
    forged = execute(
        root, "git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally",
        data=f"{text}\n\nG\n\x01\n".encode(),
    )  # fmt: skip
    assert told(root, forged, people.allowed("alice"))[:2] == ("N", "trust.commit_not_signed")


def test_without_ssh_keygen_nothing_is_good(root, people):
    commit = people.commit(root)
    allowed = people.allowed("alice")
    with without_programs("ssh-keygen"):
        assert told(root, commit, allowed)[1].startswith("trust.signature_")


# --- GPG -----------------------------------------------------------------------------------------


@needs_gpg
def test_a_gpg_key_counts_by_its_fingerprint_and_not_by_the_name_it_gives_itself(root, people):
    with gpg_home(people, "alice", "bob") as keys:
        commit = people.commit_gpg(root)
        listed = f"# gpg\nalice@example.com {keys['alice'].lower()}\n"
        assert told(root, commit, "", listed) == ("G", "", "alice@example.com")
        assert told(root, commit, "", "") == ("G", "trust.signature_unknown")
        other = f"alice@example.com {keys['bob']}\n"
        assert told(root, commit, "", other) == ("G", "trust.signature_unknown")
        # An SSH key of that name does not make one of GPG good.
        assert told(root, commit, people.allowed("alice"))[1] == "trust.signature_unknown"


@needs_gpg
def test_a_gpg_signature_that_cannot_be_verified_is_not_called_missing(root, people, monkeypatch):
    with gpg_home(people, "alice") as keys:
        commit = people.commit_gpg(root)
        listed = f"alice@example.com {keys['alice']}\n"
        with without_programs("gpg"):
            assert told(root, commit, "", listed)[1] == "trust.signature_unknown"
        empty = root.parent / "gh"
        empty.mkdir(mode=0o700)
        monkeypatch.setenv("GNUPGHOME", str(empty))
        assert told(root, commit, "", listed) == ("E", "trust.signature_unknown")


# --- What commits change -------------------------------------------------------------------------


def merge(root: Path, people: People, branch: str, *options: str) -> str:
    execute(root, "git", *people.settings("alice"), "merge", "-q", "--no-ff", "-m", "merge",
            *options, branch)  # fmt: skip
    return execute(root, "git", "rev-parse", "HEAD")


def test_every_line_of_history_is_looked_at(root, people):
    write(root, "README.md", "x")
    base = people.commit(root)
    execute(root, "git", "checkout", "-q", "-b", "side")
    write(root, "certificates/a.yaml", "a")
    on_side = people.commit_unsigned(root)
    write(root, "README.md", "other")
    people.commit_unsigned(root)
    execute(root, "git", "checkout", "-q", "main")
    write(root, "allowed_signers", "x")
    on_main = people.commit(root)
    merged = merge(root, people, "side")
    repository = GitRepository.discover(root)
    found = {c.commit: c for c in changes_between(repository, base, merged, PLACES)}
    assert found.keys() == {on_side, on_main, merged}
    assert found[on_side].own_paths == {"certificates/a.yaml"}
    assert found[merged].paths == {"certificates/a.yaml", "allowed_signers"}
    assert found[merged].own_paths == frozenset()
    assert takes_back(repository, found[merged]) == frozenset()
    everything = {c.commit for c in changes_between(repository, None, merged, ("README.md",))}
    assert base in everything


def fork(root: Path, people: People) -> str:
    """Have `certificates/a.yaml` changed on main, and another file on `side`; returns the base."""
    write(root, "certificates/a.yaml", "old")
    base = people.commit(root)
    execute(root, "git", "checkout", "-q", "-b", "side")
    write(root, "certificates/b.yaml", "b")
    people.commit(root)
    execute(root, "git", "checkout", "-q", "main")
    write(root, "certificates/a.yaml", "new")
    people.commit(root)
    return base


def of_merge(root: Path, base: str, commit: str) -> frozenset[str]:
    repository = GitRepository.discover(root)
    changes = {c.commit: c for c in changes_between(repository, base, commit, PLACES)}
    return takes_back(repository, changes[commit])


def test_a_merge_that_brings_something_of_its_own_is_seen(root, people):
    base = fork(root, people)
    execute(root, "git", *people.settings("alice"), "merge", "-q", "--no-commit", "--no-ff", "side")
    write(root, "certificates/evil.yaml", "evil")
    assert of_merge(root, base, people.commit_unsigned(root)) == {"certificates/evil.yaml"}


def test_a_merge_that_brings_an_old_version_back_is_seen(root, people):
    base = fork(root, people)
    execute(root, "git", *people.settings("alice"), "merge", "-q", "--no-commit", "--no-ff", "side")
    write(root, "certificates/a.yaml", "old")
    assert "certificates/a.yaml" in of_merge(root, base, people.commit_unsigned(root))


def test_a_merge_that_drops_what_the_other_side_did_is_seen(root, people):
    base = fork(root, people)
    merged = merge(root, people, "side", "-s", "ours")
    assert of_merge(root, base, merged) == {"certificates/b.yaml"}


def test_a_merge_of_histories_with_nothing_in_common_is_seen(root, people):
    write(root, "certificates/a.yaml", "a")
    base = people.commit(root, "a")
    execute(root, "git", "checkout", "-q", "--orphan", "other")
    execute(root, "git", "rm", "-q", "-rf", ".")
    write(root, "certificates/b.yaml", "b")
    people.commit(root, "b")
    execute(root, "git", "checkout", "-q", "main")
    merged = merge(root, people, "other", "--allow-unrelated-histories")
    assert of_merge(root, base, merged) == {"certificates/a.yaml", "certificates/b.yaml"}


def test_a_first_commit_changes_all_its_files(root, people):
    write(root, "certificates/a.yaml", "a")
    first = people.commit(root)
    [change] = changes_between(GitRepository.discover(root), None, first, PLACES)
    assert change.own_paths == change.paths == {"certificates/a.yaml"}


def test_a_path_with_any_bytes_is_one_path(root, people):
    write(root, "certificates/a\n:b.yaml", "a")
    first = people.commit(root)
    [change] = changes_between(GitRepository.discover(root), None, first, PLACES)
    assert change.paths == {"certificates/a\n:b.yaml"}


def test_where_a_clone_was_cut_off_is_known(root, people, tmp_path):
    people.commit(root)
    last = people.commit(root)
    assert cut_commits(GitRepository.discover(root)) == frozenset()
    execute(tmp_path, "git", "clone", "-q", "--depth=1", f"file://{root}", "shallow")
    assert cut_commits(GitRepository.discover(tmp_path / "shallow")) == {last}


def test_what_is_no_commit_is_not_asked_about(root, people):
    people.commit(root)
    repository = GitRepository.discover(root)
    for wrong in ("HEAD", "--output=x", "1" * 40):
        with pytest.raises(RepositoryError):
            read_commits(repository, [wrong], b"")
    assert read_commits(repository, [], b"") == {}


def test_a_range_takes_as_many_processes_as_one_commit(root, people, monkeypatch):
    commits = [people.commit(root) for _ in range(4)]
    started: list[object] = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: started.append(a) or run(*a, **k))
    repository = GitRepository.discover(root)
    counts = []
    for several in (commits[:1], commits):
        started.clear()
        read = read_commits(repository, several, people.allowed("alice").encode())
        assert {commit.status for commit in read.values()} == {"G"}
        counts.append(len(started))
    assert counts[0] == counts[1] == 3
