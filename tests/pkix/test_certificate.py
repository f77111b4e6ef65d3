"""A TBSCertificate is what cryptography's own builder would sign, byte for byte."""

from __future__ import annotations

import contextlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import CertificateRequest, RequestedExtension
from pki_as_code.pkix import der
from pki_as_code.pkix.certificate import (
    EXTENSION_ORDER,
    assemble_certificate,
    load_draft,
    make_tbs_certificate,
    split_certificate,
    subject_key_identifier,
    subject_name_der,
    validity_of,
)
from pki_as_code.pkix.extensions import NAMES_BY_OID
from tests.pkix.samples import (
    KEY_NAMES,
    NOW,
    SERIAL_NUMBER,
    make_ca_request,
    make_request,
    make_tbs,
    private_key,
    public_key_der,
    root,
    sign,
)

HASHES: dict[str | None, Any] = {
    None: None,
    "SHA-256": hashes.SHA256(),
    "SHA-384": hashes.SHA384(),
    "SHA-512": hashes.SHA512(),
}


def built_by_cryptography(
    certificate: x509.Certificate, public_key: Any, issuer_key: Any, hash_name: str | None
) -> x509.Certificate:
    """Sign the same fields with cryptography's builder."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(public_key)
        .serial_number(certificate.serial_number)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
    )
    for extension in certificate.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(issuer_key, HASHES[hash_name])


@pytest.mark.parametrize("name", KEY_NAMES)
def test_an_end_entity_is_what_the_builder_signs(name: str) -> None:
    issuer_key, key = private_key(name), private_key("P-256", 1)
    request = make_request(key, issuer_key)
    tbs = make_tbs(request, root(name), issuer_key)
    certificate = sign(tbs, request, issuer_key)
    built = built_by_cryptography(certificate, key.public_key(), issuer_key, request.hash_algorithm)
    assert tbs == built.tbs_certificate_bytes
    certificate.verify_directly_issued_by(root(name))


@pytest.mark.parametrize("name", KEY_NAMES)
def test_a_root_is_what_the_builder_signs(name: str) -> None:
    key = private_key(name)
    certificate = root(name)
    request = make_ca_request(key, key)
    built = built_by_cryptography(certificate, key.public_key(), key, request.hash_algorithm)
    assert certificate.tbs_certificate_bytes == built.tbs_certificate_bytes
    certificate.verify_directly_issued_by(certificate)


@pytest.mark.parametrize("name", KEY_NAMES)
def test_the_key_of_the_request_stands_in_the_certificate_byte_for_byte(name: str) -> None:
    key, issuer_key = private_key(name), private_key("P-256")
    tbs = make_tbs(make_request(key, issuer_key), root(), issuer_key)
    assert public_key_der(key) in tbs
    draft = load_draft(tbs)
    identifier = draft.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def test_the_issuer_name_is_copied_from_the_certificate_of_the_issuer() -> None:
    """A PrintableString stays one, though a name made anew would be a UTF8String."""
    key = private_key("P-256")
    name = x509.Name(
        [
            x509.NameAttribute(
                x509.NameOID.COMMON_NAME, "Old CA", x509.name._ASN1Type.PrintableString
            )
        ]
    )
    old = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=400))
        .add_extension(x509.SubjectKeyIdentifier(b"\x01\x02\x03"), False)
        .sign(key, hashes.SHA256())
    )
    assert subject_name_der(old) == name.public_bytes()
    draft = load_draft(make_tbs(make_request(key, key), old, key))
    assert name.public_bytes() in draft.tbs_certificate_bytes
    identifier = draft.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert identifier == x509.AuthorityKeyIdentifier(b"\x01\x02\x03", None, None)


def test_without_an_identifier_of_the_issuer_its_key_is_digested() -> None:
    key = private_key("P-256")
    identifier = (
        root().extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    )
    assert identifier == subject_key_identifier(public_key_der(key))


def test_extensions_stand_in_the_documented_order() -> None:
    key = private_key("P-256")
    request = make_request(
        key,
        key,
        extensions={
            "custom": [
                {"oid": "1.2.4", "critical": False, "value": "BQA="},
                {"oid": "1.2.3", "critical": False, "value": "BQA="},
            ],
            "tlsFeature": {"value": ["status_request"]},
            "keyUsage": {"value": ["digitalSignature"]},
            "certificatePolicies": {"value": [{"policyIdentifier": "1.2.3"}]},
            "extendedKeyUsage": {"value": ["serverAuth"]},
        },
    )
    draft = load_draft(make_tbs(request, root(), key))
    names = [NAMES_BY_OID.get(e.oid.dotted_string, e.oid.dotted_string) for e in draft.extensions]
    assert names == [
        "authorityKeyIdentifier",
        "subjectKeyIdentifier",
        "basicConstraints",
        "keyUsage",
        "extendedKeyUsage",
        "subjectAltName",
        "certificatePolicies",
        "tlsFeature",
        "1.2.3",
        "1.2.4",
    ]
    assert set(NAMES_BY_OID.values()) == set(EXTENSION_ORDER)


@pytest.mark.parametrize(
    ("subject", "asked", "critical"),
    [("CN=x", None, False), ("", None, True), ("CN=x", True, True), ("", False, False)],
)
def test_the_names_are_critical_without_a_subject_or_when_asked(
    subject: str, asked: bool | None, critical: bool
) -> None:
    key = private_key("P-256")
    extensions = {} if asked is None else {"subjectAltName": {"critical": asked}}
    request = make_request(key, key, subject=subject, extensions=extensions)
    draft = load_draft(make_tbs(request, root(), key))
    found = draft.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert found.critical is critical
    assert found.value.get_values_for_type(x509.DNSName) == ["api.example.com"]


def test_basic_constraints_are_critical_and_empty_for_an_end_entity() -> None:
    key = private_key("P-256")
    draft = load_draft(make_tbs(make_request(key, key, path_length=3), root(), key))
    found = draft.extensions.get_extension_for_class(x509.BasicConstraints)
    assert found.critical
    assert found.value.public_bytes() == b"\x30\x00"
    draft = load_draft(make_tbs(make_ca_request(key, key, path_length=0), root(), key))
    found = draft.extensions.get_extension_for_class(x509.BasicConstraints)
    assert found.value == x509.BasicConstraints(True, 0)


def test_a_value_for_a_derived_extension_is_refused() -> None:
    key = private_key("P-256")
    extension = RequestedExtension("basicConstraints", True, {"cA": True})
    request = make_request(key, key)
    request = CertificateRequest(
        **{f: getattr(request, f) for f in request.__slots__} | {"extensions": (extension,)}
    )
    with pytest.raises(InvalidValueError, match="basicConstraints"):
        make_tbs(request, root(), key)


def test_a_hash_for_a_key_without_hash_is_refused() -> None:
    key = private_key("Ed25519")
    with pytest.raises(InvalidValueError):
        make_tbs(make_request(key, key, hash_algorithm="SHA-256"), root("Ed25519"), key)


# --- Validity ------------------------------------------------------------------------------------


def test_a_validity_counts_from_now_whatever_the_backdating() -> None:
    key = private_key("P-256")
    now = NOW.replace(microsecond=999999)
    not_before, not_after = validity_of(make_request(key, key, backdate_seconds=300), now)
    assert not_before == NOW - timedelta(minutes=5)
    assert not_after == NOW + timedelta(days=90) - timedelta(seconds=1)


def test_a_not_after_is_taken_as_it_is() -> None:
    key = private_key("P-256")
    end = datetime(2027, 1, 31, tzinfo=UTC)
    request = make_request(key, key, validity_seconds=None, not_after=end)
    assert validity_of(request, NOW)[1] == end


@pytest.mark.parametrize(
    "changes",
    [
        {"validity_seconds": 10**12},
        {"validity_seconds": 10**30},
        {"validity_seconds": 0},
        {"validity_seconds": None, "not_after": NOW - timedelta(seconds=1)},
        {"backdate_seconds": 10**12},
    ],
)
def test_an_impossible_validity_is_refused(changes: dict[str, Any]) -> None:
    key = private_key("P-256")
    with pytest.raises(InvalidValueError) as refused:
        validity_of(make_request(key, key, **changes), NOW)
    assert refused.value.code == "certificate.bad_validity"


@pytest.mark.parametrize(
    ("end", "tag"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), der.UTC_TIME),
        (datetime(2050, 1, 1, tzinfo=UTC), der.GENERALIZED_TIME),
    ],
)
def test_times_change_their_form_in_2050(end: datetime, tag: int) -> None:
    key = private_key("P-256")
    request = make_request(key, key, validity_seconds=None, not_after=end)
    draft = load_draft(make_tbs(request, root(), key))
    assert draft.not_valid_after_utc == end
    assert der.encode_time(end)[0] == tag
    assert der.encode_time(end) in draft.tbs_certificate_bytes


# --- Joining and splitting -----------------------------------------------------------------------


@pytest.mark.parametrize("name", KEY_NAMES)
def test_splitting_takes_apart_what_was_assembled(name: str) -> None:
    certificate = root(name)
    encoded = certificate.public_bytes(Encoding.DER)
    tbs, signature = split_certificate(encoded)
    assert (tbs, signature) == (certificate.tbs_certificate_bytes, certificate.signature)
    assert assemble_certificate(tbs, signature) == encoded


def test_a_draft_has_the_bytes_and_no_signature() -> None:
    draft = load_draft(root().tbs_certificate_bytes)
    assert draft.tbs_certificate_bytes == root().tbs_certificate_bytes
    with pytest.raises(InvalidSignature):
        draft.verify_directly_issued_by(root())


@pytest.mark.parametrize("garbage", [b"", b"\x30", b"\x30\x00", b"\x02\x01\x01", b"\xff" * 50])
def test_garbage_is_no_certificate(garbage: bytes) -> None:
    for function in (load_draft, split_certificate):
        with pytest.raises(InvalidValueError):
            function(garbage)


def test_two_different_algorithms_are_found() -> None:
    tbs = root().tbs_certificate_bytes
    other = der.encode_sequence(der.encode_oid("1.3.101.112"))
    with pytest.raises(InvalidValueError) as refused:
        split_certificate(der.encode_sequence(tbs, other, der.encode_bit_string(b"\0")))
    assert refused.value.code == "certificate.algorithms_differ"


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_change_of_one_byte_raises_anything_unexpected(data: st.DataObject) -> None:
    tbs = bytearray(root().tbs_certificate_bytes)
    position = data.draw(st.integers(0, len(tbs) - 1))
    tbs[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidValueError):
        load_draft(bytes(tbs))


# --- The outside world ---------------------------------------------------------------------------


def test_openssl_verifies_the_chain(tmp_path: Path) -> None:
    issuer_key, key = private_key("P-256"), private_key("RSA")
    request = make_request(key, issuer_key, backdate_seconds=0)
    certificate = sign(make_tbs(request, root(), issuer_key), request, issuer_key)
    (tmp_path / "root.pem").write_bytes(root().public_bytes(Encoding.PEM))
    (tmp_path / "leaf.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    result = subprocess.run(
        [
            "openssl",
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-attime",
            str(int(NOW.timestamp()) + 3600),
            "-verify_hostname",
            "api.example.com",
            "-CAfile",
            str(tmp_path / "root.pem"),
            str(tmp_path / "leaf.pem"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_same_request_gives_the_same_bytes() -> None:
    key = private_key("P-256")
    request = make_request(key, key)
    assert make_tbs(request, root(), key) == make_tbs(request, root(), key)
    assert load_draft(make_tbs(request, root(), key)).serial_number == SERIAL_NUMBER


def test_a_public_key_that_is_no_der_is_refused() -> None:
    key = private_key("P-256")
    with pytest.raises(InvalidValueError):
        make_tbs_certificate(
            make_request(key, key, public_key_der=b""),
            issuer_name_der=subject_name_der(root()),
            issuer_public_key=key.public_key(),
            issuer_key_identifier=None,
            serial_number=1,
            not_before=NOW,
            not_after=NOW,
            variables={},
        )
