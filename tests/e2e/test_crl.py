"""What relying parties make of the CRLs: OpenSSL, Java and nginx, with real chains."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.conftest import Repository, openssl
from tests.e2e.in_process import InProcess, in_process
from tests.e2e.moved_clock import later, needs_moved_clock

JAVA = Path(__file__).parent / "verifiers/Verify.java"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
P_256 = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


class Fleet:
    """A repository with certificates, and beside it what a relying party has."""

    def __init__(self, repository: InProcess, outside: Path) -> None:
        self.repository, self.outside = repository, outside
        outside.mkdir()

    def ask(self, name: str, **spec: str) -> None:
        self.repository.ask(name, *(f"{field}: {value}" for field, value in spec.items()))

    def reconcile(self, **options: object) -> None:
        self.repository.commit()
        self.repository.run("reconcile", **options)

    def fetch(self) -> None:
        """Write the authorities, the CRLs (of all in one file, too) and every certificate."""
        run = self.repository.run
        crls = b""
        for name in ("root", "issuing"):
            run("dump_ca", name, str(self.outside / f"{name}.pem"))
            run("dump_crl", name, str(self.outside / f"{name}.crl"))
            crls += (self.outside / f"{name}.crl").read_bytes()
        (self.outside / "all.crl").write_bytes(crls)
        for row in run("list_certs", "--output", "json", "--revoked").json:
            path = self.outside / f"{row['name']}.pem"
            run("dump_cert", row["serialNumber"], str(path))

    def verify(self, name: str) -> str:
        """What OpenSSL says of a certificate, with the CRLs of the whole chain."""
        at = self.outside
        return openssl(
            "verify", "-x509_strict", "-crl_check_all", "-CAfile", str(at / "root.pem"),
            "-untrusted", str(at / "issuing.pem"), "-CRLfile", str(at / "all.crl"),
            str(at / f"{name}.pem"), expect=None,
        )  # fmt: skip

    def java(self, name: str) -> str:
        at = self.outside
        chain = f"{at / name}.pem,{at / 'issuing.pem'}"
        done = subprocess.run(
            ["java", str(JAVA), at / "root.pem", chain, at / "root.crl", at / "issuing.crl"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def crl(self, name: str = "issuing") -> x509.CertificateRevocationList:
        data = self.repository.run("dump_crl", name).out.encode()
        return x509.load_pem_x509_crl(data)


@pytest.fixture
def fleet(template, tmp_path) -> Fleet:
    root = tmp_path / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    return Fleet(in_process(root), tmp_path / "outside")


def test_a_revoked_leaf_and_a_revoked_intermediate_are_refused(fleet):
    fleet.ask("good")
    fleet.ask("bad")
    fleet.reconcile()
    fleet.repository.run("revoke_cert", "bad", "--reason", "keyCompromise")
    fleet.fetch()
    assert fleet.verify("good").endswith("good.pem: OK\n")
    assert "error 23 at 0 depth lookup: certificate revoked" in fleet.verify("bad")
    serial = fleet.repository.run("list_cas", "--output", "json").json
    number = next(ca["serialNumber"] for ca in serial if ca["name"] == "issuing")
    fleet.repository.write(
        "revocations/issuing.yaml",
        "apiVersion: pki-as-code/v1\nkind: Revocation\nmetadata: {name: issuing}\n"
        f'spec: {{serial: "{number}", issuer: root, reason: cACompromise}}\n',
    )
    fleet.reconcile()
    fleet.fetch()
    assert "error 23 at 1 depth lookup: certificate revoked" in fleet.verify("good")


@pytest.mark.skipif(shutil.which("java") is None, reason="Java is not installed")
def test_java_agrees(fleet):
    fleet.ask("good")
    fleet.ask("bad")
    fleet.reconcile()
    fleet.repository.run("revoke_cert", "bad", "--reason", "superseded")
    fleet.fetch()
    assert fleet.java("good") == "valid"
    assert fleet.java("bad") == "invalid at 0: REVOKED"


def test_without_the_crl_of_an_authority_nothing_is_accepted(fleet):
    fleet.ask("good")
    fleet.reconcile()
    fleet.fetch()
    shutil.copy(fleet.outside / "root.crl", fleet.outside / "all.crl")
    assert "unable to get certificate CRL" in fleet.verify("good")


@pytest.mark.parametrize("name", ["root", "issuing"])
def test_another_linter_finds_no_error(fleet, name):
    fleet.ask("bad")
    fleet.reconcile()
    fleet.repository.run("revoke_cert", "bad", "--reason", "keyCompromise",
                         "--compromised", "2026-11-01T00:00:00Z")  # fmt: skip
    fleet.fetch()
    program = Path(sys.executable).parent / "lint_crl"
    done = subprocess.run(
        [program, "lint", "-t", "CRL", "-p", "PKIX", "-s", "ERROR", fleet.outside / f"{name}.crl"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stdout + done.stderr


def test_a_hold_is_listed_lifted_and_gone_from_the_next(fleet):
    fleet.ask("web")
    fleet.reconcile()
    fleet.repository.run("revoke_cert", "web", "--reason", "certificateHold")
    [entry] = fleet.crl()
    reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    assert reason is x509.ReasonFlags.certificate_hold
    first = fleet.crl()
    [path] = (fleet.repository.root / "revocations").rglob("*.yaml")
    path.write_text(path.read_text().rstrip() + "\n  release: true\n")
    fleet.reconcile()
    assert list(fleet.crl()) == []
    assert number_of(fleet.crl()) > number_of(first)
    released = [entry for entry in fleet.repository.ledger() if entry["type"] == "released"]
    assert len(released) == 1


def test_any_other_revocation_cannot_be_undone(fleet):
    fleet.ask("web")
    fleet.reconcile()
    fleet.repository.run("revoke_cert", "web", "--reason", "superseded")
    [path] = (fleet.repository.root / "revocations").rglob("*.yaml")
    text = path.read_text()
    path.write_text(text.rstrip() + "\n  release: true\n")
    fleet.repository.commit()
    told = fleet.repository.run("reconcile", expect=None)
    assert told.code != 0
    assert "revocation.not_a_hold" in told.err
    path.unlink()
    fleet.reconcile()
    assert len(list(fleet.crl())) == 1


def test_a_revocation_is_recorded_though_its_crl_cannot_be_signed(fleet):
    """Who has lost the authority's key may have to revoke all the more."""
    fleet.ask("web")
    fleet.reconcile()
    key = fleet.repository.root / "keys/issuing.pem"
    away = fleet.outside / "issuing.key"
    key.rename(away)
    told = fleet.repository.run("revoke_cert", "web", "--reason", "keyCompromise", expect=5)
    assert "key.missing" in told.err
    assert "what was asked for is recorded, the crl is not made" in told.err
    assert fleet.repository.ledger()[-1]["type"] == "revoked"
    fleet.repository.run("reconcile", expect=1)
    away.rename(key)
    fleet.repository.run("reconcile")
    assert len(list(fleet.crl())) == 1


def test_a_second_run_signs_nothing(fleet):
    fleet.ask("web")
    fleet.reconcile()
    head, number = fleet.repository.store_head(), number_of(fleet.crl())
    fleet.repository.run("reconcile")
    assert (fleet.repository.store_head(), number_of(fleet.crl())) == (head, number)


def test_every_number_is_reserved_before_it_is_used(fleet):
    fleet.ask("web")
    fleet.reconcile()
    for reason in ("certificateHold", "keyCompromise"):
        fleet.repository.run("revoke_cert", "web", "--reason", reason)
    ledger = fleet.repository.ledger()
    for entry in ledger:
        if entry["type"] == "crl":
            before = [e for e in ledger[: entry["seq"]] if e["type"] == "crlReserved"]
            key = (entry["issuer"], entry["number"])
            assert [(e["issuer"], e["number"]) for e in before].count(key) == 1
    numbers = [e["number"] for e in ledger if e["type"] == "crl" and e["issuer"] == "issuing"]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 3


def test_scopes_list_their_own_and_say_so(fleet):
    manifest = fleet.repository.root / "authorities/issuing.yaml"
    manifest.write_text(manifest.read_text() + "  crl: {scopes: [user, ca], shards: 2, "
                        'urls: ["http://crl.example.com/{CRL_PATH}"]}\n')  # fmt: skip
    fleet.ask("web")
    fleet.reconcile()
    [row] = fleet.repository.run("list_certs", "--output", "json").json
    fleet.repository.run("revoke_cert", "web", "--reason", "superseded")
    number = int(row["serialNumber"].replace(":", ""), 16)
    listed = {}
    for scope in ("full", "user", "ca", "shard-0", "shard-1"):
        data = fleet.repository.run("dump_crl", "issuing", "--scope", scope).out.encode()
        listed[scope] = x509.load_pem_x509_crl(data)
    assert {scope for scope, crl in listed.items() if len(crl)} == {
        "full", "user", f"shard-{number % 2}",
    }  # fmt: skip
    points = {
        scope: [
            e.value for e in crl.extensions if isinstance(e.value, x509.IssuingDistributionPoint)
        ]
        for scope, crl in listed.items()
    }
    assert points["full"] == []
    assert points["user"][0].only_contains_user_certs
    assert points["ca"][0].only_contains_ca_certs
    pem = fleet.repository.run("dump_cert", "web").out.encode()
    point = x509.load_pem_x509_certificate(pem).extensions.get_extension_for_class(
        x509.CRLDistributionPoints
    )
    url = f"http://crl.example.com/crl/issuing/shard-{number % 2}.crl"
    assert [name.value for name in point.value[0].full_name] == [url]
    [shard] = points[f"shard-{number % 2}"]
    assert [name.value for name in shard.full_name] == [url]


def test_a_name_that_is_no_authority_is_told(fleet):
    told = fleet.repository.run("dump_crl", "nobody", expect=1)
    assert "name.no_authority" in told.err
    told = fleet.repository.run("dump_crl", "issuing", "--scope", "shard-9", expect=1)
    assert "store.no_crl" in told.err


# --- Time ----------------------------------------------------------------------------------------


@needs_moved_clock
def test_a_crl_is_replaced_before_it_ends_and_lasts_over_an_outage(fleet):
    fleet.ask("web")
    fleet.reconcile()
    fleet.fetch()
    first = fleet.crl()
    # Three days without CI: what was published is still valid.
    assert "OK" in at(later(fleet.repository, 3), fleet)
    assert later(fleet.repository, 1.9).run("plan").out.startswith("No changes.")
    later(fleet.repository, 2.1).run("reconcile")
    second = fleet.crl()
    assert number_of(second) > number_of(first)
    assert second.next_update_utc > first.next_update_utc
    head = fleet.repository.store_head()
    later(fleet.repository, 2.2).run("reconcile")
    assert fleet.repository.store_head() == head


def at(repository: Repository, fleet: Fleet) -> str:
    """OpenSSL's verdict at another time."""
    moment = int(time.time() + getattr(repository, "days", 0) * 86400)
    there = fleet.outside
    return openssl(
        "verify", "-attime", str(moment), "-crl_check_all", "-CAfile", str(there / "root.pem"),
        "-untrusted", str(there / "issuing.pem"), "-CRLfile", str(there / "all.crl"),
        str(there / "web.pem"), expect=None,
    )  # fmt: skip


@needs_moved_clock
def test_an_entry_stays_until_it_was_on_one_crl_after_its_end(fleet):
    fleet.ask("web", validity="2d", renewal="{mode: None}")
    fleet.reconcile()
    fleet.repository.run("revoke_cert", "web", "--reason", "superseded")
    counts = []
    for days in (2.1, 4.2, 6.3):
        later(fleet.repository, days).run("reconcile")
        counts.append(len(list(fleet.crl())))
    assert counts == [1, 0, 0]


# --- nginx ---------------------------------------------------------------------------------------


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_refuses_a_revoked_client(fleet, tmp_path):
    keys = {}
    for name in ("server", "good", "bad"):
        keys[name] = tmp_path / f"{name}.key"
        csr = fleet.repository.root / f"certificates/{name}.csr"
        openssl("req", "-new", *P_256, "-nodes", "-keyout", str(keys[name]), "-subj",
                f"/CN={name}.example.com", "-out", str(csr))  # fmt: skip
        names = "[localhost]" if name == "server" else f"[{name}.example.com]"
        profile = "webserver" if name == "server" else "client"
        body = f"csrFile: {name}.csr\nsubjectAltNames: {names}\nprofile: {profile}"
        fleet.repository.manifest(name, body)
    fleet.reconcile()
    fleet.repository.run("revoke_cert", "bad", "--reason", "keyCompromise")
    fleet.fetch()
    port = free_port()
    server = start_nginx(fleet, keys["server"], port, tmp_path)
    try:
        assert "200 OK" in fetch(fleet, port, "good", keys["good"])
        refused = fetch(fleet, port, "bad", keys["bad"])
        assert "400 Bad Request" in refused
        assert "certificate error" in refused
    finally:
        server.terminate()
        server.wait(timeout=10)


def start_nginx(fleet: Fleet, key: Path, port: int, directory: Path) -> subprocess.Popen[bytes]:
    at = fleet.outside
    (at / "cas.pem").write_bytes((at / "issuing.pem").read_bytes() + (at / "root.pem").read_bytes())
    (directory / "www").mkdir()
    (directory / "www/index.html").write_text("hello")
    places = "".join(
        f"    {kind}_temp_path {directory / kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    config = directory / "nginx.conf"
    config.write_text(
        f"{user}daemon off;\nmaster_process off;\npid {directory / 'nginx.pid'};\n"
        f"error_log {directory / 'error.log'};\nevents {{}}\nhttp {{\n    access_log off;\n{places}"
        f"    server {{\n        listen 127.0.0.1:{port} ssl;\n        root {directory / 'www'};\n"
        f"        ssl_certificate {at / 'server.pem'};\n        ssl_certificate_key {key};\n"
        f"        ssl_client_certificate {at / 'cas.pem'};\n        ssl_crl {at / 'all.crl'};\n"
        "        ssl_verify_client on;\n        ssl_verify_depth 3;\n    }\n}\n"
    )
    assert NGINX is not None
    process = subprocess.Popen([NGINX, "-p", str(directory), "-c", str(config)])
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    raise AssertionError((directory / "error.log").read_text())


def fetch(fleet: Fleet, port: int, name: str, key: Path) -> str:
    context = ssl.create_default_context(cafile=str(fleet.outside / "cas.pem"))
    context.load_cert_chain(fleet.outside / f"{name}.pem", key)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")
        received = b""
        while chunk := secured.recv(4096):
            received += chunk
    return received.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def number_of(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
