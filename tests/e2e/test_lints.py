"""Second opinions by the command line: pkilint and badkeys, what they count as, what is waived."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.pkix.certificate import load_draft
from pki_as_code.workspace import judging
from tests.e2e.conftest import make_csr
from tests.e2e.in_process import InProcess, without_certificates
from tests.linters.sparse_key import sparse_key

CODE = "pkilint.pkix.subject_email_address_not_in_san"
ADDRESS = 'subject: "CN=api.example.com,emailAddress=api@example.com"'
WAIVER = f"waivers: [{{code: {CODE}, reason: the gateway reads it there}}]"
LAB = """\
apiVersion: pki-as-code/v1
kind: CertificateAuthority
metadata: {name: lab}
spec:
  subject: CN=Lab
  parent: root
  key: {uri: "file:keys/lab.pem", type: EC, curve: P-256}
  ocsp: {responder: {key: {uri: "file:keys/lab-ocsp.pem"}}}
"""


@pytest.fixture
def repository(template, tmp_path) -> InProcess:
    return without_certificates(template, tmp_path / "example-pki")


def configure(repository: InProcess, lints: str) -> None:
    before = (repository.root / "pki.yaml").read_text().partition("  lints:")[0]
    repository.write("pki.yaml", f"{before.rstrip()}\n  lints: {lints}\n")


def told(repository: InProcess, *arguments: str, expect: int) -> dict[str, str]:
    """Return the severities of what `plan` finds, by code."""
    plan = repository.run("plan", *arguments, "--output", "json", expect=expect).json
    return {finding["code"]: finding["severity"] for finding in plan["findings"]}


def objects(repository: InProcess) -> list[str]:
    listed = json.loads(repository.run("list_certs", "--output", "json").out)
    return [certificate["name"] for certificate in listed]


def test_a_linter_keeps_back_what_it_objects_to_and_nothing_else(repository):
    repository.ask("api", ADDRESS)
    repository.ask("web")
    repository.commit()
    assert CODE not in told(repository, expect=0)
    configure(repository, "{linters: [pkilint]}")
    repository.commit()
    assert told(repository, expect=1)[CODE] == "error"
    assert CODE in repository.run("validate", expect=1).out
    assert CODE in repository.run("reconcile", expect=5).out
    assert objects(repository) == ["web"]


def test_a_waiver_is_reported_and_goes_into_the_ledger(repository):
    configure(repository, f"{{linters: [pkilint], waivable: [{CODE}]}}")
    repository.ask("api", ADDRESS, WAIVER)
    repository.commit()
    assert told(repository, expect=0)[CODE] == "warning"
    assert "waived: the gateway reads it there" in repository.run("plan").out
    [change] = [
        c for c in repository.run("plan", "--output", "json").json["changes"] if c["name"] == "api"
    ]
    assert change["waivers"] == {CODE: "the gateway reads it there"}
    repository.run("reconcile")
    [issued] = [
        e for e in repository.ledger() if e["type"] == "issued" and e["object"]["name"] == "api"
    ]
    assert issued["provenance"]["waivers"] == {CODE: "the gateway reads it there"}
    shown = repository.run("show", "api").out
    assert "the gateway reads it there" in shown
    assert repository.run("plan", "--detailed-exitcode").code == 0


def test_whoever_asks_for_a_certificate_does_not_decide_which_rules_hold(repository):
    configure(repository, "{linters: [pkilint]}")
    base = repository.commit()
    configure(repository, f"{{linters: [], severities: {{{CODE}: off}}, waivable: [{CODE}]}}")
    repository.ask("api", ADDRESS, WAIVER)
    repository.commit()
    found = told(repository, "--base", base, expect=1)
    assert found[CODE] == found["lint.not_waivable"] == "error"
    assert told(repository, expect=0) == {}


def test_a_key_that_others_can_compute_is_not_certified(repository):
    configure(repository, "{linters: [badkeys]}")
    key = sparse_key()
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )
    repository.write("certificates/weak.csr", csr)
    repository.ask("weak")
    repository.commit()
    assert told(repository, expect=1)["badkeys.rsapoly"] == "error"
    repository.run("reconcile", expect=1)
    assert objects(repository) == []


def test_what_is_waived_of_a_csr_goes_into_the_ledger_too(repository):
    code = "key.rsa_small_exponent"
    configure(repository, f"{{severities: {{{code}: error}}, waivable: [{code}]}}")
    make_csr(
        repository.root / "certificates/chip.csr",
        key=("-newkey", "rsa:2048", "-pkeyopt", "rsa_keygen_pubexp:3"),
    )
    repository.ask("chip", f"waivers: [{{code: {code}, reason: a chip that knows no other}}]")
    repository.commit()
    assert told(repository, expect=0) == {code: "warning"}
    repository.run("validate")
    repository.run("reconcile")
    [issued] = [e for e in repository.ledger() if e.get("provenance", {}).get("waivers")]
    assert issued["provenance"]["waivers"] == {code: "a chip that knows no other"}


def test_the_very_bytes_that_are_signed_are_looked_at(repository, monkeypatch):
    """Also those that no plan can know: below authorities whose keys do not exist yet."""
    looked_at: set[bytes] = set()

    def ask(linters, der):
        looked_at.add(without_serial_number(der))
        return []

    monkeypatch.setattr(judging, "opinions", ask)
    configure(repository, "{linters: [pkilint]}")
    repository.write("authorities/lab.yaml", LAB)
    repository.ask("web", "issuer: lab")
    before = len(repository.ledger())
    repository.commit()
    repository.run("reconcile")
    reserved = {
        e["object"]["kind"]: base64.b64decode(e["tbsCertificate"])
        for e in repository.ledger()[before:]
        if e["type"] == "reserved"
    }
    assert reserved.keys() == {"Certificate", "CertificateAuthority", "OcspResponder"}
    for tbs_certificate in reserved.values():
        assert without_serial_number(load_draft(tbs_certificate).public_bytes(Encoding.DER)) in (
            looked_at
        )


def without_serial_number(der: bytes) -> bytes:
    certificate = x509.load_der_x509_certificate(der)
    tbs = certificate.tbs_certificate_bytes
    number = certificate.serial_number
    octets = number.to_bytes(number.bit_length() // 8 + 1, "big")
    assert octets in tbs
    return tbs[tbs.index(octets) + len(octets) :]
