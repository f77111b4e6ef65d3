"""Authorities by command: made, imported, shown; their certificates are judged by openssl."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from unittest import mock

import click
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.cli import main
from pki_as_code.errors import StoreError
from pki_as_code.workspace.issued import open_issued
from tests.e2e.conftest import Done, Repository, environment, make_csr, openssl

KEY = ("--key-type", "EC")
CPS = "http://example.com/cps"
NOTICE = "Only for tests."

ALPHA = (
    "init_ca", "alpha", "/C=AT/O=Example/CN=Alpha Root", "--subject-format", "openssl",
    "--key-type", "EC", "--elliptic-curve", "secp384r1", "--key", "file:keys/first.pem",
    "--algorithm", "sha512", "--expires", "7300", "--path-length", "3",
    "--permit-name", "DNS:example.com", "--permit-name", "IP:10.0.0.0/8",
    "--exclude-name", "DNS:secret.example.com",
    "--alt", "email:pki@example.com", "--name", "URI:http://pki.example.com/",
    "--subject-alternative-name", "DNS:pki.example.com", "--subject-alternative-name-critical",
    "--key-usage", "keyCertSign", "cRLSign", "digitalSignature", "--key-usage-non-critical",
    "--extended-key-usage", "serverAuth", "1.2.3.4", "--extended-key-usage-critical",
    "--policy-identifier", "anyPolicy", "--certification-practice-statement", CPS,
    "--policy-identifier", "1.2.3", "--user-notice", NOTICE, "--certificate-policies-critical",
    "--inhibit-any-policy", "2", "--inhibit-policy-mapping", "1", "--require-explicit-policy", "0",
    "--issuer-alternative-name", "URI:http://issuer.example.com/",
    "--tls-feature", "status_request", "MultipleCertStatusRequest", "--tls-feature-critical",
)  # fmt: skip
BETA = (
    "init_ca", "beta", "CN=Beta Root", "--key-type", "RSA", "--key-size", "2048",
    "--sign-ocsp-responder", "http://ocsp.example.com/{OCSP_PATH}",
    "--sign-ca-issuer", "http://ca.example.com/{CA_ISSUER_PATH}",
    "--sign-crl-full-name", "http://crl.example.com/{CRL_PATH}",
    "--sign-crl-full-name", "URI:http://mirror.example.com/b.crl",
    "--sign-crl-distribution-points-critical",
    "--sign-policy-identifier", "1.2.3.4", "--sign-certification-practice-statement", CPS,
    "--sign-policy-identifier", "1.2.3.5", "--sign-user-notice", NOTICE,
    "--sign-certificate-policies-critical",
    "--sign-issuer-alternative-name", "URI:http://alias.example.com/",
    "--ocsp-response-validity", "86400",
)  # fmt: skip
GAMMA = (
    "init_ca", "gamma", "CN=Gamma CA", *KEY, "--parent", "Beta Root", "--no-path-length",
    "--ocsp-responder", "http://o.example.com/{OCSP_PATH}",
    "--ca-issuer", "http://i.example.com/{CA_ISSUER_PATH}",
    "--crl-full-name", "http://c.example.com/one.crl",
    "--crl-full-name", "http://c.example.com/two.crl", "--crl-distribution-points-critical",
)  # fmt: skip
DELTA = (
    "init_ca", "delta", "CN=Delta CA", *KEY, "--parent", "beta",
    "--ca-issuer", "http://i.example.com/own.cer",
    "--sign-ocsp-responder", "ldap://l.example.com/cn=d",
)  # fmt: skip

ROWS: list[tuple[str, str, str]] = [
    # option, certificate, what `openssl x509 -text` says of it
    ("SUBJECT", "alpha", r"Subject: C = AT, O = Example, CN = Alpha Root\n"),
    ("--subject-format", "alpha", r"Issuer: C = AT, O = Example, CN = Alpha Root\n"),
    ("--key-type", "alpha", r"Public Key Algorithm: id-ecPublicKey\n"),
    ("--key-type", "beta", r"Public Key Algorithm: rsaEncryption\n"),
    ("--elliptic-curve", "alpha", r"NIST CURVE: P-384\n"),
    ("--key-size", "beta", r"Public-Key: \(2048 bit\)\n"),
    ("--algorithm", "alpha", r"Signature Algorithm: ecdsa-with-SHA512\n"),
    ("--path-length", "alpha", r"Basic Constraints: critical\n +CA:TRUE, pathlen:3\n"),
    ("--no-path-length", "gamma", r"Basic Constraints: critical\n +CA:TRUE\n"),
    ("--path-length", "delta", r"Basic Constraints: critical\n +CA:TRUE, pathlen:0\n"),
    ("--permit-name", "alpha", r"Name Constraints: critical\n +Permitted:\n"
     r" +DNS:example.com\n +IP:10.0.0.0/255.0.0.0\n"),
    ("--exclude-name", "alpha", r" +Excluded:\n +DNS:secret.example.com\n"),
    ("--alt", "alpha", r"Subject Alternative Name: critical\n +email:pki@example.com, "
     r"URI:http://pki.example.com/, DNS:pki.example.com\n"),
    ("--subject-alternative-name-critical", "alpha", r"Subject Alternative Name: critical\n"),
    ("--key-usage", "alpha", r"Key Usage: *\n +Digital Signature, Certificate Sign, CRL Sign\n"),
    ("--key-usage-non-critical", "alpha", r"X509v3 Key Usage: *\n"),
    ("--key-usage", "beta", r"Key Usage: critical\n +Certificate Sign, CRL Sign\n"),
    ("--extended-key-usage", "alpha", r"Extended Key Usage: critical\n"
     r" +TLS Web Server Authentication, 1.2.3.4\n"),
    ("--extended-key-usage-critical", "alpha", r"Extended Key Usage: critical\n"),
    ("--policy-identifier", "alpha", r"Certificate Policies: critical\n"
     r" +Policy: X509v3 Any Policy\n +CPS: http://example.com/cps\n +Policy: 1.2.3\n"),
    ("--certification-practice-statement", "alpha", r" +CPS: http://example.com/cps\n"),
    ("--user-notice", "alpha", r"Policy: 1.2.3\n +User Notice:\n +Explicit Text: Only for tests."),
    ("--certificate-policies-critical", "alpha", r"Certificate Policies: critical\n"),
    ("--inhibit-any-policy", "alpha", r"Inhibit Any Policy: critical\n +2\n"),
    ("--inhibit-policy-mapping", "alpha", r"Policy Constraints: critical\n"
     r" +Require Explicit Policy:0, Inhibit Policy Mapping:1\n"),
    ("--require-explicit-policy", "alpha", r"Require Explicit Policy:0"),
    ("--issuer-alternative-name", "alpha", r"Issuer Alternative Name: *\n"
     r" +URI:http://issuer.example.com/\n"),
    ("--tls-feature", "alpha", r"TLS Feature: critical\n +status_request, status_request_v2\n"),
    ("--tls-feature-critical", "alpha", r"TLS Feature: critical\n"),
    ("--parent", "gamma", r"Issuer: CN = Beta Root\n"),
    ("--ocsp-responder", "gamma", r"OCSP - URI:http://o.example.com/ocsp/beta\n"),
    ("--ca-issuer", "gamma", r"CA Issuers - URI:http://i.example.com/ca/beta.cer\n"),
    ("--crl-full-name", "gamma", r"CRL Distribution Points: critical\n +Full Name:\n"
     r" +URI:http://c.example.com/one.crl\n +URI:http://c.example.com/two.crl\n"),
    ("--crl-distribution-points-critical", "gamma", r"CRL Distribution Points: critical\n"),
    # what one access method says leaves the other to the parent
    ("--ca-issuer", "delta", r"OCSP - URI:http://ocsp.example.com/ocsp/beta\n"
     r" +CA Issuers - URI:http://i.example.com/own.cer\n"),
    ("--sign-crl-full-name", "delta", r"CRL Distribution Points: *\n +Full Name:\n"
     r" +URI:http://crl.example.com/crl/beta.crl\n +URI:http://mirror.example.com/b.crl\n"),
    # what beta signs
    ("--sign-ocsp-responder", "leaf", r"OCSP - URI:http://ocsp.example.com/ocsp/beta\n"),
    ("--sign-ca-issuer", "leaf", r"CA Issuers - URI:http://ca.example.com/ca/beta.cer\n"),
    ("--sign-crl-full-name", "leaf", r"CRL Distribution Points: critical\n +Full Name:\n"
     r" +URI:http://crl.example.com/crl/beta.crl\n +URI:http://mirror.example.com/b.crl\n"),
    ("--sign-crl-distribution-points-critical", "leaf", r"CRL Distribution Points: critical\n"),
    ("--sign-policy-identifier", "leaf", r"Certificate Policies: critical\n +Policy: 1.2.3.4\n"
     r" +CPS: http://example.com/cps\n +Policy: 1.2.3.5\n"),
    ("--sign-certification-practice-statement", "leaf", r" +CPS: http://example.com/cps\n"),
    ("--sign-user-notice", "leaf", r"User Notice:\n +Explicit Text: Only for tests."),
    ("--sign-certificate-policies-critical", "leaf", r"Certificate Policies: critical\n"),
    ("--sign-issuer-alternative-name", "leaf", r"Issuer Alternative Name: *\n"
     r" +URI:http://alias.example.com/\n"),
    ("--algorithm", "leaf", r"Signature Algorithm: sha256WithRSAEncryption\n"),
    # an intermediate authority says where its own certificate is, not its parent's
    ("--sign-ca-issuer", "below", r"CA Issuers - URI:http://base.example.com/ca/gamma.cer\n"),
    ("--sign-ocsp-responder", "below-delta", r"OCSP - URI:ldap://l.example.com/cn=d\n"),
]  # fmt: skip

JUDGED_OTHERWISE = {
    "NAME", "--expires", "--key", "--passphrase", "--ocsp-response-validity",
    # of all commands that change something, or show a certificate
    "--message", "--no-commit", "--branch", "--dry-run", "--push",
    "--output", "--serial-format", "--bundle", "--no-pem", "--no-extensions", "--no-wrap",
    "--json-indent",
}  # fmt: skip


@pytest.fixture(scope="module")
def workshop(template, tmp_path_factory) -> Repository:
    """A repository with authorities that were made with every option there is."""
    root = tmp_path_factory.mktemp("authorities") / "pki"
    shutil.copytree(template, root, symlinks=True)
    repository = Repository(root)
    settings = (root / "pki.yaml").read_text()
    repository.write(
        "pki.yaml", settings.replace("spec:", 'spec:\n  baseUrl: "http://base.example.com"')
    )
    repository.commit()
    repository.run(*ALPHA)
    for command in (BETA, GAMMA, DELTA):
        assert run(repository, *command).code == 0
    make_csr(root.parent / "leaf.csr")
    make_csr(root.parent / "below.csr")
    make_csr(root.parent / "other.csr")
    for name, ca, file in (("leaf", "beta", "leaf"), ("below", "gamma", "below"),
                           ("below-delta", "delta", "other")):  # fmt: skip
        csr = str(root.parent / f"{file}.csr")
        done = run(repository, "sign_cert", "--ca", ca, "--alt", f"{name}.example.com",
                   "--as", name, "--csr", csr)  # fmt: skip
        assert done.code == 0, done.err
    return repository


@pytest.fixture(scope="module")
def texts(workshop) -> dict[str, str]:
    """What openssl says of each certificate."""
    found = {}
    for name in ("alpha", "beta", "gamma", "delta"):
        pem = workshop.git("show", f"pki-issued:authorities/{name}.pem")
        found[name] = openssl("x509", "-noout", "-text", stdin=pem.encode())
    for name in ("leaf", "below", "below-delta"):
        pem = run(workshop, "dump_cert", name).out
        found[name] = openssl("x509", "-noout", "-text", stdin=pem.encode())
    return found


def run(
    repository: Repository,
    *arguments: str,
    expect: int | None = None,
    env: Mapping[str, str] | None = None,
) -> Done:
    """Run a command in this process, which is quicker; what it prints is caught."""
    out, err = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    fresh = mock.patch.dict(os.environ, environment(**(env or {})), clear=True)
    with fresh, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["-C", str(repository.root), *arguments])
        out.flush()
    done = Done(code, out.buffer.getvalue().decode("utf-8", "replace"), err.getvalue())
    assert "Traceback" not in done.err
    assert expect in {None, code}, done
    return done


# --- Every option --------------------------------------------------------------------------------


@pytest.mark.parametrize(("option", "name", "expected"), ROWS)
def test_an_option_stands_in_the_certificate(texts, option, name, expected):
    assert re.search(expected, texts[name]), texts[name]


def test_every_option_of_init_ca_is_judged():
    from pki_as_code.cli.init_ca import command

    options = {
        (p.opts[0] if p.opts[0] != "-m" else "--message")
        if isinstance(p, click.Option)
        else str(p.name).upper()
        for p in command.params
    }
    long = {p.opts[-1] for p in command.params if p.opts[0].startswith("-") and p.opts[0][1] != "-"}
    options = {option for option in options if not re.match("^-[a-z]$", option)} | {
        option for option in long if option.startswith("--") and option != "--output-format"
    }
    judged = {option for option, _, _ in ROWS} | JUDGED_OTHERWISE
    assert options - judged == set()


def test_an_authority_is_valid_for_as_long_as_was_asked(workshop):
    found = run(workshop, "view_ca", "alpha", "-o", "json").json
    years = int(found["notAfter"][:4]) - int(found["notBefore"][:4])
    assert years in {19, 20}


def test_settings_that_are_in_no_certificate_are_in_the_manifest(workshop):
    assert "validity: 86400s" in (workshop.root / "authorities/beta.yaml").read_text()
    assert (workshop.root / "keys/first.pem").exists()
    assert run(workshop, "plan", "--detailed-exitcode").code == 0


def test_an_authority_below_another_ends_with_it_and_says_so(workshop):
    done = run(workshop, "init_ca", "late", "CN=Late", *KEY, "--parent", "beta", "--expires",
               "9999", "--dry-run")  # fmt: skip
    assert "warning: late ends with its parent beta, at " in done.err
    done = run(workshop, "init_ca", "soon", "CN=Soon", *KEY, "--parent", "beta", "--expires",
               "10", "--dry-run")  # fmt: skip
    assert "warning" not in done.err


def test_one_that_has_the_subject_of_another_is_noticed(workshop):
    done = run(workshop, "init_ca", "twin", "CN=Beta Root", *KEY, "--dry-run")
    assert "warning: beta has the same subject" in done.err


WRONG: list[tuple[int, str, tuple[str, ...]]] = [
    (64, "authority.root_has_no_parent", ("--ocsp-responder", "http://x.example.com")),
    (64, "authority.root_has_no_parent", ("--ca-issuer", "http://x.example.com")),
    (64, "authority.root_has_no_parent", ("--crl-full-name", "http://x.example.com")),
    (64, "usage", ("--path-length", "-1")),
    (64, "usage", ("--path-length", "1", "--no-path-length")),
    (64, "usage", ("--inhibit-any-policy", "-1")),
    (64, "usage", ("--key-type", "DSA")),
    (64, "usage", ("--elliptic-curve", "secp192r1")),
    (64, "key.bad_spec", ("--key-type", "Ed25519", "--key-size", "4096")),
    (64, "key.bad_spec", ("--elliptic-curve", "P-256", "--key-type", "RSA")),
    (64, "algorithm.broken_hash", ("--algorithm", "SHA-1")),
    (64, "algorithm.unknown_hash", ("--algorithm", "CRC32")),
    (1, "algorithm.not_applicable", ("--key-type", "Ed25519", "--algorithm", "SHA-256")),
    (64, "duration.zero", ("--expires", "0")),
    (64, "duration.zero", ("--expires", "-5")),
    (64, "duration.syntax", ("--expires", "abc")),
    (64, "duration.too_long", ("--expires", "999999999")),
    (64, "general_name.bad_ip", ("--permit-name", "IP:10.0.0.1/8")),
    (64, "general_name.not_constrainable", ("--exclude-name", "RID:1.2.3")),
    (64, "general_name.bad_ip", ("--alt", "IP:10.0.0.0/8")),
    (64, "extension.not_a_uri", ("--sign-ocsp-responder", "ocsp.example.com")),
    (64, "extension.not_a_uri", ("--sign-crl-full-name", "IP:10.0.0.1")),
    (64, "uri.unknown_variable", ("--sign-ca-issuer", "http://x.example.com/{NOPE}")),
    (64, "usage", ("--user-notice", "x")),
    (64, "usage", ("--certification-practice-statement", CPS, "--policy-identifier", "1.2.3")),
    (64, "usage", ("--sign-policy-identifier", "anyPolicy")),
    (64, "extension.duplicate", ("--policy-identifier", "1.2.3", "--policy-identifier", "1.2.3")),
    (64, "extension.invalid", ("--policy-identifier", "1.2.3", "--user-notice", "x" * 201)),
    (64, "usage", ("--certificate-policies-critical",)),
    (64, "usage", ("--sign-certificate-policies-critical",)),
    (64, "usage", ("--sign-crl-distribution-points-critical",)),
    (64, "usage", ("--subject-alternative-name-critical",)),
    (64, "usage", ("--extended-key-usage-critical",)),
    (64, "usage", ("--key-usage", "sign")),
    (64, "extension.unknown_purpose", ("--extended-key-usage", "nothing")),
    (64, "extension.invalid", ("--tls-feature", "nothing")),
    (1, "rfc5280.ca_without_key_cert_sign", ("--key-usage", "cRLSign")),
    (1, "rfc6960.ca_with_ocsp_signing", ("--extended-key-usage", "OCSPSigning")),
    (1, "name.no_authority", ("--parent", "nobody")),
    (1, "rfc5280.path_length_exceeded", ("--parent", "delta")),
    (1, "rfc5280.path_length_too_long", ("--parent", "alpha", "--path-length", "3", "--tls-feature",
        "status_request", "status_request_v2", "--extended-key-usage", "serverAuth")),
    (1, "key.outside_repository", ("--key", "file:../x.pem")),
    (1, "key.not_ignored", ("--key", "file:x.pem")),
    (1, "key.unknown_scheme", ("--key", "teleport:x")),
]  # fmt: skip


@pytest.mark.parametrize(("exit_code", "code", "options"), WRONG)
def test_what_cannot_be_leaves_nothing_behind(workshop, exit_code, code, options):
    before = state(workshop)
    key = () if "--key-type" in options or "--elliptic-curve" in options else KEY
    done = run(workshop, "init_ca", "wrong", "CN=Wrong", *key, *options)
    assert done.code == exit_code, done.err
    assert f"error[{code}]" in done.err
    assert done.out == ""
    assert state(workshop) == before


def state(repository: Repository) -> tuple[str, str, str, list[str]]:
    keys = sorted(path.name for path in (repository.root / "keys").iterdir())
    head, status = repository.git("rev-parse", "HEAD"), repository.git("status", "--porcelain")
    return head, status, repository.store_head(), keys


@pytest.mark.parametrize(
    ("name", "subject", "code"),
    [
        ("beta", "CN=Another", "authority.exists"),
        ("Beta", "CN=Another", "authority.exists"),
        ("...", "CN=Another", "manifest.no_name"),
        ("another", "O=Example", "authority.no_common_name"),
        ("another", "CN=a,CN", "name.invalid"),
        ("another", "", "authority.no_common_name"),
    ],
)
def test_a_name_or_subject_that_cannot_be_is_refused(workshop, name, subject, code):
    before = state(workshop)
    done = run(workshop, "init_ca", name, subject, *KEY)
    assert done.code in {1, 64}
    assert f"error[{code}]" in done.err
    assert state(workshop) == before


def test_an_empty_passphrase_is_noticed_before_anything_is_written(workshop):
    before = state(workshop)
    done = run(workshop, "init_ca", "wrong", "CN=Wrong", *KEY, env={"PKI_PASSPHRASE_WRONG": ""})
    assert "error[key.passphrase_empty]" in done.err
    assert state(workshop) == before


def test_a_key_made_before_a_failure_is_not_orphaned(repository):
    """Behind the commit a run may die; its manifest names the key, and the next run takes it up."""
    fails = mock.patch("pki_as_code.apply.run._Run._reserve", side_effect=StoreError("disk full"))
    with fails:
        done = run(repository, "init_ca", "late", "CN=Late", *KEY, expect=1)
    assert "authorities/late.yaml is committed: `pkictl reconcile` tries again" in done.err
    key = (repository.root / "keys/late.pem").read_bytes()
    run(repository, "reconcile", expect=0)
    assert (repository.root / "keys/late.pem").read_bytes() == key
    pem = run(repository, "dump_ca", "late").out
    certified = openssl("x509", "-noout", "-pubkey", stdin=pem.encode())
    assert openssl("pkey", "-pubout", stdin=key) == certified


# --- Every type of key below every other ---------------------------------------------------------

FAMILIES = {
    "rsa": "type: RSA, size: 2048", "p256": "type: EC, curve: P-256",
    "p384": "type: EC, curve: P-384", "p521": "type: EC, curve: P-521",
    "ed25519": "type: Ed25519", "ed448": "type: Ed448", "mldsa44": "type: ML-DSA-44",
    "mldsa65": "type: ML-DSA-65", "mldsa87": "type: ML-DSA-87",
}  # fmt: skip
PARENTS = ("rsa", "p256", "p521", "ed25519", "ed448", "mldsa65")


def test_every_type_of_key_is_certified_by_every_other(tmp_path, template):
    repository = Repository(tmp_path / "pki")
    shutil.copytree(template, repository.root, ignore=shutil.ignore_patterns("keys"))

    def write(name: str, family: str, parent: str = "") -> None:
        below = f"  parent: {parent}\n  pathLength: 0\n" if parent else ""
        repository.write(
            f"authorities/{name}.yaml",
            "apiVersion: pki-as-code/v1\nkind: CertificateAuthority\n"
            f"metadata: {{name: {name}}}\nspec:\n  subject: CN={name}\n{below}"
            f'  key: {{uri: "file:keys/{name}.pem", {FAMILIES[family]}}}\n  validity: 100d\n',
        )

    for parent in PARENTS:
        write(parent, parent)
        for child in FAMILIES:
            write(f"{parent}-{child}", child, parent)
    repository.commit()
    store = {"PKI_STORE": "sqlite:///issued.db"}
    run(repository, "reconcile", env=store, expect=0)
    listed = run(repository, "list_cas", "-o", "json", env=store).json
    made = [authority for authority in listed if authority["name"] not in {"root", "issuing"}]
    assert len(made) == len(PARENTS) * (len(FAMILIES) + 1)
    assert len({authority["keyType"] for authority in made}) == len(FAMILIES)
    with contextlib.closing(open_issued(repository.root, store["PKI_STORE"])) as issued:
        pems = {
            name: x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
            for name, der in issued.authorities().items()
        }
    for parent in PARENTS:
        (tmp_path / "parent.pem").write_bytes(pems[parent])
        for child in FAMILIES:
            if "mldsa" not in parent + child:  # which OpenSSL 3.0 does not know
                openssl("verify", "-x509_strict", "-CAfile", str(tmp_path / "parent.pem"),
                        stdin=pems[f"{parent}-{child}"])  # fmt: skip


@pytest.mark.parametrize("parent", ["Ed25519", "EC"])
def test_a_chain_of_mixed_keys_verifies(repository, csr, parent):
    """The reference fails at each of these."""
    child = {"Ed25519": "EC", "EC": "Ed25519"}[parent]
    run(repository, "init_ca", "up", "CN=Up", "--key-type", parent)
    run(repository, "init_ca", "down", "CN=Down", "--key-type", child, "--parent", "up",
                   "--algorithm", "SHA-384")  # fmt: skip
    repository.write("leaf.csr", csr)
    leaf = run(
        repository, "sign_cert", "--ca", "down", "--alt", "a.example.com", "--csr", "leaf.csr"
    ).out
    up, down = (repository.git("show", f"pki-issued:authorities/{n}.pem") for n in ("up", "down"))
    (repository.root.parent / "up.pem").write_text(up + "\n")
    (repository.root.parent / "chain.pem").write_text(f"{leaf}{down}\n")
    chain = str(repository.root.parent / "chain.pem")
    openssl("verify", "-x509_strict", "-CAfile", str(repository.root.parent / "up.pem"),
            "-untrusted", chain, chain)  # fmt: skip
    text = openssl("x509", "-noout", "-text", stdin=leaf.encode())
    hashed = {"EC": "ecdsa-with-SHA384", "Ed25519": "ED25519"}[child]
    assert f"Signature Algorithm: {hashed}\n" in text


# --- Imported ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Path:
    """Authorities made with openssl: a root, one below it, one that has expired, and strangers."""
    place = tmp_path_factory.mktemp("foreign")

    def path(name: str) -> str:
        return str(place / name)

    usage = "keyUsage=critical,keyCertSign,cRLSign"
    for name in ("root", "stranger"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", path(f"{name}.key"), "-out", path(f"{name}.pem"), "-days", "3650",
                "-subj", f"/C=AT/O=Old/CN=Old {name}", "-addext", usage)  # fmt: skip
    kinds = {
        "sub": "basicConstraints=critical,CA:TRUE,pathlen:0",
        "leaf": "basicConstraints=CA:FALSE",
        "blind": "basicConstraints=critical,CA:TRUE",
    }
    for name, constraints in kinds.items():
        bits = "keyUsage=critical,cRLSign" if name == "blind" else usage
        (place / "extensions").write_text(
            f"{constraints}\n{bits}\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        )
        openssl("req", "-new", "-newkey", "ed25519", "-nodes", "-keyout", path(f"{name}.key"),
                "-subj", f"/C=AT/O=Old/CN=Old {name}", "-out", path("csr"))  # fmt: skip
        openssl("x509", "-req", "-in", path("csr"), "-CA", path("root.pem"), "-CAkey",
                path("root.key"), "-set_serial", "77", "-days", "1000", "-extfile",
                path("extensions"), "-out", path(f"{name}.pem"))  # fmt: skip
    openssl("x509", "-in", path("sub.pem"), "-outform", "DER", "-out", path("sub.der"))
    openssl("pkey", "-in", path("sub.key"), "-outform", "DER", "-out", path("sub.key.der"))
    openssl("pkcs8", "-topk8", "-in", path("sub.key"), "-passout", "pass:old", "-out",
            path("sub.encrypted"))  # fmt: skip
    openssl("pkcs8", "-topk8", "-in", path("sub.key"), "-passout", "pass:old", "-outform", "DER",
            "-out", path("sub.encrypted.der"))  # fmt: skip
    openssl("x509", "-in", path("root.pem"), "-signkey", path("root.key"), "-days", "-1", "-out",
            path("expired.pem"), expect=None)  # fmt: skip
    return place


def test_an_imported_authority_signs(repository, foreign, csr):
    (repository.root / "f").symlink_to(foreign)
    (repository.root / ".git/info/exclude").write_text("f\n")
    repository.run("import_ca", "old-root", "-", "f/root.pem")
    done = repository.run("import_ca", "Old Sub", "f/sub.key", "f/sub.der", "-o", "json")
    assert done.json["parent"] == "old-root"
    assert (done.json["mode"], done.json["key"]["uri"]) == ("online", "file:keys/old-sub.pem")
    assert (repository.root / "keys/old-sub.pem").stat().st_mode & 0o777 == 0o600
    assert repository.git("status", "--porcelain") == ""
    assert "PRIVATE" not in repository.git("log", "-p", "--all")
    repository.write("a.csr", csr)
    leaf = run(
        repository, "sign_cert", "--ca", "old-sub", "--alt", "a.example.com", "--csr", "a.csr"
    ).out
    (foreign / "signed.pem").write_text(leaf)
    openssl("verify", "-x509_strict", "-CAfile", str(foreign / "root.pem"), "-untrusted",
            str(foreign / "sub.pem"), str(foreign / "signed.pem"))  # fmt: skip
    offline = run(repository, "sign_cert", "--ca", "old-root", "--alt", "b.example.com",
                             "--csr", "a.csr", expect=None)  # fmt: skip
    assert offline.code != 0
    assert "offline" in offline.err
    tree = run(repository, "list_cas", "--tree").out
    assert re.search(r" - Old root\n└───4D - Old sub\n", tree), tree
    again = run(repository, "import_ca", "old-sub", "f/sub.key", "f/sub.pem")
    assert "No changes" in again.err
    run(repository, "plan", "--detailed-exitcode")
    run(repository, "store", "verify")


def test_a_key_keeps_its_passphrase_or_gets_a_new_one(repository, foreign):
    (repository.root / ".git/info/exclude").write_text("f\n")
    (repository.root / "f").symlink_to(foreign)
    run(repository, "import_ca", "root", "f/root.pem", expect=1)  # there is one of that name
    run(repository, "import_ca", "old-root", "f/root.pem")
    place = repository.root / "keys/sub.pem"
    command = ("import_ca", "sub", "f/sub.encrypted", "f/sub.pem")
    missing = run(repository, *command, expect=1)
    assert "key.passphrase_needed" in missing.err
    wrong = run(repository, *command, env={"PKI_IMPORT_PASSPHRASE": "sesame"}, expect=1)
    assert "key.wrong_passphrase" in wrong.err
    assert "sesame" not in wrong.err
    assert not place.exists()
    kept = run(repository, *command, env={"PKI_IMPORT_PASSPHRASE": "old"})
    assert "PKI_PASSPHRASE_SUB" in kept.err
    openssl("pkey", "-in", str(place), "-passin", "pass:old", "-noout")
    place.unlink()
    der = ("import_ca", "sub", "f/sub.encrypted.der", "f/sub.pem")
    run(repository, *der, env={"PKI_IMPORT_PASSPHRASE": "old", "PKI_PASSPHRASE_SUB": "new"})
    openssl("pkey", "-in", str(place), "-passin", "pass:new", "-noout")


UNFIT: list[tuple[str, tuple[str, ...]]] = [
    ("key.mismatch", ("stranger.key", "root.pem")),
    ("key.not_a_key", ("root.pem", "root.pem")),
    ("adopt.private_key", ("root.pem", "root.key")),
    ("adopt.not_pem_or_der", ("extensions",)),
    ("authority.no_file", ("nothing.key", "root.pem")),
    ("authority.no_file", ("nothing.pem",)),
    ("authority.unknown_parent", ("sub.pem",)),
    ("authority.unknown_parent", ("leaf.pem",)),
    ("authority.certificate_unfit", ("sub.pem", "--parent", "root")),
    ("authority.certificate_unfit", ("root.pem", "--parent", "root")),
    ("name.no_authority", ("sub.pem", "--parent", "nobody")),
    ("key.not_ignored", ("root.key", "root.pem", "--key", "file:root.pem")),
    ("usage", ("root.pem", "--key", "file:keys/none.pem")),
    ("usage", ("root.key", "root.pem", "sub.pem")),
    ("authority.expired", ("expired.pem",)),
]


@pytest.mark.parametrize(("code", "arguments"), UNFIT)
def test_what_is_no_authority_is_not_imported(workshop, foreign, code, arguments):
    before = state(workshop)
    given = [str(foreign / a) if re.search(r"\.(key|pem)$|^ext", a) and ":" not in a else a
             for a in arguments]  # fmt: skip
    given = [("beta" if a == "root" else a) for a in given]
    done = run(workshop, "import_ca", "unfit", *given)
    assert done.code in {1, 64}
    assert f"error[{code}]" in done.err, done.err
    assert state(workshop) == before


def test_an_expired_authority_is_imported_when_that_is_wanted(repository, foreign):
    expired = str(foreign / "expired.pem")
    done = run(repository, "import_ca", "past", expired, "--allow-expired")
    assert "warning: the certificate expired" in done.err
    assert " - Old root (expired)\n" in run(repository, "list_cas").out
    (repository.root / "authorities/issuing.yaml").write_text(
        (repository.root / "authorities/issuing.yaml").read_text() + "  usages: [crl, ocsp]\n"
    )
    assert "└───" in (tree := run(repository, "list_cas", "-t").out)
    assert "Issuing CA (retired)\n" in tree
    (repository.root / "authorities/past.yaml").unlink()
    shown = run(repository, "view_ca", "Old root").out
    assert "* Manifest: gone" in shown
    assert run(repository, "dump_ca", "past").out == (foreign / "expired.pem").read_text()


def test_below_an_imported_root_come_only_authorities_that_may_sign(repository, foreign):
    run(repository, "import_ca", "old-root", str(foreign / "root.pem"))
    for name, reason in (("leaf", "not one of an authority"), ("blind", "keyCertSign")):
        done = run(repository, "import_ca", name, str(foreign / f"{name}.pem"), expect=1)
        assert reason in done.err
    run(repository, "import_ca", "sub", str(foreign / "sub.key.der"), str(foreign / "sub.pem"))
    assert (repository.root / "keys/sub.pem").exists()


# --- Shown ---------------------------------------------------------------------------------------


def test_view_ca_tells_all_but_the_key(workshop, texts):
    shown = run(workshop, "view_ca", "Beta Root").out
    serial = re.search(r"^\* Serial: (.*)$", shown, re.MULTILINE)
    assert serial
    for line in (
        "* Name: beta", "* Subject: CN=Beta Root", "* Issuer: CN=Beta Root", "* Status: Valid",
        "* Parent: none, it is a root", "* Path length: unlimited",
        "* Private key: RSA-2048, file:keys/beta.pem", "* Manifest: authorities/beta.yaml",
        "* Usages: sign, crl, ocsp", "Extensions of what it signs:",
        "      * URI:http://crl.example.com/crl/beta.crl",
        "    * URI:http://ca.example.com/ca/beta.cer",
    ):  # fmt: skip
        assert f"{line}\n" in shown, line
    assert re.search(r"\* Children:\n(  \* .* \((gamma|delta)\)\n){2}", shown)
    assert "PRIVATE" not in shown
    for named in (serial[1], serial[1].lower().replace(":", ""), serial[1][:8], "beta"):
        assert run(workshop, "view_ca", named).out == shown
    brief = run(workshop, "view_ca", "beta", "--no-pem", "--no-extensions").out
    assert "BEGIN" not in brief
    assert "xtensions" not in brief


def test_view_ca_tells_the_path_length_of_the_whole_chain(workshop):
    found = run(workshop, "view_ca", "gamma", "-o", "json").json
    assert (found["pathLength"], found["effectivePathLength"]) == (None, None)
    found = run(workshop, "view_ca", "alpha", "-o", "json").json
    assert (found["pathLength"], found["effectivePathLength"]) == (3, 3)
    assert found["children"] == []


def test_view_ca_and_dump_ca_have_every_form(workshop, tmp_path):
    pem = workshop.git("show", "pki-issued:authorities/gamma.pem") + "\n"
    root = workshop.git("show", "pki-issued:authorities/beta.pem") + "\n"
    assert run(workshop, "view_ca", "gamma", "-o", "pem").out == pem
    assert run(workshop, "dump_ca", "gamma").out == pem
    assert run(workshop, "dump_ca", "gamma", "-b").out == pem + root
    assert run(workshop, "view_ca", "gamma", "-o", "pem", "--bundle").out == pem + root
    for form in ("DER", "asn1"):
        run(workshop, "dump_ca", "gamma", str(tmp_path / form), "-f", form)
        assert openssl("x509", "-inform", "DER", "-in", str(tmp_path / form)) == pem
    assert run(workshop, "dump_ca", "gamma", "-b", "-f", "DER").code == 64
    serial = run(workshop, "view_ca", "gamma", "-o", "serial").out.strip()
    number = run(workshop, "view_ca", "gamma", "-o", "serial", "--serial-format", "int").out
    assert int(number) == int(serial.replace(":", ""), 16)
    assert run(workshop, "view_ca", "gamma", "-o", "none").out == ""
    found = json.loads(run(workshop, "view_ca", "gamma", "-o", "json").out)
    assert (found["parent"], found["serialNumber"]) == ("beta", serial)
    assert found["extensions"]["basicConstraints"]["critical"] is True


def test_a_name_that_fits_none_or_several_is_an_error_that_lists_them(workshop):
    done = run(workshop, "view_ca", "nobody")
    assert done.code == 1
    assert "error[name.no_authority]" in done.err
    assert "Gamma CA (gamma)\n" in done.err
    done = run(workshop, "dump_ca", "")
    assert done.code == 1
    assert done.out == ""


def test_an_authority_that_was_not_issued_yet_is_told_apart(repository):
    run(repository, "init_ca", "later", "CN=Later", *KEY, "--no-commit")
    done = run(repository, "view_ca", "later", expect=1)
    assert "error[name.not_issued]" in done.err
    assert not (repository.root / "keys/later.pem").exists()


def test_list_cas_tree_draws_branches(workshop):
    lines = [line.split(" - ") for line in run(workshop, "list_cas", "-t").out.splitlines()]
    drawn = [(re.sub("[0-9A-F:]", "", serial), name) for serial, name in lines]
    at = drawn.index(("", "Beta Root"))
    assert sorted(drawn[at + 1 : at + 3]) == [
        ("└───", drawn[at + 2][1]),
        ("├───", drawn[at + 1][1]),
    ]
    assert {drawn[at + 1][1], drawn[at + 2][1]} == {"Gamma CA", "Delta CA"}
    listed = run(workshop, "list_cas", "-o", "json").json
    parents = {authority["name"]: authority["parent"] for authority in listed}
    assert (parents["gamma"], parents["beta"]) == ("beta", None)
    assert run(workshop, "list_cas", "-t", "-o", "json").code == 64
