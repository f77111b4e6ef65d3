"""The DER that is written here is read by others, and nothing lax is taken for DER."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.pkix import der


def refused(data: bytes) -> str:
    with pytest.raises(InvalidValueError) as found:
        der.check_strict_der(data)
    assert found.value.code == "der.not_strict"
    return found.value.message


@given(st.binary(max_size=300), st.sampled_from([0x04, 0x30, 0xA0, 0x80]))
def test_what_is_written_is_read_back(content: bytes, tag: int) -> None:
    tlv, end = der.read_tlv(der.encode_tlv(tag, content) + b"more")
    assert (tlv.tag, tlv.content, end) == (tag, content, len(tlv.encoding))
    assert tlv.encoding == der.encode_tlv(tag, content)


@pytest.mark.parametrize("length", [0, 127, 128, 255, 256, 65535, 65536])
def test_lengths_are_minimal(length: int) -> None:
    encoded = der.encode_octet_string(bytes(length))
    der.check_strict_der(encoded)
    assert der.read_single(encoded).content == bytes(length)


@given(st.integers(-(2**200), 2**200))
def test_integers_are_minimal_and_signed(value: int) -> None:
    encoded = der.encode_integer(value)
    der.check_strict_der(encoded)
    assert der.decode_integer(der.read_single(encoded).content) == value


oids = st.one_of(
    st.tuples(st.integers(0, 1), st.integers(0, 39)), st.tuples(st.just(2), st.integers(0, 2**40))
).flatmap(
    lambda first: st.lists(st.integers(0, 2**70), max_size=4).map(
        lambda rest: ".".join(str(arc) for arc in (*first, *rest))
    )
)


@given(oids)
def test_object_identifiers_come_back(dotted: str) -> None:
    encoded = der.encode_oid(dotted)
    der.check_strict_der(encoded)
    assert der.decode_oid(der.read_single(encoded).content) == dotted


@pytest.mark.parametrize(
    "dotted", ["2.5.29.15", "1.3.6.1.4.1.311.20.2.3", "2.999.3", f"2.25.{2**128 - 1}", "0.0"]
)
def test_object_identifiers_are_those_of_cryptography(dotted: str) -> None:
    usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(dotted)])
    assert der.encode_sequence(der.encode_oid(dotted)) == usage.public_bytes()


@pytest.mark.parametrize(
    "dotted",
    [
        "",
        "1",
        "1.",
        ".1",
        "3.1",
        "1.40",
        "1.2.03",
        "1.2.-3",
        "1.2.a",
        "1.2.٣",
        "1" * 5000,
        f"2.{2**128 - 1}",
        f"1.2.{2**128}",
        "1.2" + ".4" * 63,
    ],
)
def test_a_bad_object_identifier_is_refused(dotted: str) -> None:
    with pytest.raises(InvalidValueError) as found:
        der.encode_oid(dotted)
    assert found.value.code == "der.bad_oid"


@pytest.mark.parametrize(
    ("when", "encoded"),
    [
        (datetime(1950, 1, 1, tzinfo=UTC), b"\x17\x0d500101000000Z"),
        (datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), b"\x18\x0f99991231235959Z"),
        (
            datetime(2050, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            b"\x17\x0d491231230000Z",
        ),
    ],
)
def test_times_change_their_form_in_2050(when: datetime, encoded: bytes) -> None:
    assert der.encode_time(when) == encoded


@pytest.mark.parametrize(
    "when",
    [
        datetime(2026, 1, 1),
        datetime(2026, 1, 1, microsecond=1, tzinfo=UTC),
        datetime(1949, 12, 31, tzinfo=UTC),
    ],
)
def test_a_time_that_cannot_be_written_is_refused(when: datetime) -> None:
    with pytest.raises(InvalidValueError) as found:
        der.encode_time(when)
    assert found.value.code == "der.bad_time"


@pytest.mark.parametrize(
    "data",
    [
        "0101ff",
        "010100",
        "020100",
        "02020080",
        "0201ff",
        "030100",
        "030205a0",
        "0500",
        "06032a0304",
        "0a0101",
        "0c02c3a4",
        "170d3236303130313030303030305a",
        "180f32303236303130313030303030305a",
        "181132303236303130313030303030302e315a",
        "31060201010201" + "02",
        "3100",
        "bf1f020500",
        "9f812003616263",
    ],
)
def test_der_is_accepted(data: str) -> None:
    der.check_strict_der(bytes.fromhex(data))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "before a tag"),
        ("30", "before a length"),
        ("3080", "indefinite"),
        ("30800000", "indefinite"),
        ("308100", "longer than needed"),
        ("30817f" + "00" * 127, "longer than needed"),
        ("3082007f" + "00" * 127, "longer than needed"),
        ("3001", "longer than what holds it"),
        ("30ff", "longer than what holds it"),
        ("3085010000000000", "longer than what holds it"),
        ("300000", "1 bytes follow"),
        ("3003020200", "longer than what holds it"),
        ("010101", "BOOLEAN"),
        ("0100", "BOOLEAN"),
        ("0102ffff", "BOOLEAN"),
        ("0200", "no octets"),
        ("02020001", "INTEGER is longer"),
        ("0202ffff", "INTEGER is longer"),
        ("0a020001", "INTEGER is longer"),
        ("0300", "initial octet"),
        ("030108", "unused bits"),
        ("030101", "unused bits"),
        ("030205a1", "unused bits"),
        ("2303030100", "constructed"),
        ("2403040100", "constructed"),
        ("1000", "constructed"),
        ("050100", "NULL"),
        ("0600", "OBJECT IDENTIFIER"),
        ("06022a80", "OBJECT IDENTIFIER"),
        ("06032a8001", "leading zeros"),
        ("0c01ff", "UTF-8"),
        ("0c02c0af", "UTF-8"),
        ("170b323630313031303030305a", "UTCTime"),
        ("17113236303130313030303030302b30303030", "UTCTime"),
        ("181132303236303130313030303030302e305a", "GeneralizedTime"),
        ("180e3230323630313031303030303030", "GeneralizedTime"),
        ("3106020102020101", "order"),
        ("30020000", "end-of-contents"),
        ("bf80010500", "leading zeros"),
        ("bf1e020500", "long form"),
        ("bfffffffff0f00", "too large"),
        ("bf", "inside a tag"),
    ],
)
def test_what_is_not_der_is_refused(data: str, reason: str) -> None:
    assert reason in refused(bytes.fromhex(data))


@pytest.mark.parametrize("outer", [der.SEQUENCE, der.SET, 0xA0])
def test_faults_are_found_inside(outer: int) -> None:
    refused(der.encode_tlv(outer, der.encode_tlv(outer, b"\x01\x01\x01")))


def test_depth_is_bounded() -> None:
    data = b""
    for _ in range(der.MAX_DEPTH):
        data = der.encode_sequence(data)
    der.check_strict_der(data)
    assert "levels deep" in refused(der.encode_sequence(data))
    for _ in range(5000):
        data = der.encode_sequence(data)
    refused(data)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_der_or_refused(data: bytes) -> None:
    try:
        der.check_strict_der(data)
    except InvalidValueError as error:
        assert error.code == "der.not_strict"
        return
    # What is DER has one encoding: writing it again gives the same bytes.
    tlv = der.read_single(data)
    assert data.endswith(tlv.content)
    assert tlv.encoding == data


def test_reading_a_value_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidValueError):
        der.children(der.read_single(b"\x05\x00"))
    with pytest.raises(InvalidValueError):
        der.expect(der.read_single(b"\x05\x00"), der.SEQUENCE)


def test_openssl_reads_what_is_written() -> None:
    data = der.encode_sequence(
        der.encode_integer(-129),
        der.encode_oid("2.5.29.15"),
        der.encode_boolean(True),
        der.encode_bit_string(b"\xa0", 5),
        der.encode_octet_string(b"text"),
        der.encode_explicit(3, der.encode_time(datetime(2050, 1, 1, tzinfo=UTC))),
    )
    shown = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER"], input=data, capture_output=True, check=True
    ).stdout.decode()
    for expected in ("-81", "X509v3 Key Usage", "BOOLEAN", "BIT STRING", "text", "20500101000000Z"):
        assert expected in shown
