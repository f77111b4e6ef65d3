"""sign_cert and resign_cert: every option, judged by openssl; every refusal leaves no trace."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field

import click
import pytest

from pki_as_code.cli.sign_cert import command as sign_cert
from tests.e2e.conftest import make_csr, openssl
from tests.e2e.in_process import InProcess

UPN = "1.3.6.1.4.1.311.20.2.3"


@pytest.fixture(scope="module")
def shared(template, tmp_path_factory, csr) -> InProcess:
    """One repository for many cases, each with a name of its own."""
    root = tmp_path_factory.mktemp("sign_cert") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    pki = InProcess(root)
    settings = (root / "pki.yaml").read_text()
    pki.write("pki.yaml", settings.replace("spec:\n", "spec:\n  baseUrl: http://pki.example\n", 1))
    pki.write(
        "profiles/branch.yaml",
        "apiVersion: pki-as-code/v1\nkind: Profile\nmetadata: {name: branch}\nspec:\n"
        "  subject: C=AT,O=Example,OU=Branch\n"
        "  extensions:\n    extendedKeyUsage: {value: [clientAuth]}\n",
    )
    pki.commit()
    pki.run("init_ca", "ed", "CN=Ed CA", "--key-type", "Ed25519")
    pki.run("init_ca", "short", "CN=Short CA", "--key-type", "EC", "--expires", "30")
    (root.parent / "web.csr").write_bytes(csr)
    return pki


@pytest.fixture
def own(template, tmp_path, csr) -> InProcess:
    root = tmp_path / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    (tmp_path / "web.csr").write_bytes(csr)
    return InProcess(root)


def state(pki: InProcess) -> tuple[str, str, str]:
    return pki.git("rev-parse", "HEAD"), pki.store_head(), pki.git("status", "--porcelain")


def sections(text: str) -> dict[str, tuple[bool, str]]:
    """Return the extensions in the text of `openssl x509`: title -> (critical, lines joined)."""
    found = {}
    body = text.split("X509v3 extensions:\n")[1].split("    Signature Algorithm", maxsplit=1)[0]
    for title, critical, lines in re.findall(
        r"^ {12}(\S.*?): ?(critical)?\s*?\n((?: {13,}.*\n|\n)*)", body, re.M
    ):
        value = " | ".join(line.strip() for line in lines.splitlines() if line.strip())
        found[title] = (bool(critical), value)
    return found


def sequence(pem: str, oid: str) -> str:
    """Return what asn1parse makes of the value of one extension."""
    lines = openssl("asn1parse", "-oid", "/dev/null", stdin=pem.encode()).splitlines()
    at = next(n for n, line in enumerate(lines) if line.rstrip().endswith(f":{oid}"))
    octets = next(line for line in lines[at:] if "OCTET STRING" in line)
    offset = octets.split(":")[0].strip()
    return openssl("asn1parse", "-strparse", offset, stdin=pem.encode())


# --- Every option, in the certificate ------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    options: tuple[str, ...]
    extensions: dict[str, tuple[bool, str]] = field(default_factory=dict)
    """Title in openssl's words -> (critical, value)."""

    text: tuple[str, ...] = ()
    """Lines that stand in the certificate's text."""

    asn1: dict[str, tuple[str, ...]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    csr: tuple[str, ...] = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")


SAN, KU, EKU = "X509v3 Subject Alternative Name", "X509v3 Key Usage", "X509v3 Extended Key Usage"
CDP, AIA = "X509v3 CRL Distribution Points", "Authority Information Access"
POLICIES, TLS = "X509v3 Certificate Policies", "TLS Feature"
EVERYWHERE = (KU, EKU, SAN, CDP, AIA)
BRANCH = (
    "C = AT, O = Example, OU = Branch, CN = branch.example",
    "C = AT, O = Other, OU = Branch, CN = a b",
)

ROWS = {
    "defaults": Row(
        ("--alt", "a.example.com"),
        {
            SAN: (False, "DNS:a.example.com"),
            KU: (True, "Digital Signature, Key Agreement"),
            EKU: (False, "TLS Web Server Authentication"),
            CDP: (False, "Full Name: | URI:http://pki.example/crl/issuing.crl"),
            AIA: (
                False,
                "OCSP - URI:http://pki.example/ocsp/issuing | "
                "CA Issuers - URI:http://pki.example/ca/issuing.cer",
            ),
        },
        ("Subject: CN = a.example.com", "Signature Algorithm: ecdsa-with-SHA256"),
        absent=(POLICIES, TLS, "OCSP No Check", "X509v3 Issuer Alternative Name"),
    ),
    "names": Row(
        ("--alt", "exämple.com", "--name", "IP:10.0.0.7", "--subject-alternative-name",
         "email:ops@example.com", "--alt", "https://example.com/x", "--alt", "RID:1.2.3",
         "--alt", "dirName:C=AT,CN=x", "--alt", "2001:db8::7", "--alt", "*.example.com",
         "--subject-alternative-name-critical"),
        {SAN: (True, "DNS:xn--exmple-cua.com, IP Address:10.0.0.7, email:ops@example.com, "
               "URI:https://example.com/x, Registered ID:1.2.3, DirName:/C=AT/CN=x, "
               "IP Address:2001:DB8:0:0:0:0:0:7, DNS:*.example.com")},
        ("Subject: CN = xn--exmple-cua.com",),
    ),
    "subject": Row(
        ("--subject", "commonName=example.net,o=Example,c=AT"),
        {SAN: (False, "DNS:example.net")},
        ("Subject: CN = example.net, O = Example, C = AT",),
    ),
    "subject-openssl": Row(
        ("--subject-format=openssl", "--subject", "/C=AT/O=A, B/CN=Jane Doe",
         "--alt", "email:jane@example.com", "--client"),
        {SAN: (False, "email:jane@example.com"), EKU: (False, "TLS Web Client Authentication")},
        ('Subject: C = AT, O = "A, B", CN = Jane Doe',),
    ),
    "cn-not-in-san": Row(
        ("--cn-not-in-san", "--subject-format=rfc4514", "--subject", "C=AT,CN=example.com",
         "--alt=example.net"),
        {SAN: (False, "DNS:example.net")}, ("Subject: C = AT, CN = example.com",),
    ),
    "merged-subject": Row(
        ("--branch-profile", "--alt", "branch.example"),
        {EKU: (False, "TLS Web Client Authentication")},
        (f"Subject: {BRANCH[0]}",),
    ),
    "replaced-subject": Row(
        ("--profile", "branch", "--subject", "O=Other,CN=a b", "--alt", "branch.example"),
        {SAN: (False, "DNS:branch.example")}, (f"Subject: {BRANCH[1]}",),
    ),
    "other-names": Row(
        ("--subject", "CN=o",
         "--alt", f"otherName:{UPN};UTF8:dummy@domain.tld", "--alt", "otherName:1.2.3;INT:0x10",
         "--alt", "otherName:1.2.3;BOOL:true", "--alt", "otherName:1.2.3;NULL:",
         "--alt", "otherName:1.2.3;UTC:261123100000Z", "--alt", "otherName:1.2.3;IA5:a",
         "--alt", "otherName:1.2.3;GENTIME:20261123100000Z",
         "--alt", "otherName:1.2.3;OctetString:09CFF1", "--alt", "otherName:1.2.3;UNIV:b"),
        asn1={"X509v3 Subject Alternative Name": (
            ":Microsoft User Principal Name", "UTF8STRING        :dummy@domain.tld",
            "INTEGER           :10", "BOOLEAN           :255", "prim: NULL ",
            "UTCTIME           :261123100000Z", "IA5STRING         :a",
            "GENERALIZEDTIME   :20261123100000Z", "[HEX DUMP]:09CFF1", "UNIVERSALSTRING",
        )},
    ),
    "algorithm": Row(
        ("--alt", "e.example.com", "--algorithm=sha-384", "--expires", "10"),
        text=("Signature Algorithm: ecdsa-with-SHA384",),
    ),
    "not-after": Row(
        ("--alt", "f.example.com", "--not-after", "2027-01-31T01:00:00+01:00"),
        text=("Not After : Jan 31 00:00:00 2027 GMT",),
    ),
    "authority": Row(
        ("--ca", "Ed CA", "--alt", "IP:127.0.0.1", "--server", "--expires", "2160h"),
        {SAN: (False, "IP Address:127.0.0.1"),
         EKU: (False, "TLS Web Client Authentication, TLS Web Server Authentication")},
        ("Signature Algorithm: ED25519", "Issuer: CN = Ed CA", "Subject: CN = 127.0.0.1"),
    ),
    "locations": Row(
        ("--alt", "g.example.com", "--ocsp-responder", "http://ocsp.example.com",
         "--crl-full-name", "http://example.com/{CRL_PATH}",
         "--crl-full-name", "http://mirror.example.com/x.crl", "--crl-distribution-points-critical",
         "--issuer-alternative-name", "https://ca.example.com"),
        {
            AIA: (False, "OCSP - URI:http://ocsp.example.com | "
                  "CA Issuers - URI:http://pki.example/ca/issuing.cer"),
            CDP: (True, "Full Name: | URI:http://example.com/crl/issuing.crl | "
                  "URI:http://mirror.example.com/x.crl"),
            "X509v3 Issuer Alternative Name": (False, "URI:https://ca.example.com"),
        },
    ),
    "ca-issuer": Row(
        ("--alt", "h.example.com", "--ca-issuer", "http://a.example/{CA_ISSUER_PATH}",
         "--ca-issuer", "ldap:///cn=x"),
        {AIA: (False, "OCSP - URI:http://pki.example/ocsp/issuing | "
               "CA Issuers - URI:http://a.example/ca/issuing.cer | CA Issuers - URI:ldap:///cn=x")},
    ),
    "policies": Row(
        ("--alt", "i.example.com", "--policy-identifier", "1.2.3", "--user-notice", "read me",
         "--policy-identifier", "1.2.4", "--certification-practice-statement",
         "https://cps.example.com/", "--user-notice", "second", "--certificate-policies-critical"),
        {POLICIES: (True, "Policy: 1.2.3 | User Notice: | Explicit Text: read me | Policy: 1.2.4 | "
                    "CPS: https://cps.example.com/ | User Notice: | Explicit Text: second")},
    ),
    "usages": Row(
        ("--alt", "j.example.com", "--key-usage", "digitalSignature", "keyAgreement,encipherOnly",
         "--key-usage-non-critical", "--extended-key-usage", "clientAuth", "1.2.3.4",
         "--extended-key-usage", "serverAuth", "--extended-key-usage-critical"),
        {KU: (False, "Digital Signature, Key Agreement, Encipher Only"),
         EKU: (True, "TLS Web Client Authentication, 1.2.3.4, TLS Web Server Authentication")},
    ),
    "responder": Row(
        ("--ocsp", "--alt", "ocsp.example.com", "--ocsp-no-check", "--ocsp-no-check-critical"),
        {"OCSP No Check": (True, ""), EKU: (False, "OCSP Signing"),
         KU: (True, "Digital Signature, Non Repudiation"),
         AIA: (False, "CA Issuers - URI:http://pki.example/ca/issuing.cer")},
    ),
    "features": Row(
        ("--alt", "k.example.com", "--tls-feature", "OCSPMustStaple", "MultipleCertStatusRequest",
         "--tls-feature-critical", "--private-key-usage-period-not-before", "2026-11-01",
         "--private-key-usage-period-not-after", "2027-11-01T02:00:00+02:00"),
        {TLS: (True, "status_request, status_request_v2"),
         "X509v3 Private Key Usage Period": (
             False, "Not Before: Nov  1 00:00:00 2026 GMT, Not After: Nov  1 00:00:00 2027 GMT")},
    ),
    "enduser-rsa": Row(
        ("--enduser", "--subject", "CN=J D,emailAddress=j@example.com", "--alt", "j@example.com"),
        {KU: (True, "Digital Signature, Key Encipherment, Data Encipherment"),
         SAN: (False, "email:j@example.com"),
         EKU: (False, "TLS Web Client Authentication, Code Signing, E-mail Protection")},
        csr=("-newkey", "rsa:2048"),
    ),
    "no-subject": Row(
        ("--webserver", "--alt", "email:ops@example.com"),
        {SAN: (True, "email:ops@example.com")}, ("Subject: \n",),
    ),
}  # fmt: skip

TESTED_ELSEWHERE = {
    "--csr", "--strict-csr", "--watch", "--namespace", "--as", "--out", "--output",
    "--serial-format", "--bundle", "--no-pem", "--no-extensions", "--no-wrap", "--json-indent",
    "--message", "--no-commit", "--branch", "--dry-run", "--push", "--profile-of-repository",
}  # fmt: skip
"""Options that do not stand in the certificate; the tests below have them."""


@pytest.mark.parametrize("name", ROWS)
def test_what_an_option_says_stands_in_the_certificate(shared, tmp_path, name):
    row = ROWS[name]
    # `--branch` is an option, so that the flag of the profile called branch is shadowed.
    options = ["--profile=branch" if o == "--branch-profile" else o for o in row.options]
    make_csr(tmp_path / "a.csr", key=row.csr)
    command = ("sign_cert", "--as", name, *options, "--csr", tmp_path / "a.csr")
    pem = shared.run(*command).out
    text = openssl("x509", "-noout", "-text", stdin=pem.encode())
    found = sections(text)
    for title, expected in row.extensions.items():
        assert found.get(title) == expected, text
    for line in row.text:
        assert line in text
    for title in row.absent:
        assert title not in found
    for title, parts in row.asn1.items():
        parsed = sequence(pem, title)
        for part in parts:
            assert part in parsed, parsed
    head = state(shared)
    assert shared.run(*command).out == pem
    assert state(shared) == head, "the same command signed or wrote something again"


def test_the_table_has_every_option():
    context = click.Context(sign_cert)
    given = {option for row in ROWS.values() for option in row.options}
    given = {option.partition("=")[0] for option in given}
    for parameter in sign_cert.get_params(context):
        spelled = set(parameter.opts)
        if "--help" not in spelled:
            assert spelled & (given | TESTED_ELSEWHERE), spelled


def test_nothing_is_planned_after_sign_cert(shared):
    """Last of the table: all of it is in one repository."""
    assert "No changes" in shared.run("plan", "--detailed-exitcode").out
    shared.run("store", "verify")


# --- Must show 2 ---------------------------------------------------------------------------------


def test_alt_and_common_name_give_equal_certificates(own):
    def told(*options: str) -> tuple[str, tuple[bool, str]]:
        pem = own.run("sign_cert", "--csr", "../web.csr", *options).out
        text = openssl("x509", "-noout", "-text", stdin=pem.encode())
        subject = re.search(r"Subject: (.*)", text)
        assert subject
        return subject[1], sections(text)[SAN]

    by_alt = told("--alt", "example.com", "--as", "a")
    assert by_alt == ("CN = example.com", (False, "DNS:example.com"))
    assert told("--subject", "CN=example.com", "--as", "b") == by_alt
    named = ("--subject", "CN=example.com", "--alt", "example.net")
    assert told(*named, "--as", "c")[1][1] == "DNS:example.com, DNS:example.net"
    assert told(*named, "--as", "d", "--cn-not-in-san")[1][1] == "DNS:example.net"


# --- What is refused -----------------------------------------------------------------------------

ALT = ("--alt", "x.example.com")

REFUSED = {
    "no-such-ca": ((*ALT, "--ca", "nope"), 1, "name.no_authority"),
    "ca-zeros": ((*ALT, "--ca", "00:00"), 1, "name.no_authority"),
    "ca-empty": ((*ALT, "--ca", ""), 1, "name.no_authority"),
    "no-csr-file": ((*ALT, "--csr", "../none.csr"), 1, "csr.missing"),
    "csr-is-a-directory": ((*ALT, "--csr", "."), 1, "csr.missing"),
    "garbage": ((*ALT, "--csr", "../garbage"), 1, "csr.not_pem_or_der"),
    "empty": ((*ALT, "--csr", "../empty"), 1, "csr.empty"),
    "truncated": ((*ALT, "--csr", "../truncated"), 1, "csr."),
    "empty-stdin": (ALT, 1, "csr.empty"),
    "no-names": ((), 1, "certificate.no_names"),
    "subject-without-cn": (("--subject", "C=AT"), 1, "certificate.no_names"),
    "no-names-with-as": (("--as", "new"), 1, "certificate.no_names"),
    "no-such-profile": ((*ALT, "--profile", "nope"), 1, "reference.not_found"),
    "no-such-flag": ((*ALT, "--nosuchprofile"), 64, "--nosuchprofile"),
    "abbreviated": (("--al", "x.example.com"), 64, "--al"),
    "two-profiles": ((*ALT, "--client", "--server"), 64, "--client and --server exclude"),
    "three-ways": ((*ALT, "--client", "--profile", "client"), 64, "--profile and --client"),
    "flag-and-manifest": ((*ALT, "--ocsp", "--internal-server"), 64, "--ocsp and --internal-s"),
    "expires-0": ((*ALT, "--expires", "0"), 64, "duration.zero"),
    "expires-negative": ((*ALT, "--expires", "-5"), 64, "duration.zero"),
    "expires-text": ((*ALT, "--expires", "abc"), 64, "duration.syntax"),
    "expires-fraction": ((*ALT, "--expires", "1.5"), 64, "duration.syntax"),
    "expires-empty": ((*ALT, "--expires", ""), 64, "duration.syntax"),
    "expires-years": ((*ALT, "--expires", "1y"), 64, "duration.calendar"),
    "expires-huge": ((*ALT, "--expires", "999999999"), 64, "duration.too_long"),
    "expires-absurd": ((*ALT, "--expires", "9" * 40), 64, "duration."),
    "expires-profile": ((*ALT, "--expires", "399"), 1, "profile.validity_too_long"),
    "expires-beyond-ca": ((*ALT, "--ca", "short", "--expires", "31"), 1, "certificate.outlives"),
    "not-after-past": ((*ALT, "--not-after", "2020-01-01T00:00:00Z"), 1, "certificate."),
    "not-after-no-zone": ((*ALT, "--not-after", "2027-01-01T00:00:00"), 64, "timestamp.no_zone"),
    "both-ends": ((*ALT, "--expires", "9", "--not-after", "2027-01-01T00:00:00Z"), 64, "exclude"),
    "hash-of-ed25519": ((*ALT, "--ca", "ed", "--algorithm", "SHA-256"), 1, "algorithm.not_appl"),
    "md5": ((*ALT, "--algorithm", "MD5"), 64, "algorithm.broken_hash"),
    "sha1": ((*ALT, "--algorithm", "SHA-1"), 64, "algorithm.broken_hash"),
    "hash-unknown": ((*ALT, "--algorithm", "x"), 64, "algorithm.unknown_hash"),
    "any-policy": ((*ALT, "--policy-identifier", "anyPolicy"), 64, "anyPolicy"),
    "any-policy-oid": ((*ALT, "--policy-identifier", "2.5.29.32.0"), 64, "anyPolicy"),
    "policy-twice": (
        (*ALT, "--policy-identifier", "1.2.3", "--policy-identifier", "1.2.3"), 64,
        "extension.duplicate"),
    "policy-no-oid": ((*ALT, "--policy-identifier", "x"), 64, "--policy-identifier"),
    "cps-first": (
        (*ALT, "--certification-practice-statement", "http://c.example", "--policy-identifier",
         "1.2.3"), 64, "must come after the --policy-identifier"),
    "cps-no-uri": (
        (*ALT, "--policy-identifier", "1.2.3", "--certification-practice-statement", "c.example"),
        64, "general_name.bad_uri"),
    "notice-alone": ((*ALT, "--user-notice", "x"), 64, "must come after"),
    "notice-long": (
        (*ALT, "--policy-identifier", "1.2.3", "--user-notice", "x" * 201), 64, "201 characters"),
    "name-twice": ((*ALT, *ALT), 1, "certificate.duplicate_name"),
    "feature-twice": (
        (*ALT, "--tls-feature", "status_request", "OCSPMustStaple"), 64, "extension.duplicate"),
    "feature-unknown": ((*ALT, "--tls-feature", "x"), 64, "--tls-feature: 'x'"),
    "purpose-twice": (
        (*ALT, "--extended-key-usage", "serverAuth,serverAuth"), 64, "extension.duplicate"),
    "purpose-unknown": ((*ALT, "--extended-key-usage", "x"), 64, "extension.unknown_purpose"),
    "usage-unknown": ((*ALT, "--key-usage", "x"), 64, "--key-usage: 'x'"),
    "usage-of-a-ca": (
        (*ALT, "--key-usage", "keyCertSign"), 1, "rfc5280.key_cert_sign_without_ca"),
    "usage-for-another-key": (
        (*ALT, "--key-usage", "keyEncipherment"), 1, "rfc5280.key_usage_for_key"),
    "usage-incomplete": ((*ALT, "--key-usage", "encipherOnly"), 64, "extension.key_usage"),
    "responder-no-uri": ((*ALT, "--ocsp-responder", "example.com"), 64, "extension.not_a_uri"),
    "responder-a-name": ((*ALT, "--ocsp-responder", "DNS:example.com"), 64, "not_a_uri"),
    "crl-no-uri": ((*ALT, "--crl-full-name", "foo bar"), 64, "--crl-full-name"),
    "issuer-no-uri": ((*ALT, "--ca-issuer", "example.com"), 64, "extension.not_a_uri"),
    "variable-unknown": ((*ALT, "--crl-full-name", "http://x.example/{NOPE}"), 64, "uri.unknown"),
    "variable-attribute": (
        (*ALT, "--crl-full-name", "http://x.example/{SERIAL.__class__}"), 64, "uri.unknown"),
    "lone-brace": ((*ALT, "--ocsp-responder", "http://x.example/{"), 64, "uri.unknown_variable"),
    "no-check-elsewhere": (
        (*ALT, "--ocsp-no-check"), 1, "rfc6960.no_check_without_ocsp_signing"),
    "switch-alone": ((*ALT, "--key-usage-non-critical"), 64, "without --key-usage"),
    "period-backwards": (
        (*ALT, "--private-key-usage-period-not-before", "2027-01-01",
         "--private-key-usage-period-not-after", "2026-01-01"), 64, "extension.bad_period"),
    "period-no-time": ((*ALT, "--private-key-usage-period-not-after", "soon"), 64, "not a time"),
    "network": (("--alt", "10.0.0.0/8"), 64, "general_name.bad_ip"),
    "empty-label": (("--alt", "foo..bar"), 64, "--alt: "),
    "underscore": (("--alt", "foo bar"), 64, "--alt: "),
    "control-character": (("--alt", "a\x1b[31m.example"), 64, "--alt: "),
    "other-name-type": (("--alt", "otherName:1.2.3;FOO:x"), 64, "general_name.bad_other_name"),
    "bad-subject": (("--subject", "CN"), 64, "--subject: "),
    "unknown-attribute": (("--subject", "XX=1"), 64, "name.unknown_attribute"),
    "two-common-names": (("--subject", "CN=a,CN=b"), 64, "name.repeated_attribute"),
    "watch-nobody": ((*ALT, "--watch", "nobody"), 64, "manifest.invalid_email"),
    "out-nowhere": ((*ALT, "--out", "nowhere/x.pem"), 64, "--out"),
    "bundle-of-der": ((*ALT, "-b", "-o", "der"), 64, "bundle"),
    "output-unknown": ((*ALT, "--output-format", "file"), 64, "--output-format"),
    "as-a-path": ((*ALT, "--as", "../x"), 1, "manifest.invalid_name"),
    "strict": ((*ALT, "--csr", "../other.csr", "--strict-csr"), 1, "csr.other_names"),
    "broken-signature": ((*ALT, "--csr", "../broken.csr"), 1, "csr.signature_invalid"),
    "rsa-1024": ((*ALT, "--csr", "../small.csr"), 1, "key.rsa_too_small"),
    "key-and-csr": ((*ALT, "--csr", "../key-and-csr"), 1, "csr.private_key"),
}  # fmt: skip


@pytest.fixture(scope="module")
def bad_files(shared, csr) -> None:
    place = shared.root.parent
    der = openssl_bytes("req", "-outform", "DER", stdin=csr)
    make_csr(
        place / "other.csr", extra=("-addext", "subjectAltName=DNS:x.example.com,DNS:evil.example")
    )
    make_csr(place / "small.csr", key=("-newkey", "rsa:1024"))
    (place / "garbage").write_bytes(b"hello world")
    (place / "empty").write_bytes(b"")
    (place / "truncated").write_bytes(csr[: len(csr) // 2])
    (place / "broken.csr").write_bytes(der[:-1] + bytes([der[-1] ^ 1]))
    key = openssl_bytes("genpkey", "-algorithm", "ed25519")
    (place / "key-and-csr").write_bytes(key + csr)


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_command_leaves_no_trace(shared, bad_files, name):
    options, code, told = REFUSED[name]
    before = state(shared)
    csr = () if "--csr" in options or name == "empty-stdin" else ("--csr", "../web.csr")
    done = shared.run("sign_cert", *csr, *options, expect=code)
    assert done.out == ""
    assert told in done.err
    assert len(re.findall(r"^error\[", done.err, re.M)) == 1, done.err
    assert "\x1b" not in done.err
    assert state(shared) == before


def openssl_bytes(*arguments: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(["openssl", *arguments], input=stdin, capture_output=True, check=True)
    return done.stdout


# --- What it reads -------------------------------------------------------------------------------


def test_a_csr_is_read_in_every_form(shared, csr):
    der = openssl_bytes("req", "-outform", "DER", stdin=csr)
    shared.run("sign_cert", "--alt", "form.example.com", "--csr", "-", stdin=csr)
    head = state(shared)
    for form in (
        der,
        csr.replace(b"CERTIFICATE REQUEST", b"NEW CERTIFICATE REQUEST"),
        b"Certificate Request:\n  Data:\n" + csr,
        csr.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + csr,
    ):
        shared.run("sign_cert", "--alt", "form.example.com", stdin=form)
        assert state(shared) == head


def test_names_that_only_the_csr_asks_for_are_told_and_not_copied(shared, bad_files):
    done = shared.run("sign_cert", *ALT, "--csr", "../other.csr")
    assert "warning[csr.other_names]: the CSR asks for DNS:evil.example" in done.err
    assert "evil" not in openssl("x509", "-noout", "-text", stdin=done.out.encode())
    names = ("--alt", "x.example.com", "--alt", "EVIL.example")
    shared.run("sign_cert", *names, "--csr", "../other.csr", "--strict-csr")


def test_a_profile_of_the_repository_has_a_flag(own):
    for name in ("short-lived", "broken"):
        own.write(
            f"profiles/{name}.yaml",
            f"apiVersion: pki-as-code/v1\nkind: Profile\nmetadata: {{name: {name}}}\n"
            + ("spec: {validity: {default: 2d}}\n" if name != "broken" else "spec: {valid: 1}\n"),
        )
    (own.root / "profiles/broken.yaml").rename(own.root / "broken")
    own.commit()
    own.run("sign_cert", *ALT, "--csr", "../web.csr", "--short-lived", "-o", "none")
    assert "profile: short-lived" in (own.root / "certificates/x.example.com.yaml").read_text()
    (own.root / "broken").rename(own.root / "profiles/broken.yaml")
    own.commit()
    told = own.run("sign_cert", *ALT, "--csr", "../web.csr", "--broken", expect=1).err
    assert "profiles/broken.yaml" in told
    outside = InProcess(own.root.parent)
    assert "--short-lived" in outside.run("sign_cert", *ALT, "--short-lived", expect=64).err


# --- What it writes ------------------------------------------------------------------------------


def test_what_it_writes_is_a_manifest(own):
    own.run(
        "sign_cert", "--csr", "../web.csr", "--alt", "a.example.com", "--watch", "ops@example.com",
        "--watch", "Jane Doe <jane@example.com>", "--watch", "ops@example.com", "--namespace",
        "payments", "--as", "api", "--crl-full-name", "http://x.example/{CRL_PATH}", "--expires",
        "36h", "-m", "Ask for api", "-o", "none",
    )  # fmt: skip
    text = (own.root / "certificates/payments/api.yaml").read_text()
    for line in ("validity: 36h", "ops@example.com", "Jane Doe <jane@example.com>", "{CRL_PATH}"):
        assert text.count(line) == 1, text
    assert own.git("log", "-1", "--format=%s") == "Ask for api"
    [record] = own.run("list_certs", "-o", "json").json
    assert record["watchers"] == ["ops@example.com", "Jane Doe <jane@example.com>"]


HAND_WRITTEN = """\
# Who may touch this: the web team.
apiVersion: pki-as-code/v1
kind: Certificate
metadata:
  name: www.example.com
  labels: {team: web}
spec:
  csrFile: keys/www.csr  # made by ops
  subjectAltNames:
    - www.example.com  # the public name
  extensions:
    tlsFeature: {value: [status_request]}  # they staple
    authorityInfoAccess: {value: {caIssuers: ["http://ca.example/x.cer"]}}
  deletionPolicy: Retain
"""


def test_a_manifest_written_by_hand_keeps_its_comments(own, csr, tmp_path):
    own.write("certificates/www.yaml", HAND_WRITTEN)
    own.write("certificates/keys/www.csr", csr)
    own.commit()
    command = (
        "sign_cert", "--csr", "../web.csr", "--alt", "www.example.com",
        "--ocsp-responder", "http://o.example", "--key-usage", "digitalSignature", "--expires", "9",
    )  # fmt: skip
    done = own.run(*command)
    assert "kept from certificates/www.yaml: tlsFeature" in done.err
    pem = done.out
    text = (own.root / "certificates/www.yaml").read_text()
    for line in HAND_WRITTEN.splitlines():
        if "authorityInfoAccess" not in line:
            assert line in text, text
    found = sections(openssl("x509", "-noout", "-text", stdin=pem.encode()))
    assert found[TLS] == (False, "status_request")
    assert "http://o.example" in found[AIA][1]
    assert "http://ca.example/x.cer" in found[AIA][1]
    assert own.git("show", "--format=", "--name-only").splitlines() == ["certificates/www.yaml"]
    head = state(own)
    assert own.run(*command).out == pem
    assert state(own) == head
    make_csr(tmp_path / "new.csr")
    new = own.run("sign_cert", "--csr", "../new.csr", "--as", "www.example.com").out
    assert "status_request" in openssl("x509", "-noout", "-text", stdin=new.encode())
    assert "validity: 9d" in (own.root / "certificates/www.yaml").read_text()
    assert own.git("show", "--format=", "--name-only").splitlines() == ["certificates/keys/www.csr"]


def test_two_names_that_give_one_manifest_are_told_apart(own):
    own.run("sign_cert", "--csr", "../web.csr", "--alt", "*.example.com", "-o", "none")
    command = ("sign_cert", "--csr", "../web.csr", "--alt", "wildcard.example.com")
    assert "[manifest.exists]" in own.run(*command, expect=1).err
    own.run(*command, "--as", "other", "-o", "none")


# --- What it shows -------------------------------------------------------------------------------


def test_every_form_of_output(own):
    command = ("sign_cert", "--csr", "../web.csr", *ALT)
    pem = own.run(*command).out
    serial = own.run(*command, "--output-format", "serial").out.strip()
    digits = serial.replace(":", "")
    assert openssl("x509", "-noout", "-serial", stdin=pem.encode()).strip() == f"serial={digits}"
    assert own.run(*command, "-o", "SERIAL", "--serial-format", "hex").out.strip() == digits
    number = own.run(*command, "-o", "serial", "--serial-format", "int").out.strip()
    assert int(number) == int(digits, 16)
    assert own.run(*command, "-o", "none").out == ""
    value = own.run(*command, "-o", "json", "--serial-format", "int", "--json-indent", "4")
    assert value.out.startswith('{\n    "')
    assert value.json["serialNumber"] == number
    assert value.json["pem"] == pem
    text = own.run(*command, "-o", "text").out
    short = own.run(*command, "-o", "text", "-n", "--no-extensions", "--no-wrap").out
    assert pem.strip() in text
    assert "Certificate extensions:" in text
    assert "BEGIN" not in short
    assert "extensions" not in short
    bundle = own.run(*command, "-b").out
    assert bundle.startswith(pem)
    assert bundle.count("BEGIN CERTIFICATE") == 3
    done = own.run(*command, "-o", "der", "--out", "../x.der")
    assert done.out == ""
    again = openssl("x509", "-inform", "DER", "-in", str(own.root.parent / "x.der"))
    assert again == pem


# --- resign_cert ---------------------------------------------------------------------------------


def test_resign_cert_signs_the_same_anew(own):
    sign = ("sign_cert", "--csr", "../web.csr", *ALT, "--client", "--watch", "a@example.com")
    first = own.run(*sign, "-o", "serial").out.strip()
    before = (own.root / "certificates/x.example.com.yaml").read_text()
    pem = own.run("resign_cert", first).out
    text = openssl("x509", "-noout", "-text", stdin=pem.encode())
    assert sections(text)[EKU] == (False, "TLS Web Client Authentication")
    after = (own.root / "certificates/x.example.com.yaml").read_text()
    assert after == before + "  reissue: 1\n"
    assert own.git("log", "-1", "--format=%s") == "Reissue certificate x.example.com"
    own.run(
        "resign_cert", "x.example.com", "--expires", "5", "--watch", "b@example.com", "--out",
        "../again.pem",
    )  # fmt: skip
    [record] = own.run("list_certs", "-o", "json").json[-1:]
    current = own.run("show", "x.example.com", "-o", "json").json
    assert current["certificate"]["watchers"] == ["b@example.com"]
    assert len(own.run("list_certs", "-o", "json").json) == 3
    assert record
    assert "No changes" in own.run("plan", "--detailed-exitcode").out
    enddate = openssl(
        "x509",
        "-noout",
        "-checkend",
        str(6 * 86400),
        "-in",
        str(own.root.parent / "again.pem"),
        expect=1,
    )
    assert "will expire" in enddate


def test_resign_cert_refuses_what_it_cannot_or_must_not_sign(own, csr):
    own.run("sign_cert", "--csr", "../web.csr", *ALT, "-o", "none")
    own.run("sign_cert", "--csr", "../web.csr", "--alt", "y.example.com", "-o", "none")
    own.run("revoke_cert", "x.example.com")
    own.git("rm", "-q", "certificates/y.example.com.yaml")
    own.commit("remove it")
    before = state(own)
    for command, code in (
        (("resign_cert", "x.example.com"), "certificate.revoked"),
        (("sign_cert", "--csr", "../web.csr", *ALT), "certificate.revoked"),
        (("resign_cert", "y.example.com"), "certificate.no_manifest"),
        (("resign_cert", "nope"), "name.not_found"),
    ):
        done = own.run(*command, expect=1)
        assert f"[{code}]" in done.err
        assert done.out == ""
    assert "[duration.zero]" in own.run("resign_cert", "x", "--expires", "0", expect=64).err
    assert state(own) == before


def test_an_adopted_certificate_needs_a_csr_to_be_signed_again(own):
    place = own.root.parent
    own.run("dump_ca", "issuing", "../ca.pem")
    (place / "ext").write_text("subjectAltName=DNS:old.example.com\nauthorityKeyIdentifier=keyid\n")
    openssl(
        "x509", "-req", "-in", str(place / "web.csr"), "-CA", str(place / "ca.pem"), "-CAkey",
        str(own.root / "keys/issuing.pem"), "-days", "9", "-extfile", str(place / "ext"),
        "-out", str(place / "old.pem"),
    )  # fmt: skip
    own.run("import_cert", "--as", "old", "../old.pem")
    before = state(own)
    told = own.run("resign_cert", "old", expect=1).err
    assert "[certificate.no_csr]" in told
    assert "sign_cert --as" in told
    assert state(own) == before
    pem = own.run("sign_cert", "--as", "old", "--csr", "../web.csr", *ALT).out
    assert "x.example.com" in openssl("x509", "-noout", "-text", stdin=pem.encode())
    assert own.run("resign_cert", "old").out != pem


def test_resign_cert_begins_where_the_last_manifest_ended(own, csr):
    """A manifest written anew has no `reissue`; the certificate there is was the third."""
    own.run("sign_cert", "--csr", "../web.csr", *ALT, "-o", "none")
    path = own.root / "certificates/x.example.com.yaml"
    original = path.read_text()
    own.run("resign_cert", "x.example.com", "-o", "none")
    own.run("resign_cert", "x.example.com", "-o", "none")
    path.write_text(original)
    own.commit("as it was")
    own.run("resign_cert", "x.example.com", "-o", "none")
    assert path.read_text() == original + "  reissue: 3\n"
    assert len(own.run("list_certs", "-o", "json").json) == 4


def test_an_expired_certificate_is_signed_again(own):
    own.run("sign_cert", "--csr", "../web.csr", *ALT, "--expires", "2s", "-o", "none")
    own.write(
        "certificates/x.example.com.yaml",
        (own.root / "certificates/x.example.com.yaml").read_text() + "  renewal: {mode: None}\n",
    )
    own.commit("no renewal")
    time.sleep(2.1)
    assert "No changes" in own.run("plan").out
    pem = own.run("resign_cert", "x.example.com", "--expires", "2s").out
    time.sleep(2.1)
    assert own.run("sign_cert", "--csr", "../web.csr", *ALT).out != pem


# --- What belongs into which certificate ---------------------------------------------------------

CA_ONLY = {
    "nameConstraints": "{value: {permitted: [\"DNS:example.com\"]}}",
    "policyConstraints": "{value: {requireExplicitPolicy: 0}}",
    "inhibitAnyPolicy": "{value: 0}",
    "policyMappings": "{value: [{issuerDomainPolicy: \"1.2.3\", subjectDomainPolicy: \"1.2.4\"}]}",
}  # fmt: skip
NOT_AS_THE_STANDARD_SAYS = {
    "authorityInfoAccess": '{critical: true, value: {ocsp: ["http://o.example"]}}',
    "privateKeyUsagePeriod": '{critical: true, value: {notAfter: "2027-01-01T00:00:00Z"}}',
    "freshestCrl": '{critical: true, value: [{fullName: ["http://o.example/x.crl"]}]}',
    "inhibitAnyPolicy": "{critical: false, value: 0}",
}


def test_extensions_of_authorities_are_refused_in_end_entities_and_the_reverse(own, csr):
    own.write("certificates/x.csr", csr)
    for name, value in CA_ONLY.items():
        own.manifest(
            "x", f"csrFile: x.csr\nsubjectAltNames: [x.example]\nextensions:\n  {name}: {value}"
        )
        told = own.run("validate", expect=1).out
        assert "[rfc5280.ca_extension_in_end_entity]" in told, told
    (own.root / "certificates/x.yaml").unlink()
    authority = own.root / "authorities/issuing.yaml"
    authority.write_text(
        authority.read_text() + "  extensions: {noRevAvail: {}, ocspNoCheck: {}}\n"
    )
    told = own.run("validate", expect=1).out
    assert "[rfc5280.end_entity_extension_in_ca]" in told, told


def test_criticality_is_as_the_standard_says(own, csr):
    own.write("certificates/x.csr", csr)
    for name, value in NOT_AS_THE_STANDARD_SAYS.items():
        own.manifest(
            "x", f"csrFile: x.csr\nsubjectAltNames: [x.example]\nextensions:\n  {name}: {value}"
        )
        assert "[extension.criticality]" in own.run("validate", expect=1).out
    (own.root / "certificates/x.yaml").unlink()
    (own.root / "certificates/x.csr").unlink()
    done = own.run(
        "sign_cert", "--csr", "../web.csr", *ALT, "--crl-full-name", "http://x.example/x.crl",
        "--crl-distribution-points-critical", "--key-usage", "digitalSignature",
        "--key-usage-non-critical", "-o", "none",
    )  # fmt: skip
    assert done.err.count("warning[rfc5280.criticality_advice]") == 2, done.err
