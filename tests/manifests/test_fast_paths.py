"""What is read the quick way is read as by the way that says what is wrong, and refuses no less."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from pki_as_code import workers
from pki_as_code.errors import PkiAsCodeError
from pki_as_code.manifests import KINDS, load, yaml_nodes
from pki_as_code.manifests.load import LoadResult, load_manifests
from pki_as_code.manifests.schema_gate import compile_schema
from pki_as_code.manifests.schema_generation import schema_of
from pki_as_code.manifests.tree import WorkingTree
from pki_as_code.manifests.tree_reads import ManyReads
from pki_as_code.manifests.unquoted import UnquotedText
from pki_as_code.manifests.yaml_nodes import Composed, compose_documents, compose_with_findings
from pki_as_code.manifests.yaml_scan import needs_scan, scan
from pki_as_code.manifests.yaml_text import SourceText, decode_text
from pki_as_code.model import Finding
from tests.manifests.repositories import certificate, manifest, write

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*/*.yaml"))
OTHER_TESTS = [Path(__file__).with_name(name) for name in ("test_yaml.py", "test_load.py")]


# --- YAML ----------------------------------------------------------------------------------------


def shown(composed: Composed) -> list[Any]:
    """Return all that can be told of what was composed, types of texts and places included."""
    documents = [
        (document.index, typed(document.data), str(document.source()))
        for document in composed.documents
    ]
    return [documents, [(str(f), f.source, f.help) for f in composed.findings]]


def typed(data: Any) -> Any:
    if isinstance(data, dict):
        return [(type(key), key, typed(value)) for key, value in data.items()]
    if isinstance(data, list):
        return [typed(item) for item in data]
    return ("unquoted" if isinstance(data, UnquotedText) else type(data), data)


def same_both_ways(content: str) -> None:
    text = decode_text(content.encode("utf-8", "surrogatepass"), "a.yaml")
    if isinstance(text, Finding) or (needs_scan(text.text) and next(scan(text), None)):
        return  # refused before anything is composed
    assert shown(compose_documents(text)) == shown(compose_with_findings(text))


SCALARS = st.one_of(
    st.sampled_from(
        [
            *("", "~", "null", "NULL", "true", "False", "no", "1", "-1", "-0", "01", "0", "-"),
            *("1" * 18, "1" * 19, "-" + "1" * 18, "1.5", "12:34", "2027-01-01", "a", '"x"', "'x'"),
            *('"\\u200b"', '"\\n"', "<<", '"<<"', "a b", "a: b", "a #b", "{}", "[]", "''", '"'),
            *("|\n  x", ">\n  x\n  y", "? a", "- x", "*a", "&a x", "!t x", "33%", "\t", "@x", "`x"),
        ]
    ),
    st.text(alphabet="ab:-#,[]{}'\"0.1~<|>?!&*%@` \t\n", max_size=12),
)
KEYS = st.one_of(
    st.sampled_from(["a", "b", "a", "kind", "1", "-x", "1x", "true", "null", "~", "<<", '"a"', ""])
)


@st.composite
def block(draw: st.DrawFn, indent: int = 0, depth: int = 0) -> str:
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        key = draw(KEYS)
        if depth < 2 and draw(st.booleans()):
            inner = draw(block(indent + 2, depth + 1))
            lines.append(f"{' ' * indent}{key}:\n{inner}")
        elif draw(st.booleans()):
            items = "".join(f"{' ' * indent}- {draw(SCALARS)}\n" for _ in range(2))
            lines.append(f"{' ' * indent}{key}:\n{items}")
        else:
            lines.append(f"{' ' * indent}{key}: {draw(SCALARS)}\n")
    return "".join(lines)


@given(st.lists(block(), min_size=1, max_size=3).map("---\n".join))
@settings(max_examples=300, deadline=None)
def test_documents_are_composed_alike(content: str) -> None:
    same_both_ways(content)


@given(st.text(alphabet="ab1-:?,[]{}'\"#|>~\n <.", max_size=40))
@example("a: [b, c]\na: 1\n")
@example("? [a]\n: b\n")
@example("x: |\n  a\n  b\ny: >-\n  c\n\n  d\n")
@settings(max_examples=300, deadline=None)
def test_any_text_is_composed_alike(content: str) -> None:
    same_both_ways(content)


@pytest.mark.parametrize(
    "content",
    [
        "a: " + "[" * 31 + "]" * 31,
        "a: " + "[" * 32 + "]" * 32,
        "- 1\n" * 19_999,
        "- 1\n" * 20_000,
        "a\n--- \n" * 100,
        "a\n--- \n" * 101,
    ],
    ids=lambda content: f"{content[:5]!r}-{len(content)}",
)
def test_limits_are_the_same_both_ways(content: str) -> None:
    same_both_ways(content)


def examples_in_tests() -> Iterator[str]:
    """Yield every text in the sources of the tests of reading that could be YAML."""
    for path in OTHER_TESTS:
        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', path.read_text()):
            yield literal.encode().decode("unicode_escape")
        for literal in re.findall(r'"""(.*?)"""', path.read_text(), re.DOTALL):
            yield literal
    for path in CORPUS:
        yield path.read_text()


def test_the_examples_of_other_tests_are_composed_alike() -> None:
    for content in examples_in_tests():
        same_both_ways(content)


@given(st.text(max_size=30))
@example("\r\n")
@example("a\rb")
@example("a\r")
@example("\ttab")
@example("\x7f")
@example("-----BEGIN PRIVATE KEY-----")
@example("-----BEGIN RSA PRIVATE KEY-----")
@example("AGE-SECRET-KEY-1QQQQQQQQQ")
@settings(deadline=None)
def test_texts_are_refused_alike(content: str) -> None:
    data = content.encode()
    quick = decode_text(data, "a.yaml")
    slow = decode_text(data + "\u00e4".encode(), "a.yaml")  # not ASCII: looked at in full
    assert isinstance(quick, Finding) == isinstance(slow, Finding)
    if isinstance(quick, Finding) and isinstance(slow, Finding):
        assert (quick.code, str(quick.source)) == (slow.code, str(slow.source))


# --- The second gate -----------------------------------------------------------------------------

VALIDATORS = {kind: Draft7Validator(schema_of(kind)) for kind in KINDS}
GATES = {kind: compile_schema(schema_of(kind)) for kind in KINDS}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "P-256", "90d"]),
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text("ab", max_size=2), parts),
    max_leaves=6,
)


def documents_of_corpus() -> list[Any]:
    found = []
    for path in CORPUS:
        text = decode_text(path.read_bytes(), path.name)
        assert isinstance(text, SourceText)
        found += [document.data for document in compose_documents(text).documents]
    return found


DOCUMENTS = documents_of_corpus()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_gate_and_the_library_agree_on_every_manifest(kind: Any) -> None:
    for data in DOCUMENTS:
        assert GATES[kind](data) == VALIDATORS[kind].is_valid(data)


@given(st.data(), st.sampled_from(DOCUMENTS), st.sampled_from(KINDS), JSON)
@settings(max_examples=400, deadline=None)
def test_the_gate_and_the_library_agree_on_manifests_with_one_change(
    data: Any, document: Any, kind: Any, value: Any
) -> None:
    changed = put(data, document, value)
    assert GATES[kind](changed) == VALIDATORS[kind].is_valid(changed)


def put(data: Any, document: Any, value: Any) -> Any:
    """Return the document with one value, or one more key, at a place that is drawn."""
    if isinstance(document, dict) and document and data.draw(st.integers(0, 9)):
        key = data.draw(st.sampled_from([*document, "more"]))
        return {**document, key: put(data, document.get(key), value)}
    if isinstance(document, list) and document and data.draw(st.integers(0, 9)):
        position = data.draw(st.integers(0, len(document) - 1))
        return [
            put(data, item, value) if index == position else item
            for index, item in enumerate(document)
        ]
    return value


SCHEMAS: list[dict[str, Any]] = [
    {"uniqueItems": True},
    {"not": {"uniqueItems": True}},
    {"const": True},
    {"enum": ["a"], "type": "string"},
    {"oneOf": [{"type": "integer"}, {"minimum": 0}]},
    {"anyOf": [{"minItems": 2}, {"maxProperties": 1}]},
    {"propertyNames": {"pattern": "^a"}, "additionalProperties": False, "properties": {"a": {}}},
    {"items": {"type": "null"}, "maxItems": 2},
    {"required": ["a"], "minLength": 1, "maxLength": 1, "maximum": 1},
    {"allOf": [{"type": "object"}, True], "additionalProperties": {"type": "boolean"}},
    {"$ref": "#/definitions/x", "definitions": {"x": {"items": {"$ref": "#/definitions/x"}}}},
]


@given(st.sampled_from(SCHEMAS), JSON)
@settings(max_examples=400, deadline=None)
def test_each_keyword_means_what_it_means_to_the_library(schema: Any, value: Any) -> None:
    assert compile_schema(schema)(value) == Draft7Validator(schema).is_valid(value)


# --- Whole repositories --------------------------------------------------------------------------


def everything(result: LoadResult) -> tuple[Any, ...]:
    return (
        {kind: dict(objects) for kind, objects in result.manifests.by_kind.items()},
        [
            (loaded.text, loaded.document, loaded.csr, loaded.csr_path)
            for objects in result.manifests.by_kind.values()
            for loaded in objects.values()
        ],
        result.manifests.unreadable,
        result.findings,
    )


def odd_repository(root: Path) -> WorkingTree:
    """A repository with enough files to be shared out, among them every invalid example."""
    files: dict[str, str | bytes] = {
        "pki.yaml": manifest("Project", "p"),
        "authorities/ca.yaml": manifest("CertificateAuthority", "ca", "{subject: CN=x}"),
        "certificates/x.csr": "csr",
        "certificates/key.csr": "-----BEGIN PRIVATE KEY-----",
        "elsewhere/lost.yaml": certificate("lost"),
        "certificates/empty.yaml": "",
        "certificates/again.yaml": certificate("c-1"),
        "certificates/payments/_namespace.yaml": manifest("Namespace", "other"),
        "certificates/Bad_Name/x.yaml": certificate("x"),
        "certificates/nothing.yaml": manifest("Certificate", "n", "csrFile: nothing.csr"),
        "certificates/key.yaml": manifest("Certificate", "key", "csrFile: key.csr"),
        "certificates/out.yaml": manifest("Certificate", "out", "csrFile: ../../x.csr"),
    }
    files |= {f"certificates/c-{number}.yaml": certificate(f"c-{number}") for number in range(120)}
    files |= {
        f"certificates/team-{number}/{path.stem}.yaml": path.read_bytes()
        for number in range(2)
        for path in CORPUS
    }
    files |= {
        f"certificates/odd/{number}.yaml": content
        for number, content in enumerate(examples_in_tests())
        if number % 3 == 0 and content.isprintable()
    }
    tree = write(root, files)
    (root / "certificates/link.yaml").symlink_to("again.yaml")
    (root / "certificates/linked").symlink_to("payments")
    return tree


def test_children_and_the_quick_ways_find_what_is_found_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = odd_repository(tmp_path)
    monkeypatch.setattr(workers, "processes", lambda: 3)
    quick = everything(load_manifests(tree, second_gate=True))
    monkeypatch.setattr(workers, "processes", lambda: 1)
    monkeypatch.setattr(load, "ManyReads", PlainReads)
    monkeypatch.setattr("pki_as_code.manifests.schema_generation._gate", lambda _: None)
    monkeypatch.setattr("pki_as_code.manifests.reading.compose_documents", compose_in_full)
    slow = everything(load_manifests(tree, second_gate=True))
    assert len(quick[3]) > 100
    assert quick == slow


class PlainReads(ManyReads):
    def read(self, path: str) -> bytes:
        return self._tree.read(path)


def compose_in_full(text: SourceText) -> Composed:
    findings = tuple(scan(text))[: yaml_nodes.MAX_FINDINGS] if needs_scan(text.text) else ()
    return Composed((), findings) if findings else compose_with_findings(text)


# --- Files, one after the other ------------------------------------------------------------------


def test_many_reads_refuse_what_the_tree_refuses(tmp_path: Path) -> None:
    tree = write(tmp_path, {"a/x": "1", "a/b/y": "2", "z": "3", "a/large": b"x" * 2_000_000})
    (tmp_path / "a/link").symlink_to("x")
    (tmp_path / "linked").symlink_to("a")
    os.mkfifo(tmp_path / "a/pipe")
    (tmp_path / "a/secret").write_text("4")
    (tmp_path / "a/secret").chmod(0)
    paths = [
        "a/x",
        "a/link",
        "a/b/y",
        "a/b",
        "a/pipe",
        "linked/x",
        "a/none",
        "none/x",
        "z",
        "a/x/y",
        "../x",
        "/etc/passwd",
        "a/../z",
        "a/large",
        "a/secret",
        ".git/config",
        "a//x",
        "a",
    ]
    paths.append("")
    with ManyReads(tree) as reads:
        assert [outcome(reads, path) for path in paths] == [outcome(tree, path) for path in paths]


def outcome(tree: Any, path: str) -> Any:
    try:
        return tree.read(path)
    except PkiAsCodeError as error:
        return error.code, error.message, error.help


def test_a_directory_that_became_a_link_is_not_followed_by_a_later_loading(tmp_path: Path) -> None:
    tree = write(tmp_path, {"a/x": "1", "b/x": "2"})
    assert ManyReads(tree).read("a/x") == b"1"
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "a").symlink_to("b")
    with ManyReads(tree) as reads, pytest.raises(PkiAsCodeError, match="symlink"):
        reads.read("a/x")


def test_a_file_that_grows_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = write(tmp_path, {"a": "12345"})
    real = os.fstat

    def shorter(descriptor: int) -> os.stat_result:
        status = list(real(descriptor))
        status[stat.ST_SIZE] = 2
        return os.stat_result(status)

    monkeypatch.setattr(os, "fstat", shorter)
    assert tree.read("a") == b"12345"
