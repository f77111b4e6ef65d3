"""Certificates that were signed elsewhere: judged by `import_cert`, then looked after."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.conftest import Done, Repository, make_csr, openssl
from tests.e2e.quick import Quick

PLAIN = "keyUsage=digitalSignature\nauthorityKeyIdentifier=keyid\n"


class Elsewhere:
    """Somebody with the authority's key and openssl, before there was pkictl."""

    def __init__(self, repository: Repository, place: Path) -> None:
        self.repository, self.place = repository, place
        self.authority = place / "issuing.pem"
        repository.run("dump_ca", "issuing", str(self.authority))

    def sign(
        self,
        name: str,
        *,
        serial: str,
        subject: str | None = None,
        names: str = "",
        extensions: str | None = PLAIN,
        options: Sequence[str] = ("-days", "30"),
        form: str = "PEM",
    ) -> str:
        csr, path = self.place / f"{name}.csr", self.place / f"{name}.crt"
        if not csr.exists():
            make_csr(csr, subject=subject or f"/CN={name}")
        command = ["x509", "-req", "-in", str(csr), "-CA", str(self.authority),
                   "-CAkey", str(self.repository.root / "keys/issuing.pem"),
                   "-set_serial", serial, "-out", str(path), "-outform", form,
                   *options]  # fmt: skip
        if extensions is not None:
            file = self.place / "extensions"
            file.write_text(extensions + (f"subjectAltName={names}\n" if names else ""))
            command += ["-extfile", str(file)]
        openssl(*command)
        return str(path)


@pytest.fixture
def repository(repository: Repository) -> Repository:
    return Quick(repository.root)


@pytest.fixture
def elsewhere(repository, tmp_path) -> Elsewhere:
    return Elsewhere(repository, tmp_path)


def everything(done: Done) -> str:
    return done.out + done.err


def state(repository: Repository) -> tuple[str, str, str]:
    return (
        repository.git("rev-parse", "HEAD"),
        repository.store_head(),
        repository.git("status", "--porcelain"),
    )


def test_certificates_in_pem_and_der_are_taken_up_and_looked_after(repository, elsewhere, tmp_path):
    web = elsewhere.sign("www.example.com", serial="0x49bcf287", names="DNS:www.example.com")
    api = elsewhere.sign("api", serial="2", subject="/O=Example/CN=API Client", form="DER")
    done = repository.run("import_cert", "--ca", "example-pki Issuing CA", web, api)
    assert done.out == ""
    assert "adopted certificate www.example.com: 49:BC:F2:87, until " in done.err
    tracked = repository.git("show", "--name-only", "--format=%s", "HEAD").splitlines()
    assert tracked == [
        "Adopt 2 certificates", "",
        "certificates/api-client.pem", "certificates/api-client.yaml",
        "certificates/www.example.com.pem", "certificates/www.example.com.yaml",
    ]  # fmt: skip
    assert "No changes" in repository.run("plan", "--detailed-exitcode").out
    listed = repository.run("list_certs").out.splitlines()
    assert {line.partition(" (")[0] for line in listed} == {
        "49:BC:F2:87 - www.example.com",
        "02 - API Client",
    }
    assert repository.run("dump_cert", "www.example.com").out == Path(web).read_text()
    shown = repository.run("view_cert", "02", "--output", "json").json
    assert (shown["adopted"], shown["profile"], shown["csr"]) == (True, "", None)
    assert shown["commit"] == repository.git("rev-parse", "HEAD")
    repository.run("store", "verify")
    repository.run("revoke_cert", "API Client", "--reason", "superseded")
    assert "02 - API Client (revoked)" in repository.run("list_certs", "--revoked").out
    # The file is not needed to know what was issued: the ledger has it.
    ledger = [entry["type"] for entry in repository.ledger()]
    assert ledger.count("adopted") == 2


def test_everything_that_is_wrong_is_told_at_once_and_nothing_written(
    repository, elsewhere, tmp_path
):
    files = {
        "adopt.is_authority": elsewhere.sign(
            "ca", serial="3", extensions="basicConstraints=critical,CA:TRUE\n"
        ),
        "adopt.old_version": elsewhere.sign("v1", serial="4", extensions=None),
        "adopt.bad_serial_number": elsewhere.sign("zero", serial="0"),
        "adopt.expired": elsewhere.sign("expired", serial="6", options=("-days", "-1")),
        "adopt.wrong_key_identifier": elsewhere.sign(
            "key", serial="7", extensions="2.5.29.35=DER:30:06:80:04:DE:AD:BE:EF\n"
        ),
        "adopt.no_file": str(tmp_path / "missing.pem"),
        "adopt.not_pem_or_der": str(tmp_path / "garbage.pem"),
        "adopt.private_key": str(repository.root / "keys/issuing.pem"),
        "adopt.self_signed": str(tmp_path / "stranger.pem"),
        "adopt.bad_signature": str(tmp_path / "forged.pem"),
        "adopt.wrong_issuer": str(tmp_path / "of-root.pem"),
        "adopt.wrong_object": elsewhere.sign("csr", serial="8").replace(".crt", ".csr"),
        "adopt.several_objects": str(tmp_path / "two.pem"),
    }
    good = elsewhere.sign("good.example.com", serial="9")
    (tmp_path / "garbage.pem").write_text("hello\n")
    (tmp_path / "two.pem").write_text(Path(good).read_text() * 2)
    openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", os.devnull,
            "-subj", "/CN=stranger", "-addext", "basicConstraints=CA:FALSE",
            "-out", files["adopt.self_signed"])  # fmt: skip
    # An authority of the same name, with another key.
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", str(tmp_path / "forger.key"), "-subj", "/CN=example-pki Issuing CA",
            "-out", str(tmp_path / "forger.pem"))  # fmt: skip
    make_csr(tmp_path / "forged.csr")
    for name, authority, key in (
        ("forged", tmp_path / "forger.pem", tmp_path / "forger.key"),
        ("of-root", tmp_path / "root.pem", repository.root / "keys/root.pem"),
    ):
        (tmp_path / "root.pem").write_text(
            repository.git("show", "pki-issued:authorities/root.pem")
        )
        (tmp_path / "extensions").write_text("keyUsage=digitalSignature\n")
        openssl("x509", "-req", "-in", str(tmp_path / "forged.csr"), "-CA", str(authority),
                "-CAkey", str(key), "-set_serial", "10", "-days", "9",
                "-extfile", str(tmp_path / "extensions"),
                "-out", str(tmp_path / f"{name}.pem"))  # fmt: skip
    before = state(repository)
    done = repository.run("import_cert", good, *files.values(), expect=1)
    for code, path in files.items():
        told = done.err.partition(f"error[{code}]")[2].splitlines()
        assert told, f"{code} is not in\n{done.err}"
        assert Path(path).name in told[1], (code, told[:3])
    assert "13 of 14 files cannot be taken up; nothing was written" in done.err
    assert "authority root signed it: --ca root" in done.err
    assert "PRIVATE KEY" not in done.err
    assert state(repository) == before


def test_an_expired_certificate_is_taken_up_when_that_is_meant(repository, elsewhere):
    expired = elsewhere.sign("old.example.com", serial="5", options=("-days", "-1"))
    repository.run("import_cert", "--allow-expired", "--as", "legacy/old", expired)
    assert repository.run("list_certs").out == ""
    assert "(expired: " in repository.run("list_certs", "--expired", "--namespace", "legacy").out
    repository.run("revoke_cert", "legacy/old")
    assert "No changes" in repository.run("plan", "--detailed-exitcode").out


def test_a_certificate_is_taken_up_once_and_under_a_name_of_its_own(repository, elsewhere, csr):
    repository.write("web.csr", csr)
    issued = repository.run("sign_cert", "--alt", "www.example.com", "--csr", "web.csr").out
    repository.write("issued.pem", issued)
    first = elsewhere.sign("www.example.com", serial="0x1001")
    Path(first).rename(first + ".1")
    second = elsewhere.sign("www.example.com", serial="0x1002")
    before = state(repository)
    refused = repository.run("import_cert", "issued.pem", first + ".1", expect=1).err
    assert "error[adopt.duplicate]" in refused
    assert "known already, as www.example.com" in refused
    assert "error[adopt.name_taken]" in refused
    twice = repository.run("import_cert", "--as", "x", first + ".1", second, expect=64).err
    assert "--as names one certificate" in twice
    same = repository.run("import_cert", second, second, expect=1).err
    assert "adopt.duplicate" in same
    assert state(repository) == before
    # Two of one name, in a namespace where there is none of them yet.
    repository.run("import_cert", "--namespace", "team", first + ".1", second)
    names = {record["name"] for record in repository.run(
        "list_certs", "--namespace", "team", "--output", "json").json}  # fmt: skip
    assert names == {"www.example.com-1001", "www.example.com-1002"}
    repository.run("import_cert", "--ca", "nobody", second, expect=1)


def test_dry_run_and_branch_stop_where_they_say(repository, elsewhere):
    path = elsewhere.sign("a.example.com", serial="11", names="DNS:a.example.com")
    before = state(repository)
    shown = repository.run("import_cert", "--dry-run", path).out
    assert "certificateFile: a.example.com.pem" in shown
    assert "1 to adopt" in shown
    repository.run("import_cert", "--branch", "adopt-a", path)
    assert state(repository) == before
    assert repository.git("diff", "--name-only", "HEAD", "adopt-a").splitlines() == [
        "certificates/a.example.com.pem",
        "certificates/a.example.com.yaml",
    ]


def test_an_adopted_certificate_is_renewed_once_its_manifest_has_a_csr(
    repository, elsewhere, tmp_path
):
    path = elsewhere.sign("a.example.com", serial="12", names="DNS:a.example.com")
    repository.run("import_cert", path)
    manifest = repository.root / "certificates/a.example.com.yaml"
    text = manifest.read_text()

    def planned(csr: bytes, changed: str = text) -> list[tuple[str, list[str]]]:
        repository.write("certificates/a.csr", csr)
        manifest.write_text(changed.replace("spec:\n", "spec:\n  csrFile: a.csr\n"))
        plan = repository.run("plan", "--output", "json").json
        assert plan["refused"] == []
        return [(c["action"], [r["code"] for r in c["reasons"]]) for c in plan["changes"]]

    same_key = (tmp_path / "a.example.com.csr").read_bytes()
    assert planned(same_key) == []
    early = text.replace("spec:\n", "spec:\n  renewal: {mode: Automatic, before: 60d}\n")
    assert planned(same_key, early) == []  # a window longer than its life does not begin at once
    renamed = text.replace("subjectAltNames:\n", "subjectAltNames:\n    - b.example.com\n")
    assert planned(same_key, renamed) == [("replace", ["RequestChanged"])]
    assert planned(same_key, text + "  reissue: 1\n") == [("replace", ["ReissueRequested"])]
    assert planned(make_csr(tmp_path / "new.csr")) == [("replace", ["KeyChanged"])]
    repository.commit("a new key")
    repository.run("reconcile")
    assert "No changes" in repository.run("plan", "--detailed-exitcode").out
    record = repository.run("view_cert", "a.example.com", "--output", "json").json
    assert (record["adopted"], record["subjectAltNames"]) == (False, ["DNS:a.example.com"])
    assert len(repository.run("list_certs").out.splitlines()) == 2
    repository.run("store", "verify")


def test_a_manifest_with_adopt_is_carried_out_by_reconcile(repository, elsewhere, tmp_path):
    path = elsewhere.sign("a.example.com", serial="13", names="DNS:a.example.com")
    repository.write("certificates/a.pem", Path(path).read_bytes())
    repository.write("certificates/a.csr", make_csr(tmp_path / "other.csr"))
    body = "adopt: {certificateFile: a.pem}\nsubjectAltNames: [a.example.com]"
    repository.manifest("a", body + "\ncsrFile: a.csr")
    assert "+ adopt    certificate a" in repository.run("plan").out
    [change] = repository.run("plan", "--output", "json").json["changes"]
    assert (change["action"], change["issuer"], change["before"]) == ("adopt", "issuing", None)
    assert change["after"]["serialNumber"] == "0D"
    assert change["after"]["subjectAltNames"] == ["DNS:a.example.com"]
    repository.commit()
    # What is observed first, then what its CSR asks for: one run does both.
    told = repository.run("reconcile").err
    assert "adopted certificate a: 0D" in told
    assert "replaced certificate a: " in told
    assert "No changes" in repository.run("plan", "--detailed-exitcode").out
    # What was issued here under another name is not taken up.
    repository.run("dump_cert", "a", "certificates/issued.pem")
    repository.manifest("c", "adopt: {certificateFile: issued.pem}")
    told = everything(repository.run("plan", expect=1))
    assert "adopt.duplicate" in told
    assert "known already, as a" in told
    (repository.root / "certificates/c.yaml").unlink()
    # A second manifest for the same certificate, and one whose file is none.
    repository.manifest("b", body)
    told = everything(repository.run("plan", expect=1))
    assert "adopt.duplicate" in told
    assert "certificates/b.yaml:" in told
    repository.write("certificates/a.pem", b"nothing")
    told = everything(repository.run("validate", expect=1))
    assert told.count("error[adopt.not_pem_or_der]") == 2


def test_a_forged_certificate_does_not_get_in_through_git(repository, elsewhere, tmp_path):
    openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", os.devnull,
            "-subj", "/CN=example-pki Issuing CA", "-addext", "basicConstraints=CA:FALSE",
            "-out", str(tmp_path / "forged.pem"))  # fmt: skip
    repository.write("certificates/a.pem", (tmp_path / "forged.pem").read_bytes())
    repository.manifest("a", "adopt: {certificateFile: a.pem}")
    repository.commit()
    before = state(repository)
    told = everything(repository.run("reconcile", expect=1))
    assert "adopt.bad_signature" in told
    assert "certificates/a.yaml:5:" in told
    assert state(repository) == before
