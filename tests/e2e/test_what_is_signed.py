"""What is in a certificate: what was reserved and linted, and nothing that only a CSR asks for."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.pkix.lint import lint_plainly
from pki_as_code.pkix.serial_numbers import format_serial_number
from tests.e2e.conftest import make_csr, openssl
from tests.e2e.in_process import InProcess, in_process

ABUSE = {
    "an authority": "basicConstraints=critical,CA:TRUE,pathlen:5",
    "a signer of certificates": "keyUsage=critical,keyCertSign,cRLSign",
    "an OCSP responder": "extendedKeyUsage=OCSPSigning",
    "any purpose": "extendedKeyUsage=anyExtendedKeyUsage,codeSigning",
    "a logon": "subjectAltName=otherName:1.3.6.1.4.1.311.20.2.3;UTF8:admin@corp.example",
    "other names": "subjectAltName=DNS:evil.example,IP:10.9.9.9,email:ceo@evil.example",
    "a security identifier": "1.3.6.1.4.1.311.25.2=ASN1:UTF8String:S-1-5-21-1-2-3-500",
    "its own CRL": "crlDistributionPoints=URI:http://evil.example/never.crl",
    "its own OCSP": "authorityInfoAccess=OCSP;URI:http://evil.example/good",
    "no revocation": "1.3.6.1.5.5.7.48.1.5=ASN1:NULL",
    "a template": "1.3.6.1.4.1.311.20.2=ASN1:BMPString:DomainController",
    "a policy": "certificatePolicies=2.23.140.1.1",
}


@pytest.fixture
def pki(repository) -> InProcess:
    return in_process(repository.root)


def certificate_of(pki: InProcess, name: str) -> str:
    return openssl("x509", "-noout", "-text", stdin=pki.run("dump_cert", name).out.encode())


def test_nothing_of_a_csr_but_its_key_is_in_the_certificate(pki):
    """One after the other: what each asks for is in no certificate, which are all alike."""
    for number, extension in enumerate(ABUSE.values()):
        make_csr(
            pki.root / f"certificates/n{number}.csr", subject="/O=Evil Corp/CN=evil.example",
            extra=("-addext", extension),
        )  # fmt: skip
        pki.manifest(f"n{number}", f"csrFile: n{number}.csr\nsubjectAltNames: [web.example.com]")
    pki.commit()
    pki.run("reconcile")
    seen = set()
    for number in range(len(ABUSE)):
        text = certificate_of(pki, f"n{number}").lower()
        for word in ("evil", "ca:true", "ocsp signing", "admin", "s-1-5", "any extended", "10.9.9",
                     "certificate sign", "no check", "domaincontroller", "2.23.140"):  # fmt: skip
            assert word not in text, (word, text)
        certificate = x509.load_pem_x509_certificate(
            pki.run("dump_cert", f"n{number}").out.encode()
        )
        alike = [
            (e.oid.dotted_string, e.critical) for e in certificate.extensions
        ], certificate.subject.rfc4514_string()  # fmt: skip
        seen.add(str(alike))
        key = openssl("req", "-noout", "-pubkey", "-in", f"{pki.root}/certificates/n{number}.csr")
        assert key == openssl(
            "x509", "-noout", "-pubkey", stdin=certificate.public_bytes(Encoding.PEM)
        )
    assert len(seen) == 1


def test_what_was_signed_is_what_was_reserved_and_linted(pki):
    """Of authorities, certificates, replacements and renewals alike."""
    for name in ("a", "b", "c"):
        make_csr(pki.root / f"certificates/{name}.csr")
        pki.manifest(name, f"csrFile: {name}.csr\nsubjectAltNames: [{name}.example.com]")
    pki.commit()
    pki.run("reconcile")
    pki.manifest("a", "csrFile: a.csr\nsubjectAltNames: [a.example.com, a2.example.com]")
    pki.manifest("b", "csrFile: b.csr\nsubjectAltNames: [b.example.com]\nreissue: 1")
    pki.commit()
    pki.run("reconcile")
    reserved = {}
    signed = {}
    for entry in pki.ledger():
        if entry["type"] == "reserved":
            tbs = b64decode(entry["tbsCertificate"])
            reserved[entry["issuer"], entry["serialNumber"]] = hashlib.sha256(tbs).hexdigest()
        elif entry["type"] == "issued":
            signed[entry["issuer"], entry["serialNumber"]] = entry["seq"]
    records = json.loads(pki.run("list_certs", "--expired", "--revoked", "-o", "json").out)
    authorities = {
        each["name"]: pki.run("view_ca", each["name"], "-o", "pem").out
        for each in json.loads(pki.run("list_cas", "-o", "json").out)
    }
    issuers = {
        name: x509.load_pem_x509_certificate(pem.encode()) for name, pem in authorities.items()
    }
    assert len(records) == 5, "three, and two that were replaced"
    for record in records:
        pem = pki.run("dump_cert", record["serialNumber"]).out
        certificate = x509.load_pem_x509_certificate(pem.encode())
        digest = hashlib.sha256(certificate.tbs_certificate_bytes).hexdigest()
        serial = format_serial_number(certificate.serial_number)
        assert reserved[record["issuer"], serial] == digest
        issuer = issuers[record["issuer"]]
        certificate.verify_directly_issued_by(issuer)
        assert [f for f in lint_plainly(certificate, issuer) if f.severity == "error"] == []
    assert set(signed) == set(reserved), "nothing was signed that had not been reserved"
