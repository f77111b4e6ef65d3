from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pki_as_code.model import Severity
from pki_as_code.pkix.constraints import name_constraint_findings, path_length_findings
from pki_as_code.pkix.der import encode_explicit, encode_integer, encode_sequence, encode_tlv
from pki_as_code.pkix.general_names import parse_constraint_name, parse_general_name
from pki_as_code.pkix.names import parse_name
from tests.pkix.csr_maker import private_key

NAME_CONSTRAINTS = x509.ObjectIdentifier("2.5.29.30")
NOT_BEFORE, NOT_AFTER = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 1, 1, tzinfo=UTC)


def sign(
    subject: str | x509.Name,
    issuer: str | x509.Name,
    *extensions: tuple[x509.ExtensionType, bool],
    key: str = "P-256",
) -> x509.Certificate:
    subject, issuer = (parse_name(n) if isinstance(n, str) else n for n in (subject, issuer))
    builder = (
        x509.CertificateBuilder(issuer, subject, private_key(key).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOT_BEFORE)
        .not_valid_after(NOT_AFTER)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(private_key("P-256"), SHA256())


def authority(
    subject: str = "CN=Root",
    issuer: str = "CN=Root",
    *,
    permitted: tuple[str, ...] = (),
    excluded: tuple[str, ...] = (),
    path_length: int | None = None,
    raw: x509.ExtensionType | None = None,
) -> x509.Certificate:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(True, path_length), True)
    ]
    if permitted or excluded:
        constraints = x509.NameConstraints(
            [parse_constraint_name(text) for text in permitted] or None,
            [parse_constraint_name(text) for text in excluded] or None,
        )
        extensions.append((constraints, True))
    if raw is not None:
        extensions.append((raw, True))
    return sign(subject, issuer, *extensions)


def codes(
    chain: list[x509.Certificate], names: tuple[str, ...] = (), subject: str = ""
) -> list[str]:
    findings = name_constraint_findings(
        parse_name(subject), [parse_general_name(text) for text in names], chain
    )
    assert all(f.severity is Severity.ERROR and f.help for f in findings)
    return [finding.code.removeprefix("rfc5280.name_") for finding in findings]


def openssl_accepts(
    directory: Path, chain: list[x509.Certificate], names: tuple[str, ...], subject: str
) -> bool:
    extensions: list[tuple[x509.ExtensionType, bool]] = []
    if names:
        san = x509.SubjectAlternativeName([parse_general_name(text) for text in names])
        extensions.append((san, not subject))
    leaf = sign(subject, chain[0].subject, *extensions)
    (directory / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    (directory / "root.pem").write_bytes(chain[-1].public_bytes(Encoding.PEM))
    middle = b"".join(c.public_bytes(Encoding.PEM) for c in chain[:-1])
    (directory / "middle.pem").write_bytes(middle)
    command = ["openssl", "verify", "-CAfile", directory / "root.pem"]
    if middle:
        command += ["-untrusted", directory / "middle.pem"]
    run = subprocess.run(
        [*command, directory / "leaf.pem"], check=False, capture_output=True, text=True
    )
    assert run.returncode == 0 or "subtree" in run.stderr + run.stdout, run
    return run.returncode == 0


OK: list[str] = []
OUT = ["not_permitted"]
EXCLUDED = ["excluded"]

# permitted, excluded, names, subject, what we say
CASES = [
    (("DNS:corp.example",), (), ("api.corp.example",), "", OK),
    (("DNS:corp.example",), (), ("corp.example",), "", OK),
    (("DNS:corp.example",), (), ("*.corp.example",), "", OK),
    (("DNS:corp.example",), (), ("a.b.corp.example",), "", OK),
    (("DNS:corp.example",), (), ("xcorp.example",), "", OUT),
    (("DNS:corp.example",), (), ("example",), "", OUT),
    (("DNS:corp.example",), (), ("corp.example.evil",), "", OUT),
    (("DNS:corp.example",), (), ("a.corp.example", "a.other.example"), "", OUT),
    (("DNS:corp.example", "DNS:other.example"), (), ("a.other.example",), "", OK),
    (("DNS:corp.example",), (), ("10.0.0.7", "a@b.example"), "", OK),
    (("DNS:",), (), ("anything.example",), "", OK),
    ((), ("DNS:",), ("anything.example",), "", EXCLUDED),
    ((), ("DNS:corp.example",), ("api.corp.example",), "", EXCLUDED),
    ((), ("DNS:corp.example",), ("other.example",), "", OK),
    ((), ("DNS:corp.example",), ("xcorp.example",), "", OK),
    (("DNS:example",), ("DNS:corp.example",), ("a.corp.example",), "", EXCLUDED),
    (("DNS:example",), ("DNS:corp.example",), ("a.other.example",), "", OK),
    (("IP:10.0.0.0/8",), (), ("10.1.2.3",), "", OK),
    (("IP:10.0.0.0/8",), (), ("11.0.0.1",), "", OUT),
    (("IP:10.0.0.0/8",), (), ("2001:db8::1",), "", OUT),
    (("IP:2001:db8::/32",), (), ("2001:db8:1::1",), "", OK),
    ((), ("IP:10.0.0.0/8",), ("10.1.2.3",), "", EXCLUDED),
    ((), ("IP:10.0.0.0/8",), ("2001:db8::1",), "", OK),
    ((), ("IP:0.0.0.0/0", "IP:::/0"), ("192.0.2.1",), "", EXCLUDED),
    (("email:example.com",), (), ("a@example.com",), "", OK),
    (("email:example.com",), (), ("a@EXAMPLE.com",), "", OK),
    (("email:example.com",), (), ("a@mail.example.com",), "", OUT),
    (("email:.example.com",), (), ("a@mail.example.com",), "", OK),
    (("email:.example.com",), (), ("a@example.com",), "", OUT),
    (("email:a@example.com",), (), ("a@example.com",), "", OK),
    (("email:a@example.com",), (), ("b@example.com",), "", OUT),
    ((), ("email:a@example.com",), ("a@example.com",), "", EXCLUDED),
    ((), ("email:example.com",), ("a@example.com",), "", EXCLUDED),
    ((), ("email:example.com",), ("a@mail.example.com",), "", OK),
    (("URI:example.com",), (), ("http://example.com/x",), "", OK),
    (("URI:example.com",), (), ("https://example.com:8443/x",), "", OK),
    (("URI:example.com",), (), ("http://www.example.com/",), "", OUT),
    (("URI:.example.com",), (), ("http://www.example.com/",), "", OK),
    (("URI:.example.com",), (), ("http://example.com/",), "", OUT),
    ((), ("URI:.example.com",), ("http://www.example.com/",), "", EXCLUDED),
    ((), ("URI:.example.com",), ("http://www.example.org/",), "", OK),
    (("dirName:C=AT,O=Example",), (), (), "C=AT,O=Example,CN=x", OK),
    (("dirName:C=AT,O=Example",), (), (), "C=at,O=EXAMPLE,CN=x", OK),
    (("dirName:C=AT,O=Example",), (), (), "C=AT,O=Other,CN=x", OUT),
    (("dirName:C=AT,O=Example",), (), (), "O=Example,C=AT", OUT),
    (("dirName:C=AT,O=Example",), (), (), "C=AT", OUT),
    (("dirName:C=AT,O=Example",), (), ("x.example",), "", OK),
    (("dirName:C=AT",), (), ("dirName:C=DE,CN=y",), "C=AT,CN=x", OUT),
    ((), ("dirName:C=AT,O=Evil",), (), "C=AT,O=Evil,CN=x", EXCLUDED),
    ((), ("dirName:C=AT,O=Evil",), (), "C=AT,O=Good,CN=x", OK),
    ((), ("dirName:C=AT",), ("dirName:C=AT,CN=y",), "C=DE,CN=x", EXCLUDED),
    (("email:example.com",), (), (), "emailAddress=a@example.com", OK),
    (("email:example.com",), (), (), "emailAddress=a@evil.example", OUT),
    ((), ("email:evil.example",), (), "emailAddress=a@evil.example", EXCLUDED),
    (("email:example.com",), (), ("a@example.com",), "emailAddress=a@evil.example", OUT),
    (("DNS:corp.example",), (), (), "CN=api.corp.example", OK),
    (("DNS:corp.example",), (), (), "CN=api.evil.example", OUT),
    (("DNS:corp.example",), (), (), "CN=Jane Doe", OK),
    (("DNS:corp.example",), (), (), "CN=localhost", OK),
    (("DNS:corp.example",), (), (), "CN=10.0.0.7", OUT),
    ((), ("DNS:evil.example",), (), "CN=api.evil.example", EXCLUDED),
]


@pytest.mark.parametrize(("permitted", "excluded", "names", "subject", "expected"), CASES)
def test_constraints_are_judged_as_openssl_does(
    tmp_path: Path,
    permitted: tuple[str, ...],
    excluded: tuple[str, ...],
    names: tuple[str, ...],
    subject: str,
    expected: list[str],
) -> None:
    chain = [authority(permitted=permitted, excluded=excluded)]

    assert codes(chain, names, subject) == expected
    assert openssl_accepts(tmp_path, chain, names, subject) is (expected == OK)


STRICTER = [
    # A wildcard reaches what is excluded right below it.
    ((), ("DNS:secret.corp.example",), ("*.corp.example",), "", EXCLUDED),
    # A common name is taken for a host name by some readers although there is a dNSName.
    (("DNS:corp.example",), (), ("a.corp.example",), "CN=evil.example", OUT),
    ((), ("DNS:evil.example",), ("a.corp.example",), "CN=evil.example", EXCLUDED),
    # Case folding beyond ASCII, for what is excluded.
    ((), ("dirName:O=MÜLLER",), (), "O=müller", EXCLUDED),
    ((), ("dirName:O=Evil Corp",), (), "O=Evil\u00a0Corp", EXCLUDED),
    # A common name that is an address counts as one.
    (("IP:10.0.0.0/8",), (), (), "CN=192.0.2.1", OUT),
]


@pytest.mark.parametrize(("permitted", "excluded", "names", "subject", "expected"), STRICTER)
def test_where_readers_differ_the_stricter_answer_is_given(
    tmp_path: Path,
    permitted: tuple[str, ...],
    excluded: tuple[str, ...],
    names: tuple[str, ...],
    subject: str,
    expected: list[str],
) -> None:
    chain = [authority(permitted=permitted, excluded=excluded)]

    assert codes(chain, names, subject) == expected
    assert openssl_accepts(tmp_path, chain, names, subject)


def test_a_wildcard_does_not_reach_further_than_one_label() -> None:
    chain = [authority(excluded=("DNS:a.b.corp.example",))]
    assert codes(chain, ("*.corp.example",)) == OK
    assert codes(chain, ("*.b.corp.example",)) == EXCLUDED
    assert codes(chain, ("*.a.b.corp.example",)) == EXCLUDED


def test_equal_case_beyond_ascii_is_not_enough_to_be_permitted() -> None:
    assert codes([authority(permitted=("dirName:O=MÜLLER",))], (), "O=müller") == OUT
    assert codes([authority(permitted=("dirName:O=A  B",))], (), "O=a b") == OK


def test_a_common_name_that_is_an_address_is_one() -> None:
    chain = [authority(permitted=("DNS:corp.example", "IP:10.0.0.0/8"))]
    assert codes(chain, ("a.corp.example", "10.0.0.7"), "CN=10.0.0.7") == OK
    assert codes(chain, ("10.0.0.7",), "CN=10.0.0.7") == OUT


@pytest.mark.parametrize("uri", ["urn:uuid:1", "http://10.0.0.7/", "http://[::1]/", "ldap:///x"])
def test_a_uri_without_a_host_name_is_refused_under_constraints_on_uris(uri: str) -> None:
    assert codes([authority(permitted=("URI:.example.com",))], (uri,)) == OUT
    assert codes([authority(excluded=("URI:.example.com",))], (uri,)) == EXCLUDED
    assert codes([authority(permitted=("DNS:example.com",))], (uri,)) == OK


def test_every_authority_of_the_chain_is_asked(tmp_path: Path) -> None:
    root = authority(permitted=("DNS:example",))
    middle = authority("CN=Middle", "CN=Root", permitted=("DNS:corp.example",))
    issuer = authority("CN=Issuer", "CN=Middle", excluded=("DNS:secret.corp.example",))
    chain = [issuer, middle, root]

    for names, expected in [
        (("a.corp.example",), OK),
        (("a.other.example",), OUT),
        (("a.secret.corp.example",), EXCLUDED),
        (("a.evil",), OUT * 2),
    ]:
        assert codes(chain, names) == expected
        assert openssl_accepts(tmp_path, chain, names, "") is (expected == OK)


def test_a_leading_dot_made_elsewhere_means_what_is_below_only() -> None:
    constraints = x509.NameConstraints([x509.DNSName(".corp.example")], None)
    chain = [authority(raw=constraints)]
    assert codes(chain, ("a.corp.example",)) == OK
    assert codes(chain, ("corp.example",)) == OUT


def test_constraints_of_an_unsupported_type_refuse_a_name_of_that_type(tmp_path: Path) -> None:
    upn = "otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a@b.example"
    for base in (parse_general_name("RID:1.2.3"), parse_general_name(upn)):
        for constraints in (x509.NameConstraints([base], None), x509.NameConstraints(None, [base])):
            chain = [authority(raw=constraints)]
            name = "RID:1.2.4" if isinstance(base, x509.RegisteredID) else upn
            assert codes(chain, (name,)) == ["constraints_unsupported"]
            assert codes(chain, ("a.example",)) == OK


@pytest.mark.parametrize(
    "value",
    [
        b"\x30\x00junk",
        encode_sequence(encode_explicit(0, encode_sequence(encode_tlv(0x87, b"\x0a\x00\x00\x00")))),
        encode_sequence(
            encode_explicit(
                0, encode_sequence(encode_tlv(0x87, b"\x0a\x00\x00\x00\xff\x00\xff\x00"))
            )
        ),
        encode_sequence(encode_explicit(1, encode_sequence(encode_tlv(0xA3, encode_sequence())))),
    ],
)
def test_constraints_that_cannot_be_read_refuse_everything(value: bytes) -> None:
    chain = [authority(raw=x509.UnrecognizedExtension(NAME_CONSTRAINTS, value))]
    assert codes(chain, ("a.example",)) == ["constraints_unsupported"]


def test_a_minimum_or_maximum_is_refused() -> None:
    for bound in (
        encode_tlv(0x80, encode_integer(1)[2:]),
        encode_tlv(0x81, encode_integer(1)[2:]),
    ):
        subtree = encode_sequence(encode_tlv(0x82, b"example"), bound)
        value = encode_sequence(encode_explicit(0, subtree))
        chain = [authority(raw=x509.UnrecognizedExtension(NAME_CONSTRAINTS, value))]
        assert codes(chain, ("a.example",)) == ["constraints_unsupported"]


def test_odd_subjects_never_stop_the_check() -> None:
    chain = [authority(permitted=("email:example.com", "DNS:corp.example"))]
    for value in ("ä@example.com", "", "a b <c@example.com>", "@", "\n"):
        subject = x509.Name([x509.NameAttribute(NameOID.EMAIL_ADDRESS, value)])
        findings = name_constraint_findings(subject, [], chain)
        assert [finding.code for finding in findings] == ["rfc5280.name_not_permitted"] or (
            value.endswith("@example.com")
        )


def test_without_constraints_nothing_is_said() -> None:
    assert codes([authority()], ("a.example", "10.0.0.7", "urn:x:y"), "CN=x") == OK
    assert codes([], ("a.example",), "CN=x") == OK


# --- Path lengths --------------------------------------------------------------------------------


def path_codes(
    chain: list[x509.Certificate], path_length: int | None, is_ca: bool = True
) -> list[str]:
    findings = path_length_findings(is_ca, path_length, chain)
    return [finding.code.removeprefix("rfc5280.path_length_") for finding in findings]


@pytest.mark.parametrize(
    ("limits", "path_length", "expected"),
    [
        ([None], None, []),
        ([None], 5, []),
        ([0], 0, ["exceeded"]),
        ([0], None, ["exceeded"]),
        ([1], 0, []),
        ([1], 1, ["too_long"]),
        ([1], None, ["open"]),
        ([3], 2, []),
        ([None, 1], 0, ["exceeded"]),
        ([None, 2], 0, []),
        ([None, 2], 1, ["too_long"]),
        ([0, 1], 0, ["exceeded"]),
        ([1, 5], 0, []),
        ([1, 5], 1, ["too_long"]),
        ([5, 2], 1, ["too_long"]),
        ([], 3, []),
    ],
)
def test_path_lengths_shrink_on_the_way_down(
    limits: list[int | None], path_length: int | None, expected: list[str]
) -> None:
    chain = [
        authority(
            f"CN=CA {depth}",
            "CN=CA 0" if depth == 0 else f"CN=CA {depth - 1}",
            path_length=limit,
        )
        for depth, limit in enumerate(reversed(limits))
    ][::-1]

    assert path_codes(chain, path_length) == expected
    assert path_codes(chain, None, is_ca=False) == []


def test_a_self_issued_authority_is_not_counted() -> None:
    root = authority(path_length=1)
    new_root_key = authority("CN=Root", "CN=Root", path_length=None)
    assert path_codes([new_root_key, root], 0) == []
    middle = authority("CN=Middle", "CN=Root", path_length=None)
    assert path_codes([middle, root], 0) == ["exceeded"]
