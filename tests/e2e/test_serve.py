"""`pkictl serve`: a real server, asked by openssl, urllib and raw sockets."""

from __future__ import annotations

import base64
import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.x509 import ocsp

from tests.e2e.conftest import Repository, environment, make_csr, openssl
from tests.pkix.test_ocsp import extension, nonce, request_of

OCSP_REQUEST = {"Content-Type": "application/ocsp-request"}


class Server:
    """A running `pkictl serve`."""

    def __init__(self, repository: Repository, process: subprocess.Popen[str], url: str) -> None:
        self.repository, self.process, self.url = repository, process, url

    def openssl_ocsp(self, *arguments: str, issuer: str = "issuing") -> str:
        """Ask as `openssl ocsp` does, and have it verify the answer."""
        return openssl(
            "ocsp", *(() if "-sha256" not in arguments else ("-sha256",)),
            "-issuer", self.path(f"{issuer}.pem"),
            *[a for a in arguments if a != "-sha256"],
            "-url", f"{self.url}/ocsp", "-CAfile", self.path("root.pem"), "-verify_other",
            self.path(f"{issuer}.pem"),
        )  # fmt: skip

    def path(self, name: str) -> str:
        return str(self.repository.root / name)

    def fetch(
        self, path: str, data: bytes | None = None, **headers: str
    ) -> tuple[int, Message, bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(  # noqa: S310 (of the test's own server)
            f"{self.url}{path}", data=data, headers={**(OCSP_REQUEST if data else {}), **named}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as got:  # noqa: S310
                return got.status, got.headers, got.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def post(self, request: bytes, path: str = "/ocsp") -> ocsp.OCSPResponse:
        status, headers, body = self.fetch(path, request)
        assert (status, headers["Content-Type"]) == (200, "application/ocsp-response")
        return ocsp.load_der_ocsp_response(body)


@contextmanager
def serving(repository: Repository, *arguments: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "pki_as_code", "serve", "--port", "0", "--refresh", "0", *arguments],
        cwd=repository.root, env=environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        told = ""
        while "listening on" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        url = re.search(r"http://\S+", told)[0]
        yield Server(repository, process, url)
    finally:
        if process.poll() is None:
            process.terminate()
        assert process.wait(timeout=30) == 0
        rest = process.stderr.read()
        process.stderr.close()
        assert "Traceback" not in rest, rest


@pytest.fixture(scope="module")
def issued(tmp_path_factory) -> Repository:
    root = tmp_path_factory.mktemp("serve") / "pki"
    root.mkdir()
    repository = Repository(root)
    repository.run("init", "--base-url", "http://pki.example.com")
    for name in ("web", "mail", "held"):
        make_csr(root.parent / f"{name}.csr", subject=f"/CN={name}.example.com")
        repository.run(
            "sign_cert", "--as", name, "--alt", f"{name}.example.com",
            "--csr", str(root.parent / f"{name}.csr"),
        )  # fmt: skip
        pem = repository.git("show", f"pki-issued:certificates/default/{name}.pem")
        (root / f"{name}.pem").write_text(f"{pem}\n")
    for name in ("root", "issuing"):
        pem = repository.git("show", f"pki-issued:authorities/{name}.pem")
        (root / f"{name}.pem").write_text(f"{pem}\n")
    repository.run("revoke_cert", "mail", "--reason", "keyCompromise", "--yes")
    repository.run("revoke_cert", "held", "--reason", "certificateHold", "--yes")
    return repository


@pytest.fixture(scope="module")
def server(issued) -> Iterator[Server]:
    with serving(issued) as running:
        yield running


def cert_id(repository: Repository, name: str, issuer: str = "issuing") -> bytes:
    """Return the CertID of a certificate, as openssl writes it."""
    out = repository.root / "request.der"
    openssl(
        "ocsp", "-issuer", str(repository.root / f"{issuer}.pem"), "-cert",
        str(repository.root / f"{name}.pem"), "-no_nonce", "-reqout", str(out),
    )  # fmt: skip
    request = out.read_bytes()
    return request[request.index(b"\x30\x09\x06\x05\x2b") - 2 :]


# --- openssl asks --------------------------------------------------------------------------------


def test_openssl_gets_good_revoked_and_unknown(server):
    assert ": good" in server.openssl_ocsp("-cert", server.path("web.pem"))
    revoked = server.openssl_ocsp("-cert", server.path("mail.pem"))
    assert ": revoked" in revoked
    assert "Reason: keyCompromise" in revoked
    (entry,) = [e for e in server.repository.ledger() if e.get("reason") == "keyCompromise"]
    told = re.search(r"Revocation Time: (.*)", revoked)[1]
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.strptime(told, "%b %d %H:%M:%S %Y GMT"))
    assert when in entry.values()
    assert "Reason: certificateHold" in server.openssl_ocsp("-cert", server.path("held.pem"))
    assert ": unknown" in server.openssl_ocsp("-serial", "0x1234")


def test_with_and_without_a_nonce_with_sha_256_and_for_several(server):
    web, mail = server.path("web.pem"), server.path("mail.pem")
    assert ": good" in server.openssl_ocsp("-nonce", "-cert", web)
    assert ": good" in server.openssl_ocsp("-no_nonce", "-cert", web)
    assert ": good" in server.openssl_ocsp("-sha256", "-cert", web)
    both = server.openssl_ocsp("-cert", web, "-cert", mail)
    assert ": good" in both
    assert ": revoked" in both


def test_the_root_answers_for_the_certificate_of_an_authority(server):
    assert ": good" in server.openssl_ocsp("-cert", server.path("issuing.pem"), issuer="root")
    assert ": unknown" in server.openssl_ocsp("-serial", "0x1234", issuer="root")


# --- GET -----------------------------------------------------------------------------------------


def test_a_get_is_answered_raw_and_percent_encoded_and_can_be_kept(server):
    request = request_of(cert_id(server.repository, "web"))
    text = base64.b64encode(request).decode()
    bodies = set()
    for path in (f"/ocsp/issuing/{text}", f"/ocsp/issuing/{quote(text, safe='')}", f"/ocsp/{text}"):
        status, headers, body = server.fetch(path)
        bodies.add(body)
        assert (status, headers["Content-Type"]) == (200, "application/ocsp-response")
        found = ocsp.load_der_ocsp_response(body)
        assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
        cache = headers["Cache-Control"]
        age = int(re.match(r"max-age=(\d+), public, no-transform, must-revalidate$", cache)[1])
        left = (found.next_update_utc - found.this_update_utc).total_seconds()
        assert 0 < age <= left
        assert all(name in headers for name in ("ETag", "Last-Modified", "Expires"))
    assert len(bodies) == 1
    again = server.fetch(f"/ocsp/issuing/{text}", If_None_Match=headers["ETag"])
    assert (again[0], again[2]) == (304, b"")
    since = server.fetch(f"/ocsp/issuing/{text}", If_Modified_Since=headers["Last-Modified"])
    assert since[0] == 304
    assert server.fetch(f"/ocsp/issuing/{text}", If_None_Match='"other"')[0] == 200


def test_a_get_with_a_nonce_is_not_kept(server):
    request = request_of(cert_id(server.repository, "web"), extensions=(nonce(32),))
    _, headers, body = server.fetch(f"/ocsp/issuing/{quote(base64.b64encode(request))}")
    assert headers["Cache-Control"] == "no-store"
    assert ocsp.load_der_ocsp_response(body).extensions


# --- Strange requests ----------------------------------------------------------------------------


def test_nonces_of_1_to_128_octets_come_back_and_others_are_malformed(server):
    web = cert_id(server.repository, "web")
    for length in (1, 16, 32, 128):
        found = server.post(request_of(web, extensions=(nonce(length),)))
        assert found.extensions[0].value == x509.OCSPNonce(b"n" * length)
    for length in (0, 129):
        found = server.post(request_of(web, extensions=(nonce(length),)))
        assert found.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    assert list(server.post(request_of(web)).extensions) == []


def test_malformed_requests_get_errors_that_are_not_signed(server):
    web = cert_id(server.repository, "web")
    whole = request_of(web)
    critical = request_of(web, extensions=(extension("1.2.3", b"", critical=True),))
    for request in (whole[:-1], whole[:10], b"0", b"\0" * 16000, critical):
        assert server.fetch("/ocsp", request)[2] == bytes.fromhex("30030a0101")
    assert server.post(whole, "/ocsp/root").response_status.name == "UNAUTHORIZED"
    for path in ("!!!", "abc", "A" * 5000, "%00", "YQ%3D%3D"):
        status, _, body = server.fetch(f"/ocsp/issuing/{path}")
        assert (status, body) == (200, bytes.fromhex("30030a0101"))
    empty = urllib.request.Request(f"{server.url}/ocsp", data=b"", method="POST")  # noqa: S310
    with urllib.request.urlopen(empty, timeout=20) as got:  # noqa: S310
        assert got.read() == bytes.fromhex("30030a0101")


def test_a_megabyte_is_refused_without_being_read(server):
    host, port = server.url.removeprefix("http://").split(":")
    for head in (
        b"POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n",
        b"POST /ocsp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(head)
            if b"chunked" in head:
                connection.sendall(b"x" * 20_000)
            assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


def test_other_paths_and_methods_are_refused_in_a_word(server):
    for path in ("/", "/ocsp2", "/crl/none.crl", "/ca/none.cer", "/ca/../pki.yaml", "/keys/x.pem"):
        status, headers, body = server.fetch(path)
        assert status == 404, path
        assert headers["Content-Type"].startswith("text/plain")
        assert len(body) < 100
    for path in ("/ca/%0d%0aX-Injected:%201.cer", "/ocsp/issuing/%0d%0aX-Injected:%201"):
        status, headers, body = server.fetch(path)
        assert (status, "X-Injected" in headers) == (404, False)
        assert b"Injected" not in body
    assert server.fetch("/ca/issuing.cer", b"x")[0] == 405
    assert server.fetch("/ocsp")[0] == 405


# --- The rest ------------------------------------------------------------------------------------


def test_certificates_of_authorities_are_der(server):
    status, headers, body = server.fetch("/ca/issuing.cer")
    assert (status, headers["Content-Type"]) == (200, "application/pkix-cert")
    pem = Path(server.path("issuing.pem")).read_bytes()
    assert x509.load_der_x509_certificate(body) == x509.load_pem_x509_certificate(pem)
    assert server.fetch("/ca/issuing.cer", If_None_Match=headers["ETag"])[0] == 304


def test_the_last_crl_is_given_in_der_and_can_be_kept(server, tmp_path):
    status, headers, body = server.fetch("/crl/issuing.crl")
    assert (status, headers["Content-Type"]) == (200, "application/pkix-crl")
    assert int(headers["Content-Length"]) == len(body)
    crl = x509.load_der_x509_crl(body)
    assert len(list(crl)) == 2
    (tmp_path / "crl.der").write_bytes(body)
    told = openssl(
        "crl", "-in", str(tmp_path / "crl.der"), "-inform", "DER", "-noout",
        "-CAfile", server.path("issuing.pem"),
    )  # fmt: skip
    assert "verify OK" in told
    assert server.fetch("/crl/issuing.crl", If_None_Match=headers["ETag"])[0] == 304
    assert server.fetch("/crl/issuing/shard-3.crl")[0] == 404


def test_health_and_metrics(server):
    assert server.fetch("/healthz")[::2] == (200, b"ok\n")
    status, headers, body = server.fetch("/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain")
    text = body.decode()
    last = len(server.repository.ledger()) - 1
    assert f"pki_ledger_sequence {last}.0" in text
    for line in (
        'pki_certificates{status="revoked"} 1.0',
        'pki_certificates{status="on-hold"} 1.0',
        'pki_days_to_next_expiry{kind="Certificate"} 89.',
        'pki_ocsp_responder_seconds_to_expiry{issuer="issuing"} 1.20',
        "pki_last_reconcile_timestamp_seconds 1.",
        'pki_crl_age_seconds{issuer="issuing",scope="full"} ',
        'pki_crl_seconds_to_next_update{issuer="root",scope="full"} ',
    ):
        assert line in text, line


def test_what_happens_meanwhile_is_seen_without_a_restart_and_without_authority_keys(
    issued, tmp_path
):
    copy = Repository(tmp_path / "pki")
    subprocess.run(["cp", "-a", str(issued.root), str(copy.root)], check=True)
    with serving(copy) as server:
        web = request_of(cert_id(copy, "web"))
        assert server.post(web).certificate_status is ocsp.OCSPCertStatus.GOOD
        copy.run("revoke_cert", "web", "--reason", "superseded", "--yes")
        for name in ("root", "issuing"):
            (copy.root / f"keys/{name}.pem").rename(tmp_path / f"{name}.pem")
        found = server.post(web)
        assert found.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert found.revocation_reason is x509.ReasonFlags.superseded
        for name in ("root", "issuing"):
            (tmp_path / f"{name}.pem").rename(copy.root / f"keys/{name}.pem")
        (before,) = found.certificates
        (copy.root / "keys/issuing.ocsp.pem").unlink()
        copy.run("reconcile")
        (after,) = server.post(web).certificates
        assert after.public_key() != before.public_key()
    with serving(copy) as server:
        assert server.post(web).certificates == [after]


def test_a_store_that_cannot_be_read_is_never_good(issued, tmp_path):
    copy = Repository(tmp_path / "pki")
    subprocess.run(["cp", "-a", str(issued.root), str(copy.root)], check=True)
    with serving(copy) as server:
        web = request_of(cert_id(copy, "web"))
        assert server.post(web).certificate_status is ocsp.OCSPCertStatus.GOOD
        head = copy.store_head()
        copy.git("update-ref", "refs/heads/pki-issued", copy.git("rev-parse", "pki-issued~1"))
        assert server.fetch("/ocsp", web)[2] == bytes.fromhex("30030a0103")
        for path in ("/healthz", "/metrics", "/ca/issuing.cer", "/crl/issuing.crl"):
            status, headers, body = server.fetch(path)
            assert (status, body) == (503, b"the store cannot be read now\n")
            assert headers["Retry-After"]
        copy.git("update-ref", "refs/heads/pki-issued", head)
        assert server.post(web).certificate_status is ocsp.OCSPCertStatus.GOOD


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(issued, number):
    with serving(issued) as server:
        server.process.send_signal(number)
        assert server.process.wait(timeout=30) == 0
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=5)


def test_a_port_that_is_taken_is_told(issued):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = issued.run("serve", "--port", port, expect=64)
    assert "serve.cannot_listen" in done.err


def test_it_listens_on_the_loopback_interface_only(server):
    assert server.url.startswith("http://127.0.0.1:")


# --- The static tree -----------------------------------------------------------------------------


def test_a_plain_file_server_gives_what_was_signed_in_advance(issued, tmp_path):
    issued.run("publish", "--out", str(tmp_path / "www"))
    asked = [
        ("web", "issuing", "good"),
        ("mail", "issuing", "revoked"),
        ("issuing", "root", "good"),
    ]
    with file_server(tmp_path / "www") as url:
        for name, issuer, status in asked:
            for form in ("-sha1", "-sha256"):
                told = ask_statically(issued, url, name, issuer, form)
                assert f": {status}" in told, name
                assert ("Reason: keyCompromise" in told) is (status == "revoked")
                assert ("Revocation Time: " in told) is (status == "revoked")


@contextmanager
def file_server(directory: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"],
        cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        yield re.search(r"http://[^/]+", line)[0]
    finally:
        process.terminate()
        process.wait(timeout=20)
        process.stdout.close()


def ask_statically(repository: Repository, url: str, name: str, issuer: str, form: str) -> str:
    """Ask with GET, and have openssl judge the response from a file."""
    root = repository.root
    given = [
        "ocsp",
        form,
        "-issuer",
        str(root / f"{issuer}.pem"),
        "-cert",
        str(root / f"{name}.pem"),
    ]
    openssl(*given, "-no_nonce", "-reqout", str(root / "static.req"))
    request = base64.b64encode((root / "static.req").read_bytes())
    with urllib.request.urlopen(f"{url}/ocsp/{issuer}/{quote(request, safe='')}") as got:  # noqa: S310
        (root / "static.resp").write_bytes(got.read())
    return openssl(
        *given, "-respin", str(root / "static.resp"), "-CAfile", str(root / "root.pem"),
        "-verify_other", str(root / f"{issuer}.pem"),
    )  # fmt: skip


# --- Judged by others ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["web", "mail", "held"])
def test_pkilint_finds_no_error_in_a_response(server, tmp_path, name):
    out = tmp_path / "response.der"
    openssl(
        "ocsp", "-issuer", server.path("issuing.pem"), "-cert", server.path(f"{name}.pem"),
        "-url", f"{server.url}/ocsp", "-CAfile", server.path("root.pem"), "-respout", str(out),
        "-verify_other", server.path("issuing.pem"),
    )  # fmt: skip
    program = Path(sys.executable).parent / "lint_ocsp_response"
    options = ["lint", "-s", "ERROR", "-f", "JSON"]
    done = subprocess.run([program, *options, str(out)], capture_output=True, check=False)
    assert json.loads(done.stdout)["results"] == [], done.stderr
