from __future__ import annotations

import base64
import contextlib
import subprocess
import time
import warnings
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import AttributeOID
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters
from pki_as_code.model import Severity
from pki_as_code.pkix.csr import Csr, csr_findings, parse_csr
from pki_as_code.pkix.csr_parts import checked_parts, usual_parts
from pki_as_code.pkix.der import (
    encode_bit_string,
    encode_explicit,
    encode_integer,
    encode_octet_string,
    encode_oid,
    encode_sequence,
    encode_tlv,
)
from pki_as_code.pkix.names import format_name
from tests.pkix.csr_maker import (
    EXTENSION_REQUEST,
    SAN,
    SET,
    attribute,
    extension,
    extension_request,
    make_csr,
    openssl_csr,
    private_key,
    public_key_info,
    rsa_info,
    san,
)

KEYS = (
    "RSA-2048",
    "P-256",
    "P-384",
    "P-521",
    "Ed25519",
    "Ed448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
)


def pem(der: bytes, label: str = "CERTIFICATE REQUEST") -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (label.encode(), body, label.encode())


def refused(data: bytes, code: str) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as error:
        parse_csr(data)
    assert error.value.code == code
    assert error.value.help
    assert not has_hidden_characters(str(error.value))
    return error.value


# --- CSRs that are taken -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new_key", "key"),
    [
        (["rsa:2048"], "RSA-2048"),
        (["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "P-256"),
        (["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "P-521"),
        (["ed25519"], "Ed25519"),
        (["ed448"], "Ed448"),
    ],
)
def test_a_csr_of_openssl_is_read(tmp_path: Path, new_key: list[str], key: str) -> None:
    data = openssl_csr(
        tmp_path,
        new_key,
        "-addext",
        "subjectAltName=DNS:API.example.com,IP:10.0.0.7,email:a@example.com",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
        "-addext",
        "1.2.3.4=ASN1:NULL",
    )
    csr = parse_csr(data)

    assert csr.key == key
    assert format_name(csr.subject) == "C=AT,O=Example,CN=example.com"
    assert csr.requested_names == ("DNS:api.example.com", "IP:10.0.0.7", "email:a@example.com")
    assert csr.requested_extensions == ("basicConstraints", "1.2.3.4")
    assert csr_findings(csr) == []
    assert csr.public_key_der in csr.der
    assert csr.public_key_der == x509.load_pem_x509_csr(data).public_key().public_bytes(
        Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


@pytest.mark.parametrize(
    "more",
    [
        ["-newhdr"],
        ["-text"],
        ["-newhdr", "-text"],
        ["-sha512"],
        ["-sigopt", "rsa_padding_mode:pss"],
    ],
)
def test_the_other_ways_of_openssl_are_read(tmp_path: Path, more: list[str]) -> None:
    assert parse_csr(openssl_csr(tmp_path, ["rsa:2048"], *more)).key == "RSA-2048"


@pytest.mark.parametrize("name", KEYS)
def test_a_csr_of_cryptography_is_read_with_every_type_of_key(name: str) -> None:
    key = private_key(name)
    digest = hashes.SHA256() if name[0] in "RP" else None
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    builder = builder.add_attribute(AttributeOID.CHALLENGE_PASSWORD, b"secret")
    csr = parse_csr(builder.sign(key, digest).public_bytes(Encoding.DER))

    assert csr.key == name
    assert csr.public_key_der == public_key_info(key)
    assert csr.subject == x509.Name([])
    assert [finding.code for finding in csr_findings(csr)] == ["csr.challenge_password"]
    assert "secret" not in repr(csr)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\n", b"\r"),
        lambda data: b"Certificate Request:\n    Data: \xfc\n0 x\n\n" + data + b"\n \r\n",
        lambda data: b"0" + b" leading text\n" + data,
        lambda data: data.rstrip(b"\n"),
        lambda data: data.replace(b"-----\nM", b"-----  \n  M"),
    ],
)
def test_text_before_and_line_ends_do_not_matter(change) -> None:  # type: ignore[no-untyped-def]
    der = make_csr()
    assert parse_csr(change(pem(der))).der == der
    assert parse_csr(change(pem(der, "NEW CERTIFICATE REQUEST"))).der == der


def test_a_csr_with_pss_and_sha_1_is_refused(tmp_path: Path) -> None:
    data = openssl_csr(tmp_path, ["rsa:2048"], "-sha1", "-sigopt", "rsa_padding_mode:pss")
    refused(data, "algorithm.broken_hash")


# --- One object ----------------------------------------------------------------------------------


def private_key_pem(private_format: PrivateFormat) -> bytes:
    key: bytes = private_key("P-256").private_bytes(Encoding.PEM, private_format, NoEncryption())
    return key


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_private_key_beside_or_instead_of_a_csr_has_its_own_error(form: PrivateFormat) -> None:
    key = private_key_pem(form)
    secret = key.splitlines()[1]
    der = private_key("P-256").private_bytes(Encoding.DER, form, NoEncryption())

    for data in (pem(make_csr()) + key, key + pem(make_csr()), key, der):
        error = refused(data, "csr.private_key")
        assert "never commit a private key" in error.help
        assert secret.decode() not in f"{error}{error.help}"


def test_two_objects_are_refused() -> None:
    csr = pem(make_csr())
    refused(csr + csr, "csr.several_objects")
    refused(csr + pem(b"x", "CERTIFICATE"), "csr.several_objects")
    refused(pem(b"x", "CERTIFICATE") + csr, "csr.several_objects")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "csr.not_pem_or_der"),
        (b"\x00" * 100, "csr.not_pem_or_der"),
        (b"hello", "csr.not_pem_or_der"),
        (b"-----BEGIN CERTIFICATE REQUEST-----\n", "csr.not_pem_or_der"),
        (pem(b"0\x00").replace(b"END CERT", b"END NEW CERT"), "csr.not_pem_or_der"),
        (pem(b"0\x00", "CERTIFICATE"), "csr.wrong_object"),
        (pem(b"0\x00", "PUBLIC KEY"), "csr.wrong_object"),
        (pem(b"\x00" * 30).replace(b"AAAA", b"A$AA", 1), "csr.bad_base64"),
        (pem(b"\x00" * 31).replace(b"=", b""), "csr.bad_base64"),
        (pem(b""), "csr.bad_base64"),
        (pem(b"0\x00"), "csr.malformed"),
        (b"0\x00", "csr.malformed"),
        (b"0\x03\x02\x01\x00", "csr.private_key"),
        (b"0\x80\x00\x00", "der.not_strict"),
        (bytes(1024 * 1024), "csr.too_large"),
        (pem(b"\x00" * 1024 * 1024), "csr.too_large"),
    ],
)
def test_what_is_no_csr_is_refused(data: bytes, code: str) -> None:
    refused(data, code)


def test_what_follows_a_csr_is_refused() -> None:
    refused(pem(make_csr()) + b"trailing", "csr.trailing_data")
    refused(make_csr() + b"\n", "der.not_strict")
    refused(pem(make_csr() + b"\x00"), "der.not_strict")


def test_headers_inside_the_block_are_refused() -> None:
    refused(pem(make_csr()).replace(b"-----\n", b"-----\nA: b\n\n", 1), "csr.bad_base64")


def test_the_size_limit_is_the_callers() -> None:
    der = make_csr()
    assert parse_csr(der, size_limit=len(der)).der == der
    with pytest.raises(InvalidValueError):
        parse_csr(der, size_limit=len(der) - 1)


# --- Encoding and signature ----------------------------------------------------------------------


@pytest.mark.parametrize("name", KEYS)
def test_a_csr_with_a_broken_signature_is_refused(name: str) -> None:
    der = bytearray(make_csr(private_key(name)))
    der[-1 if name != "Ed448" else -30] ^= 1
    refused(bytes(der), "csr.signature_invalid")


def test_a_csr_signed_with_another_key_is_refused() -> None:
    other = public_key_info(ec.generate_private_key(ec.SECP256R1()))
    refused(make_csr(spki=other), "csr.signature_invalid")
    refused(make_csr(spki=public_key_info(private_key("RSA-2048"))), "csr.signature_invalid")
    refused(make_csr(spki=public_key_info(private_key("Ed25519"))), "csr.signature_invalid")


def test_a_changed_subject_breaks_the_signature() -> None:
    refused(make_csr().replace(b"example.com", b"exampl3.com"), "csr.signature_invalid")


def test_every_truncation_is_refused() -> None:
    der = make_csr(attributes=(san(encode_tlv(0x82, b"example.com")),))
    for size in range(len(der)):
        with pytest.raises(InvalidValueError):
            parse_csr(der[:size])


@pytest.mark.parametrize("version", [1, 2, -1, 256])
def test_a_version_but_0_is_refused(version: int) -> None:
    refused(make_csr(version=version), "csr.bad_version")


def test_missing_attributes_are_refused() -> None:
    refused(make_csr(attributes_tag=b""), "csr.malformed")


def test_attributes_out_of_order_are_not_der() -> None:
    one, two = attribute("1.2.3", b"\x05\x00"), attribute("1.2.4", b"\x05\x00")
    assert parse_csr(make_csr(attributes=(one, two)))
    refused(make_csr(attributes=(two, one)), "der.not_strict")


@pytest.mark.parametrize(
    ("oid", "code"),
    [
        ("1.2.840.113549.1.1.5", "algorithm.broken_hash"),
        ("1.2.840.113549.1.1.4", "algorithm.broken_hash"),
        ("1.2.840.10045.4.1", "algorithm.broken_hash"),
        ("1.3.14.3.2.29", "algorithm.broken_hash"),
        ("1.2.840.113549.1.1.11", "algorithm.bad_parameters"),
        ("1.2.840.113549.1.1.10", "algorithm.broken_hash"),
        ("1.2.3.4", "algorithm.unknown"),
        ("1.2.840.10045.4.3.4", "csr.signature_invalid"),
    ],
)
def test_signature_algorithms_are_judged(oid: str, code: str) -> None:
    refused(make_csr(algorithm=encode_sequence(encode_oid(oid))), code)


def test_null_parameters_do_not_belong_to_ecdsa() -> None:
    identifier = encode_sequence(encode_oid("1.2.840.10045.4.3.2"), b"\x05\x00")
    refused(make_csr(algorithm=identifier), "algorithm.bad_parameters")


# --- Keys ----------------------------------------------------------------------------------------


def test_the_parameters_of_an_rsa_key_are_null() -> None:
    key = private_key("RSA-2048")
    numbers = key.public_key().public_numbers()
    for parameters in (b"", b"\x30\x00"):
        spki = rsa_info(numbers.n, numbers.e, parameters)
        refused(make_csr(key, spki=spki), "key.bad_parameters")


@pytest.mark.parametrize(
    ("exponent", "code"),
    [
        (1, "key.rsa_bad_exponent"),
        (2, "key.rsa_bad_exponent"),
        (65536, "key.rsa_bad_exponent"),
        (0, "key.rsa_bad_exponent"),
        (-3, "key.malformed"),
    ],
)
def test_exponents_that_make_no_key_are_refused(exponent: int, code: str) -> None:
    key = private_key("RSA-2048")
    spki = rsa_info(key.public_key().public_numbers().n, exponent)
    refused(make_csr(key, spki=spki), code)


def test_a_modulus_is_bounded_before_it_is_used() -> None:
    start = time.perf_counter()
    spki = rsa_info((1 << 200_000) + 1, 65537)
    refused(make_csr(private_key("RSA-2048"), spki=spki), "key.rsa_too_large")
    assert time.perf_counter() - start < 1


def test_a_small_rsa_key_is_an_error_among_the_findings() -> None:
    csr = parse_csr(make_csr(private_key("RSA-1024")))

    assert csr.key == "RSA-1024"
    assert [finding.code for finding in csr_findings(csr)] == ["key.rsa_too_small"]


def test_explicit_curve_parameters_are_refused(tmp_path: Path) -> None:
    data = openssl_csr(
        tmp_path,
        ["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"],
    )
    refused(data, "key.explicit_curve")


def test_a_compressed_point_is_refused() -> None:
    key = private_key("P-256")
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    algorithm = encode_sequence(encode_oid("1.2.840.10045.2.1"), encode_oid("1.2.840.10045.3.1.7"))
    spki = encode_sequence(algorithm, encode_bit_string(point))
    refused(make_csr(key, spki=spki), "key.compressed_point")


def test_a_point_that_is_not_on_its_curve_is_refused() -> None:
    spki = bytearray(public_key_info(private_key("P-256")))
    spki[-1] ^= 1
    refused(make_csr(spki=bytes(spki)), "csr.malformed")


def test_keys_that_are_not_supported_are_refused() -> None:
    refused(
        make_csr(spki=public_key_info(x25519.X25519PrivateKey.generate())), "key.unsupported_type"
    )
    csr = parse_csr(make_csr(private_key("secp256k1")))
    assert [finding.code for finding in csr_findings(csr)] == ["key.unsupported_curve"]


def test_a_dsa_csr_of_openssl_is_refused(tmp_path: Path) -> None:
    data = openssl_csr(tmp_path, ["dsa:" + dsa_parameters(tmp_path)])
    refused(data, "key.unsupported_type")


def dsa_parameters(directory: Path) -> str:
    path = directory / "dsa.pem"
    subprocess.run(["openssl", "dsaparam", "-out", path, "1024"], check=True, capture_output=True)
    return str(path)


@pytest.mark.parametrize("name", ["Ed25519", "Ed448", "ML-DSA-65"])
def test_the_others_have_no_parameters_and_one_length(name: str) -> None:
    key = private_key(name)
    oid = {"Ed25519": "1.3.101.112", "Ed448": "1.3.101.113"}.get(name, "2.16.840.1.101.3.4.3.18")
    raw = key.public_key().public_bytes_raw()
    with_null = encode_sequence(encode_oid(oid), b"\x05\x00")
    without = encode_sequence(encode_oid(oid))

    spki = encode_sequence(with_null, encode_bit_string(raw))
    refused(make_csr(key, spki=spki), "key.bad_parameters")
    spki = encode_sequence(without, encode_bit_string(raw + b"\x00"))
    refused(make_csr(key, spki=spki), "key.wrong_size")


# --- Subject, attributes and extensions ----------------------------------------------------------


def rdn(oid: str, tag: int, value: bytes) -> bytes:
    return encode_tlv(SET, encode_sequence(encode_oid(oid), encode_tlv(tag, value)))


def test_a_subject_that_is_not_utf_8_is_refused_at_once() -> None:
    refused(make_csr(subject=encode_sequence(rdn("2.5.4.3", 0x0C, b"\xc3\x28"))), "der.not_strict")
    refused(make_csr(subject=encode_sequence(rdn("2.5.4.3", 0x1E, b"\x00"))), "name.malformed")
    refused(make_csr(subject=encode_sequence(rdn("2.5.4.3", 0x13, b"\xff"))), "name.malformed")
    refused(make_csr(subject=encode_sequence(encode_tlv(SET))), "name.malformed")
    refused(make_csr(subject=encode_sequence(rdn("2.5.4.3", 0x02, b"\x01"))), "name.malformed")


@pytest.mark.parametrize(
    ("oid", "tag", "value"),
    [
        ("2.5.4.3", 0x0C, b"a\nb"),
        ("2.5.4.3", 0x0C, b"a\x00.example.com"),
        ("2.5.4.3", 0x0C, "a\u202eb".encode()),
        ("2.5.4.3", 0x0C, b"x" * 65),
        ("2.5.4.3", 0x0C, b""),
        ("2.5.4.6", 0x13, b"AUT"),
        ("2.5.4.5", 0x0C, b"a_b"),
    ],
)
def test_a_subject_no_certificate_may_have_is_a_warning(oid: str, tag: int, value: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        csr = parse_csr(make_csr(subject=encode_sequence(rdn(oid, tag, value))))

    (finding,) = csr_findings(csr)
    assert (finding.code, finding.severity) == ("csr.unusable_subject", Severity.WARNING)
    assert not has_hidden_characters(finding.message)


def names_of(*names: bytes) -> Csr:
    return parse_csr(make_csr(attributes=(san(*names),)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (encode_tlv(0x82, b"Example.COM"), "DNS:example.com"),
        (encode_tlv(0x81, b"a@Example.com"), "email:a@example.com"),
        (encode_tlv(0x86, b"HTTP://Example.com/"), "URI:http://example.com/"),
        (encode_tlv(0x87, b"\x0a\x00\x00\x07"), "IP:10.0.0.7"),
        (encode_tlv(0x87, b"\x00" * 15 + b"\x01"), "IP:::1"),
        (encode_tlv(0x88, b"\x2a\x03"), "RID:1.2.3"),
        (encode_tlv(0xA4, encode_sequence(rdn("2.5.4.3", 0x0C, b"x"))), "dirName:CN=x"),
        (
            encode_tlv(0xA0, encode_oid("1.2.3"), encode_explicit(0, encode_tlv(0x0C, b"x"))),
            "otherName:1.2.3;UTF8:x",
        ),
    ],
)
def test_requested_names_are_those_a_manifest_would_write(name: bytes, text: str) -> None:
    csr = names_of(name)
    assert csr.requested_names == (text,)
    assert csr_findings(csr) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (encode_tlv(0x82, b"a\x00.example.com"), "DNS:a\\x00.example.com"),
        (encode_tlv(0x82, b"x\n::error::pwn"), "DNS:x\\x0a::error::pwn"),
        (encode_tlv(0x82, b"foo_bar.example"), "DNS:foo_bar.example"),
        (encode_tlv(0x82, b""), "DNS:"),
        (encode_tlv(0x82, b"10.0.0.1"), "DNS:10.0.0.1"),
        (encode_tlv(0x86, b"\x1b[31m"), "URI:\\x1b[31m"),
        (encode_tlv(0xA3, encode_sequence()), "x400Address:3000"),
        (encode_tlv(0xA5, encode_tlv(0xA1, encode_tlv(0x0C, b"x"))), "ediPartyName:A1030C0178"),
    ],
)
def test_odd_names_are_told_and_never_stop(name: bytes, text: str) -> None:
    csr = names_of(name)

    assert csr.requested_names == (text,)
    (finding,) = csr_findings(csr)
    assert (finding.code, finding.severity) == ("csr.unusable_name", Severity.WARNING)


@pytest.mark.parametrize(
    "name",
    [
        encode_tlv(0x82, b"\xff.example"),
        encode_tlv(0x87, b"\x0a\x00\x00"),
        encode_tlv(0x87, b"\x0a\x00\x00\x00\xff\x00\x00\x00"),
        encode_tlv(0x88, b"\x80\x01"),
        encode_tlv(0x88, b""),
        encode_tlv(0xA4, b""),
        encode_tlv(0xA4, encode_sequence(encode_tlv(SET))),
        encode_tlv(0xA0, encode_oid("1.2.3")),
        encode_tlv(0x89, b"x"),
        encode_tlv(0x0C, b"x"),
    ],
)
def test_malformed_names_are_refused(name: bytes) -> None:
    with pytest.raises(InvalidValueError) as error:
        names_of(name)
    assert error.value.code in {"csr.malformed_extension", "der.not_strict"}


def test_an_empty_subject_alternative_name_is_refused() -> None:
    refused(make_csr(attributes=(san(),)), "csr.malformed_extension")


BASIC_CONSTRAINTS = extension("2.5.29.19", encode_sequence(b"\x01\x01\xff"))


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ((extension_request(BASIC_CONSTRAINTS, BASIC_CONSTRAINTS),), "csr.repeated_extension"),
        ((extension_request(),), "csr.malformed_extension"),
        ((attribute(EXTENSION_REQUEST),), "csr.malformed_attribute"),
        (
            (
                attribute(
                    EXTENSION_REQUEST,
                    encode_sequence(BASIC_CONSTRAINTS),
                    encode_sequence(extension("2.5.29.14", b"\x04\x01x")),
                ),
            ),
            "csr.repeated_attribute",
        ),
        (
            tuple(
                sorted(
                    (
                        extension_request(BASIC_CONSTRAINTS),
                        extension_request(extension("2.5.29.14", b"\x04\x01x")),
                    )
                )
            ),
            "csr.repeated_attribute",
        ),
        (
            tuple(
                sorted(
                    (
                        extension_request(BASIC_CONSTRAINTS),
                        attribute("1.3.6.1.4.1.311.2.1.14", encode_sequence(BASIC_CONSTRAINTS)),
                    )
                )
            ),
            "csr.repeated_attribute",
        ),
        ((attribute(EXTENSION_REQUEST, b"\x05\x00"),), "csr.malformed_extension"),
        ((attribute(EXTENSION_REQUEST, encode_sequence(b"\x05\x00")),), "csr.malformed_extension"),
        ((encode_sequence(encode_oid("1.2.3")),), "csr.malformed_attribute"),
        ((b"\x05\x00",), "csr.malformed_attribute"),
        (
            (extension_request(extension("2.5.29.19", b"\x30\x03\x01\x01")),),
            "csr.malformed_extension",
        ),
        ((extension_request(extension("2.5.29.15", b"\x0c\x01x")),), "csr.malformed_extension"),
        (
            (extension_request(extension("2.5.29.19", b"\x30\x00", b"\x01\x01\x00")),),
            "der.not_strict",
        ),
        (
            (extension_request(encode_sequence(encode_oid(SAN), encode_integer(1))),),
            "csr.malformed_extension",
        ),
    ],
)
def test_attributes_and_extensions_that_are_wrong_are_refused(
    attributes: tuple[bytes, ...], code: str
) -> None:
    refused(make_csr(attributes=attributes), code)


def test_unknown_extensions_and_attributes_are_fine() -> None:
    csr = parse_csr(
        make_csr(
            attributes=tuple(
                sorted(
                    (
                        attribute("1.3.6.1.4.1.311.13.2.3", encode_tlv(0x16, b"10.0")),
                        attribute("1.2.840.113549.1.9.7", encode_tlv(0x0C, b"challenge")),
                        extension_request(extension("1.2.3.4", b"not DER at all")),
                    )
                )
            )
        )
    )
    assert csr.requested_extensions == ("1.2.3.4",)


def test_a_challenge_password_is_told_and_not_shown() -> None:
    password = encode_tlv(0x0C, b"hunter2hunter2")
    csr = parse_csr(make_csr(attributes=(attribute("1.2.840.113549.1.9.7", password),)))
    (finding,) = csr_findings(csr)
    assert (finding.code, finding.severity) == ("csr.challenge_password", Severity.WARNING)
    assert "hunter2" not in repr(csr) + repr(finding)
    empty = make_csr(attributes=(attribute("1.2.840.113549.1.9.7", encode_tlv(0x0C, b"")),))
    assert csr_findings(parse_csr(empty)) == []


def test_the_extension_request_of_microsoft_is_read() -> None:
    request = attribute(
        "1.3.6.1.4.1.311.2.1.14",
        encode_sequence(extension(SAN, encode_sequence(encode_tlv(0x82, b"example.com")))),
    )
    assert parse_csr(make_csr(attributes=(request,))).requested_names == ("DNS:example.com",)


# --- Robustness ----------------------------------------------------------------------------------

GOOD = make_csr(
    attributes=(san(encode_tlv(0x82, b"example.com"), encode_tlv(0x87, b"\x0a\x00\x00\x07")),)
)


@settings(max_examples=300)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_octet_goes_unnoticed(position: int, change: int) -> None:
    damaged = bytearray(GOOD)
    damaged[position] ^= change
    with pytest.raises(InvalidValueError):
        parse_csr(bytes(damaged))


@given(st.binary(max_size=200))
def test_any_attributes_are_read_or_one_clear_error(content: bytes) -> None:
    with contextlib.suppress(InvalidValueError):
        parse_csr(make_csr(attributes=(content,)))


@given(st.lists(st.tuples(st.integers(0x80, 0x88), st.binary(max_size=20)), max_size=4))
def test_any_names_are_read_or_one_clear_error(names: list[tuple[int, bytes]]) -> None:
    try:
        csr = names_of(*(encode_tlv(tag, value) for tag, value in names))
    except InvalidValueError:
        return
    assert not any(has_hidden_characters(name) for name in csr.requested_names)
    csr_findings(csr)


@given(st.binary(max_size=100))
def test_any_junk_is_one_clear_error(data: bytes) -> None:
    for junk in (data, b"0" + data, pem(data)):
        with pytest.raises(InvalidValueError):
            parse_csr(junk)


def test_a_csr_full_of_names_is_read_quickly() -> None:
    names = [encode_tlv(0x82, b"host-%d.example.com" % number) for number in range(2500)]
    start = time.perf_counter()
    csr = names_of(*names)
    csr_findings(csr)
    assert len(csr.requested_names) == 2500
    assert time.perf_counter() - start < 2


def test_deeply_nested_values_are_refused() -> None:
    value = b"\x05\x00"
    for _ in range(2000):
        value = encode_sequence(value)
    refused(make_csr(attributes=(attribute("1.2.3", value),)), "der.not_strict")


def test_the_signature_is_over_the_bytes_of_the_csr() -> None:
    key = private_key("RSA-2048")
    der = make_csr(key)
    csr = x509.load_der_x509_csr(der)
    key.public_key().verify(
        csr.signature, csr.tbs_certrequest_bytes, padding.PKCS1v15(), hashes.SHA256()
    )
    assert encode_octet_string(parse_csr(der).der) == encode_octet_string(der)


# --- The usual CSR -------------------------------------------------------------------------------

USUAL = [
    make_csr(private_key(name), attributes=attributes)
    for name in ("P-256", "P-384", "RSA-2048", "Ed25519")
    for attributes in ((), (san(encode_tlv(0x82, b"a.example.com")),))
]


@pytest.mark.parametrize("der", USUAL)
def test_a_usual_csr_needs_no_second_look(der: bytes) -> None:
    assert usual_parts(der) == checked_parts(der)


@given(st.sampled_from(USUAL), st.data())
@settings(max_examples=500, deadline=None)
def test_no_csr_is_usual_that_is_refused_when_looked_at_closely(der: bytes, data: object) -> None:
    draw = data.draw  # type: ignore[attr-defined]
    octets = bytearray(der)
    for _ in range(draw(st.integers(1, 2))):
        position = draw(st.integers(0, len(octets) - 1) | st.integers(0, min(140, len(octets) - 1)))
        new = draw(st.sampled_from([0x00, 0x01, 0x02, 0x04, 0x30, 0x31, 0x80, 0xA0, 0xFF]))
        match draw(st.sampled_from(["put", "add", "drop"])):
            case "put":
                octets[position] = draw(st.integers(0, 255))
            case "add":
                octets.insert(position, new)
            case "drop":
                del octets[position]
    found = usual_parts(bytes(octets))
    if found is not None:
        assert found == checked_parts(bytes(octets))


@pytest.mark.parametrize("depth", [27, 28, 29, 30, 31, 32])
def test_a_csr_that_nests_too_deep_is_not_usual(depth: int) -> None:
    nested = encode_integer(1)
    for _ in range(depth):
        nested = encode_sequence(nested)
    der = make_csr(private_key("P-256"), attributes=(attribute("1.2.3", nested),))
    found = usual_parts(der)
    if found is not None:
        assert found == checked_parts(der)
    else:
        with pytest.raises(InvalidValueError, match="nested"):
            checked_parts(der)
