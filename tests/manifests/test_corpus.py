"""The two gates, models and JSON Schema, agree on what a manifest is."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from pki_as_code.manifests import KIND_BY_NAME
from pki_as_code.manifests.documents import parse_document
from pki_as_code.manifests.schema import kind_schema, manifest_schema, schema_errors
from pki_as_code.manifests.yaml_nodes import Document, compose_documents
from pki_as_code.manifests.yaml_text import SourceText, decode_text

CORPUS = Path(__file__).parent / "corpus"
ANY_KIND = Draft7Validator(manifest_schema())


def corpus(name: str) -> Any:
    paths = sorted((CORPUS / name).glob("*.yaml"))
    assert paths
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


def document_of(path: Path) -> Document:
    text = decode_text(path.read_bytes(), path.name)
    assert isinstance(text, SourceText)
    composed = compose_documents(text)
    assert composed.findings == ()
    (document,) = composed.documents
    return document


@corpus("good")
def test_both_gates_take_what_is_right(path):
    document = document_of(path)
    assert parse_document(document, second_gate=True).findings == ()
    assert list(ANY_KIND.iter_errors(document.data)) == []


@corpus("bad")
def test_both_gates_refuse_what_is_wrong_in_its_form(path):
    document = document_of(path)
    assert parse_document(document).findings
    assert list(ANY_KIND.iter_errors(document.data))


@corpus("semantic")
def test_the_models_refuse_what_a_schema_cannot_see(path):
    document = document_of(path)
    assert parse_document(document).findings
    assert list(schema_errors(KIND_BY_NAME[document.data["kind"]], document.data)) == []


@corpus("bad")
def test_every_refusal_points_at_a_place_and_says_what_is_wrong(path):
    for finding in parse_document(document_of(path)).findings:
        assert finding.source is not None
        assert finding.source.end_column is not None
        assert finding.source.snippet == path.read_text().splitlines()[finding.source.line - 1]
        assert finding.message[0] != "V", "not pydantic's own words"
        assert "\n" not in finding.message


@pytest.mark.parametrize("kind", KIND_BY_NAME)
def test_every_kind_has_a_good_manifest(kind):
    assert any(document_of(path).data["kind"] == kind for path in (CORPUS / "good").glob("*.yaml"))


@pytest.mark.parametrize("kind", KIND_BY_NAME)
def test_good_manifests_use_every_field_of_their_kind(kind):
    used: set[str] = set()
    for path in (CORPUS / "good").glob("*.yaml"):
        data = document_of(path).data
        if data["kind"] == kind:
            used |= set(data.get("spec", {}))
    definitions = kind_schema(kind)["definitions"]
    assert set(definitions[f"{kind}Spec"]["properties"]) - used <= {"certificate"}


# --- Faults made at random -----------------------------------------------------------------------

GOOD = [document_of(path) for path in sorted((CORPUS / "good").glob("*.yaml"))]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 99_999)
    | st.text(max_size=12)
    | st.sampled_from(
        ["90d", "0s", "33%", "a.example.com", "P-256", "None", "2027-01-31T00:00:00Z"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        yield from paths_in(item, (*path, key))


def damaged(data: Any, path: tuple[Any, ...], value: Any, *, remove: bool) -> Any:
    data = deepcopy(data)
    if not path:
        return value
    holder = data
    for part in path[:-1]:
        holder = holder[part]
    if remove:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return data


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_what_the_models_take_the_schema_takes(draw):
    document = draw.draw(st.sampled_from(GOOD))
    path = draw.draw(st.sampled_from(list(paths_in(document.data))))
    data = damaged(
        document.data, path, draw.draw(JSON), remove=bool(path) and draw.draw(st.booleans())
    )
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in KIND_BY_NAME:
        return
    changed = Document(document.text, 0, document.node, data)
    if parse_document(changed).manifest is not None:
        assert list(schema_errors(KIND_BY_NAME[kind], data)) == []
