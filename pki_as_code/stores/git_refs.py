"""Where a store branch stands: here, at the remote, and when it was seen last."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from pki_as_code.errors import ContentionError, RepositoryError, StoreError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import GitRepository

if TYPE_CHECKING:
    from pki_as_code.gitplumbing import PushResult

_DEFAULT_REMOTE: Final = "origin"
_REMOTES: Final = r"^(branch\..*\.remote|remote\..*\.url)$"
_PLAIN: Final = re.compile(r"\w[\w-]*(/[\w-]+)*", re.ASCII)
"""Names of branches that git takes for certain (git-check-ref-format(1))."""

ATTEMPTS: Final = 10
"""Moves of the branch, here or there, that may lose the race before `ContentionError`."""


class Tips(NamedTuple):
    """Commits of a store branch, None where it is not."""

    local: str | None
    seen: str | None
    """What the remote had when it was asked last."""

    furthest: str | None
    """Of those and of what `git fetch` left."""


class StoreBranch(NamedTuple):
    """A branch of a repository, and the branch of that name at a remote, when there is one."""

    repository: GitRepository
    name: str
    remote: str | None

    @property
    def ref(self) -> str:
        return f"refs/heads/{self.name}"

    @property
    def seen_ref(self) -> str:
        """Where the remote's branch was when it was fetched last. It only moves forward."""
        return f"refs/pki-as-code/remotes/{self.remote}/{self.name}"

    @property
    def staging_ref(self) -> str:
        """The commit that was written last, whether or not it became part of the branch."""
        return f"refs/pki-as-code/staging/{self.name}"

    @property
    def tracking_ref(self) -> str:
        """What an ordinary `git fetch` or `git clone` left."""
        return f"refs/remotes/{self.remote}/{self.name}"

    def tips(self) -> Tips:
        """
        Return where the branch is.

        Raises `StoreError` (`store.diverged`) when two commits do not stand on each other.
        """
        refs = [self.ref, *([self.seen_ref, self.tracking_ref] if self.remote else [])]
        values = self.repository.ref_values(*refs)
        known = dict.fromkeys(values[ref] for ref in refs if ref in values)
        return Tips(values.get(self.ref), values.get(self.seen_ref), self._furthest(known))

    def _furthest(self, commits: Iterable[str]) -> str | None:
        tip: str | None = None
        for commit in commits:
            if tip is None or self.repository.is_ancestor(tip, commit):
                tip = commit
            elif not self.repository.is_ancestor(commit, tip):
                raise self.diverged()
        return tip

    def move_forward(self, tips: Tips) -> str | None:
        """
        Move the branch here to the furthest commit, whoever else moves it meanwhile.

        Raises `ContentionError` when others did `ATTEMPTS` times.
        """
        for _ in range(ATTEMPTS):
            tip = tips.furthest
            if tip is None or tip == tips.local:
                return tip
            self.repository.fsync_objects(tip, tips.local)
            try:
                self.repository.update_own_refs({self.ref: (tip, tips.local)})
            except RepositoryError as error:
                if error.code != "git.ref_moved":
                    raise
                tips = self.tips()
            else:
                return tip
        raise ContentionError(
            f"others moved the store's branch {quoted(self.name)} each of {ATTEMPTS} times",
            help="run the command again when fewer runs go on at once",
        )

    def fetch(self, *, unshallow: bool = False) -> None:
        """
        Learn what the remote's branch is.

        Raises `StoreError`: `store.fetch_failed`, or `store.rolled_back` when the remote lost what
        was seen there.
        """
        if self.remote is None:
            return
        from pki_as_code.gitplumbing import fetch_ref, remote_ref

        seen = self.repository.ref_values(self.seen_ref).get(self.seen_ref)
        try:
            there = remote_ref(self.repository, self.remote, self.ref)
            if there is None and seen is not None:
                raise self._lost("is gone from")
            if there is not None and (there != seen or unshallow):
                fetch_ref(
                    self.repository, self.remote, self.ref, self.seen_ref, unshallow=unshallow
                )
        except RepositoryError as error:
            if error.code == "git.not_fast_forward":
                raise self._lost("went back, or was rewritten, at") from error
            if error.code in {"git.unsafe_config", "git.unsafe_remote"}:
                raise
            raise StoreError(
                f"the store's branch {quoted(self.name)} could not be fetched: {error.message}",
                help="check the network and your access; --no-push works with what is here",
                code="store.fetch_failed",
            ) from error

    def remote_has_more(self) -> bool:
        """Tell whether the remote's branch is at a commit that is not here."""
        if self.remote is None:
            return False
        from pki_as_code.gitplumbing import remote_ref

        there = remote_ref(self.repository, self.remote, self.ref)
        return there is not None and not self.repository.has_commit(there)

    def push(self, commit: str) -> PushResult:
        """Push to the remote; without one there is nothing to do."""
        from pki_as_code.gitplumbing import PushResult, PushStatus, push_ref

        if self.remote is None:
            return PushResult(PushStatus.OK)
        return push_ref(self.repository, self.remote, commit, self.ref)

    def diverged(self) -> StoreError:
        """Return the error for two histories of one ledger."""
        here = self.remote and f"git log {self.name} --not {self.remote}/{self.name}"
        return StoreError(
            f"the store's branch {quoted(self.name)} here and at the remote have gone apart",
            help=f"never merge a ledger. What only this clone has (`{here}`) was issued without "
            "the others: revoke it, then set the branch here to the remote's",
            code="store.diverged",
        )

    def _lost(self, what: str) -> StoreError:
        return StoreError(
            f"the store's branch {quoted(self.name)} {what} the remote {quoted(self.remote or '')}",
            help="find out who did it. This clone has what was there: "
            f"`git push {self.remote} {self.seen_ref}:{self.ref}` puts it back",
            code="store.rolled_back",
        )


def find_tip(
    branch: StoreBranch, *, uri: str, network: bool, writable: bool, move: bool
) -> str | None:
    """
    Return the commit to read; with `move` the branch here is moved forward to it.

    With `network` the remote is asked first, and fetched from where the git directory is
    `writable`. Raises `StoreError`: `store.fetch_failed`, `store.behind_remote`,
    `store.rolled_back`, `store.diverged`.
    """
    if network and not writable:
        if branch.remote_has_more():
            raise StoreError(
                f"the remote has entries of {uri} that cannot be fetched: "
                "the git directory cannot be written",
                help="fetch them as its owner, or use --no-push to work with what is here",
                code="store.behind_remote",
            )
    elif network:
        branch.fetch()
    try:
        tips = branch.tips()
    except StoreError:
        if not (network and writable and branch.repository.is_shallow()):
            raise
        # In a shallow clone, commits that stand on each other may not be seen to.
        branch.fetch(unshallow=True)
        tips = branch.tips()
    return branch.move_forward(tips) if move else tips.furthest


def open_branch(repository: GitRepository, name: str) -> StoreBranch:
    """
    Return the branch with the remote git's configuration has for it, else `origin`.

    Raises `StoreError` (`store.bad_uri`) for what cannot be the name of a branch.
    """
    try:
        if not name or name.startswith("-"):
            raise RepositoryError("not a branch")
        if _PLAIN.fullmatch(name) is None:  # of any other, git is the judge
            repository.run("check-ref-format", f"refs/heads/{name}")
    except RepositoryError as error:
        raise StoreError(
            f"{quoted(name)} cannot be the name of a branch",
            help="write git:pki-issued, or another name git accepts",
            code="store.bad_uri",
        ) from error
    return StoreBranch(repository, name, _remote_of(repository, name))


def _remote_of(repository: GitRepository, branch: str) -> str | None:
    settings = {key: value for _, key, value in repository.scoped_config(_REMOTES)}
    configured = settings.get(f"branch.{branch}.remote")
    for remote in (configured, _DEFAULT_REMOTE):
        if remote and remote != "." and settings.get(f"remote.{remote}.url"):
            return remote
    return None
