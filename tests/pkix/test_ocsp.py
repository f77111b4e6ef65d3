"""OCSP requests from strangers, and responses up to what is signed (rows O01 to O16)."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Revocation
from pki_as_code.pkix import der
from pki_as_code.pkix.ocsp import (
    LARGEST_GET_BYTES,
    LARGEST_POST_BYTES,
    MOST_CERTIFICATES,
    NONCE,
    CertificateStatus,
    ResponseStatus,
    SingleResponse,
    assemble_response,
    decode_get_path,
    encode_error,
    encode_get_path,
    encode_request,
    encode_response_data,
    issuer_hashes,
    parse_request,
)
from tests.pkix.csr_maker import private_key

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ISSUER = (
    x509.CertificateBuilder()
    .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Issuing")]))
    .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Issuing")]))
    .public_key(private_key("P-256").public_key())
    .serial_number(7)
    .not_valid_before(NOW)
    .not_valid_after(NOW + timedelta(days=9))
    .sign(private_key("P-256"), hashes.SHA256())
)
HASHES = ("SHA-1", "SHA-256", "SHA-384", "SHA-512")
CERT_ID, REQUEST = encode_request("SHA-1", issuer_hashes(ISSUER, "SHA-1"), 0x1001)


def extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = (der.encode_boolean(True),) if critical else ()
    return der.encode_sequence(der.encode_oid(oid), *flag, der.encode_octet_string(value))


def request_of(
    *cert_ids: bytes,
    extensions: tuple[bytes, ...] = (),
    single: tuple[bytes, ...] = (),
    before: tuple[bytes, ...] = (),
    signature: tuple[bytes, ...] = (),
) -> bytes:
    own = (der.encode_explicit(0, der.encode_sequence(*single)),) if single else ()
    listed = der.encode_sequence(*(der.encode_sequence(cert_id, *own) for cert_id in cert_ids))
    asked = (der.encode_explicit(2, der.encode_sequence(*extensions)),) if extensions else ()
    return der.encode_sequence(der.encode_sequence(*before, listed, *asked), *signature)


def nonce(length: int) -> bytes:
    return extension(NONCE, der.encode_octet_string(b"n" * length))


def refused(data: bytes) -> str:
    with pytest.raises(InvalidValueError) as error:
        parse_request(data)
    assert error.value.code == "ocsp.malformed_request"
    return error.value.message


# --- Requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hash_name", HASHES)
def test_a_request_is_what_cryptography_makes_and_reads(hash_name):
    cert_id, request = encode_request(hash_name, issuer_hashes(ISSUER, hash_name), 0x1001)
    algorithm = getattr(hashes, hash_name.replace("-", ""))()
    name_hash, key_hash = issuer_hashes(ISSUER, hash_name)
    builder = ocsp.OCSPRequestBuilder().add_certificate_by_hash(
        name_hash, key_hash, 0x1001, algorithm
    )
    assert builder.build().public_bytes(Encoding.DER) == request
    assert ocsp.load_der_ocsp_request(request).serial_number == 0x1001
    (found,) = parse_request(request).cert_ids
    assert (found.hash_name, found.serial_number, found.encoding) == (hash_name, 0x1001, cert_id)
    assert (found.issuer_name_hash, found.issuer_key_hash) == (name_hash, key_hash)


@pytest.mark.parametrize("hash_name", ["SHA-1", "SHA-256"])
def test_a_request_is_byte_for_byte_what_openssl_writes(hash_name, tmp_path: Path):
    (tmp_path / "ca.pem").write_bytes(ISSUER.public_bytes(Encoding.PEM))
    subprocess.run(
        ["openssl", "ocsp", f"-{hash_name.replace('-', '').lower()}", "-issuer", "ca.pem",
         "-serial", "0x1001", "-no_nonce", "-reqout", "request.der"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    _, request = encode_request(hash_name, issuer_hashes(ISSUER, hash_name), 0x1001)
    assert (tmp_path / "request.der").read_bytes() == request


def test_parameters_of_the_hash_may_be_left_out():
    _, *rest = der.children(der.read_single(CERT_ID))
    algorithm = der.encode_sequence(der.encode_oid("1.3.14.3.2.26"))
    bare = der.encode_sequence(algorithm, *(member.encoding for member in rest))
    (found,) = parse_request(request_of(bare)).cert_ids
    assert (found.hash_name, found.encoding) == ("SHA-1", bare)


def test_a_hash_that_is_not_known_is_no_error_and_fits_no_issuer():
    _, *rest = der.children(der.read_single(CERT_ID))
    md5 = der.encode_sequence(der.encode_oid("1.2.840.113549.2.5"), der.encode_tlv(der.NULL))
    foreign = der.encode_sequence(md5, *(member.encoding for member in rest))
    assert parse_request(request_of(foreign)).cert_ids[0].hash_name is None


def test_several_certificates_are_asked_about_up_to_a_bound():
    assert len(parse_request(request_of(*[CERT_ID] * MOST_CERTIFICATES)).cert_ids) == 32
    assert "33 certificates" in refused(request_of(*[CERT_ID] * (MOST_CERTIFICATES + 1)))
    assert "0 certificates" in refused(request_of())


@pytest.mark.parametrize("length", [1, 16, 32, 128])
def test_a_nonce_of_1_to_128_octets_is_kept_as_it_is(length):
    found = parse_request(request_of(CERT_ID, extensions=(nonce(length),)))
    assert found.nonce == der.encode_octet_string(b"n" * length)


@pytest.mark.parametrize("length", [0, 129])
def test_any_other_nonce_is_malformed(length):
    assert f"{length} octets" in refused(request_of(CERT_ID, extensions=(nonce(length),)))


def test_a_nonce_that_is_no_octet_string_is_malformed():
    refused(request_of(CERT_ID, extensions=(extension(NONCE, b"raw octets"),)))


def test_an_unknown_extension_is_ignored_unless_it_is_critical():
    assert parse_request(request_of(CERT_ID, extensions=(extension("1.2.3", b"x"),)))
    assert parse_request(request_of(CERT_ID, single=(extension("1.2.3", b"x"),)))
    critical = extension("1.2.3", b"x", critical=True)
    assert "1.2.3" in refused(request_of(CERT_ID, extensions=(critical,)))
    assert "1.2.3" in refused(request_of(CERT_ID, single=(critical,)))


def test_a_critical_nonce_is_understood_and_one_that_is_there_twice_is_not():
    inner = der.encode_octet_string(b"n" * 32)
    critical = extension(NONCE, inner, critical=True)
    assert parse_request(request_of(CERT_ID, extensions=(critical,))).nonce == inner
    assert "twice" in refused(request_of(CERT_ID, extensions=(nonce(16), nonce(16))))


def test_a_signed_request_with_a_name_is_read_like_any_other():
    name = der.encode_explicit(1, der.encode_tlv(0x82, b"client.example.com"))
    algorithm = der.encode_sequence(der.encode_oid("1.2.840.10045.4.3.2"))
    signed = der.encode_sequence(algorithm, der.encode_bit_string(b"whatever"))
    signature = (der.encode_explicit(0, signed),)
    found = parse_request(request_of(CERT_ID, before=(name,), signature=signature))
    assert found.cert_ids[0].serial_number == 0x1001


def test_only_version_1_is_known():
    version = der.encode_explicit(0, der.encode_integer(1))
    assert "version" in refused(request_of(CERT_ID, before=(version,)))


def test_what_is_empty_cut_off_longer_or_huge_is_malformed():
    refused(b"")
    refused(REQUEST + b"\0")
    for length in range(len(REQUEST)):
        refused(REQUEST[:length])
    assert f"{LARGEST_POST_BYTES} bytes" in refused(b"0" * (LARGEST_POST_BYTES + 1))
    refused(b"\x30\x80" + REQUEST[2:] + b"\0\0")  # BER: a length that is indefinite


def test_a_serial_number_of_absurd_length_is_malformed():
    hashes_ = issuer_hashes(ISSUER, "SHA-1")
    assert "longer than any" in refused(encode_request("SHA-1", hashes_, 1 << 520)[1])


@given(st.binary(max_size=300))
def test_no_bytes_at_all_raise_anything_else(data):
    try:
        parse_request(data)
    except InvalidValueError as error:
        assert error.code == "ocsp.malformed_request"


@given(st.integers(0, len(REQUEST) - 1), st.integers(0, 255))
def test_no_changed_octet_raises_anything_else(position, octet):
    changed = bytearray(REQUEST)
    changed[position] = octet
    try:
        parse_request(bytes(changed))
    except InvalidValueError as error:
        assert error.code == "ocsp.malformed_request"


# --- Paths ---------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=200))
def test_the_path_of_a_get_is_base64_and_back(data):
    assert decode_get_path(encode_get_path(data)) == data


@pytest.mark.parametrize(
    "path",
    ["", "ab_-", "abc", "ab=c", "a b=", "YQ==\n", "YQ==/", "\u0661\u0662==", "A" * 4097],
)
def test_a_path_that_is_not_base64_is_malformed(path):
    with pytest.raises(InvalidValueError) as error:
        decode_get_path(path)
    assert error.value.code == "ocsp.malformed_request"
    assert len(path) <= LARGEST_GET_BYTES + 1


# --- Responses -----------------------------------------------------------------------------------


def response(*single: SingleResponse, **options) -> ocsp.OCSPResponse:
    data = encode_response_data(
        single,
        responder_key_hash=b"k" * 20,
        this_update=NOW,
        next_update=NOW + timedelta(days=2),
        produced_at=NOW,
        **options,
    )
    algorithm = der.encode_sequence(der.encode_oid("1.2.840.10045.4.3.2"))
    certificate = ISSUER.public_bytes(Encoding.DER)
    encoded = assemble_response(data, algorithm, b"signature", [certificate])
    der.check_strict_der(encoded)
    return ocsp.load_der_ocsp_response(encoded)


def test_a_response_says_what_it_was_given():
    found = response(SingleResponse(CERT_ID, CertificateStatus.GOOD))
    assert found.response_status is ocsp.OCSPResponseStatus.SUCCESSFUL
    assert found.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert (found.responder_name, found.responder_key_hash) == (None, b"k" * 20)
    assert found.this_update_utc == found.produced_at_utc == NOW
    assert found.next_update_utc == NOW + timedelta(days=2)
    assert found.certificates == [ISSUER]
    assert list(found.extensions) == []


def test_revoked_comes_with_time_and_reason_and_unspecified_is_left_out():
    when = NOW - timedelta(days=3)
    for reason, expected in (
        ("keyCompromise", x509.ReasonFlags.key_compromise),
        ("certificateHold", x509.ReasonFlags.certificate_hold),
        ("privilegeWithdrawn", x509.ReasonFlags.privilege_withdrawn),
        ("unspecified", None),
    ):
        revoked = SingleResponse(CERT_ID, CertificateStatus.REVOKED, Revocation(reason, when))
        found = response(revoked)
        assert found.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert (found.revocation_time_utc, found.revocation_reason) == (when, expected)


def test_several_certificates_are_answered_in_their_order():
    other, _ = encode_request("SHA-256", issuer_hashes(ISSUER, "SHA-256"), 0x1002)
    found = list(
        response(
            SingleResponse(CERT_ID, CertificateStatus.GOOD),
            SingleResponse(other, CertificateStatus.UNKNOWN),
        ).responses
    )
    assert [(single.serial_number, single.certificate_status) for single in found] == [
        (0x1001, ocsp.OCSPCertStatus.GOOD), (0x1002, ocsp.OCSPCertStatus.UNKNOWN),
    ]  # fmt: skip
    assert isinstance(found[1].hash_algorithm, hashes.SHA256)


def test_a_nonce_is_repeated_and_not_critical():
    value = der.encode_octet_string(b"n" * 32)
    found = response(SingleResponse(CERT_ID, CertificateStatus.GOOD), nonce=value)
    (echoed,) = found.extensions
    assert not echoed.critical
    assert echoed.value == x509.OCSPNonce(b"n" * 32)


def test_an_error_is_one_enumerated_and_nothing_else():
    assert encode_error(ResponseStatus.UNAUTHORIZED) == bytes.fromhex("30030a0106")
    for status in (1, 2, 3, 6):
        found = ocsp.load_der_ocsp_response(encode_error(ResponseStatus(status)))
        assert found.response_status.value == status


def test_times_without_a_zone_or_with_a_fraction_are_refused():
    for bad in (NOW.replace(tzinfo=None), NOW.replace(microsecond=1)):
        with pytest.raises(ValueError, match="zone and whole seconds"):
            encode_response_data(
                [], responder_key_hash=b"", this_update=bad, next_update=bad, produced_at=bad
            )
