"""`pkictl show`: what is in force and where it comes from, what was issued, who asked."""

from __future__ import annotations

import shutil

import pytest

from tests.e2e.conftest import openssl
from tests.e2e.in_process import InProcess

PROJECT = """\
apiVersion: pki-as-code/v1
kind: Project
metadata: {name: example-pki}
spec:
  baseUrl: http://pki.example
  defaults:
    profile: client
    subject: C=AT,O=Example
"""

PROFILE = """\
apiVersion: pki-as-code/v1
kind: Profile
metadata: {name: tls}
spec:
  subject: O=Payments,OU=Tls
  validity: {default: 30d, max: 60d}
  extensions:
    keyUsage: {critical: true, value: [digitalSignature, keyEncipherment]}
    extendedKeyUsage: {value: [serverAuth]}
    tlsFeature: {value: [status_request]}
    issuerAltName: {value: ["URI:http://profile.example"]}
    certificatePolicies: {value: [{policyIdentifier: "1.2.3.1"}]}
"""

NAMESPACE = """\
apiVersion: pki-as-code/v1
kind: Namespace
metadata: {name: payments}
spec:
  defaults: {profile: tls, watchers: [team@example.com]}
"""

AUTHORITY = """\
  signs:
    extensions:
      certificatePolicies: {value: [{policyIdentifier: "1.2.3.0"}]}
      issuerAltName: {value: ["URI:http://authority.example"]}
      freshestCrl: {value: [{fullName: ["http://authority.example/delta.crl"]}]}
"""

MANIFEST = """\
apiVersion: pki-as-code/v1
kind: Certificate
metadata: {name: api}
spec:
  csrFile: api.csr
  issuer: issuing
  subjectAltNames: [api.example.com]
  extensions:
    tlsFeature: {value: [status_request_v2]}
    extendedKeyUsage: {value: [clientAuth]}
"""


@pytest.fixture(scope="module")
def layered(template, tmp_path_factory, csr) -> InProcess:
    """Every level says something, and some say the same thing differently."""
    root = tmp_path_factory.mktemp("show") / "example-pki"
    shutil.copytree(template, root, symlinks=True)
    pki = InProcess(root)
    pki.write("pki.yaml", PROJECT)
    pki.write("profiles/tls.yaml", PROFILE)
    pki.write("certificates/payments/_namespace.yaml", NAMESPACE)
    pki.write("certificates/payments/api.yaml", MANIFEST)
    pki.write("certificates/payments/api.csr", csr)
    authority = root / "authorities/issuing.yaml"
    authority.write_text(authority.read_text() + AUTHORITY)
    (root.parent / "web.csr").write_bytes(csr)
    pki.commit("layers")
    pki.run(
        "sign_cert", "--as", "payments/api", "--csr", "../web.csr", "--extended-key-usage",
        "codeSigning", "--watch", "a@example.com", "-o", "none", "-m", "Sign\x1b[31m it",
    )  # fmt: skip
    return pki


def test_command_line_over_manifest_over_profile_over_authority(layered):
    pem = layered.run("dump_cert", "payments/api").out
    text = openssl("x509", "-noout", "-text", stdin=pem.encode())
    for line in ("Code Signing", "status_request_v2", "URI:http://profile.example",
                 "Policy: 1.2.3.1", "URI:http://authority.example/delta.crl",
                 "Subject: C = AT, O = Payments, OU = Tls, CN = api.example.com"):  # fmt: skip
        assert line in text, text
    for line in ("Client Authentication", "Server Authentication", "1.2.3.0", "O = Example"):
        assert line not in text, text
    # The levels below the command line are those of the manifest as it is now.
    assert "codeSigning" in (layered.root / "certificates/payments/api.yaml").read_text()


EFFECTIVE = {
    "issuer": ("issuing", ["manifest certificates/payments/api.yaml"]),
    "profile": ("tls", ["namespace certificates/payments/_namespace.yaml"]),
    "subject": (
        "C=AT,O=Payments,OU=Tls,CN=api.example.com",
        ["profile profiles/tls.yaml", "project pki.yaml",
         "manifest certificates/payments/api.yaml"],
    ),
    "subjectAltNames": (["DNS:api.example.com"], ["manifest certificates/payments/api.yaml"]),
    "validity": ("30d", ["profile profiles/tls.yaml"]),
    "backdate": ("5m", ["built in"]),
    "algorithm": ("SHA-256", ["authority authorities/issuing.yaml"]),
    "extensions.extendedKeyUsage": (["codeSigning"], ["manifest certificates/payments/api.yaml"]),
    "extensions.tlsFeature": (
        ["status_request_v2"], ["manifest certificates/payments/api.yaml"]),
    "extensions.keyUsage": (["digitalSignature"], ["profile profiles/tls.yaml"]),
    "extensions.issuerAltName": (["URI:http://profile.example"], ["profile profiles/tls.yaml"]),
    "extensions.certificatePolicies": (
        [{"policyIdentifier": "1.2.3.1"}], ["profile profiles/tls.yaml"]),
    "extensions.freshestCrl": (
        [{"fullName": ["URI:http://authority.example/delta.crl"]}],
        ["authority authorities/issuing.yaml"]),
    "extensions.crlDistributionPoints": (
        [{"fullName": ["URI:http://pki.example/{CRL_PATH}"]}], ["project pki.yaml"]),
    "extensions.authorityInfoAccess.ocsp": (
        ["URI:http://pki.example/{OCSP_PATH}"], ["project pki.yaml"]),
    "extensions.authorityInfoAccess.caIssuers": (
        ["URI:http://pki.example/{CA_ISSUER_PATH}"], ["project pki.yaml"]),
    "renewal": ({"mode": "Automatic", "before": "33%"}, ["built in"]),
    "deletionPolicy": ("Refuse", ["built in"]),
    "watchers": (
        ["a@example.com", "team@example.com"],
        ["manifest certificates/payments/api.yaml",
         "namespace certificates/payments/_namespace.yaml"],
    ),
    "reissue": (0, ["built in"]),
}  # fmt: skip


def test_effective_values_name_their_origin(layered):
    value = layered.run("show", "payments/api", "--effective", "--output", "json").json
    told = {
        entry["field"]: (
            entry["value"],
            [
                f"{origin['kind']} {origin['source']['path']}"
                if origin["source"]
                else origin["kind"]
                for origin in entry["origins"]
            ],
        )
        for entry in value["effective"]
    }
    assert told == EFFECTIVE
    critical = {e["field"]: e["critical"] for e in value["effective"] if "critical" in e}
    assert {field for field, flag in critical.items() if flag} == {"extensions.keyUsage"}


def test_effective_values_as_text_point_at_the_line(layered):
    lines = layered.run("show", "payments/api", "--effective").out.splitlines()
    told = {line.split()[0]: line for line in lines}
    assert told["profile"].endswith(
        "tls  (namespace payments, certificates/payments/_namespace.yaml:5)"
    )
    assert told["validity"].endswith("30d  (profile tls, profiles/tls.yaml:6)")
    assert (
        "critical digitalSignature  (profile tls, profiles/tls.yaml:8)"
        in (told["extensions.keyUsage"])
    )
    assert told["deletionPolicy"].endswith("(built in)")


def test_what_was_issued_is_what_was_effective(layered):
    """The values shown are those in the ledger's request."""
    effective = {
        entry["field"]: entry["value"]
        for entry in layered.run("show", "payments/api", "--effective", "-o", "json").json[
            "effective"
        ]
    }
    request = next(e for e in reversed(layered.ledger()) if e["type"] == "reserved")["request"]
    assert request["subject"] == effective["subject"]
    assert request["profile"] == effective["profile"]
    assert request["hashAlgorithm"] == effective["algorithm"]
    for name, extension in request["extensions"].items():
        if name != "authorityInfoAccess":
            assert extension["value"] == effective[f"extensions.{name}"]


def test_an_object_is_shown_with_its_certificate_and_history(layered):
    [record] = layered.run("list_certs", "--output", "json").json
    for called in ("payments/api", record["serialNumber"], record["serialNumber"][:8].lower()):
        text = layered.run("show", called).out
        assert text.startswith("certificate payments/api\n")
    for part in ("certificates/payments/api.yaml:4", "valid until", record["serialNumber"],
                 "a@example.com, team@example.com", "Alice <alice@example.com>",
                 record["commit"][:12], "DoesNotExist"):  # fmt: skip
        assert part in text, text
    assert "\x1b" not in text
    value = layered.run("show", "payments/api", "-o", "json").json
    assert value["certificate"] == record
    provenance = value["provenance"]
    assert provenance["author"] == "Alice <alice@example.com>"
    assert provenance["blobId"] == record["provenance"]["blobId"]
    assert provenance["planDigest"] == record["provenance"]["planDigest"]
    assert (provenance["signers"], provenance["policies"]) == ([], [])
    assert [event["type"] for event in value["history"]] == ["reserved", "issued"]


def test_an_authority_is_shown(layered):
    text = layered.run("show", "issuing").out
    assert text.startswith("authority issuing\n")
    assert "authorities/issuing.yaml" in text
    effective = layered.run("show", "issuing", "--effective").out
    assert "authority root, authorities/root.yaml" in effective
    assert "extensions.keyUsage" in effective


def test_what_cannot_be_shown_is_told(layered, csr):
    assert "[name.not_found]" in layered.run("show", "nope", expect=1).err
    layered.write("certificates/issuing.yaml", MANIFEST.replace("name: api", "name: issuing"))
    layered.write("certificates/api.csr", csr)
    assert "--kind" in layered.run("show", "issuing", expect=1).err
    new = layered.run("show", "issuing", "--kind", "certificate").out
    assert "not issued yet" in new
    layered.write(
        "certificates/issuing.yaml",
        MANIFEST.replace("name: api", "name: issuing").replace("issuer: issuing", "issuer: nope"),
    )
    told = layered.run("show", "issuing", "--kind", "certificate", "--effective", expect=1)
    assert "[reference.not_found]" in told.err
    (layered.root / "certificates/issuing.yaml").unlink()
    (layered.root / "certificates/payments/api.yaml").rename(layered.root / "api.yaml")
    assert "none: it is gone" in layered.run("show", "payments/api").out
    gone = layered.run("show", "payments/api", "--effective", expect=1)
    assert "[certificate.no_manifest]" in gone.err
    (layered.root / "api.yaml").rename(layered.root / "certificates/payments/api.yaml")
