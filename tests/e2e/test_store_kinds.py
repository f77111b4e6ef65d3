"""A repository whose store is in PostgreSQL, and one whose store moves."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.e2e.conftest import Repository, environment, make_csr


def serials(repository: Repository, store: str) -> list[str]:
    done = repository.run("--store", store, "list_certs", "-o", "json")
    return sorted(re.findall(r'"serial_?[nN]umber": "([0-9A-F:]+)"', done.out))


def test_a_store_moves_to_postgresql_and_back(repository, postgres_server, tmp_path) -> None:
    make_csr(tmp_path / "web.csr", subject="/CN=web.example.com")
    repository.run(
        "sign_cert", "--as", "web", "--alt", "web.example.com", "--csr", str(tmp_path / "web.csr")
    )
    uri = postgres_server.uri(postgres_server.create_database())
    known = serials(repository, "git:pki-issued")
    assert known
    repository.run("store", "export", "../a.jsonl")
    repository.run("--store", uri, "store", "upgrade")
    done = repository.run("--store", uri, "store", "import", "../a.jsonl")
    assert "next: pkictl store verify" in done.err
    repository.run("--store", uri, "store", "verify")
    assert serials(repository, uri) == known
    assert "No changes" in repository.run("--store", uri, "plan").out
    # Two at once go on with it.
    make_csr(tmp_path / "api.csr", subject="/CN=api.example.com")
    repository.run(
        "--store", uri, "sign_cert", "--as", "api", "--alt", "api.example.com", "--csr",
        str(tmp_path / "api.csr"), "--no-commit",
    )  # fmt: skip
    repository.git("add", "certificates")
    repository.git("commit", "--quiet", "-m", "Ask for api")
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "pki_as_code", "--store", uri, "reconcile"],
            cwd=repository.root, env=environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode in {0, 6}, said
    assert len(serials(repository, uri)) == len(known) + 1
    repository.run("--store", uri, "store", "export", "../b.jsonl")
    repository.run("--store", "sqlite:///issued.db", "store", "import", "../b.jsonl")
    repository.run("--store", "sqlite:///issued.db", "store", "verify")
    assert serials(repository, "sqlite:///issued.db") == serials(repository, uri)
    refused = repository.run("store", "import", "../b.jsonl", expect=1)
    assert "store.not_empty" in refused.err


def test_a_password_is_in_no_output(repository, postgres_server) -> None:
    secret = "opensesame-4711"
    for store in (
        f"postgresql://nobody:{secret}@127.0.0.1:1/pki",
        f"postgresql://nobody@127.0.0.1:1/pki?password={secret}",
        f"postgresql://nobody:{secret}@127.0.0.1:port/pki",
        postgres_server.uri("nowhere", username="nobody", password=secret),
    ):
        for command in ("status", "reconcile"):
            done = subprocess.run(
                [sys.executable, "-m", "pki_as_code", "--traceback", command],
                cwd=repository.root, env=environment(PKI_STORE=store), stdin=subprocess.DEVNULL,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 1
            assert "error[store." in done.stderr
            assert secret not in done.stdout + done.stderr
