"""CRLs written and read: the same bytes as other libraries, and nothing that is not DER."""

from __future__ import annotations

import io
import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.model import Revocation
from pki_as_code.pkix import der
from pki_as_code.pkix.algorithms import HASHES
from pki_as_code.pkix.certificate import subject_name_der
from pki_as_code.pkix.crl import (
    MAX_CRL_NUMBER,
    REASON_NUMBERS,
    CrlEntry,
    IssuingDistributionPoint,
    lint_crl,
    parse_issuing_distribution_point,
    read_crl,
    write_tbs_cert_list,
)
from pki_as_code.pkix.crl.entries import EntryDecoder, _read_entry, raw_entries
from pki_as_code.pkix.crl.fields import Span
from tests.pkix.crl_maker import (
    CRITICAL,
    INVALIDITY,
    NEXT_UPDATE,
    REVOKED_AT,
    THIS_UPDATE,
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
)
from tests.pkix.csr_maker import extension
from tests.pkix.samples import KEY_NAMES, private_key, root

SCOPES = (
    None,
    IssuingDistributionPoint(only_contains_user_certs=True),
    IssuingDistributionPoint(only_contains_ca_certs=True),
    IssuingDistributionPoint(("http://x.example/1.crl", "http://y.example/1.crl")),
    IssuingDistributionPoint(("http://x.example/1.crl",), only_contains_user_certs=True),
)

revocations = st.builds(
    Revocation,
    reason=st.sampled_from(list(REASON_NUMBERS)),
    revocation_date=st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1)).map(
        lambda when: when.replace(microsecond=0, tzinfo=UTC)
    ),
    invalidity_date=st.none()
    | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
        lambda when: when.replace(microsecond=0, tzinfo=UTC)
    ),
)
serial_numbers = st.integers(1, 255) | st.integers(1, 2**159 - 1)
entry_lists = st.lists(
    st.tuples(serial_numbers, revocations), max_size=30, unique_by=lambda item: item[0]
)
scopes = st.sampled_from(SCOPES)


def in_builder(of: Any, entries: list[tuple[int, Revocation]], key: Any) -> bytes:
    """Return the TBSCertList that cryptography's builder makes of the same content."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(of.issuer.subject)
        .last_update(of.this_update)
        .next_update(of.next_update)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                of.issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .add_extension(x509.CRLNumber(of.number), critical=False)
    )
    point = of.issuing_distribution_point
    if point is not None:
        names = [x509.UniformResourceIdentifier(uri) for uri in point.full_name]
        value = x509.IssuingDistributionPoint(
            full_name=names or None,
            relative_name=None,
            only_contains_user_certs=point.only_contains_user_certs,
            only_contains_ca_certs=point.only_contains_ca_certs,
            only_some_reasons=None,
            indirect_crl=False,
            only_contains_attribute_certs=False,
        )
        builder = builder.add_extension(value, critical=True)
    for serial_number, revocation in entries:
        revoked = (
            x509.RevokedCertificateBuilder()
            .serial_number(serial_number)
            .revocation_date(revocation.revocation_date)
        )
        if revocation.reason != "unspecified":
            value = x509.CRLReason(x509.ReasonFlags(revocation.reason))
            revoked = revoked.add_extension(value, critical=False)
        if revocation.invalidity_date is not None:
            value = x509.InvalidityDate(revocation.invalidity_date)
            revoked = revoked.add_extension(value, critical=False)
        builder = builder.add_revoked_certificate(revoked.build())
    name = of.algorithm.hash_name
    return builder.sign(key, HASHES[name]() if name else None).tbs_certlist_bytes


# --- Written -------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", SCOPES)
@pytest.mark.parametrize("key_name", KEY_NAMES)
def test_the_bytes_are_those_of_cryptographys_builder(key_name, point):
    of = frame(key_name, issuing_distribution_point=point)
    entries = [
        (index * 0x1234567, Revocation(name, REVOKED_AT, REVOKED_AT if index % 2 else None))
        for index, name in enumerate(REASON_NUMBERS, 1)
    ]
    assert tbs_cert_list(of, entries) == in_builder(of, entries, private_key(key_name))
    assert tbs_cert_list(of) == in_builder(of, [], private_key(key_name))


@settings(max_examples=60, deadline=None)
@given(
    entries=entry_lists,
    point=scopes,
    number=st.integers(0, MAX_CRL_NUMBER),
    this_update=st.datetimes(datetime(1950, 1, 1), datetime(2090, 1, 1)),
)
@example([], None, 0, datetime(2049, 12, 31, 23, 59, 59))
@example([(1, Revocation("superseded", datetime(2050, 1, 1, tzinfo=UTC)))], None, 1, NEXT_UPDATE)
def test_any_bytes_are_those_of_cryptographys_builder(entries, point, number, this_update):
    this_update = this_update.replace(microsecond=0, tzinfo=UTC)
    of = frame(
        number=number,
        this_update=this_update,
        next_update=this_update + timedelta(days=1),
        issuing_distribution_point=point,
    )
    # cryptography does not write invalidity dates before 1950.
    entries = [
        (serial_number, revocation)
        for serial_number, revocation in entries
        if revocation.invalidity_date is None or revocation.invalidity_date.year >= 1950
    ]
    assert tbs_cert_list(of, entries) == in_builder(of, entries, private_key("P-256"))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 6, 1600, 1700, 4095, 4096, 4097, 9000])
def test_lengths_are_right_at_every_size(count):
    """The front is written last, when it is known how long its lengths are."""
    revocation = Revocation("keyCompromise", REVOKED_AT)
    encoded = tbs_cert_list(frame(), ((number, revocation) for number in range(1, count + 1)))
    der.check_strict_der(encoded)
    parsed = x509.load_der_x509_crl(signed(encoded))
    assert len(parsed) == count
    assert parsed.tbs_certlist_bytes == encoded
    assert [revoked.serial_number for revoked in parsed] == list(range(1, count + 1))


def test_what_stood_in_the_file_before_and_behind_does_not_matter():
    file = io.BytesIO(b"before" + b"x" * 10_000)
    file.seek(len(b"before"))
    assert write_tbs_cert_list(frame(), [(1, Revocation("superseded", REVOKED_AT))], file) == 1
    assert file.getvalue() == b"before" + tbs_cert_list(
        frame(), [(1, Revocation("superseded", REVOKED_AT))]
    )


def test_the_issuer_name_is_byte_for_byte_the_subject():
    assert subject_name_der(root("RSA")) in tbs_cert_list(frame("RSA"))


def test_times_are_written_in_utc():
    vienna = timezone(timedelta(hours=1))
    there = Revocation("superseded", REVOKED_AT.astimezone(vienna), REVOKED_AT.astimezone(vienna))
    here = Revocation("superseded", REVOKED_AT, REVOKED_AT)
    assert tbs_cert_list(frame(), [(1, there)]) == tbs_cert_list(frame(), [(1, here)])


@pytest.mark.parametrize(
    ("serial_number", "revocation"),
    [
        (0, Revocation("superseded", REVOKED_AT)),
        (-1, Revocation("superseded", REVOKED_AT)),
        (2**159, Revocation("superseded", REVOKED_AT)),
        (1, Revocation("removeFromCRL", REVOKED_AT)),
        (1, Revocation("because", REVOKED_AT)),
        (1, Revocation("superseded", REVOKED_AT.replace(microsecond=1))),
        (1, Revocation("superseded", REVOKED_AT.replace(tzinfo=None))),
        (1, Revocation("superseded", datetime(1949, 12, 31, tzinfo=UTC))),
        (1, Revocation("superseded", REVOKED_AT, REVOKED_AT.replace(microsecond=1))),
        (1, Revocation("superseded", REVOKED_AT, REVOKED_AT.replace(tzinfo=None))),
    ],
)
def test_what_cannot_be_in_a_crl_is_not_written(serial_number, revocation):
    with pytest.raises(InvalidValueError) as caught:
        tbs_cert_list(frame(), [(serial_number, revocation)])
    assert caught.value.code == "crl.bad_entry"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": -1}, "crl.bad_number"),
        ({"number": 2**159}, "crl.bad_number"),
        ({"next_update": THIS_UPDATE}, "crl.bad_time"),
        ({"next_update": THIS_UPDATE - timedelta(seconds=1)}, "crl.bad_time"),
    ],
)
def test_a_frame_that_cannot_be_is_refused(changes, code):
    with pytest.raises(InvalidValueError) as caught:
        frame(**changes)
    assert caught.value.code == code


def test_a_time_with_a_fraction_is_refused():
    with pytest.raises(InvalidValueError) as caught:
        tbs_cert_list(frame(this_update=THIS_UPDATE.replace(microsecond=1)))
    assert caught.value.code == "der.bad_time"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"only_contains_user_certs": True, "only_contains_ca_certs": True},
        {"full_name": ("http://ä.example/",)},
        {"full_name": ("",)},
    ],
)
def test_a_distribution_point_that_cannot_be_is_refused(fields):
    with pytest.raises(InvalidValueError) as caught:
        IssuingDistributionPoint(**fields)
    assert caught.value.code == "crl.bad_distribution_point"


# --- Read ----------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(entries=entry_lists, point=scopes)
def test_what_was_written_is_read(entries, point):
    description, read = read_crl(crl(entries, issuing_distribution_point=point))
    assert list(read) == [
        CrlEntry(number, said.revocation_date, said.reason, said.invalidity_date)
        for number, said in entries
    ]
    assert description.entry_count == len(entries)
    assert description.issuing_distribution_point == point


@pytest.mark.parametrize("key_name", KEY_NAMES)
def test_a_crl_is_described(key_name):
    data = crl([(5, Revocation("superseded", REVOKED_AT))], key_name)
    description, _ = read_crl(data)
    parsed = x509.load_der_x509_crl(data)
    assert description.issuer_name_der == subject_name_der(root(key_name))
    assert (description.number, description.entry_count) == (7, 1)
    assert (description.this_update, description.next_update) == (THIS_UPDATE, NEXT_UPDATE)
    span = description.tbs_cert_list
    assert data[span.start : span.end] == parsed.tbs_certlist_bytes
    assert description.signature == parsed.signature
    identifier = parsed.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert description.authority_key_identifier == identifier.key_identifier


def test_a_crl_of_cryptographys_builder_is_read():
    entries = [(7, Revocation("certificateHold", REVOKED_AT, REVOKED_AT))]
    data = signed(in_builder(frame(), entries, private_key("P-256")))
    assert [entry.reason for entry in read_crl(data)[1]] == ["certificateHold"]
    assert lint_crl(data, root("P-256")) == []


def test_a_crl_of_openssl_is_read_and_has_no_finding(tmp_path):
    """openssl writes a database of its own, and puts the numbers where they come."""
    from cryptography.hazmat.primitives.serialization import NoEncryption, PrivateFormat

    key = private_key("RSA").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "ca.pem").write_bytes(root("RSA").public_bytes(Encoding.PEM))
    (tmp_path / "index.txt").write_text(
        "R\t300101000000Z\t261123100000Z,keyCompromise\t0AB1\tunknown\t/CN=a\n"
        "R\t300101000000Z\t261123100000Z\t05\tunknown\t/CN=b\n"
    )
    (tmp_path / "number").write_text("0A\n")
    (tmp_path / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ncrlnumber=number\ndefault_md=sha256\n"
        "[e]\nauthorityKeyIdentifier=keyid:always\n"
    )
    subprocess.run(
        ["openssl", "ca", "-gencrl", "-config", "ca.cnf", "-crldays", "7", "-crlexts", "e",
         "-keyfile", "key.pem", "-cert", "ca.pem", "-out", "out.pem"],
        check=True, capture_output=True, cwd=tmp_path,
    )  # fmt: skip
    parsed = x509.load_pem_x509_crl((tmp_path / "out.pem").read_bytes())
    data = parsed.public_bytes(Encoding.DER)
    description, read = read_crl(data)
    assert description.number == 10
    assert sorted((e.serial_number, e.reason) for e in read) == [
        (5, "unspecified"), (0xAB1, "keyCompromise"),
    ]  # fmt: skip
    future = {"rfc5280.crl_revocation_date"}  # the clock of the machine may be before these dates
    assert {finding.code for finding in lint_crl(data, root("RSA"))} <= future


BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "trailing": crl() + b"\x00",
    "truncated": crl()[:-1],
    "not-a-sequence": b"\x31" + crl()[1:],
    "a-tbs-alone": tbs_cert_list(frame()),
    "version-1": broken(version=b""),
    "version-3": broken(version=der.encode_integer(2)),
    "no-next-update": broken(next_update=b""),
    "no-number": broken(extensions={"2.5.29.20": b""}),
    "no-extensions": broken(extensions=b""),
    "two-of-an-extension": broken(extensions={"x": extension("2.5.29.20", b"\x02\x01\x01")}),
    "unknown-critical": broken(extensions={"x": extension("1.2.3", b"\x05\x00", CRITICAL)}),
    "delta": broken(extensions={"x": extension("2.5.29.27", b"\x02\x01\x01", CRITICAL)}),
    "indirect": broken(
        extensions={"x": extension("2.5.29.28", b"\x30\x03\x84\x01\xff", CRITICAL)}
    ),
    "issuer-no-name": broken(issuer=der.encode_sequence(der.encode_integer(1))),
    "issuer-no-attribute": broken(
        issuer=der.encode_sequence(der.encode_tlv(der.SET, der.encode_sequence()))
    ),
    "algorithms-differ": signed(tbs_cert_list(frame()), outer=b"\x30\x05\x06\x03\x2a\x03\x04"),
    "fields-out-of-order": broken(this_update=der.encode_sequence()),
    "two-lists": broken(entries=entry(), revoked=der.encode_sequence(entry()) * 2),
    "a-list-that-is-none": broken(revoked=der.encode_integer(1)),
    "entry-without-date": broken(entries=der.encode_sequence(der.encode_integer(1))),
    "entry-with-more": broken(entries=der.encode_sequence(der.encode_integer(1) * 4)),
    "entry-not-a-sequence": broken(entries=der.encode_integer(1)),
    "entry-padded-number": broken(entries=entry(b"\x00\x05")),
    "entry-empty-number": broken(entries=entry(b"")),
    "entry-day-that-is-none": broken(entries=entry(time=b"\x17\x0d260230100000Z")),
    "entry-hour-that-is-none": broken(entries=entry(time=b"\x17\x0d261123240000Z")),
    "entry-second-that-is-none": broken(entries=entry(time=b"\x17\x0d261123100060Z")),
    "entry-letters": broken(entries=entry(time=b"\x17\x0d2611231000xxZ")),
    "entry-offset": broken(entries=entry(time=b"\x17\x112611231000+0100Z")),
    "entry-generalized-too-early": broken(entries=entry(time=generalized("20261123100000Z"))),
    "entry-set-of-extensions": broken(
        entries=der.encode_sequence(
            der.encode_integer(1), der.encode_time(REVOKED_AT), b"\x31\x00"
        )
    ),
    "entry-remove-from-crl": broken(entries=entry(extensions=[reason(enumerated(8))])),
    "entry-long-length": broken(
        entries=b"\x30\x81\x12" + entry()[2:]
    ),
    "entry-too-large": broken(
        entries=entry(extensions=[extension("1.2.3", der.encode_octet_string(bytes(5000)))])
    ),
    "issuer-too-large": broken(issuer=der.encode_sequence(der.encode_octet_string(bytes(70_000)))),
    "too-many-fields": broken(version=der.encode_integer(1) * 30_000),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_strict_crl_is_not_read(name):
    with pytest.raises(InvalidValueError) as caught:
        read_crl(BROKEN[name])
    assert caught.value.code.startswith(("crl.", "der."))
    assert lint_crl(BROKEN[name], root("P-256"))


def test_a_file_larger_than_the_bound_is_not_looked_at():
    class Huge:
        def __len__(self) -> int:
            return 2**31

        def __getitem__(self, part: slice) -> bytes:
            raise AssertionError("read")

    with pytest.raises(InvalidValueError) as caught:
        read_crl(Huge())
    assert caught.value.code == "crl.too_large"


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=200))
def test_reading_anything_raises_nothing_else(data):
    with pytest.raises(InvalidValueError):
        read_crl(data)


SAMPLE = crl(
    [
        (0x49BCF2, Revocation("keyCompromise", REVOKED_AT, REVOKED_AT)),
        (2**158 + 5, Revocation("unspecified", REVOKED_AT)),
        (2**150 + 5, Revocation("unspecified", datetime(2050, 1, 1, tzinfo=UTC), REVOKED_AT)),
    ],
    this_update=datetime(2051, 1, 1, tzinfo=UTC),
    next_update=datetime(2052, 1, 1, tzinfo=UTC),
)


@settings(max_examples=500, deadline=None)
@given(position=st.integers(0, len(SAMPLE) - 1), octet=st.integers(0, 255))
def test_no_octet_can_be_changed_unseen(position, octet):
    changed = SAMPLE[:position] + bytes((octet,)) + SAMPLE[position + 1 :]
    assert bool(lint_crl(changed, root("P-256"))) is (changed != SAMPLE)
    try:
        read_crl(changed)
    except InvalidValueError:
        return
    if read_crl(changed)[0].issuer_name_der != read_crl(SAMPLE)[0].issuer_name_der:
        return  # the alphabets of names are not judged: the name is compared
    # Whatever is taken for a CRL here is one to cryptography too, and says the same.
    parsed = x509.load_der_x509_crl(changed)
    assert [(e.serial_number, e.revocation_date) for e in read_crl(changed)[1]] == [
        (revoked.serial_number, revoked.revocation_date_utc) for revoked in parsed
    ]


def slowly(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Read entries as any DER."""
    at = 0
    while at < len(content):
        serial_number, time, extensions, at = _read_entry(content, at)
        yield serial_number, time, extensions


ENTRIES = b"".join(
    (
        entry(),
        entry(0x80, time=generalized("20500101000000Z")),
        entry(2**158, extensions=[reason(enumerated(1))]),
        entry(
            2**152,
            extensions=[
                reason(enumerated(1)),
                extension(INVALIDITY, generalized("20200101000000Z")),
            ],
        ),
        entry(5, extensions=[extension("1.2.3", der.encode_octet_string(bytes(150)))]),
    )
)


@settings(max_examples=1000, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(ENTRIES) - 1), st.integers(0, 255)), max_size=3)
)
def test_the_quick_way_takes_nothing_that_is_not_der(changes):
    """What the quick way yields is what the slow one yields; times and extensions come later."""
    content = bytearray(ENTRIES)
    for position, octet in changes:
        content[position] = octet
    content = bytes(content)

    def outcome(read: Any) -> Any:
        decoder = EntryDecoder()
        try:
            return [(e[0], decoder.when(e[1]), decoder.extensions(e[2])) for e in read]
        except InvalidValueError:
            return None

    quick = outcome(raw_entries(content, Span(0, len(content))))
    assert quick == outcome(slowly(content))


def test_entries_are_read_across_chunks():
    """Chunks have 256 KiB; entries of several sizes lie across each of their ends."""
    content = ENTRIES * 4000
    assert len(content) > 5 * 256 * 1024
    found = [e[:3] for e in raw_entries(content, Span(0, len(content)))]
    assert found == [e[:3] for e in raw_entries(ENTRIES, Span(0, len(ENTRIES)))] * 4000


def test_a_map_of_a_file_is_read_like_bytes(tmp_path):
    (tmp_path / "x.crl").write_bytes(SAMPLE)
    with (
        (tmp_path / "x.crl").open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        assert list(read_crl(data)[1]) == list(read_crl(SAMPLE)[1])
        assert lint_crl(data, root("P-256")) == []


@pytest.mark.parametrize("point", SCOPES[1:])
def test_a_distribution_point_is_read_back(point):
    assert parse_issuing_distribution_point(point.encode()) == point


# --- Large ---------------------------------------------------------------------------------------

MANY = int(os.environ.get("PKI_TEST_CRL_ENTRIES", "100000"))
"""A million with PKI_TEST_CRL_ENTRIES=1000000."""

MEASURE = """
import io, resource, sys
from pki_as_code.model import Revocation
from pki_as_code.pkix.crl import write_tbs_cert_list
from tests.pkix.crl_maker import REVOKED_AT, frame
count, path = int(sys.argv[1]), sys.argv[2]
entries = ((2**151 + n * 2**100, Revocation("keyCompromise", REVOKED_AT)) for n in range(count))
with open(path, "w+b") as file:
    assert write_tbs_cert_list(frame(), entries, file) == count
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_number_of_entries(tmp_path):
    def peak(count: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(count), str(tmp_path / "tbs")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return int(done.stdout)

    few, many = peak(10), peak(MANY)
    assert (tmp_path / "tbs").stat().st_size > 45 * MANY
    assert many - few < 16 * 1024  # KiB; the entries alone have 48 bytes each


def test_a_large_crl_is_read_and_linted():
    entries = [
        (2**151 + n * 2**100, Revocation("keyCompromise", REVOKED_AT + timedelta(seconds=n % 999)))
        for n in range(MANY)
    ]
    data = crl(entries)
    assert lint_crl(data, root("P-256")) == []
    description, read = read_crl(data)
    assert description.entry_count == MANY
    assert sum(e.serial_number for e in read) == sum(number for number, _ in entries)


def test_a_tbs_with_parts_broken_starts_from_a_good_one():
    assert broken_tbs() == tbs_cert_list(frame())
