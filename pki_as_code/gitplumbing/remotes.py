"""Fetching from and pushing to a remote, one ref at a time."""

from __future__ import annotations

import enum
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pki_as_code.errors import RepositoryError
from pki_as_code.escape import quoted, safe
from pki_as_code.gitplumbing.locks import LOCK_ATTEMPTS, wait_for_locks
from pki_as_code.gitplumbing.repository import GitRepository, object_id

# Settings through which the repository itself, not its user, would choose what is executed.
_EXECUTING: Final = (
    r"^(core\.(sshcommand|askpass|gitproxy|alternaterefscommand)"
    r"|credential\.(.*\.)?helper"
    r"|remote\..*\.(uploadpack|receivepack|vcs))$"
)
_SCP_LIKE: Final = re.compile(r"[^/]+:")


class PushStatus(enum.Enum):
    """How a push ended."""

    OK = "ok"
    REJECTED = "rejected"
    """The remote has commits that this push does not stand on."""

    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PushResult:
    """`detail` is what git said, escaped."""

    status: PushStatus
    detail: str = ""


def remote_url(repository: GitRepository, remote: str) -> str | None:
    """Return the URL of a remote, None when there is no remote of that name."""
    return repository.config(f"remote.{remote}.url")


def remote_ref(repository: GitRepository, remote: str, ref: str) -> str | None:
    """Ask the remote what a ref points at; None when it has none. Raises `RepositoryError`."""
    check_inert(repository, remote)
    output = repository.run(
        "ls-remote", "--quiet", "--refs", "--end-of-options", remote, ref, network=True
    )
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        found, _, name = line.partition("\t")
        if name == ref:  # the argument is a pattern that matches at the end
            return object_id(found)
    return None


def fetch_ref(
    repository: GitRepository, remote: str, ref: str, destination: str, *, unshallow: bool = False
) -> str:
    """
    Fetch a ref of the remote into the local ref `destination`, durably; return its commit.

    The destination only moves forward: a remote that was rewritten raises `RepositoryError`
    (`git.not_fast_forward`), one that cannot be reached `git.failed`.
    """
    check_inert(repository, remote)
    old = repository.ref_value(destination)
    try:
        _fetch_own(repository, remote, ref, destination, unshallow=unshallow)
    except RepositoryError as error:
        rewritten = _rewritten(repository, remote, ref, old)
        if rewritten is None:
            raise
        raise RepositoryError(
            f"{ref} of {quoted(remote)} went back, or was rewritten: it is at {rewritten}",
            help="find out who did it before anything else",
            code="git.not_fast_forward",
        ) from error
    new = repository.ref_value(destination)
    if new is None:
        raise RepositoryError(f"git fetched {ref} of {quoted(remote)} and left no ref")
    if new != old:
        repository.fsync_objects(new, old)
        repository.fsync_ref(destination)
    return new


def deepen(repository: GitRepository, remote: str, commit: str) -> None:
    """
    Fetch all of the history that `commit` of a shallow clone stands on.

    Raises `RepositoryError` when the remote cannot be reached, or does not give single commits.
    """
    check_inert(repository, remote)
    _fetch(repository, remote, object_id(commit), unshallow=True)


def _fetch_own(
    repository: GitRepository, remote: str, ref: str, destination: str, *, unshallow: bool
) -> None:
    """Fetch into a ref that other runs in this repository may be fetching into."""
    for _ in range(LOCK_ATTEMPTS - 1):
        try:
            _fetch(repository, remote, f"{ref}:{destination}", unshallow=unshallow)
        except RepositoryError as error:
            if not wait_for_locks(repository.common_dir, [destination], error):
                raise
        else:
            return
    _fetch(repository, remote, f"{ref}:{destination}", unshallow=unshallow)


def _fetch(repository: GitRepository, remote: str, refspec: str, *, unshallow: bool) -> None:
    history = ["--unshallow"] if unshallow else []
    repository.run(
        "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
        "--no-auto-maintenance", "--no-prune", *history, "--end-of-options", remote, refspec,
        network=True,
    )  # fmt: skip


def push_ref(repository: GitRepository, remote: str, commit: str, ref: str) -> PushResult:
    """
    Push one commit to a ref of the remote, plainly: the remote's own compare-and-swap.

    Never forced. A push that loses a race is `REJECTED`; everything else that is no success
    (network, permissions, a hook of the remote, a protected branch) is `FAILED`.
    """
    check_inert(repository, remote)
    try:
        repository.run(
            "push", "--porcelain", "--no-verify", "--no-signed", "--no-follow-tags",
            "--no-recurse-submodules", "--no-force", "--end-of-options",
            remote, f"{object_id(commit)}:{ref}",
            network=True,
        )  # fmt: skip
    except RepositoryError as error:
        try:
            there = remote_ref(repository, remote, ref)
        except RepositoryError as unreachable:
            return PushResult(PushStatus.FAILED, unreachable.message)
        if there == commit:
            return PushResult(PushStatus.OK)
        if there is not None and not _stands_on(repository, commit, there):
            return PushResult(PushStatus.REJECTED, error.message)
        return PushResult(PushStatus.FAILED, error.message)
    return PushResult(PushStatus.OK)


def check_inert(repository: GitRepository, remote: str) -> None:
    """
    Refuse a remote through which the repository would run something of its own choice.

    A clone that came from elsewhere carries its own configuration, and a remote below it its own
    hooks. Raises `RepositoryError` (`git.unsafe_config`, `git.unsafe_remote`).
    """
    for scope, key, _ in repository.scoped_config(_EXECUTING):
        chosen_by_user = key == "core.sshcommand" and "GIT_SSH_COMMAND" in os.environ
        if scope in {"local", "worktree"} and not chosen_by_user:
            raise RepositoryError(
                f"the repository's own configuration sets {safe(key)}, which git would execute",
                help="move it to your own configuration (`git config --global`); for "
                "core.sshCommand the variable GIT_SSH_COMMAND does as well",
                code="git.unsafe_config",
            )
    place = _local_path(repository, remote)
    if place is not None and any(
        place.is_relative_to(home.resolve()) for home in (repository.root, repository.common_dir)
    ):
        raise RepositoryError(
            f"remote {quoted(remote)} lies inside this repository, and would run its own hooks",
            help="move it elsewhere, and set its URL with `git remote set-url`",
            code="git.unsafe_remote",
        )


def _local_path(repository: GitRepository, remote: str) -> Path | None:
    """Return where a remote on this machine is, None for one reached over the network."""
    output = repository.run("ls-remote", "--get-url", "--end-of-options", remote)
    url = output.decode("utf-8", "surrogateescape").removesuffix("\n")
    if url.startswith("file://"):
        return Path(unquote(urlsplit(url).path)).resolve()
    if "://" in url or _SCP_LIKE.match(url):
        return None
    return (repository.root / url).resolve()


def _rewritten(repository: GitRepository, remote: str, ref: str, old: str | None) -> str | None:
    """Return where the remote's ref is, when it does not stand on `old`, which was seen there."""
    if old is None:
        return None
    there = remote_ref(repository, remote, ref)
    if there is None or not repository.has_commit(there):
        return None
    return None if repository.is_ancestor(old, there) else there


def _stands_on(repository: GitRepository, commit: str, ancestor: str) -> bool:
    return (
        repository.has_commit(ancestor)
        and repository.has_commit(commit)
        and repository.is_ancestor(ancestor, commit)
    )
