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
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from tests.e2e.conftest import environment, openssl
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


def test_openssl_takes_what_is_published_and_refuses_what_was_revoked(
    repository, public, web, csr, tmp_path
):
    sign(repository, csr, "web", "api")
    quick = in_process(repository.root)
    quick.run("publish", "--out", str(public))
    quick.run("revoke_cert", "api", "--reason", "keyCompromise")
    done = repository.run("publish", "--out", str(public))
    assert "+ crl/issuing.crl" in done.out
    assert "certificates" not in done.out
    found = web.whole()
    crls = b""
    for name in ("root", "issuing"):
        der = found[f"crl/{name}.crl"]
        crls += x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
    (tmp_path / "crls.pem").write_bytes(crls)
    (tmp_path / "root.pem").write_bytes(found["ca/root.pem"])
    (tmp_path / "chain.pem").write_bytes(found["ca/issuing.chain.pem"])
    said = {}
    for name in ("web", "api"):
        (tmp_path / f"{name}.pem").write_bytes(found[f"certificates/default/{name}.pem"])
        said[name] = openssl(
            "verify", "-crl_check_all", "-CAfile", str(tmp_path / "root.pem"), "-untrusted",
            str(tmp_path / "chain.pem"), "-CRLfile", str(tmp_path / "crls.pem"),
            str(tmp_path / f"{name}.pem"), expect=None,
        )  # fmt: skip
    assert said["web"].strip().endswith("web.pem: OK")
    assert "certificate revoked" in said["api"]
    with pytest.raises(HTTPError):
        web.get("keys/root.pem")


def test_urls_in_a_certificate_are_paths_of_the_tree(repository, public, web, csr):
    project = repository.root / "pki.yaml"
    project.write_text(f"{project.read_text().rstrip()}\n  baseUrl: http://pki.example.com/x\n")
    sign(repository, csr, "web")
    in_process(repository.root).run("publish", "--out", str(public))
    certificate = x509.load_pem_x509_certificate(web.get("certificates/default/web.pem"))
    extensions = certificate.extensions
    points = extensions.get_extension_for_class(x509.CRLDistributionPoints).value
    access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    crl_url = points[0].full_name[0].value
    issuer_url = next(
        description.access_location.value
        for description in access
        if description.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    )
    base = "http://pki.example.com/x/"
    crl = x509.load_der_x509_crl(web.get(crl_url.removeprefix(base)))
    assert crl.issuer == certificate.issuer
    issuer = x509.load_der_x509_certificate(web.get(issuer_url.removeprefix(base)))
    certificate.verify_directly_issued_by(issuer)


def test_the_tree_has_no_key_and_publishing_needs_none(repository, public, csr):
    sign(repository, csr, "web")
    keys = list((repository.root / "keys").glob("*.pem"))
    assert keys
    for key in keys:
        key.unlink()
    done = repository.run("publish", "--out", str(public))
    assert "warning[publish.ocsp_unsigned]" in done.err
    assert not (public / "ocsp").exists()
    assert not [p for p in public.rglob("*") if p.is_file() and b"PRIVATE" in p.read_bytes()]


def test_publishing_again_says_calmly_that_nothing_changed(repository, public):
    quick = in_process(repository.root)
    quick.run("publish", "--out", str(public))
    target = os.readlink(public)
    done = quick.run("publish", "--out", str(public))
    assert done.out.startswith("Nothing changed: ")
    assert done.err == ""
    assert os.readlink(public) == target


def test_responses_stay_where_their_key_is_not(repository, public, csr):
    """Published from a machine that has no key: what was signed before is still valid."""
    sign(repository, csr, "web")
    quick = in_process(repository.root)
    quick.run("publish", "--out", str(public))
    before = sorted(path.relative_to(public) for path in (public / "ocsp").rglob("*"))
    assert before
    for key in (repository.root / "keys").glob("*.ocsp.pem"):
        key.unlink()
    quick.run("publish", "--out", str(public))
    assert sorted(path.relative_to(public) for path in (public / "ocsp").rglob("*")) == before
    quick.run("publish", "--out", str(public), "--no-ocsp")
    assert not (public / "ocsp").exists()


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


def test_a_hostile_common_name_is_text_on_the_page(repository, public, web):
    quick = in_process(repository.root)
    hostile = "/CN=<script>alert(1)<b onclick='x'>"
    quick.run("init_ca", "hostile", hostile, "--subject-format", "openssl", "--key-type", "ec")
    quick.run("publish", "--out", str(public))
    page = web.get("index.html").decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page


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
