"""People with keys of their own, who sign commits and files with git and ssh-keygen."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp

import pytest

needs_gpg = pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")


def execute(directory: Path, *arguments: str, data: bytes | None = None) -> str:
    done = subprocess.run(
        list(arguments), cwd=directory, input=data, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


@dataclass
class People:
    """Keys are made when somebody is first spoken of, in a directory outside every repository."""

    directory: Path
    gpg: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def address(name: str) -> str:
        return f"{name}@example.com"

    def key(self, name: str) -> Path:
        path = self.directory / name
        if not path.exists():
            execute(
                self.directory, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path),
                "-C", name,
            )  # fmt: skip
        return path

    def line(self, name: str, options: str = "", principals: str = "") -> str:
        """Return the line of `allowed_signers` for somebody."""
        kind, key, *_ = self.key(name).with_suffix(".pub").read_text().split()
        words = [principals or self.address(name), options, kind, key]
        return " ".join(filter(None, words)) + "\n"

    def allowed(self, *names: str) -> str:
        return "".join(self.line(name) for name in names)

    def commit(
        self, root: Path, message: str = "change", *, by: str = "alice", author: str = ""
    ) -> str:
        """Commit everything, signed with the key of `by`; `author` only writes a name."""
        return self._commit(root, message, author or by, "ssh", str(self.key(by)))

    def commit_unsigned(self, root: Path, message: str = "change", *, author: str = "alice") -> str:
        return self._commit(root, message, author)

    def commit_gpg(self, root: Path, message: str = "change", *, by: str = "alice") -> str:
        return self._commit(root, message, by, "openpgp", self.gpg[by])

    def _commit(self, root: Path, message: str, author: str, *key: str) -> str:
        execute(root, "git", "add", "-A")
        execute(root, "git", *self.settings(author, *key), "commit", "-q", "--allow-empty",
                "-m", message)  # fmt: skip
        return execute(root, "git", "rev-parse", "HEAD")

    def settings(self, author: str, form: str = "", key: str = "") -> list[str]:
        given = [f"user.name={author.title()}", f"user.email={self.address(author)}"]
        if key:
            given += [f"gpg.format={form}", f"user.signingKey={key}", "commit.gpgSign=true"]
        return [part for setting in given for part in ("-c", setting)]

    def sign_file(self, path: Path, *, by: str, namespace: str = "pki-as-code") -> None:
        execute(
            path.parent, "ssh-keygen", "-q", "-Y", "sign", "-f", str(self.key(by)), "-n", namespace,
            str(path),
        )  # fmt: skip


@contextmanager
def gpg_home(people: People, *names: str) -> Iterator[dict[str, str]]:
    """Give these people GPG keys that the keyring trusts; yields their fingerprints."""
    home = Path(mkdtemp(prefix="gpg-"))  # the path of a socket in it must be short
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GNUPGHOME", str(home))
        try:
            for name in names:
                user = f"{name.title()} <{people.address(name)}>"
                execute(home, "gpg", "-q", "--batch", "--passphrase", "", "--quick-gen-key", user,
                        "ed25519", "sign", "never")  # fmt: skip
                listed = execute(home, "gpg", "--list-keys", "--with-colons", people.address(name))
                lines = [line.split(":") for line in listed.splitlines()]
                people.gpg[name] = next(line[9] for line in lines if line[0] == "fpr")
            yield people.gpg
        finally:
            subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
            shutil.rmtree(home, ignore_errors=True)


@contextmanager
def without_programs(*missing: str) -> Iterator[None]:
    """Have a PATH on which everything is but these programs."""
    directory = Path(mkdtemp(prefix="programs-"))
    for place in os.environ["PATH"].split(os.pathsep):
        for program in sorted(Path(place).glob("*")) if Path(place).is_dir() else ():
            link = directory / program.name
            if program.name not in missing and not link.is_symlink():
                link.symlink_to(program)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(directory))
        yield
    shutil.rmtree(directory)
