"""`pkictl publish`, as a web server shows what it made."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from cryptography import x509

from tests.e2e.conftest import environment, make_csr, openssl
from tests.e2e.in_process import in_process

ROUNDS = int(os.environ.get("PKI_TEST_CRASH_ROUNDS", "20"))


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Web:
    """A plain file server."""

    def __init__(self, place: Path) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(place)))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def get(self, path: str) -> bytes:
        with urlopen(f"http://127.0.0.1:{self.server.server_port}/{path}", timeout=10) as answer:
            return answer.read()

    def whole(self) -> dict[str, bytes]:
        """Fetch every file that the index names; its digest must be the one that is named."""
        index = json.loads(self.get("index.json"))
        found = {path: self.get(path) for path in index["files"]}
        for path, content in found.items():
            assert sha256(content).hexdigest() == index["files"][path]["sha256"], path
        return found

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def public(repository) -> Path:
    return repository.root.parent / "public"


@pytest.fixture
def web(public) -> Iterator[Web]:
    made = Web(public)
    yield made
    made.close()


def sign(repository, csr: bytes, *names: str) -> None:
    for name in names:
        repository.write(f"certificates/{name}.csr", csr)
        body = f"csrFile: {name.rpartition('/')[2]}.csr\nsubjectAltNames: [{name}.example.com]"
        repository.manifest(name, body)
    repository.commit()
    in_process(repository.root).run("reconcile")


def test_what_is_published_verifies_with_openssl(repository, public, web, csr, tmp_path):
    sign(repository, csr, "web")
    done = repository.run("publish", "--out", str(public))
    assert "+ certificates/default/web.pem" in done.out
    found = web.whole()
    (tmp_path / "root.pem").write_bytes(found["ca/root.pem"])
    (tmp_path / "chain.pem").write_bytes(found["ca/issuing.chain.pem"])
    (tmp_path / "web.pem").write_bytes(found["certificates/default/web.pem"])
    openssl(
        "verify", "-CAfile", str(tmp_path / "root.pem"), "-untrusted", str(tmp_path / "chain.pem"),
        str(tmp_path / "web.pem"),
    )  # fmt: skip
    issuing = x509.load_der_x509_certificate(found["ca/issuing.cer"])
    web_certificate = x509.load_pem_x509_certificate(found["certificates/default/web.pem"])
    web_certificate.verify_directly_issued_by(issuing)
    with pytest.raises(HTTPError):
        web.get("private/root.pem")


def test_the_tree_has_no_key_and_publishing_needs_none(repository, public, csr):
    sign(repository, csr, "web")
    for key in (repository.root / "private").glob("*"):
        key.unlink()
    repository.run("publish", "--out", str(public))
    assert not [p for p in public.rglob("*") if p.is_file() and b"PRIVATE" in p.read_bytes()]


def test_publishing_again_says_calmly_that_nothing_changed(repository, public):
    quick = in_process(repository.root)
    quick.run("publish", "--out", str(public))
    target = os.readlink(public)
    done = quick.run("publish", "--out", str(public))
    assert done.out.startswith("Nothing changed: 9 files in ")
    assert done.err == ""
    assert os.readlink(public) == target


def test_json_names_what_was_written(repository, public):
    quick = in_process(repository.root)
    done = quick.run("publish", "--out", str(public), "--output", "json")
    assert done.json["written"][-1] == "index.json"
    assert done.json["ledgerSequence"] == len(repository.ledger()) - 1
    assert done.json["diagnostics"] == []


def test_certificates_can_be_kept_from_the_public(repository, public, csr):
    sign(repository, csr, "web")
    quick = in_process(repository.root)
    quick.run("publish", "--out", str(public))
    done = quick.run("publish", "--out", str(public), "--no-certificates")
    assert "- certificates/default/web.pem" in done.out
    assert b"web" not in (public / "index.json").read_bytes()


def test_a_relative_destination_is_relative_to_where_the_command_runs(repository):
    in_process(repository.root).run("publish", "--out", "site")
    assert (repository.root / "site/index.html").is_file()


def test_a_branch_is_published_to_without_touching_the_working_tree(repository):
    before = repository.git("status", "--porcelain"), repository.git("rev-parse", "HEAD")
    repository.run("publish", "--out", "git:gh-pages")
    assert (repository.git("status", "--porcelain"), repository.git("rev-parse", "HEAD")) == before
    assert "ca/root.cer" in repository.git("ls-tree", "-r", "--name-only", "gh-pages")


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        (".", "publish.foreign_content"),
        (".git", "publish.foreign_content"),
        ("pki.yaml", "publish.foreign_content"),
        ("git:pki-issued", "publish.foreign_content"),
        ("git:main", "publish.bad_destination"),
        ("ftp://example.com", "publish.unknown_scheme"),
        ("", "publish.bad_destination"),
    ],
)
def test_what_is_not_ours_is_refused_and_stays(repository, destination, code):
    before = repository.git("status", "--porcelain"), repository.store_head()
    done = in_process(repository.root).run("publish", "--out", destination, expect=1)
    assert f"error[{code}]" in done.err
    assert "= help:" in done.err
    assert (repository.git("status", "--porcelain"), repository.store_head()) == before


def test_a_bucket_is_not_reached_for_offline(repository):
    quick = in_process(repository.root)
    quick.run("--offline", "publish", "--out", "s3://pages/x", expect=64)


def test_a_name_that_leads_elsewhere_cannot_come_out_of_a_hostile_common_name(
    repository, public, web, tmp_path
):
    hostile = "</td><script>alert(1)</script>\u202e"
    in_process(repository.root).run("init_ca", hostile, "--name", "hostile", expect=None)
    csr = make_csr(tmp_path / "x.csr", subject="/CN=<script>alert(2)<\\/script>")
    repository.write("certificates/x.csr", csr)
    in_process(repository.root).run("publish", "--out", str(public))
    page = web.get("index.html").decode()
    assert "<script" not in page
    assert "\u202e" not in page


def test_kill_9_at_any_moment_leaves_a_whole_tree_to_fetch(repository, public, web, csr):
    sign(repository, csr, *(f"host-{number}" for number in range(8)))
    command = [sys.executable, "-m", "pki_as_code", "publish", "--out", str(public)]
    started = time.monotonic()
    subprocess.run(command, cwd=repository.root, env=environment(), check=True, capture_output=True)
    longest = time.monotonic() - started
    trees = [web.whole()]
    subprocess.run(
        [*command, "--no-certificates"], cwd=repository.root, env=environment(), check=True,
        capture_output=True,
    )  # fmt: skip
    trees.append(web.whole())
    chance = random.Random(4711)
    for number in range(ROUNDS):
        with subprocess.Popen(
            [*command, *(["--no-certificates"] if number % 2 else [])],
            cwd=repository.root,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                process.wait(chance.uniform(longest / 2, longest))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
        assert web.whole() in trees
    repository.run("publish", "--out", str(public))
    assert web.whole() == trees[0]
