from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters
from pki_as_code.pkix.dns import checked_host_name, host_name
from pki_as_code.pkix.general_names import (
    _is_network,
    format_general_name,
    parse_constraint_name,
    parse_general_name,
)

UPN = "1.3.6.1.4.1.311.20.2.3"


def refused(text: str, parse=parse_general_name) -> InvalidValueError:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidValueError) as error:
        parse(text)
    assert error.value.help
    assert not has_hidden_characters(str(error.value))
    return error.value


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("api.example.com", "DNS:api.example.com"),
        ("dns:API.Example.COM", "DNS:api.example.com"),
        ("localhost", "DNS:localhost"),
        ("*.example.com", "DNS:*.example.com"),
        ("DNS:*.Exämple.com", "DNS:*.xn--exmple-cua.com"),
        ("straße.de", "DNS:xn--strae-oqa.de"),
        ("xn--strae-oqa.de", "DNS:xn--strae-oqa.de"),
        ("XN--STRAE-OQA.DE", "DNS:xn--strae-oqa.de"),
        ("e\u0301.example", "DNS:xn--9ca.example"),
        ("É.example", "DNS:xn--9ca.example"),
        ("E\u0301.example", "DNS:xn--9ca.example"),
        ("日本.example", "DNS:xn--wgv71a.example"),
        ("a--b.example", "DNS:a--b.example"),
        ("1.example", "DNS:1.example"),
        ("a" * 63 + ".example", "DNS:" + "a" * 63 + ".example"),
        ("10.0.0.7", "IP:10.0.0.7"),
        ("ip:10.0.0.7", "IP:10.0.0.7"),
        ("2001:DB8::0:7", "IP:2001:db8::7"),
        ("::1", "IP:::1"),
        ("user@Example.COM", "email:user@example.com"),
        ("EMAIL:First.Last+tag@exämple.com", "email:First.Last+tag@xn--exmple-cua.com"),
        ("HTTPS://Example.com/Path?q=A%2fB", "URI:https://example.com/Path?q=A%2fB"),
        ("https://exämple.com:8443/ä#ö", "URI:https://xn--exmple-cua.com:8443/%C3%A4#%C3%B6"),
        ("URI:http://[2001:DB8::7]:80/", "URI:http://[2001:db8::7]:80/"),
        ("http://10.0.0.7/", "URI:http://10.0.0.7/"),
        (
            "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "URI:urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
        ),
        ("spiffe://example.org/ns/a/sa/b", "URI:spiffe://example.org/ns/a/sa/b"),
        ("spiffe://trust_domain/x", "URI:spiffe://trust_domain/x"),
        ("ldap:///CN=x?certificateRevocationList", "URI:ldap:///CN=x?certificateRevocationList"),
        ("URI:mailto:a@example.com", "URI:mailto:a@example.com"),
        ("URI:tag:example.com,2026:x", "URI:tag:example.com,2026:x"),
        ("RID:1.2.3", "RID:1.2.3"),
        ("dirname:C=AT,commonName=x", "dirName:C=AT,CN=x"),
        (f"otherName:{UPN};UTF8:dummy@domain.tld", f"otherName:{UPN};UTF8:dummy@domain.tld"),
    ],
)
def test_names_are_read_and_written_canonically(text: str, canonical: str) -> None:
    name = parse_general_name(text)

    assert format_general_name(name) == canonical
    assert parse_general_name(canonical) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DNS:",
        " ",
        "foo bar",
        "DNS: example.com",
        "example.com ",
        "example.com.",
        ".example.com",
        "foo..bar",
        "-a.example",
        "a-.example",
        "foo_bar.example",
        "*.com",
        "*",
        "*.",
        "f*.example.com",
        "*f.example.com",
        "a.*.example.com",
        "*.*.example.com",
        "**.example.com",
        "DNS:10.0.0.7",
        "DNS:::1",
        "DNS:[::1]",
        "DNS:1.2.3",
        "DNS:example.0x7f",
        "DNS:300.1.1.1",
        "localhost:8080",
        "DNS:https://example.com",
        "example.com/path",
        "a" * 64 + ".example",
        ".".join(["a" * 63] * 4),
        "ä" * 60 + ".example",
        "DNS:" + "a." * 2000 + "a",
        "xn--.example",
        "xn--a.example",
        "xn--0.example",
        "xn--abc-.example",
        "xn--fa-hia.xn--zz--zz--zz.example",
        "xn--ls8h.example",
        "ab--cd.example",
        "faß\u200d.example",
        "☃.example",
        "💩.example",
        "\uff25\uff38.example",
        "\uff11.example",
        "ex\u3002example",
        "a\u0338\u200bb.example",
        "\u0301a.example",
        "·a.example",
        "אa.example",
        "example.com\x00.evil.example",
        "example\n.com",
        "\u202eexample.com",
        "exa\u00admple.com",
    ],
)
def test_what_is_no_host_name_is_refused(text: str) -> None:
    assert refused(text).code.startswith("general_name.")


@pytest.mark.parametrize(
    "text",
    [
        "10.0.0.0/8",
        "IP:10.0.0.0/8",
        "IP:10.0.0.1/32",
        "IP:2001:db8::/32",
        "IP:10.0.0",
        "IP:",
        "IP:1",
        "IP:fe80::1%eth0",
        "IP:010.0.0.1",
        "IP:[::1]",
        "IP:10.0.0.256",
        "IP:example.com",
        "IP: 10.0.0.1",
        "IP:\u0661.1.1.1",
    ],
)
def test_what_is_no_ip_address_is_refused(text: str) -> None:
    assert refused(text).code == "general_name.bad_ip"


@pytest.mark.parametrize(
    "text",
    [
        "email:",
        "email:x",
        "a@",
        "@example.com",
        "a@b@example.com",
        "a b@example.com",
        "a..b@example.com",
        ".a@example.com",
        '"a b"@example.com',
        "ä@example.com",
        "a@[10.0.0.7]",
        "a@10.0.0.7",
        "a@*.example.com",
        "Name <a@example.com>",
        "a@foo_bar.example",
        "x" * 65 + "@example.com",
        "a@" + ".".join(["b" * 63] * 4),
        "a@example.com\n",
        "a@example.com.",
    ],
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    refused(text)


def test_a_local_part_outside_ascii_is_told_where_it_belongs() -> None:
    assert "1.3.6.1.5.5.7.8.9" in refused("email:ä@example.com").help


@pytest.mark.parametrize(
    "text",
    [
        "URI:",
        "URI:example.com",
        "URI:/path",
        "URI:http:",
        "URI:http://",
        "URI:https:///path",
        "https://:80",
        "URI:http://a b/",
        "http://example.com/a b",
        "http://example.com/<x>",
        "http://example.com/%zz",
        "http://example.com/{CRL_PATH}",
        "http://u:p@example.com/",
        "http://a@b.example/",
        "http://example.com:99999/",
        "http://example.com:/",
        "http://example.com:x/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://[10.0.0.1]/",
        "http://ex%61mple.com/",
        "http://foo_bar.example/",
        "http://example.com\n/",
        "http://example..com/",
        "http://*.example.com/",
        "1http://example.com/",
        "http://example.com/\\",
        "http://example.com/" + "a" * 2048,
        "urn:",
    ],
)
def test_what_is_no_absolute_uri_is_refused(text: str) -> None:
    refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "RID:",
        "RID:1",
        "RID:3.1",
        "RID:1.40",
        "RID:1.2.",
        "RID:1.02",
        "RID:a",
        "RID:1." + "9" * 40,
        "RID:" + "1." * 200 + "1",
    ],
)
def test_what_is_no_oid_is_refused(text: str) -> None:
    assert refused(text).code == "general_name.bad_oid"


@pytest.mark.parametrize("text", ["dirName:", "dirName:x", "dirName:CN=", "dirName:CN=a\u202eb"])
def test_what_is_no_directory_name_is_refused(text: str) -> None:
    refused(text)


# --- otherName -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "canonical", "der"),
    [
        ("UTF8:ä;:x", "UTF8:ä;:x", "0c05c3a43b3a78"),
        ("utf8string:x", "UTF8:x", "0c0178"),
        ("UNIV:ab", "UNIVERSALSTRING:ab", "1c080000006100000062"),
        ("BMP:é", "BMPSTRING:é", "1e0200e9"),
        ("IA5:abc", "IA5STRING:abc", "1603616263"),
        ("PRINTABLE:a b", "PRINTABLESTRING:a b", "1303612062"),
        ("VISIBLE:a_b", "VISIBLESTRING:a_b", "1a03615f62"),
        ("NUMERIC:1 2", "NUMERICSTRING:1 2", "1203312032"),
        ("T61:x", "T61STRING:x", "140178"),
        ("GENSTR:x", "GENERALSTRING:x", "1b0178"),
        ("BOOL:yes", "BOOLEAN:TRUE", "0101ff"),
        ("BOOLEAN:n", "BOOLEAN:FALSE", "010100"),
        ("UTC:261123100000Z", "UTCTIME:261123100000Z", "170d3236313132333130303030305a"),
        (
            "GENTIME:20261123100000Z",
            "GENERALIZEDTIME:20261123100000Z",
            "180f32303236313132333130303030305a",
        ),
        ("NULL:", "NULL:", "0500"),
        ("INT:-1", "INTEGER:-1", "0201ff"),
        ("INTEGER:0x80", "INTEGER:128", "02020080"),
        ("ENUM:5", "ENUMERATED:5", "0a0105"),
        ("OBJECT:1.2.840", "OBJECT:1.2.840", "06032a8648"),
        ("OctetString:0aFF", "OctetString:0AFF", "04020aff"),
        ("FORMAT:ASCII,OCT:ab", "OctetString:6162", "04026162"),
        ("FORMAT:UTF8,OCT:ä", "OctetString:C3A4", "0402c3a4"),
        ("FORMAT:HEX,OCTETSTRING:00", "OctetString:00", "040100"),
        ("BITSTR:f0", "BITSTRING:F0", "030200f0"),
        ("DER:030204f0", "DER:030204F0", "030204f0"),
        ("DER:3003020105", "DER:3003020105", "3003020105"),
        ("DER:0c0178", "UTF8:x", "0c0178"),
        ("DER:0c010a", "DER:0C010A", "0c010a"),
    ],
)
def test_other_names_are_read_and_written(value: str, canonical: str, der: str) -> None:
    name = parse_general_name(f"otherName:1.2.3;{value}")

    assert isinstance(name, x509.OtherName)
    assert name.value.hex() == der
    assert format_general_name(name) == f"otherName:1.2.3;{canonical}"
    assert parse_general_name(format_general_name(name)) == name


@pytest.mark.parametrize(
    "value",
    [
        "UTF8",
        "UTF8:a\x00",
        "IA5:ä",
        "PRINTABLE:a_b",
        "NUMERIC:a",
        "BMP:💩",
        "BOOL:1",
        "BOOL:",
        "NULL:x",
        "INT:",
        "INT:1.5",
        "INT:0x",
        "INT:1_0",
        "INT:" + "9" * 2000,
        "ENUM:x",
        "OBJECT:x",
        "OctetString:0",
        "OctetString:zz",
        "OctetString:00 00",
        "UTC:20261123100000Z",
        "UTC:261323100000Z",
        "UTC:261123100000+0100",
        "GENTIME:261123100000Z",
        "GENTIME:20260230100000Z",
        "DER:",
        "DER:0c",
        "DER:0c017800",
        "DER:0c810178",
        "DER:3080",
        "SEQUENCE:x",
        "EXPLICIT:0",
        "FORMAT:HEX,UTF8:61",
        "FORMAT:BITLIST,OCT:1",
        "T61:日",
        "UTC:\u0e5261123100000Z",
        "GENTIME:2026112310000\u0e50Z",
    ],
)
def test_what_is_no_value_of_its_type_is_refused(value: str) -> None:
    refused(f"otherName:1.2.3;{value}")


@pytest.mark.parametrize(
    "text",
    [
        "otherName:",
        "otherName:UTF8:x",
        "otherName:1.2.3",
        "otherName:1;UTF8:x",
        "otherName:1.2.3;UTF8",
        "otherName:1.2.3:UTF8:x",
    ],
)
def test_a_malformed_other_name_is_refused(text: str) -> None:
    refused(text)


def test_an_smtp_utf8_mailbox_has_a_local_part_outside_ascii_and_an_a_label() -> None:
    mailbox = "otherName:1.3.6.1.5.5.7.8.9;UTF8:"
    parse_general_name(f"{mailbox}jörg@example.com")

    for text in ("joerg@example.com", "jörg@exämple.com", "jörg", "jörg@Example.com"):
        refused(mailbox + text)
    refused("otherName:1.3.6.1.5.5.7.8.9;IA5:a@example.com")


# --- Round trips ---------------------------------------------------------------------------------

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(
    lambda label: label[2:4] != "--"
)
HOST = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example"]))


@given(HOST)
def test_host_names_survive(host: str) -> None:
    assert format_general_name(parse_general_name(host)) == f"DNS:{host}"
    assert format_general_name(parse_general_name(f"DNS:*.{host}")) == f"DNS:*.{host}"
    assert format_general_name(parse_general_name(f"a@{host}")) == f"email:a@{host}"
    assert format_general_name(parse_general_name(f"http://{host}/")) == f"URI:http://{host}/"


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_ip_addresses_survive(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    if getattr(address, "scope_id", None):
        return
    assert parse_general_name(str(address)) == x509.IPAddress(address)
    assert format_general_name(x509.IPAddress(address)) == f"IP:{address}"


@given(st.binary(max_size=40))
def test_any_strict_other_name_survives_and_nothing_raises(value: bytes) -> None:
    name = x509.OtherName(x509.ObjectIdentifier("1.2.3"), value)
    text = format_general_name(name)

    assert not has_hidden_characters(text)
    try:
        assert parse_general_name(text) == name
    except InvalidValueError:
        assert text.endswith(f"DER:{value.hex().upper()}")


@given(
    st.text(max_size=40),
    st.sampled_from(
        [
            "",
            "DNS:",
            "IP:",
            "email:",
            "URI:",
            "RID:",
            "dirName:",
            "otherName:1.2.3;UTF8:",
            "otherName:1.2.3;INT:",
        ]
    ),
)
def test_any_text_is_a_name_or_one_clear_error(text: str, prefix: str) -> None:
    try:
        name = parse_general_name(prefix + text)
    except InvalidValueError:
        return
    canonical = format_general_name(name)
    assert parse_general_name(canonical) == name
    assert format_general_name(parse_general_name(canonical)) == canonical
    assert not has_hidden_characters(canonical)


@given(st.text(st.characters(min_codepoint=0x80), min_size=1, max_size=20))
def test_an_internationalised_label_is_valid_or_refused(label: str) -> None:
    try:
        name = parse_general_name(f"DNS:{label}.example")
    except InvalidValueError:
        return
    assert name.value.isascii()
    assert parse_general_name(f"DNS:{name.value}") == name


def test_openssl_shows_the_names_as_meant(tmp_path: Path) -> None:
    texts = [
        "DNS:*.exämple.com",
        "IP:10.0.0.7",
        "IP:2001:db8::7",
        "email:a@example.com",
        "URI:http://example.com/x",
        "RID:1.2.3.4",
        "dirName:C=AT,CN=x",
        f"otherName:{UPN};UTF8:dummy@domain.tld",
    ]
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([parse_general_name(text) for text in texts])
    csr = x509.CertificateSigningRequestBuilder(x509.Name([])).add_extension(names, True)
    path = tmp_path / "csr.pem"
    path.write_bytes(csr.sign(key, SHA256()).public_bytes(Encoding.PEM))

    shown = subprocess.run(
        ["openssl", "req", "-in", path, "-noout", "-text"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    for expected in (
        "DNS:*.xn--exmple-cua.com",
        "IP Address:10.0.0.7",
        "IP Address:2001:DB8:0:0:0:0:0:7",
        "email:a@example.com",
        "URI:http://example.com/x",
        "Registered ID:1.2.3.4",
        "DirName:",
        "dummy@domain.tld",
    ):
        assert expected in shown


# --- Name constraints ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("DNS:.corp.example", "DNS:corp.example"),
        ("DNS:Corp.example", "DNS:corp.example"),
        ("corp.example", "DNS:corp.example"),
        ("DNS:exämple", "DNS:xn--exmple-cua"),
        ("DNS:", "DNS:"),
        ("IP:10.0.0.0/8", "IP:10.0.0.0/8"),
        ("10.0.0.0/255.0.0.0", "IP:10.0.0.0/8"),
        ("2001:db8::/32", "IP:2001:db8::/32"),
        ("IP:10.0.0.7", "IP:10.0.0.7/32"),
        ("IP:0.0.0.0/0", "IP:0.0.0.0/0"),
        ("email:Example.com", "email:example.com"),
        ("email:.example.com", "email:.example.com"),
        ("a@example.com", "email:a@example.com"),
        ("URI:", "URI:"),
        ("URI:example.com", "URI:example.com"),
        ("URI:.example.com", "URI:.example.com"),
        ("dirName:C=AT,O=Example", "dirName:C=AT,O=Example"),
    ],
)
def test_constraints_are_read_and_written(text: str, canonical: str) -> None:
    base = parse_constraint_name(text)

    assert format_general_name(base) == canonical
    assert parse_constraint_name(canonical) == base


@pytest.mark.parametrize(
    "text",
    [
        "IP:10.0.0.1/8",
        "IP:example.com",
        "IP:10.0.0.0/33",
        "DNS:*.example.com",
        "DNS:..example.com",
        "DNS:10.0.0.1",
        "email:@example.com",
        "URI:http://example.com/",
        "URI:10.0.0.1",
        "RID:1.2.3",
        f"otherName:{UPN};UTF8:x",
        "dirName:",
        "email:",
        "DNS:a b",
        "IP:fe80::%1/64",
        "",
        "email:*.example.com",
    ],
)
def test_what_cannot_be_a_constraint_is_refused(text: str) -> None:
    refused(text, parse_constraint_name)


# --- Quick ways ----------------------------------------------------------------------------------

PART = st.sampled_from(
    [
        "a",
        "b-c",
        "1",
        "0x1",
        "*",
        "",
        "-",
        "a-",
        "xn--",
        "xn--bcher-kva",
        "ab--c",
        "A",
        "a" * 63,
        "a" * 64,
        "bücher",
        "[",
        "::1",
        "10",
        "_a",
        "a\n",
    ]
)
NAMES = st.lists(PART, max_size=5).map(".".join) | st.text("ab1.-*:[]x\u0660", max_size=12)


@given(NAMES, st.booleans())
@example("*.a", True)
@example("*.a.b", True)
@example("*.a.b", False)
@example("a.1", False)
@example("a\n", False)
@example(".".join(["a" * 63] * 4), False)
@example(".".join(["a" * 62] * 4) + ".a", True)
@settings(max_examples=500, deadline=None)
def test_plain_host_names_are_what_they_are_when_looked_at_closely(
    text: str, wildcard: bool
) -> None:
    def outcome(read: Callable[..., str]) -> object:
        try:
            return read(text, wildcard=wildcard)
        except InvalidValueError as error:
            return error.code, error.message, error.help

    assert outcome(host_name) == outcome(checked_host_name)


@given(NAMES | st.from_regex(r"[0-9a-f.:/%]{1,20}", fullmatch=True))
@example("fe80::1%eth0")
@example("::/0")
@example("0/0")
@settings(max_examples=500, deadline=None)
def test_what_is_no_network_at_first_sight_is_none(text: str) -> None:
    def is_one() -> bool:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            return False
        return True

    assert _is_network(text) == is_one()
