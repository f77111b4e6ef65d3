"""Judged by somebody else's linter: pkilint's RFC 5280 profile finds no error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository, make_csr

PROFILES = ("client", "server", "webserver", "enduser", "ocsp")
KEYS = {
    "rsa": ("-newkey", "rsa:2048"),
    "ec": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "ed25519": ("-newkey", "ed25519"),
}


def errors_of(certificate: Path) -> list[dict]:
    """Return pkilint's findings of severity error and above."""
    program = Path(sys.executable).parent / "lint_pkix_cert"
    options = ["lint", "-s", "ERROR", "-f", "JSON"]
    done = subprocess.run(
        [program, *options, str(certificate)], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return json.loads(done.stdout)["results"]


@pytest.fixture(scope="module", params=KEYS)
def issued(request, tmp_path_factory) -> Repository:
    """A repository whose authorities have this key, with a certificate of each profile."""
    root = tmp_path_factory.mktemp(request.param) / "pki"
    root.mkdir()
    repository = Repository(root)
    kind = {"rsa": "RSA", "ec": "EC", "ed25519": "Ed25519"}[request.param]
    size = ("--key-size", "2048") if kind == "RSA" else ()
    repository.run("init", "--base-url", "http://pki.example.com", "--key-type", kind, *size)
    for profile in PROFILES:
        for name, key in KEYS.items():
            make_csr(root / f"certificates/{profile}-{name}.csr", key=key)
            repository.manifest(
                f"{profile}-{name}",
                f"csrFile: {profile}-{name}.csr\nprofile: {profile}\n"
                f"subjectAltNames: [{name}.{profile}.example.com, email:a@example.com]",
            )
    repository.commit()
    repository.run("reconcile")
    return repository


def test_pkilint_finds_no_error(issued, tmp_path):
    names = issued.git("ls-tree", "-r", "--name-only", "pki-issued").splitlines()
    files = [name for name in names if name.endswith(".pem")]
    assert len(files) == len(PROFILES) * len(KEYS) + 4  # two authorities and their responders
    found = {}
    for name in files:
        leaf = issued.git("show", f"pki-issued:{name}").partition("-----END CERTIFICATE-----")
        path = tmp_path / name.replace("/", "-")
        path.write_text(f"{leaf[0]}{leaf[1]}\n")
        if errors := errors_of(path):
            found[name] = errors
    assert not found
