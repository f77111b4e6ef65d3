"""A place for a store of each kind. What holds for every store is tested against all of them."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from pki_as_code.gitplumbing import GitRepository
from pki_as_code.stores import open_store
from tests.stores.material import NOW, root_payloads
from tests.stores.postgres_server import PostgresServer

GIT_KINDS = ("git", "git with a remote")
KINDS = ("sqlite", "postgresql", *GIT_KINDS)


def git(directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@dataclass
class Place:
    """Where a store is; each `open` is another handle, as another run would have."""

    kind: str
    directory: Path
    uri: str
    opened: list[Any] = field(default_factory=list)
    clones: int = 0

    @property
    def root(self) -> Path:
        return self.directory / "repository"

    def open(self, **options: Any) -> Any:
        return self._open(self.root, **options)

    def open_elsewhere(self) -> Any:
        """Open it as another machine would: from a clone, where there is a remote."""
        if self.kind != "git with a remote":
            return self.open()
        self.clones += 1
        clone = self.directory / f"clone{self.clones}"
        git(self.directory, "clone", "--quiet", str(self.directory / "remote.git"), str(clone))
        return self._open(clone)

    def close(self) -> None:
        for store in self.opened:
            store.close()

    def _open(self, root: Path, **options: Any) -> Any:
        repository = GitRepository.discover(root)
        store = open_store(self.uri, repository, root=root, **options)
        self.opened.append(store)
        return store


@pytest.fixture(scope="session", autouse=True)
def git_identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    configuration = tmp_path_factory.mktemp("home") / "gitconfig"
    configuration.write_text(
        "[user]\nname = Alice Example\nemail = alice@example.com\n[init]\ndefaultBranch = main\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", str(configuration))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        yield


@pytest.fixture
def new_database(request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Make a database (a copy of another one) that is dropped after the test."""
    made: list[str] = []

    def make(template: str = "template0") -> str:
        server = request.getfixturevalue("postgres_server")
        made.append(server.create_database(template))
        return made[-1]

    yield make
    for name in made:
        request.getfixturevalue("postgres_server").drop_database(name)


def new_place(kind: str, directory: Path, uri: str = "") -> Place:
    """A repository without a store in it; `uri` names the database of a store that is in one."""
    uri = uri or ("sqlite:///issued.db" if kind == "sqlite" else "git:pki-issued")
    place = Place(kind, directory, uri)
    git(directory, "init", "--quiet", str(place.root))
    if kind == "git with a remote":
        git(directory, "init", "--quiet", "--bare", "remote.git")
        git(place.root, "remote", "add", "origin", "../remote.git")
    return place


@pytest.fixture(scope="session")
def make_template(request: pytest.FixtureRequest, memory_directory: Path) -> Callable[[str], Place]:
    """Return a store of that kind that has issued its root, to be copied."""
    places: dict[str, Place] = {}

    def make(kind: str) -> Place:
        if kind in places:
            return places[kind]
        directory = memory_directory / f"template {kind}"
        directory.mkdir()
        uri = ""
        if kind == "postgresql":
            server: PostgresServer = request.getfixturevalue("postgres_server")
            uri = server.uri(server.create_database())
        place = new_place(kind, directory, uri)
        store = place.open()
        reserved, signed = root_payloads()
        store.reserve([reserved], now=NOW, message="Reserve root")
        store.record([signed], now=NOW, message="Record root")
        store.close()
        places[kind] = place
        return place

    return make


def database_of(place: Place) -> str:
    return place.uri.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def directory(memory_directory: Path) -> Iterator[Path]:
    with TemporaryDirectory(dir=memory_directory) as path:
        yield Path(path)


@pytest.fixture
def make_empty(
    request: pytest.FixtureRequest, directory: Path, new_database: Callable[..., str]
) -> Iterator[Callable[..., Place]]:
    """Make a place without a store, in a directory that is made for it where one is named."""
    places: list[Place] = []

    def make(kind: str, where: Path = directory) -> Place:
        uri = ""
        if kind == "postgresql":
            uri = request.getfixturevalue("postgres_server").uri(new_database())
        where.mkdir(exist_ok=True)
        places.append(new_place(kind, where, uri))
        return places[-1]

    yield make
    for place in places:
        place.close()


@pytest.fixture
def make_place(
    request: pytest.FixtureRequest,
    directory: Path,
    make_template: Callable[[str], Place],
    new_database: Callable[..., str],
) -> Iterator[Callable[[str], Place]]:
    """Make a place with a store that has issued its root."""
    places: list[Place] = []

    def make(kind: str) -> Place:
        template = make_template(kind)
        copytree(template.directory, directory, dirs_exist_ok=True)
        uri = template.uri
        if kind == "postgresql":
            server = request.getfixturevalue("postgres_server")
            uri = server.uri(new_database(database_of(template)))
        places.append(Place(kind, directory, uri))
        return places[-1]

    yield make
    for place in places:
        place.close()


@pytest.fixture(params=KINDS)
def empty_place(request: pytest.FixtureRequest, make_empty: Callable[[str], Place]) -> Place:
    return make_empty(request.param)


@pytest.fixture
def place(request: pytest.FixtureRequest, make_place: Callable[[str], Place]) -> Place:
    """A place for each kind of store, with a store that has issued its root."""
    return make_place(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    Give a test a place of each kind.

    Only one that opens the store elsewhere tells a remote from none.
    """
    if "place" in metafunc.fixturenames:
        opens_elsewhere = "open_elsewhere" in inspect.getsource(metafunc.function)
        kinds = KINDS if opens_elsewhere else KINDS[:-1]
        metafunc.parametrize("place", kinds, indirect=True)


@pytest.fixture(params=GIT_KINDS)
def git_place(request: pytest.FixtureRequest, make_place: Callable[[str], Place]) -> Place:
    return make_place(request.param)


@pytest.fixture
def local_git_place(make_place: Callable[[str], Place]) -> Place:
    return make_place("git")


@pytest.fixture
def remote_git_place(make_place: Callable[[str], Place]) -> Place:
    return make_place("git with a remote")


@pytest.fixture
def sqlite_place(make_place: Callable[[str], Place]) -> Place:
    return make_place("sqlite")


@pytest.fixture
def postgres_place(make_place: Callable[[str], Place]) -> Place:
    return make_place("postgresql")
