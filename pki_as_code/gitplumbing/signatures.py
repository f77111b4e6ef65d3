"""
What commits change, and what git says of their signatures.

A range is read by a fixed number of processes, however many commits it has. Which programs look at
signatures, `process` has settled; which keys are believed, the caller says with each question. An
answer is good when `%G?` is `G` and `verify-commit` leaves with 0, and never otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from pki_as_code.errors import RepositoryError
from pki_as_code.gitplumbing import process
from pki_as_code.gitplumbing.process import AS_STORED
from pki_as_code.gitplumbing.repository import GitRepository, object_id
from pki_as_code.model import SignedCommit

_FORMAT: Final = "%x00".join(["%H", "%an", "%ae", "%s", "%G?", "%GS", "%GF", "%GP"])
_FIELDS: Final = 8
_AT_A_TIME: Final = 500
"""Commits on one command line."""

_GOOD: Final = "G"
_BAD: Final = "B"


class CommitChange(NamedTuple):
    """The paths in which a commit differs from each of its parents."""

    commit: str
    parents: tuple[str, ...]
    differs: tuple[frozenset[str], ...]
    """One for each parent; of a first commit, one with all its files."""

    @property
    def paths(self) -> frozenset[str]:
        return frozenset().union(*self.differs)

    @property
    def own_paths(self) -> frozenset[str]:
        """The paths in which it is like no parent: what this commit itself brings."""
        first, *others = self.differs
        return first.intersection(*others)


def changes_between(
    repository: GitRepository, base: str | None, commit: str, places: Collection[str]
) -> list[CommitChange]:
    """
    Return what each commit changes in `places` (files and directories) that `commit` has over
    `base`, on every line of history; those that change nothing there are left out.

    Without a `base`, all that `commit` stands on. Raises `RepositoryError`.
    """
    without = [f"^{object_id(base)}"] if base else []
    output = repository.run(*AS_STORED, "rev-list", "--parents", object_id(commit), *without)
    lines = [line.split() for line in output.decode("ascii").splitlines()]
    return list(_changes(repository, lines, places))


def _changes(
    repository: GitRepository, lines: Sequence[Sequence[str]], places: Collection[str]
) -> Iterator[CommitChange]:
    """Compare each commit with each parent; `lines` have a commit and its parents."""
    pairs = [" ".join(pair) for commit, *parents in lines for pair in _pairs(commit, parents)]
    output = repository.run(
        *AS_STORED, "diff-tree", "--stdin", "-r", "-z", "--root", "--always", "--no-renames",
        "--no-ext-diff", "--no-textconv", "--", *sorted(places),
        input="".join(f"{pair}\n" for pair in pairs).encode("ascii"),
        environment={"GIT_INDEX_FILE": str(repository.git_dir / "no-such-index")},
    )  # fmt: skip
    told = iter(_groups(output))
    for commit, *parents in lines:
        differs = []
        for _ in _pairs(commit, parents):
            about, paths = next(told, ("", frozenset[str]()))
            if about != commit:
                raise RepositoryError(f"git did not tell what commit {commit} changes")
            differs.append(paths)
        change = CommitChange(commit, tuple(parents), tuple(differs))
        if change.paths:
            yield change


def _pairs(commit: str, parents: Sequence[str]) -> list[tuple[str, ...]]:
    return [(commit, parent) for parent in parents] or [(commit,)]


def _groups(output: bytes) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield commit and paths of each comparison: a line that begins with `:` precedes a path."""
    commit, paths = "", set[str]()
    fields = iter(output.split(b"\x00")[:-1])
    for field in fields:
        if field.startswith(b":"):
            paths.add(next(fields).decode("utf-8", "surrogateescape"))
            continue
        if commit:
            yield commit, frozenset(paths)
        commit, paths = object_id(field.decode("ascii", "replace")), set()
    if commit:
        yield commit, frozenset(paths)


def common_ancestor(repository: GitRepository, commits: Collection[str]) -> str | None:
    """Return a commit that all of these stand on, one of the latest; None without any."""
    output = repository.run(
        *AS_STORED, "merge-base", "--octopus", *map(object_id, commits), accept=(0, 1)
    )
    return output.decode("ascii").strip() or None


def takes_back(repository: GitRepository, change: CommitChange) -> frozenset[str]:
    """
    Return the paths in which a merge of two is not what merging them gives by itself.

    Those it changes itself, and those for which it takes the one side where the other had changed
    them: so an old version comes back. Paths both sides changed are in doubt, and among them; and
    all where the sides have nothing in common, since no side then began from the other.
    """
    first, second = change.parents
    if common_ancestor(repository, change.parents) is None:
        return change.paths
    of_first, of_second = change.differs
    found = set(of_first & of_second)
    for taken, dropped, paths in (
        (second, first, of_first - of_second),
        (first, second, of_second - of_first),
    ):
        if paths:
            found |= _brought(repository, dropped, taken, paths)
    return frozenset(found)


def _brought(
    repository: GitRepository, side: str, other: str, paths: Collection[str]
) -> frozenset[str]:
    """Return which of these paths the commits that `side` has over `other` change."""
    # A merge is like one of its sides wherever it brings nothing, be that the older one.
    changes = changes_between(repository, other, side, paths)
    return frozenset().union(*(change.own_paths for change in changes))


def cut_commits(repository: GitRepository) -> frozenset[str]:
    """Return the commits of a shallow clone whose parents it does not have."""
    try:
        text = (repository.common_dir / "shallow").read_text("ascii", "replace")
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise RepositoryError(
            f"where this clone was cut off cannot be told: {os.strerror(error.errno or 0)}",
            help="make a whole clone",
        ) from None
    return frozenset(text.split())


# --- Signatures ----------------------------------------------------------------------------------


def read_commits(
    repository: GitRepository, commits: Iterable[str], allowed_signers: bytes
) -> dict[str, SignedCommit]:
    """
    Return authors and signatures of commits, judged by these `allowed_signers`, and GPG's keyring.

    What the repository's own configuration says of either has no effect. Raises `RepositoryError`.
    """
    wanted = sorted({object_id(commit) for commit in commits})
    found: dict[str, SignedCommit] = {}
    if not wanted:
        return found
    with TemporaryDirectory(prefix="pki-as-code-signers.") as directory:
        place = Path(directory) / "allowed_signers"
        place.write_bytes(allowed_signers)
        settings = ("-c", f"gpg.ssh.allowedSignersFile={place}")
        for commit in _ask(repository, wanted, settings):
            found[commit.id] = commit
        _check_exit_status(repository, found, settings)
    if found.keys() != set(wanted):
        raise RepositoryError("git did not tell of every commit that was asked for")
    return found


def _ask(
    repository: GitRepository, commits: Sequence[str], settings: Sequence[str]
) -> Iterator[SignedCommit]:
    output = repository.run(
        *settings, "log", "--no-walk=unsorted", "--stdin", "-z", "--no-patch", "--no-mailmap",
        "--encoding=UTF-8", f"--format={_FORMAT}",
        input="".join(f"{commit}\n" for commit in commits).encode("ascii"),
    )  # fmt: skip
    fields = output.decode("utf-8", "replace").removesuffix("\x00").split("\x00")
    if len(fields) != _FIELDS * len(commits):
        raise RepositoryError("git told of commits in a form that is not understood")
    raw = _signed(repository, commits)
    for start in range(0, len(fields), _FIELDS):
        id, name, address, summary, status, *key = fields[start : start + _FIELDS]
        signer, fingerprint, primary = key
        yield SignedCommit(
            id, name, address, summary, status, signer, fingerprint, primary, id in raw
        )


def _signed(repository: GitRepository, commits: Sequence[str]) -> set[str]:
    """
    Return the commits that have a signature, be it one that nobody can look at.

    Where gpg is not installed, git says the same of them as of those that have none.
    """
    output = repository.run(
        "cat-file", "--batch", input="".join(f"{id}\n" for id in commits).encode("ascii")
    )
    found, at = set(), 0
    for commit in commits:
        header, _, _ = output[at : at + 200].partition(b"\n")
        told = header.split()
        if len(told) != 3 or told[0] != commit.encode() or told[1] != b"commit":  # noqa: PLR2004
            raise RepositoryError(f"{commit} is not a commit", code="git.unknown_revision")
        start, size = at + len(header) + 1, int(told[2])
        headers, _, _ = output[start : start + size].partition(b"\n\n")
        if b"\ngpgsig" in headers:
            found.add(commit)
        at = start + size + 1
    return found


def _check_exit_status(
    repository: GitRepository, found: dict[str, SignedCommit], settings: Sequence[str]
) -> None:
    """Have git judge what it called good once more, by its exit status; what fails is bad."""
    good = [commit.id for commit in found.values() if commit.status == _GOOD]
    for start in range(0, len(good), _AT_A_TIME):
        several = good[start : start + _AT_A_TIME]
        if _verifies(repository, several, settings):
            continue
        for id in several:
            if not _verifies(repository, [id], settings):
                found[id] = replace(found[id], status=_BAD)


def _verifies(repository: GitRepository, commits: Sequence[str], settings: Sequence[str]) -> bool:
    arguments = [*settings, "verify-commit", "--raw", *commits]
    return process.run(repository.root, arguments, accept=(0, 1, 128)).returncode == 0
