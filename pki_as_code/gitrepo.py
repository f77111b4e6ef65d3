"""
The repository as people use it: who changed a manifest, what is not committed, new commits.

GitPython serves what is not hot; the plumbing on every run's path is `gitplumbing`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pki_as_code.errors import RepositoryError
from pki_as_code.gitplumbing import GitRepository

if TYPE_CHECKING:
    import git

FALLBACK_IDENTITY = ("pkictl", "pkictl@localhost")
_PATHS_PER_CALL = 500


@dataclass(frozen=True, slots=True)
class Commit:
    """Who asked for something, and when."""

    id: str
    author: str
    summary: str


def last_changes(repository: GitRepository, commit: str, paths: Sequence[str]) -> Mapping[str, str]:
    """
    Return, for each path, the id of the commit that last changed it, as seen from `commit`.

    Paths that `commit` does not have are absent. One git process serves many paths.
    """
    found: dict[str, str] = {}
    unique = sorted(set(paths))
    for start in range(0, len(unique), _PATHS_PER_CALL):
        chunk = unique[start : start + _PATHS_PER_CALL]
        output = repository.run(
            "log",
            "--format=%x01%H",
            "--name-only",
            "--no-renames",
            "-m",
            "--first-parent",
            "-z",
            "--end-of-options",
            commit,
            "--",
            *chunk,
        )
        for commit_id, changed in _parse_log(output):
            for path in changed:
                found.setdefault(path, commit_id)
    return found


def _parse_log(output: bytes) -> Iterator[tuple[str, list[str]]]:
    for record in output.split(b"\x01")[1:]:
        commit_id, _, rest = record.partition(b"\x00")
        names = [name.lstrip(b"\n") for name in rest.split(b"\x00")]
        yield (
            commit_id.decode(),
            [name.decode("utf-8", "surrogateescape") for name in names if name],
        )


def describe_commit(repository: GitRepository, commit: str) -> Commit:
    """Return the author and first line of a commit, as they were written: escape them."""
    found = _open(repository).commit(commit)
    author = f"{found.author.name or ''} <{found.author.email or ''}>"
    return Commit(found.hexsha, author, str(found.summary))


def uncommitted_paths(repository: GitRepository, pathspecs: Sequence[str] = ()) -> list[str]:
    """Return the paths, below `pathspecs`, whose working-tree content is not that of HEAD."""
    output = repository.run(
        "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *pathspecs
    )
    return sorted(
        entry[3:].decode("utf-8", "surrogateescape") for entry in output.split(b"\x00") if entry
    )


def is_ignored(repository: GitRepository, path: str) -> bool:
    """Tell whether git would leave `path` (relative to the root) out of a commit."""
    # Not by the plumbing: check-ignore refuses the literal pathspecs that everything else needs.
    repo = _open(repository, literal=False)
    return bool(repo.ignored(path))


def is_tracked(repository: GitRepository, path: str, commit: str = "") -> bool:
    """Tell whether `path` (relative to the root) is in a commit, or without one in the index."""
    if commit:
        return bool(repository.run("ls-tree", "-z", "--name-only", commit, "--", path))
    return bool(repository.run("ls-files", "-z", "--", path))


def known_identity(repository: GitRepository) -> tuple[str, str] | None:
    """Return the (name, address) git would commit as, None when it does not know."""
    name, address = (os.environ.get(f"GIT_AUTHOR_{what}", "") for what in ("NAME", "EMAIL"))
    return (name, address) if name and address else repository.user_identity()


def author_identity(repository: GitRepository) -> tuple[str, str]:
    """Return the (name, address) to commit as; the program's own when git knows nobody."""
    return known_identity(repository) or FALLBACK_IDENTITY


def commit_paths(repository: GitRepository, paths: Sequence[str], message: str) -> str:
    """
    Commit the working-tree content of `paths`, and nothing else, to the current branch.

    What else is staged or changed stays as it is. Returns the id of the new commit, or of HEAD when
    the paths hold nothing new. Raises `RepositoryError`.
    """
    import git

    repo = _open(repository)
    try:
        repo.git.add("--force", "--", *paths)
        if repository.head_commit() is not None and not repo.git.diff(
            "--cached", "--name-only", "HEAD", "--", *paths
        ):
            return str(repo.head.commit.hexsha)
        repo.git.commit("--quiet", "--only", "--no-verify", f"--message={message}", "--", *paths)
    except git.GitCommandError as error:
        raise RepositoryError(
            f"git could not commit {', '.join(paths)}: {_reason(error)}",
            help="the files are written; commit them by hand and run `pkictl reconcile`",
            code="git.commit_failed",
        ) from None
    return str(repo.head.commit.hexsha)


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
    repository.run("check-ref-format", ref)
    if repository.current_branch() == branch:
        raise RepositoryError(
            f"branch {branch!r} is checked out here",
            help="leave --branch out to commit to the current branch",
            code="git.branch_checked_out",
        )
    old = repository.ref_value(ref)
    parent = old or repository.head_commit()
    index = Path(repository.git_dir) / f"pki-as-code-index.{os.getpid()}"
    environment = {"GIT_INDEX_FILE": str(index), **_identity_environment(repository)}
    try:
        if parent:
            repository.run("read-tree", parent, environment=environment)
        for path, data in sorted(files.items()):
            blob = repository.run("hash-object", "-w", "--stdin", input=data).decode().strip()
            repository.run(
                "update-index", "--add", "--cacheinfo", f"100644,{blob},{path}",
                environment=environment,
            )  # fmt: skip
        tree = repository.run("write-tree", environment=environment).decode().strip()
    finally:
        index.unlink(missing_ok=True)
    parents = ["-p", parent] if parent else []
    commit = repository.run(
        "commit-tree", *parents, tree, input=message.encode(), environment=environment
    )
    new = commit.decode().strip()
    repository.update_ref(ref, new, old)
    return new


def _open(repository: GitRepository, *, literal: bool = True) -> git.Repo:
    """Open the repository with GitPython, as inert as the plumbing makes it."""
    import git

    repo = git.Repo(repository.root)
    repo.git.set_persistent_git_options(
        c=["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.quotePath=false"],
        no_replace_objects=True,
        literal_pathspecs=literal,
    )
    repo.git.update_environment(GIT_TERMINAL_PROMPT="0", **_identity_environment(repository))
    return repo


def _identity_environment(repository: GitRepository) -> dict[str, str]:
    name, address = author_identity(repository)
    return {
        "GIT_AUTHOR_NAME": name,
        "GIT_AUTHOR_EMAIL": address,
        "GIT_COMMITTER_NAME": name,
        "GIT_COMMITTER_EMAIL": address,
    }


def _reason(error: git.GitCommandError) -> str:
    """Return the first line of what git said; `cmd()` and environment are left out."""
    text = str(error.stderr or "").strip().strip("'").removeprefix("stderr:").strip().strip("'")
    return text.splitlines()[0][:200] if text else f"exit status {error.status}"
