"""
The repository as people use it: who changed a manifest, what is not committed, new commits.

GitPython tells who made a commit; everything else is `gitplumbing`, which runs nothing that a
repository brings along.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pki_as_code.errors import InvalidValueError, ManifestError, NotFoundError, RepositoryError
from pki_as_code.escape import safe
from pki_as_code.gitplumbing import GitRepository, process
from pki_as_code.manifests.tree import WorkingTree, git_mode

if TYPE_CHECKING:
    import git

FALLBACK_IDENTITY = ("pkictl", "pkictl@localhost")
REGULAR_MODE = "100644"
_PATHS_NAMED = 500
_OF_COMMIT = "//"
"""Begins what no path of a tree begins with."""

_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Commit:
    """Who asked for something, and when."""

    id: str
    author: str
    summary: str


def last_changes(repository: GitRepository, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
    """
    Return, for each path, the id of the commit that last changed it, as seen from `commit`.

    Paths that `commit` does not have are absent. One git process serves all paths: the few are
    named to it, for many it tells every change until all of them were seen.
    """
    wanted = set(paths)
    named = sorted(wanted) if len(wanted) <= _PATHS_NAMED else []
    found: dict[str, str] = {}
    if not wanted:
        return found
    with closing(
        repository.stream(
            "log", f"--format={_OF_COMMIT}%H", "--name-only", "--no-renames", "-m",
            "--first-parent", "-z",
            "--end-of-options", commit, "--", *named,
        )
    ) as records:  # fmt: skip
        for commit_id, path in _changes(records):
            if path in wanted:
                found.setdefault(path, commit_id)
                if len(found) == len(wanted):
                    break
    return found


def _changes(records: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield (commit, path) of a log, the newest commit first."""
    commit_id = ""
    for record in records:
        text = record.lstrip(b"\n").decode("utf-8", "surrogateescape")
        if text.startswith(_OF_COMMIT):
            commit_id = text.removeprefix(_OF_COMMIT)
        elif text:
            yield commit_id, text


def describe_commit(repository: GitRepository, commit: str) -> Commit:
    """Return the author and first line of a commit, as they were written: escape them."""
    found = _open(repository).commit(commit)
    author = f"{found.author.name or ''} <{found.author.email or ''}>"
    return Commit(found.hexsha, author, str(found.summary))


def is_ignored(repository: GitRepository, path: str) -> bool:
    """Tell whether git would leave `path` (relative to the root) out of a commit."""
    # Of the magic of pathspecs, check-ignore knows the one that begins with a colon.
    return bool(repository.run("check-ignore", "--", f"./{path}", accept=(0, 1)))


def is_tracked(repository: GitRepository, path: str, commit: str = "") -> bool:
    """Tell whether `path` (relative to the root) is in a commit, or without one in the index."""
    return bool(tracked_paths(repository, [path], commit))


def tracked_paths(
    repository: GitRepository, paths: Collection[str], commit: str = ""
) -> frozenset[str]:
    """Return those of `paths` that are in a commit, or without one in the index."""
    if not paths:
        return frozenset()
    question = ("ls-tree", "-z", "--name-only", commit) if commit else ("ls-files", "-z")
    output = repository.run(*question, "--", *sorted(paths)).decode("utf-8", "surrogateescape")
    found = output.split("\0")[:-1]
    # The index has the files below a directory and not the directory.
    return frozenset(p for p in paths if any(f == p or f.startswith(f"{p}/") for f in found))


def known_identity(repository: GitRepository) -> tuple[str, str] | None:
    """Return the (name, address) git would commit as, None when it does not know."""
    name, address = (os.environ.get(f"GIT_AUTHOR_{what}", "") for what in ("NAME", "EMAIL"))
    return (name, address) if name and address else repository.user_identity()


def author_identity(repository: GitRepository) -> tuple[str, str]:
    """Return the (name, address) to commit as; the program's own when git knows nobody."""
    return known_identity(repository) or FALLBACK_IDENTITY


def commit_paths(repository: GitRepository, paths: Sequence[str], message: str) -> str:
    """
    Commit the working-tree content of `paths`, and nothing else, to what is checked out.

    What else is staged or changed stays as it is. No filter, hook or signing program is run.
    Returns the id of the new commit, or of HEAD when the paths hold nothing new. Raises
    `RepositoryError`.
    """
    try:
        entries = _store_files(repository, paths)
        for _ in range(_ATTEMPTS - 1):
            try:
                return _commit_entries(repository, entries, message)
            except RepositoryError as error:
                if error.code != "git.ref_moved":
                    raise
        return _commit_entries(repository, entries, message)
    except (RepositoryError, InvalidValueError, NotFoundError, ManifestError) as error:
        raise RepositoryError(
            f"git could not commit {', '.join(map(safe, paths))}: {error.message}",
            help="the files are written; commit them by hand and run `pkictl reconcile`",
            code="git.commit_failed",
        ) from error


def _store_files(repository: GitRepository, paths: Sequence[str]) -> bytes:
    """Make blobs of working-tree files; returns the entries of an index that name them."""
    tree = WorkingTree(repository.root)
    return b"".join(
        _index_entry(repository, path, tree.read(path), _mode_of(repository, path))
        for path in sorted(set(paths))
    )


def _index_entry(repository: GitRepository, path: str, data: bytes, mode: str) -> bytes:
    blob = repository.run("hash-object", "-w", "--stdin", input=data).decode().strip()
    return f"{mode} {blob}\t".encode() + os.fsencode(path) + b"\0"


def _mode_of(repository: GitRepository, path: str) -> str:
    """Return the mode of a file as git would record it."""
    mode = git_mode((repository.root / path).lstat().st_mode)
    if mode == REGULAR_MODE:
        return mode
    # On some file systems everything is executable, and git is told not to believe it.
    output = repository.run("config", "--type=bool", "--get", "core.fileMode", accept=(0, 1))
    return REGULAR_MODE if output.strip() == b"false" else mode


def _commit_entries(repository: GitRepository, entries: bytes, message: str) -> str:
    """
    Commit index entries on top of HEAD; raises `git.ref_moved` when that moves meanwhile.

    The user's own index gets them before the branch moves: a run that stops in between leaves files
    that are staged, and never a commit that the index would undo.
    """
    ref = repository.checked_out_ref()
    parent = repository.head_commit()
    tree = _write_tree(repository, parent, entries)
    _update_index(repository, entries)
    if parent is not None and tree == repository.ref_value(f"{parent}^{{tree}}"):
        return parent
    return _commit_tree(repository, ref, parent, parent, tree, message)


def _write_tree(repository: GitRepository, parent: str | None, entries: bytes) -> str:
    """Return the tree of `parent` with the entries in it, by way of an index of its own."""
    # Of a random name: where a link lies in wait, git would write through it.
    with TemporaryDirectory(prefix="pki-as-code-index.", dir=repository.git_dir) as directory:
        index = {"GIT_INDEX_FILE": str(Path(directory) / "index")}
        if parent is not None:
            repository.run("read-tree", parent, environment=index)
        _update_index(repository, entries, index)
        return repository.run("write-tree", environment=index).decode().strip()


def _update_index(
    repository: GitRepository, entries: bytes, index: Mapping[str, str] | None = None
) -> None:
    repository.run("update-index", "-z", "--index-info", input=entries, environment=index)


def _commit_tree(
    repository: GitRepository, ref: str, old: str | None, parent: str | None, tree: str,
    message: str,
) -> str:  # fmt: skip
    """Commit a tree on top of `parent`, and move `ref` from `old` to the commit; returns its id."""
    text = message.strip()
    commit = repository.run(
        "commit-tree",
        "--no-gpg-sign",
        *(("-p", parent) if parent else ()),
        tree,
        input=f"{text}\n".encode("utf-8", "replace"),
        environment=_identity_environment(repository),
    )
    new = commit.decode().strip()
    repository.fsync_objects(new, parent)
    first_line = text.partition("\n")[0]
    repository.update_ref(ref, new, old, reason=f"commit: {safe(first_line)}")
    return new


def commit_to_branch(
    repository: GitRepository, branch: str, files: Mapping[str, bytes], message: str
) -> str:
    """
    Commit `files` on top of `branch`, without touching the working tree.

    A new branch is made from HEAD.

    Returns the id of the new commit. Raises `RepositoryError` when the branch is checked out, moved
    meanwhile, or its name is none.
    """
    ref = f"refs/heads/{branch}"
    checked = (
        b""
        if "\0" in branch
        else repository.run("check-ref-format", "--normalize", ref, accept=(0, 1))
    )
    if checked.decode("utf-8", "surrogateescape").strip() != ref:
        raise RepositoryError(
            f"{branch[:80]!r} is not the name of a branch",
            help="see `git help check-ref-format`",
            code="git.bad_branch",
        )
    if repository.current_branch() == branch:
        raise RepositoryError(
            f"branch {branch!r} is checked out here",
            help="leave --branch out to commit to the current branch",
            code="git.branch_checked_out",
        )
    old = repository.ref_value(ref)
    parent = old or repository.head_commit()
    entries = b"".join(
        _index_entry(repository, path, data, REGULAR_MODE) for path, data in sorted(files.items())
    )
    tree = _write_tree(repository, parent, entries)
    return _commit_tree(repository, ref, old, parent, tree, message)


def _open(repository: GitRepository) -> git.Repo:
    """Open the repository with GitPython, as inert as the plumbing makes it."""
    import git

    repo = git.Repo(repository.root)
    repo.git.set_persistent_git_options(
        c=["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.quotePath=false"],
        no_replace_objects=True,
        literal_pathspecs=True,
    )
    # GitPython adds to the caller's environment: what the plumbing leaves out is emptied.
    secret = {name: "" for name in os.environ if name.startswith("PKI_")}
    repo.git.update_environment(**process.environment(), **secret)
    return repo


def _identity_environment(repository: GitRepository) -> dict[str, str]:
    name, address = author_identity(repository)
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }
