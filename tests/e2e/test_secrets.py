"""
A secret that was put where it does not belong is in no output, no log and no store.

What is looked for is each line of a key's PEM, its DER and its numbers as hex, and passwords.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from pki_as_code.cli.reports import CI_FORMS
from tests.e2e.conftest import environment, make_csr, openssl
from tests.e2e.in_process import InProcess, in_process

FORMS = ("text", "json", "yaml", *CI_FORMS)
PASSWORD = "hunter2-and-more"


@pytest.fixture
def pki(repository) -> InProcess:
    return in_process(repository.root)


def traces(pem: bytes) -> list[bytes]:
    """What of a private key must be nowhere: its secret number, and the text that has it."""
    key = load_pem_private_key(pem, None)
    lines = [line for line in pem.splitlines() if line and not line.startswith(b"-")]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        secret = key.private_numbers().private_value.to_bytes(32)
        lines = lines[:2]  # the public key is behind it
    elif isinstance(key, rsa.RSAPrivateKey):
        secret = key.private_numbers().p.to_bytes(128)
    else:
        secret = key.private_bytes_raw()  # type: ignore[union-attr]
    return [*(line[:40] for line in lines if len(line) >= 40), secret, secret.hex().encode(),
            secret.hex(":").upper().encode()]  # fmt: skip


def everything_said(pki: InProcess) -> bytes:
    """Run what looks at manifests, in every form, also as loudly as it can be; to files as well."""
    said = []
    reports = pki.root.parent / "reports"
    reports.mkdir(exist_ok=True)
    for command in (["validate"], ["plan"], ["plan", "--ref", "HEAD"]):
        for form in FORMS:
            if form == "yaml" and command == ["validate"]:
                continue
            done = pki.run("--verbose", *command, "-o", form, "--report", f"{form}={reports}/{form}"
                           if form != "yaml" else "json=../reports/yaml", expect=None)  # fmt: skip
            said += [done.out, done.err]
    for command in (
        ["reconcile"], ["status"], ["show", "web"], ["doctor"],
        ["show", "web", "--effective"], ["list_certs", "-o", "json"], ["store", "verify"],
        ["hook", "csrs", "certificates/web.csr"], ["hook", "keys", "certificates/web.csr"],
        ["explain", "csr.private_key"], ["view_cert", "web"], ["plan", "--out", "../plan.json"],
    ):  # fmt: skip
        done = pki.run(*command, expect=None)
        said += [done.out, done.err]
    said.append(traceback_of(pki, "reconcile"))
    written = [path.read_bytes() for path in sorted(reports.iterdir())]
    return "\n".join(said).encode() + b"\n".join(written)


def traceback_of(pki: InProcess, *command: str, **variables: str) -> str:
    """Return what a developer is told, who asked for more than a user is."""
    done = subprocess.run(
        [sys.executable, "-m", "pki_as_code", "--traceback", *command], cwd=pki.root, check=False,
        env=environment(**variables), stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    return (done.stdout + done.stderr).decode()


def everything_kept(pki: InProcess) -> bytes:
    """Return the store's branch, all its objects, and the files that the program keeps in .git."""
    done = subprocess.run(
        ["git", "log", "--format=raw", "-p", "--text", "pki-issued"], cwd=pki.root, check=True,
        env=environment(), capture_output=True,
    )  # fmt: skip
    kept = done.stdout
    for path in sorted((pki.root / ".git/pki-as-code").rglob("*")):
        if path.is_file():
            kept += path.read_bytes()
    # The ledger has DER as base64: what stands in that is kept just as well.
    encoded = [match for match in re.findall(rb"[A-Za-z0-9+/]{40,}=*", kept) if len(match) % 4 == 0]
    return kept + b"\n".join(map(base64.b64decode, encoded))


def check_absent(pki: InProcess, secrets: list[bytes]) -> None:
    said, kept = everything_said(pki), everything_kept(pki)
    for secret in secrets:
        assert secret not in said, "it is told"
        assert secret not in kept, "it is kept"


def key_pem(kind: str) -> bytes:
    arguments = {
        "EC": ["ecparam", "-genkey", "-name", "prime256v1", "-noout"],
        "PKCS#8": ["genpkey", "-algorithm", "ed25519"],
        "RSA": ["genrsa", "-traditional", "2048"],
    }[kind]
    done = subprocess.run(["openssl", *arguments], capture_output=True, check=True)
    return done.stdout


def test_a_csr_file_that_names_the_key_of_an_authority(pki):
    pki.manifest("web", "csrFile: ../keys/issuing.pem\nsubjectAltNames: [web.example.com]")
    pki.commit()
    assert "csr.private_key" in pki.run("plan", expect=1).err
    check_absent(pki, traces((pki.root / "keys/issuing.pem").read_bytes()))


@pytest.mark.parametrize(
    ("kind", "where"),
    [("EC", "alone"), ("RSA", "alone"), ("PKCS#8", "after"), ("PKCS#8", "before"),
     ("PKCS#8", "der")],
)  # fmt: skip
def test_a_private_key_in_a_csr(pki, csr, kind, where):
    pem = key_pem(kind)
    der = load_pem_private_key(pem, None).private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    content = {"alone": pem, "after": csr + pem, "before": pem + csr, "der": der}[where]
    pki.write("certificates/web.csr", content)
    pki.manifest("web", "csrFile: web.csr\nsubjectAltNames: [web.example.com]")
    pki.commit()
    assert "csr.private_key" in pki.run("plan", expect=1).err
    check_absent(pki, traces(pem))


@pytest.mark.parametrize("damage", ["", "indentation", "field", "alone"])
def test_a_private_key_in_a_manifest(pki, damage):
    pem = key_pem("PKCS#8")
    body = "".join(f"    {line}\n" for line in pem.decode().splitlines())
    if damage == "indentation":
        body = body.replace("\n    M", "\nM")
    field = "csrr" if damage == "field" else "csr"
    text = (
        "apiVersion: pki-as-code/v1\nkind: Certificate\nmetadata: {name: web}\n"
        f"spec:\n  subjectAltNames: [web.example.com]\n  {field}: |\n{body}"
    )
    pki.write("certificates/web.yaml", pem if damage == "alone" else text)
    pki.commit()
    pki.run("plan", expect=1)
    check_absent(pki, traces(pem))


def test_a_challenge_password(pki, tmp_path):
    config = tmp_path / "request.cnf"
    config.write_text(
        "[req]\nprompt = no\ndistinguished_name = dn\nattributes = more\n[dn]\nCN = x\n"
        f"[more]\nchallengePassword = {PASSWORD}\n"
    )
    csr = pki.root / "certificates/web.csr"
    openssl("req", "-new", "-config", str(config), "-newkey", "ed25519", "-nodes", "-keyout",
            "/dev/null", "-out", str(csr))  # fmt: skip
    pki.manifest("web", "csrFile: web.csr\nsubjectAltNames: [web.example.com]")
    pki.commit()
    assert "warning[csr.challenge_password]" in pki.run("plan").out
    check_absent(pki, [PASSWORD.encode(), PASSWORD.encode().hex().encode()])
    assert "web.example.com" in pki.run("list_certs").out  # it was issued all the same
    signed = pki.run("sign_cert", "--csr", str(csr), "--alt", "b.example.com")
    assert "csr.challenge_password" in signed.err
    assert PASSWORD not in signed.out + signed.err


def test_passphrases_of_keys(tmp_path):
    pki = in_process(tmp_path / "pki")
    pki.root.mkdir()
    variables = {"PKI_PASSPHRASE_ROOT": PASSWORD, "PKI_PASSPHRASE_ISSUING": f"{PASSWORD}2"}
    made = pki.run("init", env=variables)
    make_csr(pki.root / "certificates/web.csr")
    pki.manifest("web", "csrFile: web.csr\nsubjectAltNames: [web.example.com]")
    pki.commit()
    said = [made]
    for wrong in ({**variables, "PKI_PASSPHRASE_ISSUING": f"{PASSWORD}-wrong"}, variables):
        for command in (["plan"], ["doctor"], ["reconcile", "--retry"]):
            said.append(pki.run(*command, env=wrong, expect=None))
    told = "".join(done.out + done.err for done in said)
    told = f"{told}{traceback_of(pki, 'reconcile', '--full', **variables)}".encode()
    assert b"does not open the private key" in told
    assert b"issued certificate web" in told
    files = (path for path in pki.root.rglob("*") if path.is_file())
    for kept in (told, everything_kept(pki), *map(Path.read_bytes, files)):
        assert PASSWORD.encode() not in kept
    for key in (pki.root / "keys").glob("*.pem"):
        assert key.stat().st_mode & 0o777 == 0o600
    for name in ("root", "issuing"):
        assert b"ENCRYPTED" in (pki.root / f"keys/{name}.pem").read_bytes()
