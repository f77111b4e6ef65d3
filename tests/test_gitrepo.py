"""The repository as people use it: commits that take nothing else along, and who asked for what."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from pki_as_code import gitrepo
from pki_as_code.errors import RepositoryError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.gitplumbing.status import uncommitted_paths
from pki_as_code.gitrepo import (
    FALLBACK_IDENTITY,
    author_identity,
    commit_paths,
    commit_to_branch,
    describe_commit,
    is_ignored,
    is_tracked,
    known_identity,
    last_changes,
    tracked_paths,
)
from tests.apply.site import directory

__all__ = ["directory"]

ROLES = ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")


class Work:
    """A repository with one commit."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("first", README="hello")
        self.repository = GitRepository.discover(root)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, content: str) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)

    def commit(self, message: str, /, **files: str) -> str:
        for path, content in files.items():
            self.write(path, content)
        self.git("add", "-A")
        self.git("-c", "user.name=Bob", "-c", "user.email=b@example.com",
                 "commit", "--quiet", "--allow-empty", "-m", message)  # fmt: skip
        return self.git("rev-parse", "HEAD")

    def status(self) -> list[str]:
        return self.git("status", "--porcelain").splitlines()

    def head(self) -> str:
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def work(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Work:
    configuration = tmp_path / "gitconfig"
    configuration.write_text("[user]\nname = Alice\nemail = alice@example.com\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ROLES:
        monkeypatch.delenv(name, raising=False)
    root = directory / "work"
    root.mkdir()
    return Work(root)


@pytest.fixture
def nobody(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away who git thinks it is."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("EMAIL", "")


# --- commit_paths --------------------------------------------------------------------------------


def test_a_commit_has_only_its_own_files_in_a_dirty_tree(work):
    work.commit("second", edited="old", staged="old", removed="old", both="old")
    work.write("edited", "new")
    work.write("staged", "new")
    work.write("both", "staged")
    work.git("add", "staged", "both")
    work.write("both", "and edited")
    work.git("rm", "--quiet", "--cached", "removed")
    work.write("untracked", "new")
    before = work.status()
    work.write("certificates/a.yaml", "a")
    work.write("certificates/a.csr", "b")
    commit = commit_paths(
        work.repository, ["certificates/a.yaml", "certificates/a.csr"], "Ask for a"
    )
    assert commit == work.head()
    assert work.git("show", "--name-only", "--format=%s", commit).splitlines() == [
        "Ask for a", "", "certificates/a.csr", "certificates/a.yaml",
    ]  # fmt: skip
    assert work.status() == before


def test_a_file_that_is_changed_is_committed_as_it_is_on_disk(work):
    work.commit("second", file="old")
    work.write("file", "staged")
    work.git("add", "file")
    work.write("file", "on disk")
    commit = commit_paths(work.repository, ["file"], "change")
    assert work.git("show", f"{commit}:file") == "on disk"
    assert work.status() == []


def test_an_ignored_file_is_committed_when_it_is_asked_for(work):
    work.commit("ignore", **{".gitignore": "*.csr\n"})
    work.write("a.csr", "x")
    commit_paths(work.repository, ["a.csr"], "a")
    assert is_tracked(work.repository, "a.csr")


def test_nothing_new_is_no_commit(work):
    before = work.head()
    assert commit_paths(work.repository, ["README"], "again") == before
    assert work.head() == before


def test_the_first_commit_of_a_repository_can_be_made(tmp_path, work):
    root = tmp_path / "new"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", root], check=True)
    (root / "a").write_text("a")
    repository = GitRepository.discover(root)
    commit = commit_paths(repository, ["a"], "first")
    assert repository.head_commit() == commit


@pytest.mark.parametrize(
    "path", ["with blank", "ümläut", "-n", "*", ":(glob)**", "[a]", "quote'\"", "--force"]
)
def test_a_path_is_a_path_whatever_its_characters(work, path):
    work.write("other", "not mine")
    work.write(path, "mine")
    commit = commit_paths(work.repository, [path], "odd")
    names = work.git("show", "--name-only", "--format=", "-z", commit).strip("\0").split("\0")
    assert names == [path]
    assert work.status() == ["?? other"]


def test_a_message_is_a_message_whatever_its_characters(work):
    work.write("a", "a")
    message = "--amend\n\n# not a comment\n$(touch x)"
    commit_paths(work.repository, ["a"], message)
    assert work.git("log", "-1", "--format=%s") == "--amend"
    assert work.git("rev-list", "--count", "HEAD") == "2"
    assert not (work.root / "x").exists()


def test_hooks_do_not_run(work):
    for name in ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit"):
        hook = work.root / ".git/hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{work.root}/ran-{name}'\nexit 1\n")
        hook.chmod(0o755)
    work.git("config", "core.hooksPath", str(work.root / ".git/hooks"))
    work.write("a", "a")
    commit_paths(work.repository, ["a"], "a")
    commit_to_branch(work.repository, "b", {"b": b"b"}, "b")
    assert list(work.root.glob("ran-*")) == []


def test_a_file_system_monitor_does_not_run(work):
    monitor = work.root / ".git/monitor"
    monitor.write_text(f"#!/bin/sh\ntouch '{work.root}/ran'\n")
    monitor.chmod(0o755)
    work.git("config", "core.fsmonitor", str(monitor))
    work.write("a", "a")
    commit_paths(work.repository, ["a"], "a")
    uncommitted_paths(work.repository)
    is_ignored(work.repository, "a")
    assert not (work.root / "ran").exists()


def test_a_commit_that_git_refuses_is_one_error(work):
    (work.root / ".git/index.lock").touch()
    work.write("a", "a")
    with pytest.raises(RepositoryError) as refused:
        commit_paths(work.repository, ["a"], "a")
    assert refused.value.code == "git.commit_failed"
    assert "index.lock" in refused.value.message
    assert "commit them by hand" in refused.value.help


# --- What a repository brings along is not run ---------------------------------------------------


@pytest.fixture
def evil(work: Work, tmp_path: Path) -> Path:
    """A program that notes that it was run, in a file named `it ran` beside it."""
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/it ran'\ncat\n")
    program.chmod(0o755)
    return program


def ran(evil: Path) -> bool:
    return (evil.parent / "it ran").exists()


@pytest.mark.parametrize("name", ["x", "a=b", "dotted.name", "=", "ü"])
def test_no_filter_of_the_repository_is_run(work, evil, name):
    with (work.root / ".git/config").open("a") as configuration:
        configuration.write(
            f'[filter "{name}"]\nclean = {evil}\n[diff "{name}"]\ntextconv = {evil}\n'
        )
    work.write(".git/info/attributes", f"* filter={name} diff={name}\n")
    work.write("a", "a")
    commit_paths(work.repository, ["a"], "a")
    work.write("README", "changed")
    uncommitted_paths(work.repository)
    commit_to_branch(work.repository, "b", {"b": b"b"}, "b")
    assert not ran(evil)


def test_no_signing_program_of_the_repository_is_run(work, evil):
    for key, value in (("commit.gpgSign", "true"), ("gpg.program", str(evil)),
                       ("user.signingKey", "x"), ("log.showSignature", "true")):  # fmt: skip
        work.git("config", key, value)
    work.write("a", "a")
    commit = commit_paths(work.repository, ["a"], "a")
    signed = work.git("cat-file", "commit", commit).replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n", 1
    )
    (work.root / "signed").write_text(signed + "\n")
    object_id = work.git("hash-object", "-w", "-t", "commit", "signed")
    work.git("update-ref", "refs/heads/main", object_id)
    assert changes(work, "a") == {"a": object_id}
    assert describe_commit(work.repository, object_id).author == "Alice <alice@example.com>"
    assert not ran(evil)


def test_no_filter_of_a_submodule_is_run(work, evil, tmp_path):
    inner = Work.__new__(Work)
    inner.root = work.root / "certificates" / "sub"
    inner.root.mkdir(parents=True)
    inner.git("init", "--quiet")
    inner.commit("inner", a="1", **{".gitattributes": "* filter=x\n"})
    inner.git("config", "filter.x.clean", str(evil))
    work.git("-c", "advice.addEmbeddedRepo=false", "add", "certificates/sub")
    work.commit("with a submodule")
    inner.write("a", "2")
    (evil.parent / "it ran").unlink(missing_ok=True)
    uncommitted_paths(work.repository, ["certificates"])
    assert not ran(evil)


@pytest.mark.parametrize("value", ["true", "yes"])
def test_a_filter_that_is_required_does_not_keep_git_from_looking(work, value):
    work.git("config", "filter.x.clean", "false")
    work.git("config", "filter.x.required", value)
    work.write(".git/info/attributes", "* filter=x\n")
    work.write("README", "HELLO")  # as long as before, so that git has to read it
    assert uncommitted_paths(work.repository) == ["README"]


# --- Where a commit goes -------------------------------------------------------------------------


def test_with_a_detached_head_the_head_moves(work):
    work.git("checkout", "--quiet", "--detach")
    work.write("a", "a")
    commit = commit_paths(work.repository, ["a"], "a")
    assert work.head() == commit
    assert work.git("rev-parse", "main") == work.git("rev-parse", f"{commit}^")
    assert work.status() == []


def test_in_a_linked_working_tree_its_own_branch_moves(work, tmp_path):
    work.git("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    linked = GitRepository.discover(tmp_path / "linked")
    (linked.root / "a").write_text("a")
    commit = commit_paths(linked, ["a"], "a")
    assert work.git("rev-parse", "other") == commit
    assert work.head() != commit
    assert linked.run("status", "--porcelain") == b""


def test_a_head_that_moved_meanwhile_is_built_upon(work, monkeypatch):
    """Somebody commits between the look at HEAD and the move of the branch: once, then always."""
    real = GitRepository.update_ref
    rivals: list[str] = []
    work.git("config", "user.name", "Rival")
    first = work.head()
    work.commit("rival", rival="x")
    rival_tree = work.git("rev-parse", "HEAD^{tree}")
    work.git("update-ref", "HEAD", first)

    def slow(self, ref, new, old, **named):
        if len(rivals) < times:
            rivals.append(work.git("commit-tree", "-p", "HEAD", "-m", "rival", rival_tree))
            work.git("update-ref", "HEAD", rivals[-1])
        real(self, ref, new, old, **named)

    monkeypatch.setattr(GitRepository, "update_ref", slow)
    work.write("a", "a")
    times = 1
    commit = commit_paths(work.repository, ["a"], "ask")
    assert work.git("log", "--format=%s").split() == ["ask", "rival", "first"]
    assert work.git("ls-tree", "--name-only", commit).split() == ["README", "a", "rival"]
    assert work.status() == []
    work.write("a", "b")
    times = 10
    with pytest.raises(RepositoryError) as refused:
        commit_paths(work.repository, ["a"], "again")
    assert refused.value.code == "git.commit_failed"
    assert "moved by someone else" in refused.value.message


def test_the_reflog_says_what_was_done(work):
    work.write("a", "a")
    commit_paths(work.repository, ["a"], "Ask for a\n\nand more")
    assert work.git("log", "-g", "-1", "--format=%gs") == "commit: Ask for a"


def test_a_link_is_not_committed_in_place_of_a_file(work, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (work.root / "a").symlink_to(tmp_path / "secret")
    (work.root / "dir").symlink_to(tmp_path)
    for path in ("a", "dir/secret", "gone"):
        with pytest.raises(RepositoryError) as refused:
            commit_paths(work.repository, [path], "a")
        assert refused.value.code == "git.commit_failed"
    assert work.git("rev-list", "--count", "HEAD") == "1"


def test_a_file_stays_executable_and_becomes_so_only_where_modes_mean_something(work):
    for name in ("a", "b"):
        work.write(name, "x")
        (work.root / name).chmod(0o755)
    commit_paths(work.repository, ["a"], "a")
    work.git("config", "core.fileMode", "off")
    commit_paths(work.repository, ["b"], "b")
    assert [line.split()[0] for line in work.git("ls-tree", "HEAD", "a", "b").splitlines()] == [
        "100755", "100644",
    ]  # fmt: skip


# --- Who it is -----------------------------------------------------------------------------------


def authors(work: Work, ref: str = "HEAD") -> str:
    return work.git("log", "-1", "--format=%an <%ae> / %cn <%ce>", ref)


def test_commits_are_by_the_user_of_git(work):
    work.write("a", "a")
    commit_paths(work.repository, ["a"], "a")
    commit_to_branch(work.repository, "b", {"b": b"b"}, "b")
    assert authors(work) == "Alice <alice@example.com> / Alice <alice@example.com>"
    assert authors(work, "b") == authors(work)


def test_without_a_user_of_git_commits_are_by_pkictl(work, nobody):
    assert known_identity(work.repository) is None
    assert author_identity(work.repository) == FALLBACK_IDENTITY
    work.write("a", "a")
    commit_paths(work.repository, ["a"], "a")
    commit_to_branch(work.repository, "b", {"b": b"b"}, "b")
    assert (
        authors(work)
        == authors(work, "b")
        == ("pkictl <pkictl@localhost> / pkictl <pkictl@localhost>")
    )


def test_the_environment_names_the_user_as_it_does_for_git(work, monkeypatch):
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Carol")
    monkeypatch.setenv("GIT_AUTHOR_EMAIL", "carol@example.com")
    work.write("a", "a")
    commit_paths(work.repository, ["a"], "a")
    assert authors(work).startswith("Carol <carol@example.com> / ")


def test_a_commit_is_described_as_it_was_written(work):
    commit = work.commit("Ask for it\n\nand more")
    described = describe_commit(work.repository, commit)
    assert (described.id, described.author, described.summary) == (
        commit, "Bob <b@example.com>", "Ask for it",
    )  # fmt: skip


# --- commit_to_branch ----------------------------------------------------------------------------


def test_a_commit_to_a_branch_leaves_the_working_tree_alone(work):
    work.commit("second", staged="old", edited="old")
    work.write("staged", "new")
    work.git("add", "staged")
    work.write("edited", "new")
    work.write("certificates/a.yaml", "in the working tree")
    before = (work.status(), work.head())
    commit = commit_to_branch(
        work.repository, "ask/a", {"certificates/a.yaml": b"in the branch"}, "Ask for a"
    )
    assert (work.status(), work.head()) == before
    assert (work.root / "certificates/a.yaml").read_text() == "in the working tree"
    assert work.git("show", "ask/a:certificates/a.yaml") == "in the branch"
    assert work.git("rev-parse", "ask/a^") == work.head()
    assert work.git("diff", "--name-only", "HEAD", commit) == "certificates/a.yaml"
    assert not list((work.root / ".git").glob("pki-as-code-index*"))


def test_a_branch_that_is_there_goes_on(work):
    first = commit_to_branch(work.repository, "ask", {"a": b"1"}, "one")
    work.commit("meanwhile on main", other="x")
    second = commit_to_branch(work.repository, "ask", {"b": b"2"}, "two")
    assert work.git("rev-parse", "ask^") == first
    assert work.git("ls-tree", "--name-only", second).split() == ["README", "a", "b"]


def test_the_branch_that_is_checked_out_is_refused(work):
    with pytest.raises(RepositoryError) as refused:
        commit_to_branch(work.repository, "main", {"a": b"1"}, "one")
    assert refused.value.code == "git.branch_checked_out"
    assert work.git("rev-list", "--count", "main") == "1"


@pytest.mark.parametrize(
    "name", ["", "a b", "a..b", ".a", "a.lock", "a\nb", "a~1", "/a", "a/", "a//b", "@{u}", "a\0b"]
)
def test_a_name_that_no_branch_can_have_is_refused(work, name):
    with pytest.raises(RepositoryError) as refused:
        commit_to_branch(work.repository, name, {"a": b"1"}, "one")
    assert refused.value.code == "git.bad_branch"
    assert len(work.git("for-each-ref").splitlines()) == 1


# --- Who changed what ----------------------------------------------------------------------------


def changes(work: Work, *paths: str, at: str = "HEAD") -> dict[str, Any]:
    commit = work.git("rev-parse", at)
    found = dict(last_changes(work.repository, commit, list(paths)))
    with pytest.MonkeyPatch.context() as patched:  # many paths are looked for in another way
        patched.setattr(gitrepo, "_PATHS_NAMED", 0)
        assert dict(last_changes(work.repository, commit, list(paths))) == found
    return found


def test_each_path_has_the_commit_that_last_changed_it(work):
    one = work.commit("one", a="1", b="1")
    two = work.commit("two", b="2")
    work.commit("three", c="3")
    assert changes(work, "a", "b", "missing") == {"a": one, "b": two}
    assert changes(work, "b", at=one) == {"b": one}
    assert changes(work) == {}


def test_a_renamed_file_was_changed_by_the_rename(work):
    work.commit("one", a="1")
    work.git("mv", "a", "b")
    moved = work.commit("move")
    assert changes(work, "b") == {"b": moved}


def test_what_a_merge_brought_was_changed_by_the_merge(work):
    """On the branch that is reconciled, the merge is what made it so."""
    work.commit("base", a="1")
    work.git("checkout", "--quiet", "-b", "feature")
    work.commit("on the branch", b="1")
    work.git("checkout", "--quiet", "main")
    on_main = work.commit("on main", c="1")
    work.git("-c", "user.name=Bob", "-c", "user.email=b@example.com",
             "merge", "--quiet", "--no-ff", "-m", "merge", "feature")  # fmt: skip
    assert changes(work, "b", "c") == {"b": work.head(), "c": on_main}


def test_a_change_made_within_the_merge_itself_is_found(work):
    work.commit("base", a="1")
    work.git("checkout", "--quiet", "-b", "feature")
    work.commit("on the branch", a="feature")
    work.git("checkout", "--quiet", "main")
    work.commit("on main", a="main")
    subprocess.run(
        ["git", "merge", "--quiet", "feature"], cwd=work.root, check=False, capture_output=True
    )
    merge = work.commit("both", a="both")
    assert changes(work, "a") == {"a": merge}


def test_many_paths_are_answered(work):
    files = {f"f{number}": "x" for number in range(1100)}
    commit = work.commit("many", **files)
    assert changes(work, *files) == dict.fromkeys(files, commit)


@pytest.mark.parametrize("path", ["with blank", "ümläut", "-n", "new\nline", "[a]*"])
def test_paths_of_any_characters_are_found(work, path):
    commit = work.commit("odd", **{path: "x"})
    assert changes(work, path) == {path: commit}


# --- What is not committed, ignored, tracked -----------------------------------------------------


def test_what_is_not_committed_is_told_by_path(work):
    work.commit("one", **{"certificates/a": "1", "certificates/b": "1", "other": "1"})
    work.write("certificates/a", "2")
    work.write("certificates/b", "2")
    work.git("add", "certificates/b")
    work.write("certificates/new/c", "1")
    work.write("other", "2")
    assert uncommitted_paths(work.repository, ["certificates"]) == [
        "certificates/a", "certificates/b", "certificates/new/c",
    ]  # fmt: skip
    assert uncommitted_paths(work.repository) == [
        "certificates/a", "certificates/b", "certificates/new/c", "other",
    ]  # fmt: skip


def test_what_git_ignores_is_told(work):
    work.commit("ignore", **{".gitignore": "/keys/\n*.key\n"})
    assert is_ignored(work.repository, "keys/root.pem")
    assert is_ignored(work.repository, "a.key")
    assert not is_ignored(work.repository, "certificates/a.csr")
    for odd in (":(top)keys/x", ":/keys/x", "-n", "*", "keys*/x"):
        assert not is_ignored(work.repository, odd)


def test_what_is_tracked_is_told_of_a_commit_and_of_the_index(work):
    first = work.head()
    work.write("a", "1")
    assert not is_tracked(work.repository, "a")
    work.git("add", "a")
    assert is_tracked(work.repository, "a")
    assert not is_tracked(work.repository, "a", first)
    assert is_tracked(work.repository, "README", first)
    assert not is_tracked(work.repository, "READ*", first)


def test_many_paths_are_asked_for_at_once(work):
    first = work.head()
    work.write("keys/a.pem", "1")
    work.git("add", "keys/a.pem")
    paths = ["README", "keys", "keys/a.pem", "keys/a", "key", "missing"]
    assert tracked_paths(work.repository, paths) == {"README", "keys", "keys/a.pem"}
    assert tracked_paths(work.repository, paths, first) == {"README"}
    second = work.commit("second")
    assert tracked_paths(work.repository, paths, second) == {"README", "keys", "keys/a.pem"}
    assert tracked_paths(work.repository, []) == frozenset()
