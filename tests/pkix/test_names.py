from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import has_hidden_characters
from pki_as_code.pkix.attributes import (
    ATTRIBUTE_TYPES,
    IA5_STRING_TYPES,
    PRINTABLE_STRING_TYPES,
    AttributeType,
)
from pki_as_code.pkix.der import read_single
from pki_as_code.pkix.names import (
    common_name,
    format_name,
    merge_names,
    parse_name,
    parse_name_der,
    with_common_name,
)

PRINTABLE = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?"


def oids(name: x509.Name) -> list[str]:
    return [attribute.oid.dotted_string for attribute in name]


def refused(text: str, form: str = "rfc4514") -> InvalidValueError:
    with pytest.raises(InvalidValueError) as error:
        parse_name(text, form=form)
    return error.value


# --- Reading -------------------------------------------------------------------------------------


def test_a_name_keeps_the_order_it_was_typed_in() -> None:
    name = parse_name("C=AT,O=Example,CN=x")

    assert [a.oid for a in name] == [
        NameOID.COUNTRY_NAME,
        NameOID.ORGANIZATION_NAME,
        NameOID.COMMON_NAME,
    ]
    assert name.public_bytes().find(b"AT") < name.public_bytes().find(b"Example")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("commonName=x,countryname=AT", "CN=x,C=AT"),
        ("cn=x", "CN=x"),
        ("E=a@example.com", "emailAddress=a@example.com"),
        ("S=Wien", "ST=Wien"),
        ("SN=Doe", "surname=Doe"),
        ("SERIALNUMBER=12", "serialNumber=12"),
        ("streetAddress=x,street=y", "STREET=x,STREET=y"),
        ("userid=u", "UID=u"),
        ("2.5.4.3=x", "CN=x"),
        ("OID.2.5.4.3=x", "CN=x"),
        ("1.2.3.4=x", "1.2.3.4=x"),
        ("C=AT, O=Example", "C=AT,O=Example"),
        (r"CN=a\,b\+c\"d\\e\;f\<g\>h", r"CN=a\,b\+c\"d\\e\;f\<g\>h"),
        (r"CN=\#x\ ", r"CN=\#x\ "),
        (r"CN=\C3\A4\2C", r"CN=ä\,"),
        ("CN=a=b#c", "CN=a=b#c"),
        ("CN=#0C03666F6F", "CN=foo"),
        ("C=#13024154", "C=AT"),
        ("OU=b+CN=a", "CN=a+OU=b"),
        ("DC=com,DC=example", "DC=com,DC=example"),
        ("O=Müller & Söhne GmbH", "O=Müller & Söhne GmbH"),
        ("", ""),
    ],
)
def test_names_are_read_and_written_canonically(text: str, canonical: str) -> None:
    assert format_name(parse_name(text)) == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("/C=AT/O=Example/CN=x", "C=AT,O=Example,CN=x"),
        (r"/O=a\/b\+c/CN=x, y", r"O=a/b\+c,CN=x\, y"),
        ("/OU=a+CN=b", "CN=b+OU=a"),
        ("/emailAddress=a@b.example", "emailAddress=a@b.example"),
        ("/", ""),
        ("", ""),
    ],
)
def test_the_openssl_form_is_read(text: str, canonical: str) -> None:
    assert format_name(parse_name(text, form="openssl")) == canonical


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("CN=x,", "name.invalid"),
        (",CN=x", "name.invalid"),
        ("CN=x,,O=y", "name.invalid"),
        ("CN", "name.invalid"),
        ("=x", "name.invalid"),
        ("CN= x", "name.invalid"),
        ("CN=x ,O=y", "name.invalid"),
        ('CN="x"', "name.invalid"),
        ("CN=a;O=b", "name.invalid"),
        ("CN=a\\", "name.invalid"),
        ("CN=a\\zz", "name.invalid"),
        (r"CN=\C3", "name.invalid"),
        ("CN=#", "name.invalid"),
        ("CN=#zz", "name.invalid"),
        ("CN=#0C03666F", "name.invalid"),
        ("CN=#1303666F6F", "name.invalid"),
        ("CN=#0C03666F6F00", "name.invalid"),
        ("/CN=x", "name.invalid"),
        ("CN=", "name.empty_value"),
        (r"CN=\ ", "name.empty_value"),
        ("XX=1", "name.unknown_attribute"),
        ("CN=a,CN=b", "name.repeated_attribute"),
        ("C=AT,commonName=a,2.5.4.3=b", "name.repeated_attribute"),
        ("OU=a+OU=a", "name.repeated_attribute"),
        ("OU=a+OU=b", "name.repeated_attribute"),
        ("C=AUT", "name.value_length"),
        ("C=A", "name.value_length"),
        ("C=4T", "name.value_alphabet"),
        ("C=ÄT", "name.value_alphabet"),
        ("CN=" + "x" * 65, "name.value_length"),
        ("O=" + "ä" * 65, "name.value_length"),
        ("L=" + "x" * 129, "name.value_length"),
        ("emailAddress=" + "x" * 256, "name.value_length"),
        ("serialNumber=a_b", "name.value_alphabet"),
        ("dnQualifier=ü", "name.value_alphabet"),
        ("DC=ü", "name.value_alphabet"),
        ("emailAddress=ü@example.com", "name.value_alphabet"),
        ("CN=a\nb", "name.hidden_character"),
        (r"CN=a\0Ab", "name.hidden_character"),
        (r"CN=a\00", "name.hidden_character"),
        (r"CN=a\E2\80\AEb", "name.hidden_character"),
        ("CN=a\u200bb", "name.hidden_character"),
        ("CN=\ud800", "name.hidden_character"),
        ("CN=" + "x" * 9000, "name.invalid"),
        (",".join(["OU=x"] * 65), "name.invalid"),
        ("3.1=x", "name.invalid"),
        ("1.40=x", "name.invalid"),
    ],
)
def test_what_no_certificate_may_have_is_refused(text: str, code: str) -> None:
    error = refused(text)

    assert error.code == code
    assert error.help
    assert not has_hidden_characters(str(error))


@pytest.mark.parametrize("text", ["CN=x", "/CN", "/CN=", "//", "/=x", "/CN=x/", "+CN=x"])
def test_a_broken_openssl_form_is_refused(text: str) -> None:
    refused(text, form="openssl")


def test_an_unknown_form_is_refused() -> None:
    assert refused("CN=x", form="ldap").code == "name.unknown_form"


def test_bounds_count_characters_and_not_octets() -> None:
    assert common_name(parse_name("CN=" + "ä" * 64)) == "ä" * 64


def test_the_longest_text_is_read_in_linear_time() -> None:
    refused("CN=" + "\\," * 4000)
    refused("CN=" + " " * 8000 + "\\")
    refused("a" * 8000)


# --- Encoding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("CN=x", 0x0C),
        ("O=x", 0x0C),
        ("C=AT", 0x13),
        ("serialNumber=1", 0x13),
        ("dnQualifier=1", 0x13),
        ("DC=x", 0x16),
        ("emailAddress=a@b", 0x16),
        ("1.2.3.4=x", 0x0C),
    ],
)
def test_values_have_the_string_type_of_their_attribute(text: str, tag: int) -> None:
    der = parse_name(text).public_bytes()

    assert tag in {der[-len(text.partition("=")[2].encode()) - 2]}


def test_openssl_reads_the_name_as_written(tmp_path: Path) -> None:
    text = r"C=AT,DC=example,O=Müller\, Söhne,CN=a+OU=b,1.2.3.4=x,emailAddress=a@b.example"
    der = tmp_path / "name.der"
    der.write_bytes(parse_name(text).public_bytes())

    shown = subprocess.run(
        ["openssl", "asn1parse", "-inform", "DER", "-in", der],
        check=True,
        capture_output=True,
        text=True,
    ).stdout

    order = ["countryName", "domainComponent", "organizationName", "commonName", "emailAddress"]
    positions = [shown.index(word) for word in order]
    assert positions == sorted(positions)


# --- Round trips ---------------------------------------------------------------------------------


def values(attribute_type: AttributeType) -> st.SearchStrategy[str]:
    oid = attribute_type.oid
    longest = min(attribute_type.upper_bound, 40)
    if attribute_type.upper_bound == 2:
        alphabet: str | st.SearchStrategy[str] = "ABCXYZabc"
    elif oid in PRINTABLE_STRING_TYPES:
        alphabet = PRINTABLE
    elif oid in IA5_STRING_TYPES:
        alphabet = st.characters(min_codepoint=32, max_codepoint=126)
    else:
        alphabet = st.characters(exclude_categories=["Cc", "Cs", "Cf"])
    return st.text(alphabet, min_size=attribute_type.lower_bound, max_size=longest).filter(
        lambda text: bool(text.strip()) and not has_hidden_characters(text)
    )


UNLISTED = AttributeType(ObjectIdentifier("1.3.6.1.4.1.99999.1"), "", 64)


@st.composite
def names(draw: st.DrawFn) -> x509.Name:
    types = draw(st.lists(st.sampled_from([*ATTRIBUTE_TYPES, UNLISTED]), max_size=8, unique=True))
    types += [t for t in types if t.repeatable]
    rdns: list[list[x509.NameAttribute[str | bytes]]] = []
    for attribute_type in types:
        attribute = x509.NameAttribute(
            attribute_type.oid, draw(values(attribute_type)), _validate=False
        )
        joins = rdns and all(a.oid != attribute.oid for a in rdns[-1]) and draw(st.booleans())
        if joins:
            rdns[-1].append(attribute)
        else:
            rdns.append([attribute])
    return x509.Name([x509.RelativeDistinguishedName(rdn) for rdn in rdns])


@pytest.mark.filterwarnings("ignore:Attribute's length")
@given(names())
def test_a_name_survives_its_text(name: x509.Name) -> None:
    text = format_name(name)
    again = parse_name(text)

    assert again == name
    assert again.public_bytes() == name.public_bytes()
    assert format_name(again) == text
    assert not has_hidden_characters(text)
    assert parse_name_der(name.public_bytes()) == name


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_one_clear_error(text: str) -> None:
    for form in ("rfc4514", "openssl"):
        try:
            name = parse_name(text, form=form)
        except InvalidValueError as error:
            assert error.code.startswith("name.")
        else:
            assert parse_name(format_name(name)) == name


def test_names_of_others_are_written_with_what_is_hidden_in_hex() -> None:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "a\n\u202eb\x00"),
            x509.NameAttribute(
                NameOID.X500_UNIQUE_IDENTIFIER, b"\x00\xff", x509.name._ASN1Type.BitString
            ),
        ]
    )

    assert format_name(name) == r"CN=a\0A\E2\80\AEb\00,2.5.4.45=#030200ff"


def test_an_overlong_name_of_somebody_else_is_read_without_a_warning() -> None:
    der = bytes.fromhex("3052 3150 304e 0603550403 0c47".replace(" ", "")) + b"x" * 71

    assert common_name(parse_name_der(der)) == "x" * 71


@pytest.mark.parametrize(
    "der",
    [
        "",
        "30",
        "310b",
        "300e310c300a06035504030c03ffffff",
        "30023100",
        "300d310b3009060355040613020a",
        "3010310e300c06035504030c0561",
    ],
)
def test_a_malformed_name_is_one_clear_error(der: str) -> None:
    with pytest.raises(InvalidValueError) as error:
        parse_name_der(bytes.fromhex(der))
    assert error.value.code == "name.malformed"


# --- Merging -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "override", "merged"),
    [
        ("", "CN=x,C=AT", "CN=x,C=AT"),
        ("O=Example,C=AT", "", "C=AT,O=Example"),
        ("C=AT,O=Example", "CN=x", "C=AT,O=Example,CN=x"),
        ("C=AT,O=Example,CN=default", "CN=x,O=Other", "C=AT,O=Other,CN=x"),
        ("OU=a,OU=b,CN=x", "OU=c", "OU=c,CN=x"),
        ("OU=a,C=AT", "OU=b,OU=c", "C=AT,OU=b,OU=c"),
        ("CN=x", "1.2.3.4=u,pseudonym=p", "1.2.3.4=u,pseudonym=p,CN=x"),
        ("CN=x+OU=a,C=AT", "CN=y", "C=AT,OU=a,CN=y"),
        (
            "serialNumber=1,emailAddress=a@b,UID=u,CN=x,title=t,OU=o,O=o,DC=d,L=l,ST=s",
            "postalCode=1,C=AT,dnQualifier=q",
            "dnQualifier=q,C=AT,postalCode=1,ST=s,L=l,DC=d,O=o,OU=o,title=t,CN=x,UID=u,"
            "emailAddress=a@b,serialNumber=1",
        ),
    ],
)
def test_names_are_merged_by_attribute_in_the_default_order(
    base: str, override: str, merged: str
) -> None:
    assert format_name(merge_names(parse_name(base), parse_name(override))) == merged


@given(names(), names())
@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_merging_keeps_the_override_and_is_idempotent(base: x509.Name, override: x509.Name) -> None:
    merged = merge_names(base, override)

    assert merge_names(merged, override) == (merged if base.rdns else merge_names(merged, override))
    assert set(oids(merged)) == set(oids(base)) | set(oids(override))
    assert all(attribute in list(merged) for attribute in override)
    assert parse_name(format_name(merged)) == merged


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "CN=x"),
        ("O=a,C=AT", "C=AT,O=a,CN=x"),
        ("O=a,CN=old,C=AT", "O=a,CN=x,C=AT"),
        ("CN=old+OU=u,C=AT", "CN=x+OU=u,C=AT"),
    ],
)
def test_a_common_name_is_put_in_its_place(name: str, expected: str) -> None:
    with_one = with_common_name(parse_name(name), "x")

    assert format_name(with_one) == expected
    assert common_name(with_one) == "x"


def test_a_common_name_keeps_its_bound() -> None:
    with pytest.raises(InvalidValueError):
        with_common_name(parse_name("O=a"), "x" * 65)
    assert common_name(parse_name("O=a")) is None


def test_the_length_octets_of_a_long_name_are_read() -> None:
    name = parse_name("O=" + "x" * 64 + ",OU=" + "y" * 64)
    assert read_single(name.public_bytes()).encoding == name.public_bytes()
