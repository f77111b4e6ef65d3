"""Repositories with a store in them, for tests that plan and sign for real."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import pytest

from pki_as_code.apply.issuers import Issuers
from pki_as_code.apply.outcome import Outcome, Settings
from pki_as_code.apply.reconcile import reconcile
from pki_as_code.authoring.scaffold import AuthorityKeys, scaffold
from pki_as_code.gitplumbing import GitRepository, make_repository
from pki_as_code.gitrepo import commit_paths
from pki_as_code.model import RESPONDER, CertificateRecord, ObjectId, Plan, PublishCrl
from pki_as_code.stores.entries import Payload
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.workspace import Workspace, open_workspace
from tests.keys.conftest import GivenSecrets
from tests.plan import worlds
from tests.plan.worlds import NOW

IDENTITY = {"user.name": "Alice", "user.email": "alice@example.com"}


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=directory, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Site:
    """A repository as `pkictl init` makes it, its authorities issued at NOW."""

    root: Path
    store: str = "git:pki-issued"
    opened: list[Workspace] = field(default_factory=list)
    secrets: GivenSecrets = field(default_factory=GivenSecrets)
    now: datetime = NOW
    """When things are done unless a test says otherwise."""

    # --- The repository ---

    def git(self, *arguments: str) -> str:
        return git(self.root, *arguments)

    def write(self, path: str, content: str | bytes) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)

    def add(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            self.write(path, data)

    def certificate(self, path: str, **spec: Any) -> None:
        host = path.rpartition("/")[2]
        self.add(worlds.certificate(path, **{"subjectAltNames": [f"{host}.example.com"], **spec}))

    def remove(self, path: str) -> None:
        for suffix in (".yaml", ".csr"):
            (self.root / f"{path}{suffix}").unlink()

    def commit(self, message: str = "change") -> str:
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    # --- The pipeline ---

    def workspace(self, ref: str | None = "HEAD", **options: Any) -> Workspace:
        options = {"store": self.store, "read_only": False, **options}
        opened = open_workspace(self.root, ref=ref, **options)
        self.opened.append(opened)
        return opened

    def plan(
        self, *, ref: str | None = "HEAD", now: datetime | None = None, only: Any = ()
    ) -> Plan:
        return self.workspace(ref).plan(now or self.now, only)

    def run(
        self,
        *,
        now: datetime | None = None,
        only: Collection[ObjectId] = (),
        on_plan: Callable[[Plan], None] = lambda _: None,
        issuers: Callable[[Workspace, GivenSecrets], Issuers] = Issuers,
        allowed: Mapping[str, int] | None = None,
    ) -> list[Outcome]:
        """Reconcile HEAD to the end."""
        workspace = self.workspace()
        settings = Settings(
            issuers(workspace, self.secrets),
            now or self.now,
            frozenset(only),
            dict(allowed or {}),
        )
        return list(reconcile(workspace, settings, on_plan))

    # --- What the store has ---

    def records(self, **conditions: Any) -> list[CertificateRecord]:
        return list(self.workspace().store.find(CertificateFilter(**conditions)))

    def record(self, path: str) -> CertificateRecord:
        """Return the current certificate of an object."""
        object_id = worlds.certificate_id(path)
        current = self.workspace().store.observe([object_id])[object_id].current
        assert current is not None
        return current

    def payloads(self) -> list[Payload]:
        return [entry.payload for entry in self.workspace().store.entries()]

    def head(self) -> Any:
        return self.workspace().store.head()

    def verify(self) -> None:
        assert list(self.workspace().store.verify()) == []

    def close(self) -> None:
        for workspace in self.opened:
            workspace.store.close()


def told(outcomes: Collection[Outcome], *, responders: bool = False) -> list[str]:
    """
    Return what was done, in words: `issue web`, `issue web: key.missing`.

    Not the CRLs that follow from it, which have tests of their own. OCSP responders are told of
    apart: each authority has one, whatever a test is about.
    """
    return [
        f"{outcome.change.action} {outcome.change.object_id.path}"
        + (f": {outcome.error.code}" if outcome.error else "")
        for outcome in outcomes
        if (outcome.change.object_id.kind == RESPONDER) is responders
        and not isinstance(outcome.change, PublishCrl)
    ]


def errors(plan: Plan) -> list[tuple[str, str]]:
    """Return code and path of each error for which an object is kept out of a plan."""
    return [
        (finding.code, finding.source.path if finding.source else "")
        for finding in plan.findings
        if finding.severity == "error"
    ]


# --- Fixtures, for the conftest of a directory ---------------------------------------------------


@pytest.fixture(scope="session", autouse=True)
def git_identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Have git take nothing from whoever runs the tests."""
    configuration = tmp_path_factory.mktemp("home") / "gitconfig"
    lines = "".join(f"[user]\n{k.partition('.')[2]} = {v}\n" for k, v in IDENTITY.items())
    configuration.write_text(f"{lines}[init]\ndefaultBranch = main\n")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("PKI_", "GIT_"))]:
            patch.delenv(name)
        patch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.fixture
def directory(memory_directory: Path) -> Iterator[Path]:
    with TemporaryDirectory(dir=memory_directory) as path:
        yield Path(path)


@pytest.fixture(scope="session")
def bare_template(git_identity: None, memory_directory: Path) -> Path:
    """A repository whose authorities are not issued yet."""
    # Each conftest that has these fixtures makes its own.
    root = Path(mkdtemp(prefix="bare-template-", dir=memory_directory))
    make_repository(root)
    site = Site(root)
    files = scaffold("example-pki", AuthorityKeys(), None)
    site.add(files)
    commit_paths(GitRepository.discover(root), sorted(files), "Set up a PKI")
    return root


@pytest.fixture(scope="session")
def template(bare_template: Path, memory_directory: Path) -> Path:
    site = copy_of(bare_template, Path(mkdtemp(dir=memory_directory)) / "template")
    outcomes = site.run()
    assert told(outcomes) == ["issue root", "issue issuing"]
    site.close()
    return site.root


def copy_of(template: Path, root: Path, now: datetime = NOW) -> Site:
    shutil.copytree(template, root, symlinks=True)
    return Site(root, now=now)


@pytest.fixture
def site(template: Path, directory: Path) -> Iterator[Site]:
    copied = copy_of(template, directory / "example-pki")
    yield copied
    copied.close()


@pytest.fixture
def bare_site(bare_template: Path, directory: Path) -> Iterator[Site]:
    copied = copy_of(bare_template, directory / "bare-pki")
    yield copied
    copied.close()
