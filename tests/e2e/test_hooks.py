"""The hooks of `.pre-commit-hooks.yaml`, run as pre-commit runs them: entry, then file names."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Done, Repository, environment, make_csr, openssl

ROOT = Path(__file__).parents[2]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}


def run_hook(repository: Repository, name: str, *paths: str) -> Done:
    hook = HOOKS[name]
    chosen = [path for path in paths if re.search(hook.get("files", ""), path)]
    given = chosen if hook.get("pass_filenames", True) else []
    done = subprocess.run(
        [*shlex.split(hook["entry"]), *given],
        cwd=repository.root,
        env=environment(PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def asked(repository) -> Repository:
    make_csr(repository.root / "certificates/web.csr", subject="/CN=web.example.com")
    repository.ask("web")
    return repository


def test_a_good_change_passes_every_hook(asked):
    for name in HOOKS:
        done = run_hook(asked, name, "certificates/web.yaml", "certificates/web.csr")
        assert done.code == 0, done.out


def test_a_manifest_with_an_error_is_refused(asked):
    asked.manifest("web", "csrFile: web.csr\ndnsNames: [web.example.com]")
    done = run_hook(asked, "pkictl-validate", "certificates/web.yaml")
    assert done.code == 1
    assert "manifest.unknown_key" in done.out


KEYS = {
    "pkcs8": ["genpkey", "-algorithm", "ed25519"],
    "encrypted": ["genpkey", "-algorithm", "ed25519", "-aes256", "-pass", "pass:secret"],
    "sec1": ["ecparam", "-name", "prime256v1", "-genkey", "-noout"],
    "pkcs8-der": ["genpkey", "-algorithm", "ed25519", "-outform", "DER"],
    "sec1-der": ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-outform", "DER"],
}


@pytest.mark.parametrize("kind", KEYS)
def test_a_private_key_is_refused(asked, kind):
    openssl(*KEYS[kind], "-out", str(asked.root / "notes.txt"))
    done = run_hook(asked, "pkictl-private-keys", "README.md", "notes.txt")
    assert done.code == 1
    assert "hook.private_key" in done.out
    assert "--> notes.txt:1:1" in done.out
    assert "README" not in done.out


def test_an_encrypted_key_in_der_and_a_pkcs12_are_refused(asked):
    key, certificate = asked.root / "k.pem", asked.root / "c.pem"
    openssl(
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", str(key), "-out", str(certificate), "-subj", "/CN=x",
    )  # fmt: skip
    openssl(
        "pkcs8", "-topk8", "-in", str(key), "-outform", "DER", "-out", str(asked.root / "k.bin"),
        "-passout", "pass:secret",
    )  # fmt: skip
    openssl(
        "pkcs12", "-export", "-inkey", str(key), "-in", str(certificate),
        "-out", str(asked.root / "k.p12"), "-passout", "pass:secret",
    )  # fmt: skip
    for name in ("k.bin", "k.p12"):
        assert run_hook(asked, "pkictl-private-keys", name).code == 1, name
    assert run_hook(asked, "pkictl-private-keys", "c.pem").code == 0


def test_keys_of_others_in_a_hostile_name_are_told_inertly(asked):
    name = "a\n::error::pwned\x1b[31m"
    (asked.root / name).write_text("AGE-SECRET-KEY-1QQQQ\n")
    done = run_hook(asked, "pkictl-private-keys", name)
    assert done.code == 1
    assert "\x1b" not in done.out
    assert not [line for line in done.out.splitlines() if line.startswith("::")]


def test_links_and_removed_files_are_no_reason(asked):
    (asked.root / "link").symlink_to(asked.root / "keys/root.pem")
    assert run_hook(asked, "pkictl-private-keys", "link", "gone").code == 0


def test_a_csr_that_asks_for_more_than_its_manifest_is_refused(asked):
    extra = ["-addext", "subjectAltName=DNS:web.example.com,DNS:evil.example.com"]
    make_csr(asked.root / "certificates/web.csr", subject="/CN=other.example.com", extra=extra)
    done = run_hook(asked, "pkictl-csrs", "certificates/web.csr", "certificates/web.yaml")
    assert done.code == 1
    assert "csr.other_names" in done.out
    assert "DNS:evil.example.com, CN=other.example.com, which" in done.out


def test_a_csr_without_a_manifest_is_refused(asked):
    make_csr(asked.root / "certificates/lost.csr")
    done = run_hook(asked, "pkictl-csrs", "certificates/lost.csr")
    assert done.code == 1
    assert "csr.unclaimed" in done.out
    assert run_hook(asked, "pkictl-csrs", "certificates/web.yaml").code == 0


def test_something_else_than_a_csr_is_refused(asked):
    (asked.root / "certificates/web.csr").write_text("no CSR\n")  # the manifest stays as it is
    done = run_hook(asked, "pkictl-csrs", "certificates/web.csr")
    assert (done.code, "csr.not_pem_or_der" in done.out) == (1, True)
