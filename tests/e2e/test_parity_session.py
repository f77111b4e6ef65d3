"""The commands of the classic manual, each as it is written there, in one session."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository, environment, openssl

SERIAL = r"(?:[0-9A-F]{2}:){15,19}[0-9A-F]{2}"


class Session:
    """A shell in a repository, with `pkictl` on its path."""

    def __init__(self, root: Path) -> None:
        self.repository = Repository(root)
        self.path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"

    def run(self, command: str, stdin: str = "") -> str:
        """Run a line as somebody would type it; returns stdout. It must end with 0."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.repository.root,
            env=environment(PATH=self.path),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def signed(self, command: str) -> str:
        """Run a sign_cert line, and let openssl tell what it signed."""
        pem = self.run(command)
        if "--out" in command:
            pem = (self.repository.root / "example.pub").read_text()
        assert pem.startswith("-----BEGIN CERTIFICATE-----")
        return openssl("x509", "-noout", "-text", "-nameopt", "RFC2253", stdin=pem.encode())

    def serial_of(self, name: str) -> str:
        listed = self.repository.run("list_certs", "--output", "json").json
        return next(c["serialNumber"] for c in reversed(listed) if c["name"] == name)


@pytest.fixture
def session(repository) -> Session:
    return Session(repository.root)


def test_the_documented_session(session, tmp_path):
    session.run("openssl genrsa -out example.key 4096")
    session.run("openssl req -new -key example.key -out example.csr -utf8", stdin="\n" * 12)

    text = session.signed("pkictl sign_cert --alt example.com --csr example.csr --out example.pub")
    assert "Subject: CN=example.com" in text
    assert "DNS:example.com" in text

    listed = session.run("pkictl list_cas")
    assert re.fullmatch(
        rf"{SERIAL} - example-pki Issuing CA\n{SERIAL} - example-pki Root CA\n", listed
    )
    authority = listed[:8]
    text = session.signed(
        f"pkictl sign_cert --ca {authority} --alt example.com --csr example.csr --out example.pub"
    )
    assert "Issuer: CN=example-pki Issuing CA" in text

    text = session.signed(
        "pkictl sign_cert --alt example.com --csr example.csr --out example.pub --client"
    )
    assert "TLS Web Client Authentication" in text
    assert "TLS Web Server Authentication" not in text

    text = session.signed(
        "pkictl sign_cert --subject-format=rfc4514 --subject C=AT,O=Example,CN=example.com "
        "--csr example.csr"
    )
    assert "Subject: CN=example.com,O=Example,C=AT" in text  # RFC 2253 writes it from the end
    assert "DNS:example.com" in text

    text = session.signed("pkictl sign_cert --alt IP:127.0.0.1 --csr example.csr")
    assert "IP Address:127.0.0.1" in text

    text = session.signed(
        "pkictl sign_cert --cn-not-in-san --subject-format=rfc4514 --subject C=AT,CN=example.com "
        "--alt=example.net --csr example.csr"
    )
    assert re.search(r"Subject Alternative Name: *\n *DNS:example\.net\n", text)

    text = session.signed(
        "pkictl sign_cert --subject-format=rfc4514 --subject CN=example.com "
        '--alt="otherName:1.3.6.1.4.1.311.20.2.3;UTF8:dummy@domain.tld" --csr example.csr'
    )
    assert "othername: UPN" in text
    assert "dummy@domain.tld" in text

    text = session.signed(
        "pkictl sign_cert --algorithm=SHA-384 --alt example.com --csr example.csr"
    )
    assert "ecdsa-with-SHA384" in text

    text = session.signed(
        "pkictl sign_cert --ocsp-responder http://ocsp.example.com --alt example.com "
        "--csr example.csr"
    )
    assert "OCSP - URI:http://ocsp.example.com" in text

    text = session.signed(
        "pkictl sign_cert --crl-full-name http://example.com/{CRL_PATH} "
        "--crl-full-name http://mirror.example.com/x.crl --alt example.com --csr example.csr"
    )
    assert "URI:http://example.com/crl/issuing.crl" in text
    assert "URI:http://mirror.example.com/x.crl" in text

    listed = session.run("pkictl list_certs")
    assert re.search(rf"^{SERIAL} - example\.com \(expires: \d{{4}}-\d\d-\d\d\)$", listed, re.M)
    serial = session.serial_of("127.0.0.1")
    session.run(f"pkictl revoke_cert {serial}")
    assert serial not in session.run("pkictl list_certs")

    session.signed(
        "pkictl sign_cert --watch user@example.com --watch user@example.net --alt example.com "
        "--csr example.csr"
    )
    serial = session.serial_of("example.com")
    prefix = serial[:8]
    session.run(f"pkictl cert_watchers -a add@example.com -r user@example.net {prefix}")
    [watchers] = [
        c["watchers"]
        for c in session.repository.run("list_certs", "--output", "json").json
        if c["serialNumber"] == serial
    ]
    assert watchers == ["user@example.com", "add@example.com"]

    shown = session.run(f"pkictl view_cert {prefix}")
    assert f"* Serial: {serial}" in shown
    assert "add@example.com" in shown
    session.run(f"pkictl dump_cert {prefix} out.pem")
    assert (session.repository.root / "out.pem").read_text().startswith("-----BEGIN CERTIFICATE")
    session.run(f"pkictl dump_cert {prefix} out.der -f DER")
    session.run(f"pkictl dump_cert {prefix} bundle.pem -b")

    issued_elsewhere(session, tmp_path)
    session.run(f"pkictl import_cert --ca {authority} existing.pem")
    assert "existing.example.com" in session.run("pkictl list_certs")
    session.run("pkictl notify_expiring_certs --days 14")

    session.repository.run("plan", "--detailed-exitcode")
    session.repository.run("store", "verify")


def issued_elsewhere(session: Session, place: Path) -> None:
    """Sign with the authority's key and openssl, as it was done before there was this program."""
    root = session.repository.root
    issuer = place / "issuing.pem"
    issuer.write_text(session.repository.git("show", "pki-issued:authorities/issuing.pem") + "\n")
    extensions = place / "extensions.cnf"
    extensions.write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth\nsubjectAltName=DNS:existing.example.com\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    openssl(
        "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-keyout", os.devnull, "-subj", "/CN=existing.example.com", "-out", str(place / "e.csr"),
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", str(place / "e.csr"), "-CA", str(issuer), "-CAkey",
        str(root / "keys/issuing.pem"), "-days", "60", "-extfile", str(extensions), "-set_serial",
        "0x2A2A2A2A2A2A2A2A2A2A2A2A2A2A2A2A", "-out", str(root / "existing.pem"),
    )  # fmt: skip
