"""Machines of a ceremony: where CI runs, where somebody reviews, and the one without a network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.conftest import Done, Repository, environment, make_csr
from tests.e2e.quick import Quick

SECRET = {"PKI_PASSPHRASE_ROOT": "correct horse battery staple"}


def manifest(kind: str, name: str, **spec: Any) -> str:
    value = {
        "apiVersion": "pki-as-code/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": spec,
    }
    return json.dumps(value, indent=1) + "\n"


ROOT = {
    "subject": "C=AT,O=Example,CN=Example Offline Root",
    "mode": "offline",
    "key": {"uri": "file:/media/root.key", "type": "EC", "curve": "P-384"},
    "validity": "7300d",
    "pathLength": 1,
}
ISSUING = {
    "subject": "C=AT,O=Example,CN=Example Issuing CA",
    "parent": "root",
    "key": {"uri": "file:keys/issuing.pem", "type": "EC"},
    "validity": "1825d",
    "pathLength": 0,
    "nameConstraints": {"permitted": ["DNS:example.com"]},
}


def write_manifests(repository: Repository, **changes: Any) -> None:
    """Write an offline root, an authority below it and a certificate; `changes` to the second."""
    issuing = {field: v for field, v in {**ISSUING, **changes}.items() if v is not None}
    repository.write("pki.yaml", manifest("Project", "ceremony", defaults={"issuer": "issuing"}))
    repository.write(".gitignore", "/keys/\n")
    repository.write("authorities/root.yaml", manifest("CertificateAuthority", "root", **ROOT))
    repository.write(
        "authorities/issuing.yaml",
        "# What is written by hand stays.\n"
        + manifest("CertificateAuthority", "issuing", **issuing),
    )
    make_csr(repository.root / "certificates/web.csr")
    repository.manifest("web", "csrFile: web.csr\nsubjectAltNames: [www.example.com]")


@dataclass(frozen=True)
class Table:
    """The machine without a network: a directory, and no git on the path."""

    directory: Path

    def sign(self, bundle: Path | str, *more: str, out: str, expect: int | None = 0) -> Done:
        return self.run(
            "ceremony", "sign", str(bundle), "--key", "file:media/root.key", "--out", out, "--yes",
            *more, expect=expect,
        )  # fmt: skip

    def run(self, *arguments: str, expect: int | None = 0, **env: str) -> Done:
        return Repository(self.directory).run(
            *arguments, expect=expect, env={"PATH": str(self.directory), **SECRET, **env}
        )

    def quick(self) -> QuickTable:
        return QuickTable(self.directory)


class QuickTable(Table):
    """The same in this process."""

    def run(self, *arguments: str, expect: int | None = 0, **env: str) -> Done:
        return Quick(self.directory).run(*arguments, expect=expect, env={**SECRET, **env})


def make_online(root: Path, kind: type[Repository] = Repository, **changes: Any) -> Repository:
    root.mkdir(parents=True)
    repository = kind(root)
    repository.git("init", "--quiet", "--initial-branch=main")
    write_manifests(repository, **changes)
    repository.commit("Ask for an offline hierarchy")
    return repository


def make_table(directory: Path) -> Table:
    (directory / "media").mkdir(parents=True)
    return Table(directory)


def files_with(directory: Path, needle: bytes) -> list[Path]:
    """Return the files below a directory, the git directory included, that have it in them."""
    found = []
    for path, _, names in os.walk(directory):
        for name in names:
            place = Path(path) / name
            if place.is_file() and needle in place.read_bytes():
                found.append(place)
    return found


KILLED = """
import os, signal, sys
from pki_as_code.cli.main import main
from pki_as_code.stores.ledger_store import LedgerStore

whole, calls = LedgerStore.{method}, 0

def dies(self, *given, **named):
    global calls
    calls += 1
    if calls == {at} and {before}:
        os.kill(os.getpid(), signal.SIGKILL)
    whole(self, *given, **named)
    if calls == {at}:
        os.kill(os.getpid(), signal.SIGKILL)

LedgerStore.{method} = dies
main(sys.argv[1:])
"""


def killed_sitting(table: Table, bundle: Path, method: str, *, before: bool, at: int = 1) -> None:
    """Lose power before or after a write to the journal: kill -9 at just that moment."""
    arguments = ["ceremony", "sign", str(bundle), "--key", "file:media/root.key",
                 "--out", "lost.out", "--yes"]  # fmt: skip
    killed = subprocess.run(
        [sys.executable, "-c", KILLED.format(method=method, before=before, at=at), *arguments],
        cwd=table.directory, env=environment(**SECRET), capture_output=True, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not (table.directory / "lost.out").exists()
