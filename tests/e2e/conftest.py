"""Real repositories, real commands in processes of their own, judged by openssl and git."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

IDENTITY = {
    "GIT_AUTHOR_NAME": "Alice",
    "GIT_AUTHOR_EMAIL": "alice@example.com",
    "GIT_COMMITTER_NAME": "Alice",
    "GIT_COMMITTER_EMAIL": "alice@example.com",
}


def environment(**extra: str) -> dict[str, str]:
    """The environment of a fresh machine: no settings of whoever runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PKI_", "GIT_"))}
    # Where it is set, every process compiles every module anew: four times slower.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **kept,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **IDENTITY,
        **extra,
    }


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass(frozen=True)
class Repository:
    root: Path

    def run(
        self,
        *arguments: str,
        expect: int | None = 0,
        stdin: bytes | None = None,
        env: dict[str, str] | None = None,
        at: Path | None = None,
    ) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "pki_as_code", *arguments],
            cwd=at or self.root,
            env=environment(**(env or {})),
            input=stdin if stdin is not None else b"",
            capture_output=True,
            check=False,
        )
        result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.err, result.err
        if expect is not None:
            assert result.code == expect, f"{arguments}: {result.code}\n{result.out}\n{result.err}"
        return result

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def write(self, path: str, text: str | bytes) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode() if isinstance(text, str) else text)
        return place

    def store_head(self) -> str:
        return self.git("rev-parse", "refs/heads/pki-issued")

    def ledger(self) -> list[dict]:
        names = self.git("ls-tree", "--name-only", "pki-issued", "ledger/").splitlines()
        lines = [
            line
            for name in sorted(names)
            for line in self.git("show", f"pki-issued:{name}").splitlines()
        ]
        return [json.loads(line) for line in lines]

    def ask(self, name: str, *lines: str) -> None:
        """Ask for a certificate, with these lines more in its spec; the CSR is made once."""
        csr = self.root / f"certificates/{name}.csr"
        if not csr.exists():
            make_csr(csr)
        given = [f"csrFile: {name}.csr", f"subjectAltNames: [{name}.example.com]"]
        self.manifest(name, "\n".join([*given, *lines]))

    def manifest(self, name: str, body: str) -> None:
        """Write a Certificate manifest with `body` as its spec."""
        indented = "".join(f"  {line}\n" for line in body.strip().splitlines())
        self.write(
            f"certificates/{name}.yaml",
            "apiVersion: pki-as-code/v1\nkind: Certificate\n"
            f"metadata: {{name: {name.rpartition('/')[2]}}}\nspec:\n{indented}",
        )


def openssl(*arguments: str, stdin: bytes = b"", expect: int | None = 0) -> str:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=False)
    text = (done.stdout + done.stderr).decode(errors="replace")
    if expect is not None:
        assert done.returncode == expect, text
    return text


def make_csr(
    place: Path,
    *,
    subject: str = "/CN=www.example.com",
    key: Sequence[str] = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    extra: Sequence[str] = (),
) -> bytes:
    """Make a CSR with openssl, as an engineer would; its key is thrown away."""
    place.parent.mkdir(parents=True, exist_ok=True)
    openssl(
        "req", "-new", *key, "-nodes", "-keyout", os.devnull, "-subj", subject, "-out", str(place),
        *extra,
    )  # fmt: skip
    return place.read_bytes()


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Path:
    """A repository as `pkictl init` makes it; tests copy it."""
    root = tmp_path_factory.mktemp("template") / "example-pki"
    root.mkdir()
    Repository(root).run("init")
    return root


@pytest.fixture
def repository(template, tmp_path) -> Repository:
    import shutil

    root = tmp_path / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    return Repository(root)


@pytest.fixture(scope="session")
def csr(tmp_path_factory) -> bytes:
    return make_csr(tmp_path_factory.mktemp("csr") / "web.csr")


@pytest.fixture
def make_site(request, template, memory_directory, tmp_path):
    """Make a site with a store of the kind that is named, in a directory where there is one."""
    from tests.e2e.fault_site import new_site

    def new_uri() -> str:
        server = request.getfixturevalue("postgres_server")
        return server.uri(server.create_database())

    with TemporaryDirectory(dir=memory_directory) as directory:
        yield lambda kind, at=None: new_site(
            template, kind, at or Path(directory), new_uri, tmp_path / "signatures.log"
        )
