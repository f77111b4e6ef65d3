"""One page for each command: its options are those of the program, its examples work."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository, environment, make_csr

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "commands").glob("*.md"))

LEAF = (
    "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
    "subjectAltName=DNS:mail.example.com\nauthorityKeyIdentifier=keyid\n"
)

VAULT = (
    "apiVersion: pki-as-code/v1\nkind: CertificateAuthority\nmetadata: {name: vault}\nspec:\n"
    "  subject: CN=Vault Root\n  mode: offline\n  key: {uri: 'file:/media/vault.key'}\n"
    "  crl: {validity: 180d, refreshBefore: 30d}\n"
)
"""The manifest of an offline authority."""


POLICY_TEST = (
    "tests:\n  - name: anything, without a policy\n"
    "    request: {namespace: payments, subjectAltNames: [a.example.com]}\n    expect: allowed\n"
)


def generator():
    spec = importlib.util.spec_from_file_location("reference", DOCS / "generate_reference.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples(page: Path) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def test_there_is_a_page_for_each_command_and_none_else():
    reference = generator()
    wanted = {reference.page_name(words) for words in reference.all_commands()}
    assert {page.name for page in PAGES} == wanted


def test_the_options_are_those_of_the_program():
    assert generator().refresh(DOCS / "commands", check=True) == []


@pytest.fixture
def prepared(repository) -> Repository:
    """A repository with a certificate `web`, and beside it what the examples use."""
    beside = repository.root.parent
    for name in ("web", "mail", "api"):
        make_csr(beside / f"{name}.csr", subject=f"/CN={name}.example.com")
    (beside / "leaf.cnf").write_text(LEAF)
    (beside / "vault.yaml").write_text(VAULT)
    repository.write("policy-tests/payments.yaml", POLICY_TEST)
    authority = repository.git("show", "pki-issued:authorities/issuing.pem")
    (beside / "authority.pem").write_text(f"{authority}\n")
    repository.run(
        "sign_cert", "--as", "web", "--alt", "www.example.com", "--csr", str(beside / "web.csr")
    )
    return repository


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_examples_work(prepared, page):
    commands = examples(page)
    assert commands, "a page without an example"
    paths = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=prepared.root,
            env=environment(PATH=paths),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
