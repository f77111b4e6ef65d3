"""One repository: its places, revisions, refs and configuration."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Self

from pki_as_code.durable import fsync_directory
from pki_as_code.errors import RepositoryError
from pki_as_code.escape import quoted
from pki_as_code.gitplumbing import process
from pki_as_code.gitplumbing.discovery import find_places
from pki_as_code.gitplumbing.locks import LOCK_ATTEMPTS, wait_for_locks

_OBJECT_ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.ASCII)

# Commands that look at the working tree, and would run the filters that the repository's own
# configuration names.
_WORKING_TREE_COMMANDS: Final = frozenset(
    {"add", "checkout", "commit", "diff", "diff-files", "diff-index", "hash-object", "reset",
     "stash", "status", "update-index"}
)  # fmt: skip
_DRIVERS: Final = r"^(filter\..*\.(clean|smudge|process|required)|diff\..*\.(textconv|command))$"


class PathChange(NamedTuple):
    """One line of `git diff-tree`: `status` is A, M, D or T (another type of file)."""

    status: str
    path: str
    old_mode: str
    new_mode: str
    old_blob_id: str
    new_blob_id: str


class GitRepository(NamedTuple):
    """A repository on disk. Holds no open files; git is started for each question."""

    root: Path
    """The top of the working tree; the git directory where the repository is bare."""

    git_dir: Path
    common_dir: Path
    """The git directory that all linked working trees share."""

    bare: bool = False

    @classmethod
    def discover(cls, start: Path) -> Self:
        """
        Find the repository that `start` is in.

        Raises `RepositoryError`: `git.no_repository`, `git.failed` when there is one and git
        refuses it (`safe.directory`), `git.unsafe_config` when its files are said to be elsewhere.
        """
        places = find_places(start)
        return cls(places.root, places.git_dir, places.common_dir, places.bare)

    # --- Running git ---

    def run(
        self,
        *arguments: str,
        input: bytes | None = None,
        network: bool = False,
        accept: Sequence[int] = (0,),
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """
        Return what git prints. User text among `arguments` must come after `--end-of-options`.

        Only with `network` may git use a transport. Raises `RepositoryError` (`git.failed`, with
        what git said) when the exit status is not in `accept`.
        """
        variables = dict(environment or {})
        if process.subcommand(arguments) in _WORKING_TREE_COMMANDS:
            variables |= self._without_drivers()
        return process.run(
            self.root,
            arguments,
            data=input,
            network=network,
            accept=accept,
            variables=variables,
        ).stdout

    def stream(self, *arguments: str) -> Generator[bytes, None, None]:
        """Yield the NUL-terminated records git prints, while it prints them."""
        return process.stream(self.root, arguments)

    def _without_drivers(self) -> dict[str, str]:
        """
        Return variables that empty the filter and diff drivers of the repository's own making.

        A filter that is empty must not be required either. Not by `-c`: it would end the name of a
        driver at the first `=` in it.
        """
        emptied: dict[str, str] = {}
        for scope, key, _ in self.scoped_config(_DRIVERS):
            if scope in {"local", "worktree"}:
                section, _, name = key.rpartition(".")
                if name != "required":
                    emptied[key] = ""
                if section.startswith("filter."):
                    emptied[f"{section}.required"] = "false"
        variables = {"GIT_CONFIG_COUNT": str(len(emptied))}
        for number, (key, value) in enumerate(emptied.items()):
            variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        return variables

    # --- Objects ---

    def write_blob(self, path: Path) -> str:
        """Store the content of a file, however large, as it is; return the id of the blob."""
        output = self.run("hash-object", "-w", "--no-filters", "--", str(path.absolute()))
        return object_id(output.decode("ascii").strip())

    # --- Revisions ---

    def resolve_revision(self, revision: str) -> str:
        """Return the id of the commit that a user names. Raises `git.unknown_revision`."""
        output = b""
        if revision and "\x00" not in revision:
            output = self.run(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}",
                accept=(0, 1, 128),
            ).strip()  # fmt: skip
        commit = output.decode("ascii", "replace")
        if _OBJECT_ID.fullmatch(commit) is None:  # `^HEAD` gives one too, with a mark before it
            raise RepositoryError(
                f"unknown revision {quoted(revision)}",
                help="name a branch, a tag or a commit of this repository (`git log --oneline`)",
                code="git.unknown_revision",
            )
        return commit

    def head_commit(self) -> str | None:
        """Return the commit that is checked out, None before the first commit."""
        return self.ref_value("HEAD")

    def checked_out_ref(self) -> str:
        """Return the ref that a commit moves: the branch that is checked out, or HEAD itself."""
        output = self.run("symbolic-ref", "--quiet", "HEAD", accept=(0, 1))
        return output.decode("utf-8", "surrogateescape").removesuffix("\n") or "HEAD"

    def current_branch(self) -> str | None:
        """Return the name of the branch that is checked out, None for a detached HEAD."""
        ref = self.checked_out_ref()
        return ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Tell whether `ancestor` is `descendant` or one of the commits it stands on."""
        commits = object_id(ancestor), object_id(descendant)
        done = process.run(
            self.root,
            [*process.AS_STORED, "merge-base", "--is-ancestor", *commits],
            accept=(0, 1),
        )
        return done.returncode == 0

    def has_commit(self, commit: str) -> bool:
        """Tell whether the commit is in this repository."""
        output = self.run(
            "rev-parse", "--verify", "--quiet", f"{object_id(commit)}^{{commit}}",
            accept=(0, 1, 128),
        )  # fmt: skip
        return bool(output.strip())

    def is_shallow(self) -> bool:
        """Tell whether history was cut when this repository was cloned."""
        return self.run("rev-parse", "--is-shallow-repository").strip() == b"true"

    def changed_paths(self, old: str, new: str, status: str = "ADMT") -> Iterator[PathChange]:
        """Stream what differs so between the trees of two commits, by path, without renames."""
        # diff-tree reads the whole index for nothing, unless there is none.
        output = self.run(
            "diff-tree", "-r", "-z", "--no-renames", "--no-ext-diff", "--no-textconv",
            f"--diff-filter={status}", object_id(old), object_id(new),
            environment={"GIT_INDEX_FILE": str(self.git_dir / "no-such-index")},
        )  # fmt: skip
        fields = output.split(b"\x00")
        for header, path in zip(fields[0:-1:2], fields[1::2], strict=True):
            old_mode, new_mode, old_blob, new_blob, status = header[1:].decode("ascii").split(" ")
            name = path.decode("utf-8", "surrogateescape")
            yield PathChange(status, name, old_mode, new_mode, old_blob, new_blob)

    def read_blob(self, blob_id: str) -> bytes:
        """Return one blob; `BlobReader` is for many."""
        return self.run("cat-file", "blob", object_id(blob_id))

    # --- Refs ---

    def ref_value(self, ref: str) -> str | None:
        """Return the object a ref points at, None when there is no such ref."""
        output = self.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", ref, accept=(0, 1)
        ).strip()
        return output.decode("ascii") or None

    def ref_values(self, *refs: str) -> dict[str, str]:
        """Return what the refs among `refs` that exist point at, from one look."""
        output = self.run("for-each-ref", "--format=%(objectname) %(refname)", *refs)
        found: dict[str, str] = {}
        for line in output.decode("utf-8", "surrogateescape").splitlines():
            value, _, name = line.partition(" ")
            if name in refs:  # a pattern also matches what lies below it
                found[name] = object_id(value)
        return found

    def delete_ref(self, ref: str) -> None:
        """Remove a ref, whatever it points at; none is no error."""
        self.run("update-ref", "--no-deref", "-z", "--stdin", input=f"delete {ref}\0\0".encode())
        self.fsync_ref(ref)

    def update_ref(self, ref: str, new: str, old: str | None, *, reason: str = "") -> None:
        """
        Move a ref from `old` (None: there is no such ref yet) to `new`, durably.

        `reason` is for the reflog. Compare-and-swap: raises `RepositoryError` (`git.ref_moved`)
        when it is not at `old`.
        """
        self.update_refs({ref: (new, old)}, reason=reason)

    def update_own_refs(self, moves: Mapping[str, tuple[str, str | None]]) -> None:
        """Do as `update_refs` does, for refs that nothing else moves: locks are waited for."""
        for _ in range(LOCK_ATTEMPTS - 1):
            try:
                self.update_refs(moves)
            except RepositoryError as error:
                moved = error.code == "git.ref_moved"
                if moved or not wait_for_locks(self.common_dir, moves, error):
                    raise
            else:
                return
        self.update_refs(moves)

    def update_refs(self, moves: Mapping[str, tuple[str, str | None]], *, reason: str = "") -> None:
        """
        Move refs to their new values, all or none, durably.

        `moves` has (new, old) for each ref; the rest is as for `update_ref`.
        """
        lines = [
            f"update {ref}\0{object_id(new)}\0{object_id(old) if old else '0' * len(new)}\0"
            for ref, (new, old) in moves.items()
        ]
        why = ["-m", reason] if reason else []
        try:
            self.run(
                "update-ref", *why, "--no-deref", "-z", "--stdin", input="".join(lines).encode()
            )
        except RepositoryError as error:
            moved = [ref for ref, (_, old) in moves.items() if self.ref_value(ref) != old]
            if not moved:
                raise
            raise RepositoryError(
                f"{moved[0]} was moved by someone else",
                help="run the command again",
                code="git.ref_moved",
            ) from error
        for ref in moves:
            self.fsync_ref(ref)

    def fsync_ref(self, ref: str) -> None:
        """Make durable what git wrote of a ref: git never syncs the directories of its files."""
        if ref == "HEAD":  # each linked working tree has its own
            fsync_directory(self.git_dir)
        directory = (self.common_dir / ref).parent
        while directory != self.common_dir:
            if directory.is_dir():
                fsync_directory(directory)
            directory = directory.parent
        reftable = self.common_dir / "reftable"
        if reftable.is_dir():
            fsync_directory(reftable)
        fsync_directory(self.common_dir)

    def fsync_objects(self, new: str, old: str | None) -> None:
        """Make durable the directories of the objects that `new` has over `old`."""
        known = ["--not", object_id(old)] if old else []
        output = self.run("rev-list", "--objects", "--no-object-names", object_id(new), *known)
        objects = self.common_dir / "objects"
        ids = output.decode("ascii").split()
        # What went into a pack has no file, and so no directory, of its own.
        names = {name[:2] for name in ids if (objects / name[:2] / name[2:]).exists()}
        for directory in [*(objects / name for name in sorted(names)), objects / "pack"]:
            if directory.is_dir():
                fsync_directory(directory)
        fsync_directory(objects)

    # --- Configuration ---

    def config(self, key: str) -> str | None:
        """Return the value git uses for a setting, None when it is not set."""
        output = self.run("config", "-z", "--get", key, accept=(0, 1))
        return output.removesuffix(b"\x00").decode("utf-8", "replace") if output else None

    def scoped_config(self, pattern: str) -> list[tuple[str, str, str]]:
        """Return (scope, key, value) of the settings whose keys match a regular expression."""
        output = self.run(
            "config", "-z", "--show-scope", "--get-regexp", pattern, accept=(0, 1)
        ).decode("utf-8", "surrogateescape")
        fields = output.split("\x00")
        return [
            (scope, *_key_and_value(setting))
            for scope, setting in zip(fields[0:-1:2], fields[1::2], strict=True)
        ]

    def user_identity(self) -> tuple[str, str] | None:
        """Return (name, address) as git's configuration has them, None unless it has both."""
        found = {key: value for _, key, value in self.scoped_config(r"^user\.(name|email)$")}
        name, address = found.get("user.name", ""), found.get("user.email", "")
        return (name, address) if name.strip() and address.strip() else None


def object_id(text: str) -> str:
    """Return `text` when it is a whole object id. Raises `RepositoryError` otherwise."""
    if _OBJECT_ID.fullmatch(text) is None:
        raise RepositoryError(f"{quoted(text)} is not an object id", code="git.unknown_revision")
    return text


def _key_and_value(setting: str) -> tuple[str, str]:
    key, _, value = setting.partition("\n")
    return key, value
