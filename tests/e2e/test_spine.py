"""The main job, end to end: from a CSR in git to a certificate that openssl accepts."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.e2e.conftest import Repository, make_csr, openssl

CA_KEYS = {
    "RSA-2048": ("--key-type", "RSA", "--key-size", "2048"),
    "P-256": ("--key-type", "EC", "--elliptic-curve", "P-256"),
    "P-384": ("--key-type", "EC", "--elliptic-curve", "P-384"),
    "P-521": ("--key-type", "EC", "--elliptic-curve", "P-521"),
    "Ed25519": ("--key-type", "Ed25519"),
    "Ed448": ("--key-type", "Ed448"),
}
UNKNOWN_TO_OPENSSL_3_0 = {
    "ML-DSA-44": ("--key-type", "ML-DSA-44"),
    "ML-DSA-65": ("--key-type", "ML-DSA-65"),
    "ML-DSA-87": ("--key-type", "ML-DSA-87"),
}


def verify(repository: Repository, chain_path) -> None:
    root = repository.root.parent / "root.pem"
    certificates = repository.git("show", "pki-issued:authorities/root.pem")
    root.write_text(certificates + "\n")
    openssl(
        "verify", "-x509_strict", "-CAfile", str(root), "-untrusted", str(chain_path),
        str(chain_path),
    )  # fmt: skip


@pytest.mark.parametrize("key", [*CA_KEYS, *UNKNOWN_TO_OPENSSL_3_0])
def test_a_csr_becomes_a_certificate_under_every_type_of_authority_key(tmp_path, key):
    options = {**CA_KEYS, **UNKNOWN_TO_OPENSSL_3_0}[key]
    repository = Repository(tmp_path / "pki")
    repository.root.mkdir()
    repository.run("init", *options)
    make_csr(repository.root / "web.csr")
    repository.run("new", "certificate", "web", "--csr", "web.csr")
    repository.commit()

    assert "1 to issue" in repository.run("plan").out
    repository.run("reconcile")
    repository.run("plan", "--detailed-exitcode")
    head = repository.store_head()
    repository.run("reconcile")
    assert repository.store_head() == head, "a run with nothing to do wrote something"

    chain = repository.root / "chain.pem"
    repository.run("dump_cert", "web", "-b", "chain.pem")
    assert chain.read_text().count("BEGIN CERTIFICATE") == 3
    repository.run("store", "verify")
    if key in CA_KEYS:
        verify(repository, chain)


def test_plan_names_what_it_would_issue(repository, csr):
    repository.write("certificates/payments/api.csr", csr)
    repository.manifest(
        "payments/api", 'csrFile: api.csr\nsubjectAltNames: [api.example.com, "IP:10.0.0.7"]'
    )
    text = repository.run("plan").out
    assert "+ issue    certificate payments/api" in text
    assert "api.example.com, 10.0.0.7" in text
    assert "certificates/payments/api.yaml:" in text
    plan = repository.run("plan", "--output", "json").json
    assert plan["schemaVersion"] == 1
    assert plan["summary"]["issue"] == 1
    [change] = plan["changes"]
    assert (change["action"], change["namespace"], change["name"]) == ("issue", "payments", "api")
    assert change["reasons"][0]["code"] == "DoesNotExist"
    assert change["before"] is None
    assert "DNS:api.example.com" in change["after"]["subjectAltNames"]


def test_sign_cert_leaves_manifest_csr_and_certificate(repository, csr):
    repository.write("example.csr", csr)
    repository.run(
        "sign_cert", "--alt", "example.com", "--csr", "example.csr", "--out", "example.pub"
    )
    certificate = (repository.root / "example.pub").read_text()
    tracked = repository.git("ls-files", "certificates").splitlines()
    assert "certificates/example.com.yaml" in tracked
    assert "certificates/example.com.csr" in tracked
    assert repository.run("dump_cert", "example.com").out == certificate
    plan = repository.run("plan", "--detailed-exitcode")
    assert "No changes" in plan.out
    text = openssl("x509", "-noout", "-text", "-in", str(repository.root / "example.pub"))
    assert "DNS:example.com" in text
    assert "Subject: CN = example.com" in text


def test_sign_cert_again_signs_nothing(repository, csr):
    repository.write("example.csr", csr)
    command = ("sign_cert", "--alt", "example.com", "--csr", "example.csr")
    first = repository.run(*command).out
    head, store = repository.git("rev-parse", "HEAD"), repository.store_head()
    assert repository.run(*command).out == first
    assert (repository.git("rev-parse", "HEAD"), repository.store_head()) == (head, store)


def test_sign_cert_commits_its_own_files_only(repository, csr):
    repository.write("example.csr", csr)
    repository.write("pki.yaml", (repository.root / "pki.yaml").read_text() + "# not done yet\n")
    repository.git("add", "example.csr")
    repository.run("sign_cert", "--alt", "example.com", "--csr", "example.csr")
    status = repository.git("status", "--porcelain").splitlines()
    assert sorted(line.strip() for line in status) == ["A  example.csr", "M pki.yaml"]


def test_alt_and_common_name_ask_for_the_same(repository, tmp_path):
    make_csr(tmp_path / "a.csr")
    make_csr(tmp_path / "b.csr")
    repository.run(
        "sign_cert", "--alt", "example.com", "--as", "a", "--csr", str(tmp_path / "a.csr")
    )
    repository.run(
        "sign_cert", "--subject", "CN=example.com", "--as", "b", "--csr", str(tmp_path / "b.csr")
    )
    listed = repository.run("list_certs", "--output", "json").json
    assert len(listed) == 2
    assert listed[0]["subject"] == listed[1]["subject"] == "CN=example.com"
    assert listed[0]["subjectAltNames"] == listed[1]["subjectAltNames"] == ["DNS:example.com"]


def test_a_clone_shows_the_same_without_the_first_ones_caches(repository, csr, tmp_path):
    repository.write("web.csr", csr)
    repository.run("sign_cert", "--alt", "www.example.com", "--csr", "web.csr")
    first = repository.run("list_certs", "--output", "json").json
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.root), str(clone))
    elsewhere = Repository(clone)
    elsewhere.git("fetch", "--quiet", "origin", "pki-issued:pki-issued")
    shutil.move(repository.root, tmp_path / "gone")
    elsewhere.git("remote", "remove", "origin")
    assert elsewhere.run("list_certs", "--output", "json").json == first
    elsewhere.run("store", "verify")


def test_a_clone_needs_only_its_remote(repository, csr, tmp_path):
    repository.write("web.csr", csr)
    repository.run("sign_cert", "--alt", "www.example.com", "--csr", "web.csr")
    first = repository.run("list_certs", "--output", "json").json
    clone = tmp_path / "clone"
    repository.git("clone", "--quiet", str(repository.root), str(clone))
    assert Repository(clone).run("list_certs", "--output", "json").json == first


def test_revoke_cert_writes_a_manifest_and_is_recorded(repository, csr):
    repository.write("web.csr", csr)
    repository.run("sign_cert", "--alt", "www.example.com", "--csr", "web.csr")
    [record] = repository.run("list_certs", "--output", "json").json
    serial = record["serialNumber"]
    repository.run("revoke_cert", serial[:8], "--reason", "key_compromise")
    assert repository.run("list_certs").out == ""
    [record] = repository.run("list_certs", "--revoked", "--output", "json").json
    assert record["status"] == "revoked"
    assert record["revocation"]["reason"] == "keyCompromise"
    [path] = repository.git("ls-files", "revocations").splitlines()
    assert serial in (repository.root / path).read_text()
    plan = repository.run("plan", "--detailed-exitcode", "--output", "json").json
    assert plan["changes"] == []
    assert [finding["code"] for finding in plan["findings"]] == ["certificate.revoked"]
    again = repository.run("revoke_cert", serial, expect=1)
    assert "revoked already" in again.err


def test_list_certs_has_the_documented_form(repository, csr):
    repository.write("web.csr", csr)
    repository.run("sign_cert", "--alt", "www.example.com", "--csr", "web.csr")
    [record] = repository.run("list_certs", "--output", "json").json
    line = f"{record['serialNumber']} - www.example.com (expires: {record['notAfter'][:10]})\n"
    assert repository.run("list_certs").out == line
    keys = {
        "serialNumber", "namespace", "name", "subject", "subjectAltNames", "issuer", "profile",
        "notBefore", "notAfter", "status", "revocation", "manifest", "commit", "watchers",
        "fingerprintSha256", "policies", "provenance",
    }  # fmt: skip
    assert set(record) == keys
    assert record["commit"] == repository.git("log", "-1", "--format=%H", "--", record["manifest"])
    [line] = repository.run("list_certs", "--output", "jsonl").out.splitlines()
    assert json.loads(line) == record


def test_list_cas_has_the_documented_form(repository):
    lines = repository.run("list_cas").out.splitlines()
    assert [line.partition(" - ")[2] for line in lines] == [
        "example-pki Issuing CA",
        "example-pki Root CA",
    ]


def test_init_ca_makes_a_root_and_an_intermediate(repository, csr):
    repository.run("init_ca", "lab-root", "CN=Lab Root", "--key-type", "EC")
    repository.run(
        "init_ca", "lab", "/C=AT/CN=Lab CA", "--subject-format", "openssl", "--parent", "Lab Root",
        "--key-type", "Ed25519", "--permit-name", "DNS:lab.example",
    )  # fmt: skip
    repository.write("a.csr", csr)
    repository.run("sign_cert", "--ca", "lab", "--alt", "a.lab.example", "--csr", "a.csr")
    refused = repository.run(
        "sign_cert", "--ca", "Lab CA", "--alt", "a.example.net", "--csr", "a.csr", expect=1
    )
    assert "rfc5280.name_not_permitted" in refused.err
    assert len(repository.run("list_certs", "--output", "json").json) == 1
    assert repository.git("status", "--porcelain") == "?? a.csr"
    modes = {p.name: p.stat().st_mode & 0o777 for p in (repository.root / "keys").iterdir()}
    assert set(modes.values()) == {0o600}
    repository.run("store", "verify")


def test_keys_are_encrypted_with_a_passphrase_from_the_environment(repository, csr):
    secret = {"PKI_PASSPHRASE_SECRET": "open sesame"}
    repository.run("init_ca", "secret", "CN=Secret CA", "--key-type", "EC", env=secret)
    assert "ENCRYPTED" in (repository.root / "keys/secret.pem").read_text()
    repository.write("a.csr", csr)
    command = ("sign_cert", "--ca", "secret", "--alt", "a.example.com", "--csr", "a.csr")
    head = repository.git("rev-parse", "HEAD")
    wrong = repository.run(*command, env={"PKI_PASSPHRASE_SECRET": "open barley"}, expect=1)
    assert "key.wrong_passphrase" in wrong.err
    missing = repository.run(*command, expect=1)
    assert "PKI_PASSPHRASE_SECRET" in missing.err
    for told in (wrong, missing):
        assert "barley" not in told.err + told.out
    assert repository.git("rev-parse", "HEAD") == head, "a refused command left a commit"
    repository.run(*command, env=secret)


def test_dry_run_no_commit_and_branch_stop_where_they_say(repository, csr):
    repository.write("a.csr", csr)
    command = ("sign_cert", "--alt", "a.example.com", "--csr", "a.csr")
    head = repository.git("rev-parse", "HEAD")
    dry = repository.run(*command, "--dry-run")
    assert "kind: Certificate" in dry.out
    assert "1 to issue" in dry.out
    assert repository.git("status", "--porcelain") == "?? a.csr"
    repository.run(*command, "--branch", "request-a")
    assert repository.git("status", "--porcelain") == "?? a.csr"
    assert repository.git("diff", "--name-only", "HEAD", "request-a").splitlines() == [
        "certificates/a.example.com.csr",
        "certificates/a.example.com.yaml",
    ]
    repository.run(*command, "--no-commit")
    assert (repository.root / "certificates/a.example.com.yaml").exists()
    assert repository.git("rev-parse", "HEAD") == head
    assert repository.run("list_certs").out == ""


def test_the_output_of_a_closed_pipe_is_silent(repository, csr):
    repository.write("a.csr", csr)
    repository.run("sign_cert", "--alt", "a.example.com", "--csr", "a.csr")
    command = "import sys; from pki_as_code.cli import main; sys.exit(main())"
    done = subprocess.run(
        f"{shutil.which('python3')} -c '{command}' explain | head -1",
        shell=True,
        cwd=repository.root,
        capture_output=True,
        check=False,
        env={"PATH": __import__("os").environ["PATH"], "PYTHONPATH": __import__("sys").path[0]},
    )
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("store", ["git:pki-issued", "sqlite:///issued.db"])
def test_both_stores_say_the_same(tmp_path, csr, store):
    repository = Repository(tmp_path / "pki")
    repository.root.mkdir()
    environment = {"PKI_STORE": store}
    repository.run("init", env=environment)
    repository.write("web.csr", csr)
    repository.run("sign_cert", "--alt", "a.example.com", "--csr", "web.csr", env=environment)
    repository.run("plan", "--detailed-exitcode", env=environment)
    [record] = repository.run("list_certs", "--output", "json", env=environment).json
    assert record["name"] == "a.example.com"
    repository.run("store", "verify", env=environment)
