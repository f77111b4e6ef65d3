"""git, started so that a hostile clone stays inert."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pki_as_code import workers
from pki_as_code.errors import InvalidValueError, NotFoundError, RepositoryError
from pki_as_code.gitplumbing import (
    BlobReader,
    GitRepository,
    PushStatus,
    RevisionTree,
    fetch_ref,
    list_tree,
    process,
    push_ref,
    remote_ref,
    remote_url,
)
from pki_as_code.workers import Work


def git(directory: Path, *arguments: str, data: str | None = None) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=directory,
        input=data,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(directory: Path, files: dict[str, str], message: str = "change") -> str:
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(directory, "add", "--all")
    git(directory, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(directory, "rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def configuration(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    path = tmp_path_factory.mktemp("home") / "gitconfig"
    path.write_text(
        "[user]\nname = Alice\nemail = alice@example.com\n[init]\ndefaultBranch = main\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "a repository"
    git(tmp_path, "init", "--quiet", str(path))
    return path


@pytest.fixture
def repository(root: Path) -> GitRepository:
    return GitRepository.discover(root)


# --- Discovery -----------------------------------------------------------------------------------


def test_a_repository_is_found_from_a_directory_inside_it(root: Path) -> None:
    (root / "certificates" / "payments").mkdir(parents=True)
    found = GitRepository.discover(root / "certificates" / "payments")
    assert (found.root, found.git_dir, found.bare) == (root, root / ".git", False)
    assert found.common_dir == root / ".git"


def test_no_repository_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError) as caught:
        GitRepository.discover(tmp_path)
    assert caught.value.code == "git.no_repository"
    assert "pkictl init" in caught.value.help


def test_a_directory_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError) as caught:
        GitRepository.discover(tmp_path / "nowhere")
    assert "nowhere" in caught.value.message


def test_a_repository_that_git_refuses_is_not_called_missing(root: Path) -> None:
    (root / ".git" / "HEAD").write_text("garbage")
    with pytest.raises(RepositoryError) as caught:
        GitRepository.discover(root)
    assert caught.value.code == "git.failed"


def test_a_bare_repository_and_a_linked_working_tree_are_found(root: Path, tmp_path: Path) -> None:
    commit(root, {"a": "1"})
    git(tmp_path, "clone", "--quiet", "--bare", str(root), "bare.git")
    bare = GitRepository.discover(tmp_path / "bare.git")
    assert (bare.root, bare.bare) == (tmp_path / "bare.git", True)
    assert bare.head_commit() == git(root, "rev-parse", "HEAD")
    git(root, "worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    linked = GitRepository.discover(tmp_path / "linked")
    assert linked.root == tmp_path / "linked"
    assert linked.common_dir == root / ".git"
    assert linked.git_dir == root / ".git" / "worktrees" / "linked"


# --- Revisions -----------------------------------------------------------------------------------


def test_revisions_are_resolved_to_commits(root: Path, repository: GitRepository) -> None:
    assert repository.head_commit() is None
    assert repository.current_branch() == "main"
    first = commit(root, {"a": "1"})
    git(root, "tag", "--annotate", "--message", "release", "v1")
    assert repository.head_commit() == first
    for text in ("HEAD", "main", "v1", first[:8], first):
        assert repository.resolve_revision(text) == first
    git(root, "checkout", "--quiet", "--detach")
    assert repository.current_branch() is None


@pytest.mark.parametrize(
    "text",
    ["nope", "", "--help", "-h", "HEAD^{tree}", "HEAD:a", "a\x00b", "HEAD\n", "@{99}", "^HEAD"],
)
def test_what_names_no_commit_is_refused(root: Path, repository: GitRepository, text: str) -> None:
    commit(root, {"a": "1"})
    with pytest.raises(RepositoryError) as caught:
        repository.resolve_revision(text)
    assert caught.value.code == "git.unknown_revision"


def test_text_that_is_no_object_id_never_reaches_git(repository: GitRepository) -> None:
    for call in (repository.has_commit, repository.read_blob):
        with pytest.raises(RepositoryError):
            call("--output=/tmp/x")
    with pytest.raises(RepositoryError):
        repository.is_ancestor("HEAD", "HEAD")


def test_ancestry(root: Path, repository: GitRepository) -> None:
    first, second = commit(root, {"a": "1"}), commit(root, {"a": "2"})
    assert repository.is_ancestor(first, second)
    assert repository.is_ancestor(first, first)
    assert not repository.is_ancestor(second, first)
    assert repository.has_commit(first)
    assert not repository.has_commit("0" * 39 + "1")


def test_changed_paths_are_streamed_with_status_and_blobs(
    root: Path, repository: GitRepository
) -> None:
    names = {"a.yaml": "1", "dir/b.yaml": "1", "gone.yaml": "1", 'we"ird\tname': "1"}
    first = commit(root, names)
    (root / "gone.yaml").unlink()
    second = commit(root, {"dir/b.yaml": "2", "new é.yaml": "1"})
    changes = {c.path: c for c in repository.changed_paths(first, second)}
    assert {path: change.status for path, change in changes.items()} == {
        "dir/b.yaml": "M", "gone.yaml": "D", "new é.yaml": "A",
    }  # fmt: skip
    assert repository.read_blob(changes["dir/b.yaml"].new_blob_id) == b"2"
    assert list(repository.changed_paths(second, second)) == []
    removed = [path for path, change in changes.items() if change.status == "D"]
    assert [c.path for c in repository.changed_paths(first, second, "D")] == removed != []
    assert not (root / ".git" / "no-such-index").exists()


# --- Trees and blobs -----------------------------------------------------------------------------


@pytest.fixture
def tree(root: Path, repository: GitRepository) -> Iterator[RevisionTree]:
    (root / "link.yaml").symlink_to("/etc/passwd")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    commit(root, {"pki.yaml": "kind: Project\n", "certificates/web.yaml": "x" * 2000})
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    git(root, "commit", "--quiet", "--message", "submodule")
    head = repository.head_commit()
    assert head is not None
    with RevisionTree(repository, head, max_file_size=1000) as opened:
        yield opened


def test_a_revision_is_read_from_objects_and_not_from_the_working_tree(
    root: Path, tree: RevisionTree
) -> None:
    (root / "pki.yaml").write_text("changed, not committed")
    (root / "certificates" / "new.yaml").write_text("not committed")
    assert tree.read("pki.yaml") == b"kind: Project\n"
    assert tree.read("run.sh") == b"#!/bin/sh\n"
    assert [(f.path, f.mode, f.size) for f in tree.files()] == [
        ("certificates/web.yaml", "100644", 2000),
        ("link.yaml", "120000", 11),
        ("module", "160000", 0),
        ("pki.yaml", "100644", 14),
        ("run.sh", "100755", 10),
    ]
    assert [f.path for f in tree.files("certificates")] == ["certificates/web.yaml"]
    assert tree.read("pki.yaml") == b"kind: Project\n"
    assert tree.commit.startswith(tree.description)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("link.yaml", "path.symlink"),
        ("module", "path.submodule"),
        ("certificates/web.yaml", "path.too_large"),
        ("../outside", "path.outside"),
        ("/etc/passwd", "path.outside"),
        ("a/../pki.yaml", "path.outside"),
        ("./pki.yaml", "path.outside"),
        ("", "path.outside"),
        ("pki.yaml\x00", "path.outside"),
        ("certificates/", "path.outside"),
    ],
)
def test_only_regular_files_of_bounded_size_inside_are_read(
    tree: RevisionTree, path: str, code: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        tree.read(path)
    assert caught.value.code == code


@pytest.mark.parametrize("path", ["nope", "certificates", "*.yaml", ":(top)pki.yaml", "-x", "a\nb"])
def test_a_file_that_is_not_in_the_revision_is_not_found(tree: RevisionTree, path: str) -> None:
    with pytest.raises(NotFoundError):
        tree.read(path)


def test_blobs_are_read_one_after_the_other_and_after_a_refusal(
    root: Path, repository: GitRepository
) -> None:
    head = commit(root, {"big": "x" * 5000, "a": "1", "empty": "", "binary": "a\nb\n\n"})
    ids = {entry.path: entry.blob_id for entry in list_tree(repository, head, sizes=False)}
    with BlobReader(repository) as blobs:
        assert blobs.read(ids["a"], limit=10) == b"1"
        assert blobs.read(ids["empty"], limit=10) == b""
        with pytest.raises(InvalidValueError) as caught:
            blobs.read(ids["big"], limit=4999)
        assert caught.value.code == "path.too_large"
        assert blobs.read(ids["binary"], limit=10) == b"a\nb\n\n"
        for no_blob in (head, "0" * 40):
            with pytest.raises(RepositoryError) as missing:
                blobs.read(no_blob, limit=10)
            assert missing.value.code == "git.no_object"
        assert blobs.read(ids["big"], limit=5000) == b"x" * 5000


# --- Refs ----------------------------------------------------------------------------------------


@given(
    order=st.lists(st.integers(0, 199), max_size=300) | st.just([*range(200)]),
    selected=st.sets(st.sampled_from(["d0", "d1", "d2/2", "d2"])) | st.none(),
)
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_files_are_the_same_in_whatever_order_they_are_read(
    many: tuple[GitRepository, str], order: list[int], selected: set[str] | None
) -> None:
    with RevisionTree(*many) as tree:
        found = list(tree.files() if selected is None else tree.select(selected))
        assert len(found) == 200 or selected is not None
        for number in order:
            assert tree.read(f"d{number % 3}/{number}") == f"content {number}".encode()


@pytest.fixture
def many(root: Path, repository: GitRepository) -> tuple[GitRepository, str]:
    files = {f"d{number % 3}/{number}": f"content {number}" for number in range(200)}
    return repository, commit(root, files)


def test_files_are_read_ahead_whatever_was_read_of_others_before(
    many: tuple[GitRepository, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    read_many = BlobReader.read_many

    def counting(blobs: BlobReader, blob_ids: Sequence[str], *, limit: int) -> list[bytes]:
        asked.append(len(blob_ids))
        return read_many(blobs, blob_ids, limit=limit)

    monkeypatch.setattr(BlobReader, "read_many", counting)
    with RevisionTree(*many) as tree:
        for entry in tree.select(["d2"]):
            tree.read(entry.path)
        assert len(asked) < 10
        for entry in tree.files():
            tree.read(entry.path)
    assert len(asked) < 30


def test_a_file_is_read_although_one_after_it_is_missing(
    root: Path, many: tuple[GitRepository, str]
) -> None:
    with RevisionTree(*many) as tree:
        entries = list(tree.files())
        blob = entries[3].blob_id
        (root / ".git/objects" / blob[:2] / blob[2:]).unlink()
        for entry in (*entries[:3], *entries[4:]):
            tree.read(entry.path)
        with pytest.raises(RepositoryError):
            tree.read(entries[3].path)


def test_children_read_blobs_through_a_process_of_their_own(
    many: tuple[GitRepository, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "processes", lambda: 2)
    with RevisionTree(*many) as tree:
        paths = [entry.path for entry in tree.files()]
        before = [tree.read(path) for path in paths]
        assert list(Work(tree.read, paths).results()) == before
        assert [tree.read(path) for path in paths] == before


def test_a_ref_is_moved_only_from_where_it_is(root: Path, repository: GitRepository) -> None:
    first, second = commit(root, {"a": "1"}), commit(root, {"a": "2"})
    ref = "refs/heads/deep/store"
    repository.update_ref(ref, first, None)
    assert repository.ref_value(ref) == first
    for stale in (None, second):
        with pytest.raises(RepositoryError) as caught:
            repository.update_ref(ref, second, stale)
        assert caught.value.code == "git.ref_moved"
    repository.update_ref(ref, second, first)
    assert repository.ref_values(ref, "refs/heads/main", "refs/heads/deep") == {
        ref: second, "refs/heads/main": second,
    }  # fmt: skip
    repository.delete_ref(ref)
    repository.delete_ref(ref)
    assert repository.ref_value(ref) is None


def test_several_refs_are_moved_all_or_none(root: Path, repository: GitRepository) -> None:
    first, second = commit(root, {"a": "1"}), commit(root, {"a": "2"})
    with pytest.raises(RepositoryError):
        repository.update_refs({"refs/x/a": (first, None), "refs/heads/main": (first, first)})
    assert repository.ref_value("refs/x/a") is None
    assert repository.ref_value("refs/heads/main") == second


def test_a_ref_is_synced_with_its_directories(
    root: Path, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = commit(root, {"a": "1"})
    synced: list[Path] = []
    monkeypatch.setattr("pki_as_code.gitplumbing.repository.fsync_directory", synced.append)
    repository.update_ref("refs/heads/deep/store", first, None)
    git_dir = root / ".git"
    assert synced == [
        git_dir / "refs/heads/deep", git_dir / "refs/heads", git_dir / "refs", git_dir,
    ]  # fmt: skip
    synced.clear()
    repository.fsync_objects(first, None)
    assert git_dir / "objects" / first[:2] in synced
    assert synced[-1] == git_dir / "objects"


# --- Remotes -------------------------------------------------------------------------------------


@pytest.fixture
def remote(root: Path, tmp_path: Path) -> Path:
    path = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(path))
    git(root, "remote", "add", "origin", str(path))
    return path


REF = "refs/heads/store"


def test_a_push_is_a_compare_and_swap(
    root: Path, remote: Path, repository: GitRepository, tmp_path: Path
) -> None:
    assert remote_url(repository, "origin") == str(remote)
    assert remote_url(repository, "upstream") is None
    first = commit(root, {"a": "1"})
    assert remote_ref(repository, "origin", REF) is None
    assert push_ref(repository, "origin", first, REF).status is PushStatus.OK
    assert push_ref(repository, "origin", first, REF).status is PushStatus.OK
    assert remote_ref(repository, "origin", REF) == first
    # Someone else is faster.
    git(tmp_path, "clone", "--quiet", "--branch", "store", str(remote), "other")
    theirs = commit(tmp_path / "other", {"a": "theirs"})
    git(tmp_path / "other", "push", "--quiet", "origin", "HEAD:store")
    ours = commit(root, {"a": "ours"})
    assert push_ref(repository, "origin", ours, REF).status is PushStatus.REJECTED
    assert git(remote, "rev-parse", "store") == theirs
    assert fetch_ref(repository, "origin", REF, "refs/seen/store") == theirs
    assert repository.has_commit(theirs)


def test_a_push_that_the_remote_declines_or_that_finds_none_has_failed(
    root: Path, remote: Path, repository: GitRepository
) -> None:
    first = commit(root, {"a": "1"})
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho '\033[31mno \n::error::x' >&2\nexit 1\n")
    hook.chmod(0o755)
    result = push_ref(repository, "origin", first, REF)
    assert result.status is PushStatus.FAILED
    assert "\033" not in result.detail
    assert "\n" not in result.detail
    git(root, "remote", "set-url", "origin", str(remote.parent / "nowhere.git"))
    assert push_ref(repository, "origin", first, REF).status is PushStatus.FAILED
    with pytest.raises(RepositoryError):
        remote_ref(repository, "origin", REF)


def test_a_fetch_does_not_follow_a_remote_that_went_back(
    root: Path, remote: Path, repository: GitRepository
) -> None:
    first, second = commit(root, {"a": "1"}), commit(root, {"a": "2"})
    git(root, "push", "--quiet", "origin", f"{second}:{REF}")
    assert fetch_ref(repository, "origin", REF, "refs/seen/store") == second
    git(remote, "update-ref", REF, first)
    with pytest.raises(RepositoryError) as caught:
        fetch_ref(repository, "origin", REF, "refs/seen/store")
    assert caught.value.code == "git.not_fast_forward"
    assert repository.ref_value("refs/seen/store") == second


# --- Configuration -------------------------------------------------------------------------------


def test_configuration_and_identity(root: Path, repository: GitRepository) -> None:
    assert repository.config("core.bare") == "false"
    assert repository.config("no.such") is None
    assert repository.user_identity() == ("Alice", "alice@example.com")
    git(root, "config", "user.name", "Alice of this repository")
    assert repository.user_identity() == ("Alice of this repository", "alice@example.com")
    git(root, "config", "user.email", "")
    assert repository.user_identity() is None


def test_the_callers_environment_does_not_lead_elsewhere(
    root: Path, tmp_path: Path, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = commit(root, {"a": "1"})
    git(tmp_path, "init", "--quiet", "elsewhere")
    for name, value in {
        "GIT_DIR": str(tmp_path / "elsewhere" / ".git"),
        "GIT_WORK_TREE": str(tmp_path),
        "GIT_INDEX_FILE": str(tmp_path / "index"),
        "GIT_OBJECT_DIRECTORY": str(tmp_path / "objects"),
        "GIT_NAMESPACE": "x",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_PARAMETERS": "'core.bare'='true'",
        "GIT_REPLACE_REF_BASE": "refs/evil/",
    }.items():
        monkeypatch.setenv(name, value)
    assert GitRepository.discover(root) == repository
    assert repository.head_commit() == head
    assert repository.config("core.bare") == "false"


def test_errors_of_git_are_escaped_and_short(root: Path, repository: GitRepository) -> None:
    with pytest.raises(RepositoryError) as caught:
        repository.run("rev-parse", "--verify", "\x1b[31m::error::\n" + "x" * 5000)
    assert caught.value.code == "git.failed"
    assert "\x1b" not in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 700


def test_a_missing_git_is_an_error(
    repository: GitRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError) as caught:
        repository.head_commit()
    assert caught.value.code == "git.not_installed"


def test_errors_of_git_name_its_command_and_its_first_words(repository: GitRepository) -> None:
    with pytest.raises(RepositoryError) as caught:
        repository.run("-c", "fastimport.unpackLimit=1", "fast-import", input=b"nonsense\n")
    assert caught.value.message == (
        "git fast-import failed with status 128: fatal: Unsupported command: nonsense"
    )


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"\nwarning: w\nhint: h\n  fatal:  no\x1b  \nmore\n", "fatal: no\\x1b"),
        (b"warning: only this\n", "warning: only this"),
        (b"remote:\nremote: protected\nerror: failed to push\n", "remote: protected"),
        (b"", "it gave no reason"),
        (b"\xff" * 3, "\ufffd" * 3),
    ],
)
def test_of_what_git_said_the_first_line_that_says_something_is_told(
    said: bytes, told: str
) -> None:
    assert process.failed("push", 1, said).message == f"git push failed with status 1: {told}"


def test_a_repository_of_somebody_else_comes_with_a_way_out() -> None:
    said = b"fatal: detected dubious ownership in repository at '/x'\nTo add an exception\n"
    assert "safe.directory" in process.failed("rev-parse", 128, said).help


# --- Hostile clones ------------------------------------------------------------------------------


def test_passphrases_do_not_reach_what_git_starts(
    root: Path, remote: Path, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nenv > '{remote}/seen'\n")
    hook.chmod(0o755)
    monkeypatch.setenv("PKI_PASSPHRASE_ROOT", "very secret")
    monkeypatch.setenv("PKI_SMTP_PASSWORD", "secret, too")
    head = commit(root, {"a": "1"})
    assert push_ref(repository, "origin", head, REF).status is PushStatus.OK
    seen = (remote / "seen").read_text()
    assert "PATH=" in seen
    assert "PKI_" not in seen
    assert "secret" not in seen


@pytest.mark.parametrize(
    "where", ["{outside}", "../../elsewhere", "{outside}/repository", "../sub"]
)
def test_a_working_tree_of_the_repositorys_choice_is_refused(
    root: Path, tmp_path: Path, where: str
) -> None:
    outside = tmp_path / "elsewhere"
    for place in (outside, outside / "repository", root / "sub", root.parent / "elsewhere"):
        place.mkdir(parents=True, exist_ok=True)
    git(tmp_path, "init", "--quiet", str(outside / "repository"))
    git(root, "config", "core.worktree", where.format(outside=outside))
    with pytest.raises(RepositoryError) as caught:
        GitRepository.discover(root)
    assert caught.value.code == "git.unsafe_config"
    assert "core.worktree" in caught.value.message


def test_a_submodule_is_a_repository_although_it_sets_its_working_tree(
    root: Path, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet", "inner")
    commit(tmp_path / "inner", {"a": "1"})
    commit(root, {"b": "1"})
    git(root, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add",
        str(tmp_path / "inner"), "sub")  # fmt: skip
    found = GitRepository.discover(root / "sub")
    assert found.root == root / "sub"
    assert git(root / "sub", "config", "core.worktree")


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """A program that leaves a trace when it is run, and the place of its trace."""
    trace = tmp_path / "it was run"
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\ntouch '{trace}'\nexit 1\n")
    program.chmod(0o755)
    return trace


def test_nothing_of_a_hostile_clone_is_run(root: Path, tmp_path: Path, witness: Path) -> None:
    evil = str(tmp_path / "evil")
    first = commit(root, {".gitattributes": "* filter=f diff=d\n", "a": "1"})
    second = commit(root, {"a": "2"})
    for key in ("core.fsmonitor", "diff.external", "filter.f.clean", "filter.f.smudge",
                "filter.f.process", "diff.d.textconv", "diff.d.command", "core.pager",
                "core.editor", "gpg.program", "core.alternateRefsCommand"):  # fmt: skip
        git(root, "config", key, evil)
    hooks = root / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-push", "reference-transaction", "post-index-change", "pre-commit"):
        (hooks / name).write_text(f"#!/bin/sh\nexec '{evil}'\n")
        (hooks / name).chmod(0o755)
    (root / "a").write_text("3")
    repository = GitRepository.discover(root)
    repository.run("status", "--porcelain")
    repository.run("diff", "--no-ext-diff", "--no-textconv")
    assert [c.path for c in repository.changed_paths(first, second)] == ["a"]
    with RevisionTree(repository, second) as tree:
        assert tree.read("a") == b"2"
    repository.update_ref("refs/heads/x", first, None)
    repository.user_identity()
    assert not witness.exists()


def test_replace_objects_do_not_change_what_a_commit_is(
    root: Path, repository: GitRepository
) -> None:
    honest = commit(root, {"a": "honest"})
    evil = commit(root, {"a": "evil"})
    git(root, "replace", honest, evil)
    with RevisionTree(repository, honest) as tree:
        assert tree.read("a") == b"honest"


@pytest.mark.parametrize(
    "key",
    ["core.sshCommand", "core.askPass", "credential.helper", "credential.https://x.helper",
     "remote.origin.uploadpack", "remote.origin.receivepack", "remote.origin.vcs"],
)  # fmt: skip
def test_a_repository_does_not_choose_what_the_network_runs(
    root: Path, remote: Path, tmp_path: Path, witness: Path, repository: GitRepository, key: str
) -> None:
    head = commit(root, {"a": "1"})
    git(root, "config", key, str(tmp_path / "evil"))
    for call in (
        lambda: remote_ref(repository, "origin", REF),
        lambda: fetch_ref(repository, "origin", REF, "refs/seen/store"),
        lambda: push_ref(repository, "origin", head, REF),
    ):
        with pytest.raises(RepositoryError) as caught:
            call()
        assert caught.value.code == "git.unsafe_config"
    assert not witness.exists()


def test_a_users_own_ssh_command_takes_precedence(
    root: Path, remote: Path, repository: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(root, "config", "core.sshCommand", "evil")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    assert remote_ref(repository, "origin", REF) is None


def test_a_remote_inside_the_repository_would_run_its_own_hooks(
    root: Path, repository: GitRepository
) -> None:
    commit(root, {"a": "1"})
    git(root, "init", "--quiet", "--bare", "evil.git")
    for url in ("./evil.git", "evil.git", str(root / "evil.git"), f"file://{root}/evil.git"):
        git(root, "config", "remote.origin.url", url)
        with pytest.raises(RepositoryError) as caught:
            remote_ref(repository, "origin", REF)
        assert caught.value.code == "git.unsafe_remote"


def test_an_ext_remote_is_never_run(root: Path, witness: Path, repository: GitRepository) -> None:
    git(root, "config", "remote.origin.url", f"ext::{witness.parent}/evil")
    git(root, "config", "protocol.ext.allow", "always")
    with pytest.raises(RepositoryError):
        remote_ref(repository, "origin", REF)
    assert not witness.exists()


def test_a_missing_object_is_not_fetched_behind_the_back(
    root: Path, tmp_path: Path, witness: Path, repository: GitRepository
) -> None:
    commit(root, {"a": "1"})
    git(root, "config", "extensions.partialClone", "origin")
    git(root, "config", "remote.origin.promisor", "true")
    git(root, "config", "remote.origin.url", str(tmp_path))
    git(root, "config", "remote.origin.uploadpack", str(tmp_path / "evil"))
    with BlobReader(repository) as blobs, pytest.raises(RepositoryError):
        blobs.read("1" * 40, limit=10)
    assert not witness.exists()


def test_a_linked_working_tree_works_like_any_other(
    root: Path, tmp_path: Path, repository: GitRepository
) -> None:
    head = commit(root, {"a": "1"})
    git(root, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    linked = GitRepository.discover(tmp_path / "linked")
    linked.update_ref("refs/heads/store", head, None)
    assert repository.ref_value("refs/heads/store") == head
    assert os.path.samefile(linked.common_dir, repository.common_dir)
