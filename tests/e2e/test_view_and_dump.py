"""`view_cert` and `dump_cert`: one certificate, found by what people call it, in every form."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import Repository, make_csr, openssl
from tests.e2e.quick import Quick

ODD = (
    "extendedKeyUsage=serverAuth,1.2.3.4.5,msSmartcardLogin\n"
    "1.3.6.1.4.1.311.21.7=DER:30:0C:06:04:2A:03:04:05:02:01:02:02:01:03\n"
    "1.2.3.4.6=critical,DER:04:03:66:6F:6F\n"
    "tlsfeature=status_request\n"
    "subjectAltName=DNS:odd.example.com,otherName:1.2.3.4;UTF8:dummy,RID:1.2.3,URI:http://a/\n"
)


@pytest.fixture(scope="module")
def repository(template, tmp_path_factory) -> Repository:
    """`web` in three states of life, `odd` made elsewhere with what few certificates have."""
    import shutil

    root = tmp_path_factory.mktemp("views") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    repository = Quick(root)
    work = root.parent
    make_csr(work / "web.csr", subject="/CN=csr.example.com")
    sign = ("sign_cert", "--csr", str(work / "web.csr"), "--alt")
    repository.run(*sign, "www.example.com", "--as", "web", "--watch", "Ops <ops@example.com>")
    make_csr(work / "new.csr", subject="/CN=csr.example.com")
    repository.run("sign_cert", "--csr", str(work / "new.csr"), "--alt", "www.example.com",
                   "--as", "web")  # fmt: skip
    repository.run("dump_ca", "issuing", str(work / "issuing.pem"))
    repository.run("dump_ca", "root", str(work / "root.pem"))
    (work / "extensions").write_text(ODD)
    openssl("x509", "-req", "-in", str(work / "web.csr"), "-CA", str(work / "issuing.pem"),
            "-CAkey", str(root / "keys/issuing.pem"), "-set_serial", "0x0f00000001",
            "-days", "9", "-extfile", str(work / "extensions"),
            "-out", str(work / "odd.pem"))  # fmt: skip
    repository.run("import_cert", "--as", "odd", str(work / "odd.pem"))
    return repository


@pytest.fixture(scope="module")
def serials(repository) -> list[str]:
    """Serial numbers of `web`: the one in use, the one before."""
    entries = [e for e in repository.ledger() if e["type"] == "issued"]
    return [entry["serialNumber"] for entry in reversed(entries[-2:])]


def test_text_is_for_people(repository, serials):
    text = repository.run("view_cert", "web").out
    for line in (
        "* Certificate: web", "* Authority: issuing", "* Profile: webserver",
        "  * commonName (CN): www.example.com", f"* Serial: {serials[0]}", "* Status: Valid",
        "  * Ops <ops@example.com>", "* Extended Key Usage:", "  * DNS:www.example.com",
        "-----BEGIN CERTIFICATE-----",
    ):  # fmt: skip
        assert f"{line}\n" in text
    assert "* Manifest: certificates/web.yaml at " in text
    short = repository.run("view_cert", "web", "-n", "--no-extensions", "--no-wrap").out
    assert "BEGIN" not in short
    assert "Extended" not in short
    assert "SHA-256:  " in short


def test_what_few_certificates_have_is_shown(repository):
    text = repository.run("view_cert", "odd").out
    for part in ("1.2.3.4.5", "1.2.3.4.6 (critical)", "0403666F6F", "1.2.3.4", "RID:1.2.3",
                 "URI:http://a/", "status_request", "smartcardLogon", "dummy"):  # fmt: skip
        assert part in text, part
    assert "icrosoft" in text
    shown = repository.run("view_cert", "odd", "--output", "json").json
    assert shown["extensions"]["1.2.3.4.6"]["critical"] is True
    assert "msCertificateTemplate" in shown["extensions"]


def test_json_has_what_the_store_and_the_manifests_know(repository, serials, tmp_path):
    shown = repository.run("view_cert", "web", "--output-format", "JSON").json
    expected = {
        "namespace": "default", "name": "web", "subject": "CN=www.example.com",
        "subjectAltNames": ["DNS:www.example.com"], "issuer": "issuing", "profile": "webserver",
        "status": "valid", "revocation": None, "manifest": "certificates/web.yaml",
        "watchers": ["Ops <ops@example.com>"], "serialNumber": serials[0], "adopted": False,
        "issuerName": "CN=example-pki Issuing CA",
    }  # fmt: skip
    assert {key: shown[key] for key in expected} == expected
    log = repository.git("log", "--format=%H", "--", "certificates/web.csr").splitlines()
    assert shown["commit"] == log[0]
    before = repository.run("view_cert", serials[1], "--output", "json", "--json-indent", "0").json
    for view, file in ((shown, "new.csr"), (before, "web.csr")):
        # Each has the CSR that asked for it, also when the manifest names another by now.
        csr = openssl("req", "-noout", "-pubkey", stdin=view["csr"].encode())
        assert csr == openssl("req", "-noout", "-pubkey", "-in", str(repository.root.parent / file))
    assert shown["pem"] == repository.run("dump_cert", "web").out


def test_serial_numbers_are_written_three_ways(repository, serials):
    number = int(serials[0].replace(":", ""), 16)
    for form, text in (
        ("int", str(number)),
        ("hex", serials[0].replace(":", "")),
        ("dotted-hex", serials[0]),
    ):
        command = ("view_cert", "web", "--output", "serial", "--serial-format", form)
        assert repository.run(*command).out == f"{text}\n"


def test_a_certificate_is_found_by_what_people_call_it(repository, serials):
    def found(text: str) -> str:
        return repository.run("view_cert", text, "--output", "serial").out.strip()

    current, before = serials
    for text in (
        "web", "default/web", "www.example.com", " web ", current, current.lower(),
        current.replace(":", ""), f" {current[:11].lower()} ", f"00:{current}",
    ):  # fmt: skip
        assert found(text) == current, text
    assert found(before) == before
    for text in ("0f:00", "0F", "0f00000001", "F00000001", "csr.example.com"):
        assert found(text) == "0F:00:00:00:01", text
    for text in ("", "F0:00:00:00:01", "nobody", "WEB", "www.example", "payments/web", "*"):
        done = repository.run("view_cert", text, expect=1)
        assert "error[name.not_found]" in done.err, text
    make_csr(repository.root.parent / "twin.csr")
    repository.run("sign_cert", "--csr", str(repository.root.parent / "twin.csr"), "--as",
                   "team/twin", "--alt", "www.example.com")  # fmt: skip
    several = repository.run("view_cert", "www.example.com", expect=1).err
    assert "error[name.ambiguous]" in several
    assert "team/twin" in several
    assert current in several


def test_dump_writes_the_same_to_a_file_or_stdout(repository, tmp_path):
    pem = repository.run("dump_cert", "web").out
    openssl("x509", "-noout", "-checkend", "0", stdin=pem.encode())
    place = tmp_path / "out.pem"
    place.write_text("something old")
    (tmp_path / "link.pem").symlink_to(place)
    assert repository.run("dump_cert", "web", str(tmp_path / "link.pem")).out == ""
    assert place.read_text() == pem
    assert (tmp_path / "link.pem").is_symlink()
    for form in ("DER", "der", "asn1", "ASN1"):
        repository.run("dump_cert", "-f", form, "web", str(tmp_path / "out.der"))
        der = (tmp_path / "out.der").read_bytes()
        assert openssl("x509", "-inform", "DER", stdin=der) == pem
    repository.run("dump_cert", "-f", "pem", "web", "out.pem", at=tmp_path, expect=1)  # no pki here
    repository.run("-C", str(repository.root), "dump_cert", "web", "x.pem", at=tmp_path)
    (repository.root / "x.pem").unlink()


def test_a_bundle_is_a_chain_that_openssl_accepts(repository, tmp_path):
    work = repository.root.parent
    bundle = tmp_path / "bundle.pem"
    repository.run("dump_cert", "--bundle", "web", str(bundle))
    assert bundle.read_text().count("BEGIN CERTIFICATE") == 3
    assert bundle.read_text().endswith((work / "root.pem").read_text())
    openssl("verify", "-x509_strict", "-CAfile", str(work / "root.pem"), "-untrusted", str(bundle),
            str(bundle))  # fmt: skip
    assert repository.run("view_cert", "web", "-b", "--output", "pem").out == bundle.read_text()
    for form in ("der", "ASN1"):
        told = repository.run("dump_cert", "-b", "-f", form, "web", expect=64).err
        assert "only PEM can hold" in told
    repository.run("view_cert", "web", "-b", "--output", "der", expect=64)


def test_a_file_that_cannot_be_written_is_told_clearly(repository, tmp_path):
    (tmp_path / "circle").symlink_to("circle")
    for place in (tmp_path / "no" / "out.pem", tmp_path, Path("/dev/full"), tmp_path / "circle"):
        done = repository.run("dump_cert", "web", str(place), expect=1)
        assert f"error[file.cannot_write]: cannot write '{place}': " in done.err, done.err
        assert "= help: " in done.err
    assert not [path for path in tmp_path.iterdir() if path.name != "circle"]
    reader = tmp_path / "pipe"
    os.mkfifo(reader)
    end = os.open(reader, os.O_RDONLY | os.O_NONBLOCK)
    repository.run("dump_cert", "web", str(reader))
    assert b"BEGIN CERTIFICATE" in os.read(end, 100)
    os.close(end)
    assert reader.is_fifo()


def test_revoked_ones_can_be_viewed(repository):
    make_csr(repository.root.parent / "gone.csr")
    repository.run("sign_cert", "--csr", str(repository.root.parent / "gone.csr"), "--alt",
                   "gone.example.com")  # fmt: skip
    repository.run("revoke_cert", "gone.example.com", "--reason", "key_compromise",
                   "--compromised", "2026-01-02T03:04:05Z")  # fmt: skip
    text = repository.run("view_cert", "gone.example.com").out
    assert "* Status: Revoked since " in text
    assert "(keyCompromise), key lost since 2026-01-02T03:04:05Z" in text
    shown = repository.run("view_cert", "gone.example.com", "--output", "json").json
    assert shown["status"] == "revoked"
    assert shown["revocation"]["invalidityDate"] == "2026-01-02T03:04:05Z"
