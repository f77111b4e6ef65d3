"""What commands on a small store load and start: how long they take follows from that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from tests.e2e.conftest import Repository, environment

ALWAYS_HEAVY = ("sqlalchemy", "psycopg", "alembic", "git", "asyncio", "ssl", "http.client", "email",
                "jsonschema", "rich", "importlib.metadata")  # fmt: skip
MODELS = ("pydantic", "yaml", "cryptography", "pki_as_code.plan", "pki_as_code.model.plans")
STORE_ALONE = (
    ("list_certs",),
    ("list_certs", "--name", "web*", "--sort", "name"),
    ("list_certs", "-o", "wide"),
    ("dump_crl", "issuing"),
)
WITH_MANIFESTS = (("plan",), ("list_cas",), ("view_ca", "issuing"))
GIT_FOR_A_LIST = 3
"""Where the repository is, its remotes, and where the branch is."""


def loaded(repository: Repository, *arguments: str) -> set[str]:
    """Return the modules that a command imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pki_as_code", *arguments],
        cwd=repository.root, env=environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}


def heavy(modules: set[str], names: tuple[str, ...]) -> list[str]:
    return sorted(m for m in modules if any(m == n or m.startswith(f"{n}.") for n in names))


@pytest.mark.parametrize("arguments", STORE_ALONE, ids=" ".join)
def test_who_looks_at_the_store_alone_loads_no_models(
    repository: Repository, arguments: tuple[str, ...]
) -> None:
    repository.run(*arguments)  # which store it is, is noted by the first
    assert heavy(loaded(repository, *arguments), (*ALWAYS_HEAVY, *MODELS)) == []


@pytest.mark.parametrize("store", ["git:pki-issued", "sqlite:///issued.db"])
@pytest.mark.parametrize("arguments", WITH_MANIFESTS, ids=" ".join)
def test_who_only_reads_loads_no_sqlalchemy(
    repository: Repository, arguments: tuple[str, ...], store: str
) -> None:
    if store.startswith("sqlite"):
        repository.run("--store", store, "init", "moved")
        repository = Repository(repository.root / "moved")
    names = ("sqlalchemy", "asyncio", "ssl")
    assert heavy(loaded(repository, "--store", store, *arguments), names) == []


def test_a_changed_pki_yaml_is_read_again(repository: Repository) -> None:
    repository.run("list_certs")
    place = repository.root / "pki.yaml"
    place.write_text(place.read_text() + "\n# changed\n")
    assert "pydantic" in loaded(repository, "list_certs")
    assert "pydantic" not in loaded(repository, "list_certs")
    place.write_text("apiVersion: pki-as-code/v1\nkind: Project\nmetadata: {name: x}\nspec: 1\n")
    repository.run("list_certs", expect=1)


def test_help_imports_neither_paths_nor_json(repository: Repository) -> None:
    found = loaded(repository, "--help")
    assert heavy(found, ("pathlib", "json", "hashlib", "dataclasses", "traceback")) == []


def test_a_list_starts_git_three_times(repository: Repository, tmp_path: Path) -> None:
    repository.run("list_certs")
    log, program = tmp_path / "log", tmp_path / "git"
    program.write_text(f'#!/bin/sh\necho started >>{log}\nexec {which("git")} "$@"\n')
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    repository.run("list_certs", env={"PATH": path})
    assert log.read_text().splitlines() == ["started"] * GIT_FOR_A_LIST
