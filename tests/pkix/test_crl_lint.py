"""Every lint of a CRL has one that fails it, and good CRLs of every kind fail none."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

import pki_as_code.pkix.crl
from pki_as_code.model import Revocation
from pki_as_code.pkix import der
from pki_as_code.pkix.algorithms import signature_algorithm
from pki_as_code.pkix.crl import (
    REASON_NUMBERS,
    IssuingDistributionPoint,
    lint_crl,
    lint_tbs_cert_list,
)
from tests.pkix.crl_maker import (
    AKI,
    CERTIFICATE_ISSUER,
    CRITICAL,
    DELTA,
    IDP,
    INVALIDITY,
    NOT_CRITICAL_WRITTEN,
    NUMBER,
    REASON,
    REVOKED_AT,
    THIS_UPDATE,
    algorithm_of,
    broken,
    broken_tbs,
    crl,
    entry,
    enumerated,
    frame,
    generalized,
    reason,
    signed,
    tbs_cert_list,
    utc,
)
from tests.pkix.csr_maker import extension
from tests.pkix.samples import KEY_NAMES, make_ca_request, make_tbs, private_key, root, sign

PREFIX = "rfc5280.crl_"
SHA1_WITH_RSA = bytes.fromhex("300d06092a864886f70d0101050500")
PSS_SHA256 = der.encode_sequence(
    der.encode_oid("1.2.840.113549.1.1.10"),
    der.encode_sequence(
        der.encode_explicit(0, der.encode_sequence(der.encode_oid("2.16.840.1.101.3.4.2.1")))
    ),
)


def codes(data: bytes, issuer: x509.Certificate | None = None) -> list[str]:
    findings = lint_crl(data, issuer or root("P-256"))
    assert all(finding.code.startswith(PREFIX) for finding in findings)
    return [finding.code.removeprefix(PREFIX) for finding in findings]


# --- Good CRLs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key_name", KEY_NAMES)
def test_a_good_crl_has_no_finding(key_name):
    entries = [
        (number, Revocation(name, REVOKED_AT, REVOKED_AT - timedelta(days=number)))
        for number, name in enumerate(REASON_NUMBERS, 1)
    ]
    assert codes(crl(entries, key_name), root(key_name)) == []
    assert codes(crl((), key_name), root(key_name)) == []


@pytest.mark.parametrize("hash_name", ["SHA-224", "SHA-384", "SHA-512", "SHA3/256"])
@pytest.mark.parametrize("key_name", ["RSA", "P-256"])
def test_a_crl_is_good_with_every_hash(key_name, hash_name):
    key = private_key(key_name)
    algorithm = signature_algorithm(key.public_key(), hash_name)
    tbs = tbs_cert_list(frame(key_name, algorithm=algorithm))
    signature = key.sign(tbs, *algorithm.sign_arguments(key.public_key()))
    data = der.encode_sequence(
        tbs, algorithm.algorithm_identifier_der, der.encode_bit_string(signature)
    )
    assert codes(data, root(key_name)) == []


def test_times_from_2050_on_are_good():
    then = datetime(2050, 1, 1, tzinfo=UTC)
    entries = [(1, Revocation("superseded", then, REVOKED_AT))]
    assert codes(crl(entries, this_update=then, next_update=then + timedelta(days=1))) == []


def test_revoked_at_the_very_time_of_the_crl_is_good():
    assert codes(crl([(1, Revocation("superseded", THIS_UPDATE))])) == []


@pytest.mark.parametrize(
    "point",
    [
        IssuingDistributionPoint(("http://x.example/1.crl",), only_contains_user_certs=True),
        IssuingDistributionPoint(only_contains_ca_certs=True),
    ],
)
def test_a_partial_crl_is_good(point):
    assert codes(crl(issuing_distribution_point=point)) == []


def test_entries_in_any_order_are_good():
    entries = [(number, Revocation("superseded", REVOKED_AT)) for number in (300, 2, 0x80, 1)]
    assert codes(crl(entries)) == []


# --- Broken CRLs ---------------------------------------------------------------------------------


def point(*members: bytes) -> dict[str, bytes]:
    return {IDP: extension(IDP, der.encode_sequence(*members), CRITICAL)}


def entry_with(oid: str, value: bytes, critical: bytes = b"") -> dict[str, Any]:
    return {"entries": entry(extensions=[extension(oid, value, critical)])}


def with_another(critical: bytes) -> dict[str, Any]:
    return {"extensions": {"x": extension("1.2.3", b"\x05\x00", critical)}}


BROKEN: list[tuple[str, dict[str, Any]]] = [
    # L01 to L05
    ("version", {"version": b""}),
    ("version", {"version": der.encode_integer(0)}),
    ("issuer_name", {"issuer": der.encode_sequence()}),
    ("issuer_name", {"issuer": root("RSA").issuer.public_bytes().replace(b"Example", b"exampel")}),
    ("next_update_missing", {"next_update": b""}),
    ("time_order", {"next_update": der.encode_time(THIS_UPDATE)}),
    ("time_order", {"next_update": der.encode_time(THIS_UPDATE - timedelta(days=1))}),
    ("time_encoding", {"this_update": generalized("20261124100000Z")}),
    ("time_encoding", {"next_update": generalized("20261224100000Z")}),
    ("time_encoding", {"next_update": generalized("20501224100000.5Z")}),
    ("time_encoding", {"this_update": utc("261399100000Z")}),
    ("revoked_empty", {"entries": b""}),
    ("signature_algorithm", {"algorithm": SHA1_WITH_RSA}),
    ("signature_algorithm", {"algorithm": PSS_SHA256}),
    ("signature_algorithm", {"algorithm": algorithm_of("RSA").algorithm_identifier_der}),
    ("signature_algorithm", {"algorithm": algorithm_of("Ed25519").algorithm_identifier_der}),
    # L06, L07
    ("aki_missing", {"extensions": {AKI: b""}}),
    ("aki_mismatch", {"extensions": {AKI: extension(AKI, b"\x30\x04\x80\x02\x01\x02")}}),
    ("aki_mismatch", {"extensions": {AKI: extension(AKI, b"\x30\x00")}}),
    ("aki_mismatch", {"extensions": {AKI: extension(AKI, b"\x05\x00")}}),
    ("number_missing", {"extensions": {NUMBER: b""}}),
    ("number_range", {"extensions": {NUMBER: extension(NUMBER, der.encode_integer(-1))}}),
    ("number_range", {"extensions": {NUMBER: extension(NUMBER, der.encode_integer(2**159))}}),
    ("number_range", {"extensions": {NUMBER: extension(NUMBER, b"\x05\x00")}}),
    # L08
    ("duplicate_serial", {"entries": entry(5) + entry(5)}),
    ("duplicate_serial", {"entries": entry(5) + entry(6) + entry(5)}),
    ("serial_number", {"entries": entry(0)}),
    ("serial_number", {"entries": entry(-5)}),
    ("serial_number", {"entries": entry(2**159)}),
    ("serial_number", {"entries": entry(2**300) + entry(5)}),
    ("revocation_date", {"entries": entry(time=der.encode_time(THIS_UPDATE + timedelta(0, 1)))}),
    ("time_encoding", {"entries": entry(time=generalized("20261123100000Z"))}),
    ("time_encoding", {"entries": entry(time=utc("261123106000Z"))}),
    ("reason", {"entries": entry(extensions=[reason(enumerated(0))])}),
    ("reason", {"entries": entry(extensions=[reason(enumerated(7))])}),
    ("reason", {"entries": entry(extensions=[reason(enumerated(8))])}),
    ("reason", {"entries": entry(extensions=[reason(enumerated(11))])}),
    ("reason", {"entries": entry(extensions=[reason(der.encode_integer(1))])}),
    ("criticality", entry_with(REASON, enumerated(1), CRITICAL)),
    ("criticality", entry_with("1.2.3", b"\x05\x00", CRITICAL)),
    ("invalidity_date", entry_with(INVALIDITY, utc("260101000000Z"))),
    ("invalidity_date", entry_with(INVALIDITY, generalized("20260101000000.5Z"))),
    ("invalidity_date", entry_with(INVALIDITY, generalized("20261301000000Z"))),
    ("invalidity_date", entry_with(INVALIDITY, generalized("20260101240000Z"))),
    ("default_encoded", entry_with(REASON, enumerated(1), NOT_CRITICAL_WRITTEN)),
    ("indirect", entry_with(CERTIFICATE_ISSUER, der.encode_sequence(), CRITICAL)),
    ("duplicate_extension", {"entries": entry(extensions=[reason(enumerated(1))] * 2)}),
    ("extensions_empty", {"entries": entry(extensions=[])}),
    # L09
    ("idp_empty", {"extensions": point()}),
    ("idp_empty", {"extensions": {IDP: extension(IDP, b"\x05\x00", CRITICAL)}}),
    ("idp_contains", {"extensions": point(b"\x81\x01\xff", b"\x82\x01\xff")}),
    ("idp_contains", {"extensions": point(b"\x81\x01\xff", b"\x85\x01\xff")}),
    ("default_encoded", {"extensions": point(b"\x81\x01\x00")}),
    ("idp_unsupported", {"extensions": point(b"\x84\x01\xff")}),
    ("idp_unsupported", {"extensions": point(b"\x85\x01\xff")}),
    ("idp_unsupported", {"extensions": point(b"\x83\x02\x01\x06")}),
    ("idp_unsupported", {"extensions": point(b"\xa0\x02\xa1\x00")}),
    ("idp_unsupported", {"extensions": point(b"\xa0\x02\xa0\x00")}),
    ("idp_unsupported", {"extensions": point(b"\xa0\x05\xa0\x03\x82\x01x")}),
    ("idp_unsupported", {"extensions": point(b"\x82\x01\xff", b"\xa0\x05\xa0\x03\x86\x01x")}),
    ("criticality", {"extensions": {IDP: extension(IDP, b"\x30\x03\x81\x01\xff")}}),
    # L10, L15
    ("delta", {"extensions": {DELTA: extension(DELTA, b"\x02\x01\x01", CRITICAL)}}),
    ("duplicate_extension", {"extensions": {"x": extension(NUMBER, der.encode_integer(7))}}),
    (
        "unknown_critical_extension",
        {"extensions": {"x": extension("1.2.3", b"\x05\x00", CRITICAL)}},
    ),
    (
        "default_encoded",
        {"extensions": {"x": extension("1.2.3", b"\x05\x00", NOT_CRITICAL_WRITTEN)}},
    ),
    ("criticality", {"extensions": {NUMBER: extension(NUMBER, der.encode_integer(7), CRITICAL)}}),
    ("extensions_empty", {"extensions": der.encode_explicit(0, der.encode_sequence())}),
    # D01
    ("not_der", {"entries": b"\x30\x81\x02" + entry()[2:]}),
    ("not_der", {"entries": entry(b"\x00\x01")}),
    ("not_der", {"entries": entry(b"\xff\x81")}),
    ("not_der", {"entries": entry(extensions=[b"\x04\x00"])}),
    ("not_der", {"this_update": utc("2611241000Z")}),
    ("not_der", {"extensions": {NUMBER: extension(NUMBER, b"\x02\x02\x00\x07")}}),
]


@pytest.mark.parametrize(
    ("code", "parts"), BROKEN, ids=[f"{number}-{code}" for number, (code, _) in enumerate(BROKEN)]
)
def test_a_broken_crl_is_found_out(code, parts):
    found = codes(broken(**parts))
    assert code in found
    # The signature is over the broken bytes, so that nothing else is wrong unless it must be.
    also = {
        "signature_algorithm": {"algorithms_differ"},
        "extensions_empty": {"aki_missing", "number_missing"},
    }
    assert set(found) <= {code} | also.get(code, set())
    on_tbs = [finding.code for finding in lint_tbs_cert_list(broken_tbs(**parts), root("P-256"))]
    assert f"{PREFIX}{code}" in on_tbs


def test_two_different_algorithms_are_found_out():
    outer = signature_algorithm(private_key("P-256").public_key(), "SHA-512")
    data = signed(tbs_cert_list(frame()), outer=outer.algorithm_identifier_der)
    assert codes(data) == ["algorithms_differ"]


def test_a_signature_of_another_key_is_found_out():
    tbs = tbs_cert_list(frame("P-256", issuer=root("P-256")))
    other = signed(tbs, "P-384", outer=algorithm_of("P-256").algorithm_identifier_der)
    assert codes(other) == ["signature_invalid"]


@pytest.mark.parametrize("key_name", KEY_NAMES)
def test_a_flipped_bit_of_the_signature_is_found_out(key_name):
    data = bytearray(crl((), key_name))
    data[-5] ^= 1
    found = codes(bytes(data), root(key_name))
    assert found in (["signature_invalid"], ["not_der"])


def test_the_algorithm_must_be_one_of_the_key():
    """An RSA signature is not taken for an ECDSA one because its octets happen to verify."""
    ecdsa = algorithm_of("P-256").algorithm_identifier_der
    rsa = algorithm_of("RSA")
    tbs = tbs_cert_list(frame("RSA", algorithm=algorithm_of("P-256")))
    key = private_key("RSA")
    signature = key.sign(tbs, *rsa.sign_arguments(key.public_key()))
    data = der.encode_sequence(tbs, ecdsa, der.encode_bit_string(signature))
    assert codes(data, root("RSA")) == ["signature_algorithm", "signature_invalid"]


def test_an_authority_without_crl_sign_is_found_out():
    key = private_key("P-256")
    request = make_ca_request(key, key, extensions={"keyUsage": {"value": ["keyCertSign"]}})
    issuer = sign(make_tbs(request, None, key), request, key)
    data = signed(tbs_cert_list(frame(issuer=issuer)))
    assert codes(data, issuer) == ["signer_may_not_sign"]


def test_an_authority_without_key_usage_may_sign():
    key = private_key("P-256")
    request = make_ca_request(key, key, extensions={})
    issuer = sign(make_tbs(request, None, key), request, key)
    assert codes(signed(tbs_cert_list(frame(issuer=issuer))), issuer) == []


def test_a_fault_of_many_entries_is_one_finding():
    entries = b"".join(entry(number, extensions=[reason(enumerated(7))]) for number in range(1, 99))
    (finding,) = lint_crl(broken(entries=entries), root("P-256"))
    assert "the entry 01 (and 97 more)" in finding.message


def test_every_code_has_a_test():
    source = "".join(
        path.read_text() for path in Path(pki_as_code.pkix.crl.__file__).parent.glob("*.py")
    )
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_crl*.py"))
    for code in set(re.findall(r'"rfc5280\.crl_([a-z_]+)"', source)):
        assert re.search(rf'["_]{code}"', tests), code
