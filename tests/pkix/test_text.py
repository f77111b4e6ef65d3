"""A certificate as a person reads it: complete, harmless, and never a traceback."""

from __future__ import annotations

import json
import re
import subprocess
import warnings
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der
from pki_as_code.pkix.certificate import load_draft
from pki_as_code.pkix.extensions import EXTENSION_BY_NAME, ExtensionSet, expand_variables
from pki_as_code.pkix.raw_certificate import read_tbs_certificate
from pki_as_code.pkix.text import certificate_json, format_certificate_text
from pki_as_code.pkix.variables import uri_variables
from tests.pkix.samples import (
    ALL_EXTENSIONS,
    ISSUER_SERIAL_NUMBER,
    KEY_NAMES,
    SERIAL_NUMBER,
    make_request,
    make_tbs,
    private_key,
    root,
    sign,
)


def full_certificate() -> x509.Certificate:
    """Return one with every extension there is, which no lint would let through."""
    key = private_key("P-256")
    request = make_request(
        key,
        key,
        extensions=ALL_EXTENSIONS,
        names=(
            "DNS:api.example.com",
            "IP:10.0.0.7",
            "IP:2001:db8::7",
            "email:user@example.com",
            "URI:https://example.com/x",
            "RID:1.2.3",
            "dirName:C=AT,CN=x",
            "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@example.com",
        ),
    )
    return sign(make_tbs(request, root(), key), request, key)


def simple_certificate() -> x509.Certificate:
    key = private_key("P-256")
    request = make_request(key, key)
    return sign(make_tbs(request, root(), key), request, key)


def with_extension(oid: str, value: bytes) -> x509.Certificate:
    """Return a draft with one extension, whatever its value."""
    extension = der.encode_sequence(der.encode_oid(oid), der.encode_octet_string(value))
    return with_extensions(extension)


def with_extensions(*extensions: bytes) -> x509.Certificate:
    raw = read_tbs_certificate(simple_certificate().tbs_certificate_bytes)
    return load_draft(
        der.encode_sequence(
            der.encode_explicit(0, der.encode_integer(2)),
            raw.serial_number.encoding,
            raw.signature_algorithm.encoding,
            raw.issuer.encoding,
            der.encode_sequence(raw.not_before.encoding, raw.not_after.encoding),
            raw.subject.encoding,
            raw.public_key.encoding,
            der.encode_explicit(3, der.encode_sequence(*extensions)),
        )
    )


def with_subject(subject: bytes) -> x509.Certificate:
    raw = read_tbs_certificate(simple_certificate().tbs_certificate_bytes)
    return load_draft(
        simple_certificate().tbs_certificate_bytes.replace(raw.subject.encoding, subject)
        if len(subject) == len(raw.subject.encoding)
        else der.encode_sequence(
            der.encode_explicit(0, der.encode_integer(2)),
            raw.serial_number.encoding,
            raw.signature_algorithm.encoding,
            raw.issuer.encoding,
            der.encode_sequence(raw.not_before.encoding, raw.not_after.encoding),
            subject,
            raw.public_key.encoding,
        )
    )


def text_of(certificate: x509.Certificate, **changes: Any) -> str:
    return format_certificate_text(certificate, **{"status": "valid", "pem": False, **changes})


def test_the_layout() -> None:
    certificate = simple_certificate()
    lines = text_of(certificate, watchers=["Jane <jane@example.com>"], pem=True).splitlines()
    digest = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    assert lines[:18] == [
        "* Subject:",
        "  * countryName (C): AT",
        "  * organizationName (O): Example",
        "  * commonName (CN): api.example.com",
        f"* Serial: {SERIAL_NUMBER.to_bytes(20, 'big').hex(':').upper()}",
        "* Issuer:",
        "  * countryName (C): AT",
        "  * organizationName (O): Example",
        "  * commonName (CN): Example CA",
        "* Not valid before: 2026-11-23 09:55:00+00:00",
        "* Not valid after: 2027-02-21 09:59:59+00:00",
        "* Key: P-256",
        "* Signature algorithm: ecdsa-with-SHA256",
        "* Status: Valid",
        "* Watchers:",
        "  * Jane <jane@example.com>",
        "",
        "Certificate extensions:",
    ]
    assert f"  SHA-256:  {digest}" in lines
    titles = [line for line in lines[18:] if line.startswith("* ")]
    assert titles == sorted(titles)
    assert "* Key Usage (critical):" in titles
    assert lines[-1] == "-----END CERTIFICATE-----"


def test_parts_can_be_left_out() -> None:
    text = text_of(simple_certificate(), pem=False, extensions=False, status="on-hold")
    assert "BEGIN" not in text
    assert "Certificate extensions" not in text
    assert "* No watchers\n" in text
    assert "* Status: On-hold\n" in text
    assert text.endswith("\n")


@pytest.mark.parametrize("width", [1, 40, 80, 120])
def test_digests_are_wrapped(width: int) -> None:
    text = text_of(simple_certificate(), extensions=False, width=width)
    digests = text[text.index("Digest:") :].splitlines()[1:]
    assert all(len(line) <= max(width, 20) for line in digests)
    joined = "".join(line.strip() for line in digests)
    assert simple_certificate().fingerprint(hashes.SHA512()).hex(":").upper() in joined


def test_every_extension_has_its_lines() -> None:
    text = text_of(full_certificate())
    for expected in (
        "* Authority Information Access:\n"
        "  CA Issuers:\n"
        "    * URI:http://x.example/ca/issuing.cer\n"
        "  OCSP:\n"
        "    * URI:http://x.example/ocsp/issuing\n",
        "* Basic Constraints (critical):\n  CA:FALSE\n",
        "* Key Usage (critical):\n  * digitalSignature\n",
        "* Extended Key Usage:\n  * 1.3.6.1.4.1.32473.9\n  * clientAuth\n  * serverAuth\n",
        "  * otherName:1.3.6.1.4.1.311.20.2.3;UTF8:user@example.com\n",
        "  * RID:1.2.3\n",
        "  * DistributionPoint:\n"
        "    * Full Name:\n"
        f"      * URI:http://y.example/{SERIAL_NUMBER:X}\n"
        "    * CRL Issuer:\n"
        "      * dirName:C=AT,CN=CRLs\n"
        "    * Reasons: keyCompromise, cACompromise\n",
        "  * Policy Identifier: 2.5.29.32.0\n    No Policy Qualifiers\n",
        "      * Explicit Text: Für den inneren Gebrauch\n",
        "      * Notice Reference: Example (1, 2)\n",
        "* Name Constraints (critical):\n  Permitted:\n    * DNS:corp.example\n",
        "* OCSP No Check:\n  Yes\n",
        "* No Revocation Available:\n  Yes\n",
        "* TLS Feature:\n  * status_request (OCSPMustStaple)\n",
        "* Private Key Usage Period:\n  Not before: 2026-01-01T00:00:00Z\n",
        "* Microsoft Certificate Template:\n  Template ID: 1.2.3\n  Major version: 100\n",
        "* Policy Mappings (critical):\n"
        "  * Issuer policy: 1.3.6.1.4.1.32473.3\n"
        "    Subject policy: 1.3.6.1.4.1.32473.4\n",
        "* Inhibit anyPolicy (critical):\n  2\n",
        "* 1.3.6.1.4.1.32473.1:\n  0C0568656C6C6F\n",
        "Ärztekammer",
    ):
        assert expected in text


def test_the_json_has_what_the_manifest_said() -> None:
    found = certificate_json(full_certificate())
    json.dumps(found)
    variables = uri_variables("issuing", ISSUER_SERIAL_NUMBER, SERIAL_NUMBER)
    for extension in ExtensionSet.model_validate(ALL_EXTENSIONS).extensions():
        expected = replace_in(extension.json_value, variables)
        assert found["extensions"][extension.name] == {
            "critical": extension.is_critical,
            "value": expected,
        }
    assert found["extensions"]["1.3.6.1.4.1.32473.1"]["value"] == "DAVoZWxsbw=="
    assert set(EXTENSION_BY_NAME) < set(found["extensions"])
    assert found["subject"] == "C=AT,O=Example,CN=api.example.com"
    assert found["issuer"] == "C=AT,O=Example,CN=Example CA"
    assert found["key"]["type"] == "P-256"
    assert found["notAfter"] == "2027-02-21T09:59:59Z"
    assert found["version"] == 3
    assert found["signatureAlgorithm"] == "ecdsa-with-SHA256"


def replace_in(value: Any, variables: Any) -> Any:
    if isinstance(value, str):
        return expand_variables(value, variables)
    if isinstance(value, list):
        return [replace_in(member, variables) for member in value]
    if isinstance(value, dict):
        return {name: replace_in(member, variables) for name, member in value.items()}
    return value


@pytest.mark.parametrize("name", KEY_NAMES)
def test_every_key_type_is_named(name: str) -> None:
    expected = "RSA-2048" if name == "RSA" else name
    assert f"* Key: {expected}\n" in text_of(root(name))
    assert certificate_json(root(name))["key"]["type"] == expected
    assert "Unknown" not in text_of(root(name))


# --- What others made ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(EXTENSION_BY_NAME))
@pytest.mark.parametrize("value", [b"\x05\x00", b"\x30\x00", b"", b"\x02\x01\x00", b"garbage"])
def test_an_extension_that_cannot_be_read_is_shown_as_hex(name: str, value: bytes) -> None:
    certificate = with_extension(EXTENSION_BY_NAME[name].oid.dotted_string, value)
    assert text_of(certificate)
    assert name in certificate_json(certificate)["extensions"]


def test_one_bad_extension_does_not_hide_the_others() -> None:
    bad = der.encode_sequence(der.encode_oid("2.5.29.15"), der.encode_octet_string(b"bad"))
    good = der.encode_sequence(
        der.encode_oid("2.5.29.17"),
        der.encode_octet_string(
            x509.SubjectAlternativeName([x509.DNSName("x.example")]).public_bytes()
        ),
    )
    certificate = with_extensions(bad, good, good)
    assert "* Key Usage:\n  626164\n" in text_of(certificate)
    assert text_of(certificate).count("* DNS:x.example") == 2
    assert set(certificate_json(certificate)["extensions"]) == {
        "keyUsage",
        "subjectAltName",
        "subjectAltName (again)",
    }


@pytest.mark.parametrize(
    "value",
    [b"\x1b]0;pwn\x07", b"x\n::error::pwn", "\u202egnp.exe".encode(), b"x\x00y", b"\r* Status: x"],
)
def test_foreign_text_does_nothing_to_a_terminal(value: bytes) -> None:
    name = der.encode_sequence(
        der.encode_tlv(
            der.SET,
            der.encode_sequence(der.encode_oid("2.5.4.3"), der.encode_tlv(der.UTF8_STRING, value)),
        )
    )
    san = der.encode_sequence(
        der.encode_tlv(0x82, value if value.isascii() else b"x"), der.encode_tlv(0xA4, name)
    )
    for certificate in (with_subject(name), with_extension("2.5.29.17", san)):
        text = text_of(certificate, watchers=[value.decode()])
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
        assert not re.search(r"(?m)^\s*::", text)
        assert sum(line.startswith("* Status:") for line in text.splitlines()) == 1


def test_a_subject_that_cannot_be_read_is_shown_as_hex() -> None:
    name = der.encode_sequence(
        der.encode_tlv(
            der.SET,
            der.encode_sequence(
                der.encode_oid("2.5.4.3"), der.encode_tlv(der.UTF8_STRING, b"\xff")
            ),
        )
    )
    certificate = with_subject(name)
    assert f"* Subject: (cannot be read) {name.hex().upper()}\n" in text_of(certificate)
    assert certificate_json(certificate)["subject"] is None


def test_an_empty_subject_says_so() -> None:
    assert "* Subject: (empty)\n" in text_of(with_subject(der.encode_sequence()))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_change_of_bytes_makes_it_raise(data: st.DataObject) -> None:
    tbs = bytearray(full_certificate().tbs_certificate_bytes)
    for _ in range(data.draw(st.integers(1, 3))):
        tbs[data.draw(st.integers(0, len(tbs) - 1))] = data.draw(st.integers(0, 255))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            certificate = load_draft(bytes(tbs))
        except InvalidValueError:
            return
        text_of(certificate)
        json.dumps(certificate_json(certificate))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(EXTENSION_BY_NAME)), st.binary(max_size=50))
def test_no_value_makes_it_raise(name: str, value: bytes) -> None:
    certificate = with_extension(EXTENSION_BY_NAME[name].oid.dotted_string, value)
    text_of(certificate)
    certificate_json(certificate)


# --- openssl sees the same -----------------------------------------------------------------------


def openssl(*arguments: str, certificate: x509.Certificate) -> str:
    result = subprocess.run(
        ["openssl", *arguments, "-inform", "DER"],
        input=certificate.public_bytes(Encoding.DER),
        capture_output=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout.decode()


def test_openssl_shows_the_same_extensions() -> None:
    shown = openssl(
        "x509",
        "-text",
        "-noout",
        "-nameopt",
        "utf8",
        "-certopt",
        "ext_parse",
        certificate=full_certificate(),
    )
    compact = re.sub(r"\s+", " ", shown)
    for expected in (
        "Version: 3 (0x2)",
        "Serial Number: 49:bc:f2:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:87",
        "Signature Algorithm: ecdsa-with-SHA256",
        "Not Before: Nov 23 09:55:00 2026 GMT",
        "Not After : Feb 21 09:59:59 2027 GMT",
        "X509v3 Basic Constraints: critical CA:FALSE",
        "X509v3 Key Usage: critical Digital Signature",
        "TLS Web Server Authentication, TLS Web Client Authentication, 1.3.6.1.4.1.32473.9",
        "DNS:api.example.com, IP Address:10.0.0.7, IP Address:2001:DB8:0:0:0:0:0:7",
        "email:user@example.com, URI:https://example.com/x, Registered ID:1.2.3",
        "DirName:/C=AT/CN=x",
        "X509v3 Issuer Alternative Name: URI:http://x.example/ca/issuing.cer",
        "Policy: 1.3.6.1.4.1.32473.2 CPS: https://x.example/cps User Notice:",
        "Numbers: 1, 2",
        "Policy: X509v3 Any Policy",
        "X509v3 CRL Distribution Points: Full Name: URI:http://x.example/crl/issuing.crl",
        "Reasons: Key Compromise, CA Compromise CRL Issuer: DirName:C = AT, CN = CRLs",
        "X509v3 Freshest CRL: Full Name: URI:http://x.example/delta.crl",
        "OCSP - URI:http://x.example/ocsp/issuing",
        "CA Issuers - URI:http://x.example/ca/issuing.cer",
        "AD Time Stamping - URI:http://x.example/tsa",
        "X509v3 Name Constraints: critical Permitted: DNS:corp.example IP:10.0.0.0/255.0.0.0",
        "Excluded: email:example.net",
        "Require Explicit Policy:0, Inhibit Policy Mapping:3",
        "X509v3 Policy Mappings: critical 1.3.6.1.4.1.32473.3:1.3.6.1.4.1.32473.4",
        "X509v3 Inhibit Any Policy: critical 2",
        "TLS Feature: status_request",
        "X509v3 Private Key Usage Period: Not Before: Jan 1 00:00:00 2026 GMT",
        "CT Precertificate Poison: critical NULL",
        "X509v3 No Revocation Available",
    ):
        assert expected in compact, f"{expected} is not in {compact}"


def test_openssl_parses_every_value() -> None:
    shown = openssl("asn1parse", certificate=full_certificate())
    assert "Error" not in shown
    # AKI, SKI, basicConstraints, subjectAltName, the custom one, and those that have a name
    assert len(re.findall(r"prim: +OCTET STRING", shown)) == 5 + len(EXTENSION_BY_NAME)
