from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pki_as_code.errors import ManifestError
from pki_as_code.manifests.documents import parse_document
from pki_as_code.manifests.edit import REMOVE, format_manifest, set_spec_fields
from pki_as_code.manifests.yaml_format import format_flow
from pki_as_code.manifests.yaml_nodes import compose_documents
from pki_as_code.manifests.yaml_text import SourceText, decode_text
from tests.manifests.test_corpus import CORPUS, document_of

GOOD = sorted((CORPUS / "good").glob("*.yaml"))

PRINTABLE = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=20
)
TRICKY = st.sampled_from(
    [
        "NO",
        "no",
        "y",
        "on",
        "null",
        "~",
        "",
        "true",
        "0123",
        "7E0",
        "1e10",
        "12:34:56",
        "1.10",
        "0x1F",
        "2027-01-31",
        "*.example.com",
        "&a",
        "!b",
        "a: b",
        "a #b",
        "#",
        "- a",
        "-",
        "?",
        "[a]",
        "{a}",
        "%",
        "@",
        "`",
        "a,b",
        " a",
        "a ",
        "'",
        '"',
        "\\",
        "a\nb",
        "a\n",
        "\na",
        "a\n\n",
        " a\nb",
        "a\n b\n",
        "\n",
        "|",
        "<<",
        "=",
        ".",
        "...",
        "---",
        "a\tb",
        "\t",
        "a:",
        ":a",
        "é",
        "😀",
        "0o17",
        ".inf",
        "1_000",
        "+1",
    ]
)
TEXT = PRINTABLE | TRICKY
KEYS = st.text(string.ascii_letters, min_size=1, max_size=8) | st.sampled_from(
    ["NO", "on", "y", "null", "a.b/c"]
)
VALUES = st.recursive(
    TEXT | st.booleans() | st.integers(-999, 99999) | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=10,
)


def data_of(text: str):
    decoded = decode_text(text.encode(), "a.yaml")
    assert isinstance(decoded, SourceText)
    composed = compose_documents(decoded)
    assert composed.findings == ()
    (document,) = composed.documents
    return document.data


# --- Writing -------------------------------------------------------------------------------------


def test_a_manifest_is_written_in_the_order_of_the_format_and_quoted_where_needed():
    text = format_manifest(
        {
            "spec": {
                "reissue": 1,
                "renewal": {"before": "30d", "mode": "Automatic"},
                "notAfter": "2027-01-31T00:00:00Z",
                "subjectAltNames": ["api.example.com", "IP:10.0.0.7", "*.example.com"],
                "csr": "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n",
                "watchers": [],
            },
            "metadata": {"labels": {"country": "NO", "version": "1.10"}, "name": "api"},
            "kind": "Certificate",
            "apiVersion": "pki-as-code/v1",
        },
        schema_comment="../../schemas/v1/certificate.json",
    )
    assert text == (
        "# yaml-language-server: $schema=../../schemas/v1/certificate.json\n"
        "apiVersion: pki-as-code/v1\n"
        "kind: Certificate\n"
        "metadata:\n"
        "  name: api\n"
        "  labels:\n"
        '    country: "NO"\n'
        '    version: "1.10"\n'
        "spec:\n"
        "  csr: |\n"
        "    -----BEGIN CERTIFICATE REQUEST-----\n"
        "    MIIB\n"
        "  subjectAltNames:\n"
        "    - api.example.com\n"
        '    - "IP:10.0.0.7"\n'
        '    - "*.example.com"\n'
        '  notAfter: "2027-01-31T00:00:00Z"\n'
        "  renewal:\n"
        "    mode: Automatic\n"
        "    before: 30d\n"
        "  watchers: []\n"
        "  reissue: 1\n"
    )


def test_serial_numbers_are_always_quoted():
    for serial in ("AB:CD", "4711", "7E0", "cafe"):
        spec = {"serial": serial, "issuer": "root"}
        text = format_manifest({"apiVersion": "pki-as-code/v1", "kind": "Revocation", "spec": spec})
        assert f'serial: "{serial}"\n' in text


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_model_that_is_written_is_loaded_as_the_same_model(path, tmp_path):
    manifest = parse_document(document_of(path)).manifest
    written = tmp_path / "a.yaml"
    written.write_text(format_manifest(manifest, schema_comment="x.json"))
    again = parse_document(document_of(written))
    assert again.findings == ()
    assert again.manifest == manifest
    assert again.manifest.model_fields_set == manifest.model_fields_set


@given(st.dictionaries(KEYS, VALUES, max_size=5))
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_back_the_same(spec):
    data = {"apiVersion": "pki-as-code/v1", "kind": "Certificate", "spec": spec}
    text = format_manifest(data)
    assert data_of(text) == data


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_a_value_on_one_line_is_read_back_the_same(value):
    assert data_of(f"a: {format_flow(value)}\n") == {"a": value}


def test_other_readers_of_yaml_read_the_same_text():
    import yaml

    words = [
        "NO",
        "7E0",
        "0123",
        "12:34:56",
        "2027-01-31",
        "1_000",
        "y",
        "=",
        "<<",
        "null",
        "1.5",
        "plain",
    ]
    text = format_manifest({"apiVersion": "x", "kind": "x", "spec": {"words": words}})
    assert yaml.safe_load(text)["spec"]["words"] == words


def test_texts_with_control_characters_cannot_be_written():
    for text in ("\x00", "\x1b[31m", "a\rb", "\u202e", "\ud800"):
        with pytest.raises(ManifestError) as error:
            format_manifest({"apiVersion": "x", "kind": "Certificate", "spec": {"subject": text}})
        assert error.value.code == "manifest.unwritable"


def test_a_schema_comment_cannot_add_lines():
    text = format_manifest({"kind": "Certificate"}, schema_comment="a\nkind: Project")
    assert data_of(text) == {"kind": "Certificate"}


# --- Editing -------------------------------------------------------------------------------------

MANIFEST = """\
# Team payments; ask Alice.
apiVersion: pki-as-code/v1   # the only one
kind: Certificate
metadata: {name: api}
spec:
  # made by the load balancer
  csrFile:   'api.csr'  # beside
  watchers:   # who
    - a@example.com   # Alice
    - "b@example.com"
    # nobody else

  renewal: {mode: Automatic, before: 30d}   # r
  subjectAltNames: [
    a.example.com,
    b.example.com,
  ]
  subject: >-
    CN=x
  issuer: issuing
# the end
"""


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that went and those that came."""
    import difflib

    diff = [
        x for x in difflib.ndiff(before.splitlines(), after.splitlines()) if x[:2] in {"- ", "+ "}
    ]
    return [x[2:] for x in diff if x[0] == "-"], [x[2:] for x in diff if x[0] == "+"]


@pytest.mark.parametrize(
    ("changes", "gone", "come"),
    [
        ({"issuer": "other"}, ["  issuer: issuing"], ["  issuer: other"]),
        (
            {"csrFile": "new.csr"},
            ["  csrFile:   'api.csr'  # beside"],
            ["  csrFile:   new.csr  # beside"],
        ),
        (
            {"watchers": ["a@example.com", "b@example.com", "c@example.com"]},
            [],
            ["    - c@example.com"],
        ),
        ({"watchers": ["b@example.com"]}, ["    - a@example.com   # Alice"], []),
        ({"watchers": ["a@example.com"]}, ['    - "b@example.com"'], []),
        (
            {"watchers": ["b@example.com", "NO <c@example.com>"]},
            ["    - a@example.com   # Alice"],
            ['    - "NO <c@example.com>"'],
        ),
        (
            {"watchers": ["c@example.com"]},
            ["    - a@example.com   # Alice", '    - "b@example.com"'],
            ["    - c@example.com"],
        ),
        (
            {"watchers": []},
            ["  watchers:   # who", "    - a@example.com   # Alice", '    - "b@example.com"'],
            ["  watchers: []   # who"],
        ),
        (
            {"watchers": REMOVE},
            ["  watchers:   # who", "    - a@example.com   # Alice", '    - "b@example.com"'],
            [],
        ),
        (
            {"renewal.before": "20d"},
            ["  renewal: {mode: Automatic, before: 30d}   # r"],
            ["  renewal: {mode: Automatic, before: 20d}   # r"],
        ),
        (
            {"renewal.mode": REMOVE},
            ["  renewal: {mode: Automatic, before: 30d}   # r"],
            ["  renewal: {before: 30d}   # r"],
        ),
        (
            {"renewal.before": REMOVE},
            ["  renewal: {mode: Automatic, before: 30d}   # r"],
            ["  renewal: {mode: Automatic}   # r"],
        ),
        ({"renewal": REMOVE}, ["  renewal: {mode: Automatic, before: 30d}   # r"], []),
        (
            {"renewal": {"mode": "None"}},
            ["  renewal: {mode: Automatic, before: 30d}   # r"],
            ["  renewal: {mode: None}   # r"],
        ),
        ({"reissue": 3}, [], ["  reissue: 3"]),
        ({"notAfter": "2027-01-31T00:00:00Z"}, [], ['  notAfter: "2027-01-31T00:00:00Z"']),
        ({"adopt.certificateFile": "old.pem"}, [], ["  adopt:", "    certificateFile: old.pem"]),
        ({"subject": "CN=y"}, ["  subject: >-", "    CN=x"], ["  subject: CN=y"]),
        ({"csr": "a\nb\n"}, [], ["  csr: |", "    a", "    b"]),
        ({"issuer": REMOVE, "reissue": 1}, ["  issuer: issuing"], ["  reissue: 1"]),
        ({"nothing": REMOVE, "nested.nothing": REMOVE}, [], []),
        (
            {"subjectAltNames": ["c.example.com"]},
            ["  subjectAltNames: [", "    a.example.com,", "    b.example.com,", "  ]"],
            ["  subjectAltNames: [c.example.com]"],
        ),
    ],
)
def test_an_edit_changes_its_own_lines_only(changes, gone, come):
    after = set_spec_fields(MANIFEST, changes)
    assert changed_lines(MANIFEST, after) == (gone, come)


def test_windows_line_ends_and_a_byte_order_mark_stay():
    before = "\ufeff" + MANIFEST.replace("\n", "\r\n")
    after = set_spec_fields(before, {"watchers": ["b@example.com", "c@example.com"], "reissue": 1})
    assert after.startswith("\ufeff#")
    assert after.count("\n") == after.count("\r\n") == before.count("\n") + 1


def test_a_file_without_a_last_line_break_can_be_edited():
    text = "kind: x\nspec:\n  a: 1"
    assert set_spec_fields(text, {"b": 2}) == "kind: x\nspec:\n  a: 1\n  b: 2"


@pytest.mark.parametrize("spec", ["spec: {}", "spec:", "spec: {b: 1}", "spec:\n  b: 1", "x: y"])
def test_a_spec_that_is_empty_or_on_one_line_can_be_added_to(spec):
    for changes in ({"a": "NO"}, {"a.c": ["x"]}, {"a": {"c": 1}}):
        after = set_spec_fields(f"kind: x\n{spec}\n", changes)
        assert "a" in data_of(after)["spec"]


def test_the_last_field_of_a_mapping_leaves_an_empty_one():
    after = set_spec_fields("spec:\n  a:\n    b: 1  # c\n", {"a.b": REMOVE})
    assert data_of(after) == {"spec": {"a": {}}}


def test_one_of_several_documents_is_edited():
    text = f"---\n{MANIFEST}---\n{MANIFEST}"
    after = set_spec_fields(text, {"issuer": "other"}, document=1)
    assert after == f"---\n{MANIFEST}---\n" + MANIFEST.replace("issuer: issuing", "issuer: other")
    with pytest.raises(ManifestError):
        set_spec_fields(text, {"issuer": "other"}, document=2)


def test_what_cannot_be_read_is_not_edited():
    with pytest.raises(ManifestError) as error:
        set_spec_fields("a: [", {"b": 1})
    assert error.value.code == "manifest.unreadable"
    assert [finding.code for finding in error.value.findings] == ["yaml.syntax"]


def test_an_edit_that_would_change_more_is_refused_and_shows_the_change():
    with pytest.raises(ManifestError) as error:
        set_spec_fields("spec: {a: {b: 1}}\n", {"a.b": "\x1b"})
    assert error.value.code == "manifest.cannot_edit"
    with pytest.raises(ManifestError) as error:
        set_spec_fields("spec: text\n", {"watchers": ["NO"], "x": REMOVE}, document=4)
    assert error.value.help == 'change it by hand: spec.watchers: ["NO"]; remove spec.x'


def reference(data, path, value):
    *parents, name = path
    for part in parents:
        if not isinstance(data.get(part), dict):
            if value is REMOVE:
                return
            data[part] = {}
        data = data[part]
    if value is REMOVE:
        data.pop(name, None)
    else:
        data[name] = value


FIELDS = st.sampled_from(
    [
        "issuer",
        "watchers",
        "renewal",
        "renewal.before",
        "renewal.mode",
        "subjectAltNames",
        "csrFile",
        "extensions",
        "extensions.keyUsage.value",
        "extensions.keyUsage",
        "new",
        "new.field",
        "validity",
        "csr",
        "key.uri",
        "crl.urls",
        "selector.labels",
        "notify",
        "signs.extensions",
        "defaults",
        "description",
    ]
)


@given(st.sampled_from(GOOD), FIELDS, VALUES | st.just(REMOVE) | st.lists(TEXT, max_size=3))
@settings(max_examples=500, deadline=None)
def test_an_edit_does_what_it_says_or_refuses(path: Path, field, value):
    before = path.read_text()
    wanted = data_of(before)
    reference(wanted, ["spec", *field.split(".")], value)
    try:
        after = set_spec_fields(before, {field: value})
    except ManifestError as error:
        assert error.code == "manifest.cannot_edit"
        return
    found = data_of(after)
    if value is REMOVE and "spec" not in found:
        wanted.pop("spec", None)
    assert found == wanted
