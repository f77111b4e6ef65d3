from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pki_as_code.manifests.unquoted import UnquotedText
from pki_as_code.manifests.yaml_nodes import (
    MAX_DEPTH,
    MAX_DOCUMENTS,
    MAX_FINDINGS,
    MAX_NODES,
    Composed,
    compose_document,
    compose_documents,
)
from pki_as_code.manifests.yaml_text import MAX_BYTES, SourceText, decode_text, holds_private_key
from pki_as_code.model import Finding


def read(content: str | bytes) -> Composed:
    data = content.encode() if isinstance(content, str) else content
    text = decode_text(data, "a.yaml")
    return Composed((), (text,)) if isinstance(text, Finding) else compose_documents(text)


def data_of(content: str | bytes) -> object:
    composed = read(content)
    assert composed.findings == ()
    (document,) = composed.documents
    return document.data


def codes(content: str | bytes) -> list[str]:
    return [f"{finding.code} {finding.source}" for finding in read(content).findings]


@pytest.mark.parametrize(
    "text",
    [
        "NO",
        "no",
        "yes",
        "on",
        "off",
        "y",
        "0123",
        "0o17",
        "0x1F",
        "+5",
        "1_000",
        "12:34:56",
        "1:30",
        "1e10",
        "7E0",
        "1.5",
        "1.10",
        ".inf",
        ".nan",
        "2027-01-01",
        "2026-02-30",
        "2027-01-31T00:00:60Z",
        "1:2:3:4:5:6:7:8",
        "=",
        "nil",
        "None",
        "TRue",
        "5.",
        "00",
        "-01",
    ],
)
def test_what_other_readers_turn_into_something_else_stays_text(text):
    assert data_of(f"a: {text}\n") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("5", 5),
        ("-17", -17),
        ("999999999999999999", 999999999999999999),
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_whole_numbers_truth_values_and_null_are_what_they_are(text, value):
    found = data_of(f"a: {text}\n")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_quoted_text_is_text_and_known_to_be_quoted():
    found = data_of("a: \"5\"\nb: 'true'\nc: |\n  null\nd: plain\n")
    assert found == {"a": "5", "b": "true", "c": "null\n", "d": "plain"}
    assert [name for name, value in found.items() if isinstance(value, UnquotedText)] == ["d"]


def test_a_number_with_too_many_digits_is_refused():
    assert codes("a: 1\nserial: 12345678901234567890\n") == ["yaml.too_long_integer a.yaml:2:9"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "yaml.duplicate_key a.yaml:3:1"),
        ("a: {b: 1, c: 2, b: 3}\n", "yaml.duplicate_key a.yaml:1:17"),
        ("a: 1\n'a': 3\n", "yaml.duplicate_key a.yaml:2:1"),
        ("a:\n  <<: {b: 1}\n", "yaml.merge_key a.yaml:2:3"),
        ("'<<': 1\n", "yaml.merge_key a.yaml:1:1"),
        ("a: &x 1\n", "yaml.anchor a.yaml:1:4"),
        ("a: 1\nb: *x\n", "yaml.alias a.yaml:2:4"),
        ("- *.example.com\n", "yaml.alias a.yaml:1:3"),
        ("names: *.example.com\n", "yaml.alias a.yaml:1:8"),
        ("a: !!str 5\n", "yaml.tag a.yaml:1:4"),
        ("a: ! 5\n", "yaml.tag a.yaml:1:4"),
        ("a: !env HOME\n", "yaml.tag a.yaml:1:4"),
        ("a: !!python/object/apply:os.system ['id']\n", "yaml.tag a.yaml:1:4"),
        ("!!map\na: 1\n", "yaml.tag a.yaml:1:1"),
        ("%YAML 1.2\n---\na: 1\n", "yaml.directive a.yaml:1:1"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "yaml.directive a.yaml:1:1"),
        ("a: 1\n---\n%FOO\n", "yaml.directive a.yaml:3:1"),
        ("1: a\n", "yaml.non_string_key a.yaml:1:1"),
        ("true: a\n", "yaml.non_string_key a.yaml:1:1"),
        ("~: a\n", "yaml.non_string_key a.yaml:1:1"),
        ("? [a]\n: b\n", "yaml.non_string_key a.yaml:1:3"),
        ("{[a]: b}\n", "yaml.non_string_key a.yaml:1:2"),
        ("a: b: c\n", "yaml.syntax a.yaml:1:5"),
        ("a: `x`\n", "yaml.syntax a.yaml:1:4"),
        ("a: @x\n", "yaml.syntax a.yaml:1:4"),
        ("a: [1, 2\nb: 3\n", "yaml.syntax a.yaml:2:2"),
        ("a:\n\tb: 1\n", "yaml.syntax a.yaml:2:1"),
        ('a: "x\n', "yaml.syntax a.yaml:2:1"),
        ("a: b\n c: d\n", "yaml.syntax a.yaml:2:3"),
        ("a: x\x07\n", "yaml.control_character a.yaml:1:5"),
        ("# \u202e\na: x\n", "yaml.control_character a.yaml:1:3"),
        ("a: x\u2028\n", "yaml.control_character a.yaml:1:5"),
        ("a: x\x85\n", "yaml.control_character a.yaml:1:5"),
        ("a: x\ry: z\n", "yaml.control_character a.yaml:1:5"),
        ("a: x\n\u200bb: y\n", "yaml.control_character a.yaml:2:1"),
        ('a: "\\0"\n', "yaml.control_character a.yaml:1:4"),
        ('a: "\\e[31m"\n', "yaml.control_character a.yaml:1:4"),
        ('a: "\\r\\n"\n', "yaml.control_character a.yaml:1:4"),
        ('a: "\\u202E"\n', "yaml.control_character a.yaml:1:4"),
        ('"\\a": 1\n', "yaml.control_character a.yaml:1:1"),
        (b"a: 1\nb: caf\xe9\n", "yaml.not_utf8 a.yaml:2:7"),
        ("a: 1\n".encode("utf-16"), "yaml.not_utf8 a.yaml:1:1"),
        (b"a: \xed\xa0\x80\n", "yaml.not_utf8 a.yaml:1:4"),
        (b"a: 1\n" * 60_000, "yaml.too_large a.yaml:1:1"),
        ("-----BEGIN EC PRIVATE KEY-----\n", "manifest.private_key a.yaml:1:1"),
    ],
)
def test_what_manifests_may_not_use_is_refused_where_it_stands(text, expected):
    assert codes(text) == [expected]


def test_a_wildcard_name_without_quotes_is_told_to_be_quoted():
    (finding,) = read("names:\n  - *.example.com\n").findings
    assert finding.help == 'quote a wildcard name: "*.example.com"'


def test_the_caret_covers_the_whole_of_what_is_refused():
    (finding,) = read("a: {name: !!python/name:os.system x}\n").findings
    source = finding.source
    assert source.snippet[source.column - 1 : source.end_column - 1] == "!!python/name:os.system"


def test_a_line_with_key_material_is_not_shown():
    (finding,) = read("a: |\n  -----BEGIN PRIVATE KEY-----\n  MC4CAQ\n").findings
    assert finding.code == "manifest.private_key"
    assert finding.source.snippet == ""


def test_everything_that_is_refused_is_found_in_one_run():
    assert codes("a: &x 1\nb: *x\nc: !t 2\n") == [
        "yaml.anchor a.yaml:1:4",
        "yaml.alias a.yaml:2:4",
        "yaml.tag a.yaml:3:4",
    ]
    assert codes("a: 1\na: 2\n1: 3\n<<: 4\n") == [
        "yaml.duplicate_key a.yaml:2:1",
        "yaml.non_string_key a.yaml:3:1",
        "yaml.merge_key a.yaml:4:1",
    ]


def test_an_alias_bomb_is_refused_before_anything_of_it_exists():
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]\n" for n in range(1, 60)
    )
    tracemalloc.start()
    composed = read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert composed.documents == ()
    assert len(composed.findings) == MAX_FINDINGS
    assert peak < 5_000_000


def test_a_merge_key_bomb_is_refused():
    bomb = "a0: &a0 {x: y}\n" + "".join(
        f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 30)
    )
    assert read(bomb).documents == ()


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "- - ", "a: [", "{? "])
def test_nesting_that_would_end_the_process_is_refused(opening):
    (finding,) = read(opening * (MAX_BYTES // len(opening) - 1)).findings
    assert finding.code in {"yaml.too_deep", "yaml.syntax"}


def test_nesting_is_allowed_to_its_limit_and_no_deeper():
    assert read("[" * MAX_DEPTH + "]" * MAX_DEPTH).findings == ()
    assert codes("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == [
        f"yaml.too_deep a.yaml:1:{MAX_DEPTH + 1}"
    ]
    levels = "".join(f"{'  ' * n}a:\n" for n in range(MAX_DEPTH + 1))
    assert codes(levels) == [f"yaml.too_deep a.yaml:{MAX_DEPTH + 1}:{2 * MAX_DEPTH + 1}"]


def test_documents_values_and_findings_are_bounded():
    assert codes("---\na\n" * (MAX_DOCUMENTS + 1)) == ["yaml.too_many_documents a.yaml:1:1"]
    assert len(read("---\na\n" * MAX_DOCUMENTS).documents) == MAX_DOCUMENTS
    (finding,) = read("- a\n" * (MAX_NODES + 1)).findings
    assert finding.code == "yaml.too_many_nodes"
    assert len(read("a: 1\n" * 5_000).findings) == MAX_FINDINGS


def test_several_documents_are_read_and_empty_ones_skipped():
    composed = read("---\n---\na: 1\n---\n# nothing\n---\nb: 2\n")
    assert [(d.index, d.data) for d in composed.documents] == [(1, {"a": 1}), (3, {"b": 2})]


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff"])
def test_a_file_with_nothing_in_it_has_no_documents(content):
    assert read(content) == Composed((), ())


def test_a_byte_order_mark_and_windows_line_ends_are_tolerated():
    (document,) = read(b"\xef\xbb\xbfa: 1\r\nb:\r\n  c: |\r\n    x\r\n    y\r\n").documents
    assert document.data == {"a": 1, "b": {"c": "x\ny\n"}}
    source = document.source("b", "c")
    assert (source.line, source.column, source.snippet) == (3, 6, "  c: |")


def test_places_count_characters_not_bytes():
    (document,) = read("ä: {ö😀: ü, x: y}\n").documents
    assert (document.source("ä", "x").column, document.source("ä", "x").end_column) == (15, 16)


def test_a_field_that_is_not_there_is_pointed_at_by_the_key_around_it():
    (document,) = read("spec:\n  crl:\n    validity: 7d\n").documents
    assert str(document.source("spec", "crl", "urls", 0)) == "a.yaml:2:3"
    assert str(document.source("spec", "crl", "validity")) == "a.yaml:3:15"
    assert str(document.source("spec", "crl", "validity", key=True)) == "a.yaml:3:5"
    assert str(document.source("metadata")) == "a.yaml:1:1"


def test_one_document_can_be_composed_again_for_its_places():
    text = decode_text(b"a: 1\n---\n---\nb:\n  - x\n  - y\n", "a.yaml")
    assert isinstance(text, SourceText)
    assert str(compose_document(text, 2).source("b", 1)) == "a.yaml:6:5"


@given(st.binary(max_size=200))
def test_no_bytes_lead_to_an_exception(content):
    read(content)


@given(st.text(alphabet="ab:-?[]{}&*!|>'\"%#@`,\n\t \\\r\x00\u2028", max_size=60))
def test_no_text_leads_to_an_exception(content):
    read(content)


@given(st.text(alphabet=st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])))
def test_a_double_quoted_value_comes_back_the_same(value):
    written = value.replace("\\", "\\\\").replace('"', '\\"')
    assert data_of(f'a: "{written}"\n') == {"a": value}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"-----BEGIN PRIVATE KEY-----", True),
        (b"-----BEGIN RSA PRIVATE KEY-----", True),
        (b"-----BEGIN EC PRIVATE KEY-----", True),
        (b"-----BEGIN ENCRYPTED PRIVATE KEY-----", True),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----", True),
        (b"junk\n-----BEGIN CERTIFICATE REQUEST-----\n-----BEGIN PRIVATE KEY-----", True),
        (b"AGE-SECRET-KEY-1" + b"Q" * 58, True),
        (bytes.fromhex("302e020100300506032b6570"), True),  # PKCS#8
        (bytes.fromhex("30770201010420"), True),  # SEC 1
        (bytes.fromhex("308204a30201000282010100"), True),  # PKCS#1
        (bytes.fromhex("3082010002010330"), True),  # PKCS#12
        (b"-----BEGIN CERTIFICATE REQUEST-----", False),
        (b"-----BEGIN PUBLIC KEY-----", False),
        (bytes.fromhex("3081c93071020100"), False),  # a CSR
        (b"", False),
        (b"0", False),
    ],
)
def test_a_private_key_is_recognised_in_pem_and_der(content, expected):
    assert holds_private_key(content) is expected
