"""Write a manifest, or change one that somebody wrote, leaving all else as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel

from pki_as_code.errors import ManifestError
from pki_as_code.manifests import KIND_BY_NAME
from pki_as_code.manifests.base import Manifest
from pki_as_code.manifests.fields import fields_of, model_in
from pki_as_code.manifests.splice import REMOVE, Removal, splice
from pki_as_code.manifests.yaml_format import format_entries, format_flow
from pki_as_code.manifests.yaml_nodes import Document, compose_documents
from pki_as_code.manifests.yaml_text import decode_text
from pki_as_code.model import Finding, JsonValue

__all__ = ["REMOVE", "format_manifest", "set_spec_fields"]

_ENVELOPE: Final = ("apiVersion", "kind", "metadata", "spec")
_BOM: Final = "\ufeff"


def format_manifest(
    manifest: Mapping[str, JsonValue] | Manifest, *, schema_comment: str | None = None
) -> str:
    """
    Return a manifest as YAML: fields in the order of the format, only those that are set.

    `schema_comment` is the path of a JSON Schema, relative to the file, for editors. What is
    written is read back and compared; raises `ManifestError` (`manifest.unwritable`) for data that
    manifests cannot hold.
    """
    data = _data_of(manifest)
    model = KIND_BY_NAME.get(str(data.get("kind")))
    ordered = _in_order({key: data[key] for key in (*_ENVELOPE, *data) if key in data}, model)
    lines = list(format_entries(ordered, 0))
    if schema_comment is not None:
        lines.insert(0, f"# yaml-language-server: $schema={' '.join(schema_comment.split())}")
    text = "\n".join(lines) + "\n"
    documents = _documents(text)
    if documents is not None and [document.data for document in documents] == [data]:
        return text
    raise ManifestError(
        f"the {data.get('kind', 'manifest')} cannot be written as YAML that reads back the same",
        help="see that its texts have no control characters",
        code="manifest.unwritable",
    )


def _data_of(manifest: Mapping[str, JsonValue] | Manifest) -> dict[str, JsonValue]:
    """Return plain JSON data: dictionaries, lists, texts, whole numbers, truth values."""
    if isinstance(manifest, Manifest):
        return manifest.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {key: _plain(value) for key, value in manifest.items()}


def _plain(value: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _in_order(data: JsonValue, model: type[BaseModel] | None) -> JsonValue:
    """Return the data with the keys of each mapping in the order of its model's fields."""
    if isinstance(data, list):
        return [_in_order(item, model) for item in data]
    if not isinstance(data, dict) or model is None:
        return data
    fields = fields_of(model)
    ordered = [*(name for name in fields if name in data), *(n for n in data if n not in fields)]
    return {
        name: _in_order(data[name], model_in(fields[name].annotation) if name in fields else None)
        for name in ordered
    }


def set_spec_fields(
    text: str, changes: Mapping[str, JsonValue | Removal], *, document: int = 0
) -> str:
    """
    Return `text` with fields of its `spec` set: `{"watchers": [...], "renewal.before": "30d"}`.

    `REMOVE` takes a field away. Comments, quotes and the form of all other lines stay. The result
    is read back: it must differ from before by exactly these changes. `document` counts from 0,
    empty ones included.

    Raises `ManifestError`: `manifest.unreadable` with findings when `text` is no manifest, and
    `manifest.cannot_edit`, which shows the change, when it cannot be made here.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    bom = _BOM if text.startswith(_BOM) else ""
    before = _read(text)
    wanted: dict[int, JsonValue] = {item.index: item.data for item in before}
    if document not in wanted:
        raise _cannot_edit(changes)
    edited = text.removeprefix(_BOM)
    for field, value in changes.items():
        path = ("spec", *field.split("."))
        wanted[document] = _with(wanted[document], path, value)
        current = next(item for item in _read(edited) if item.index == document)
        edited = splice(edited, current.node, path, value, newline)
        found = _documents(edited)
        if found is None or {item.index: item.data for item in found} != wanted:
            raise _cannot_edit(changes)
    return bom + edited


def _with(data: JsonValue, path: tuple[str, ...], value: JsonValue | Removal) -> JsonValue:
    """Return a copy of `data` with one field set or taken away."""
    name, *rest = path
    copied = dict(data) if isinstance(data, Mapping) else {}
    if rest and isinstance(value, Removal) and name not in copied:
        return copied
    if rest:
        copied[name] = _with(copied.get(name), tuple(rest), value)
    elif isinstance(value, Removal):
        copied.pop(name, None)
    else:
        copied[name] = _plain(value)
    return copied


def _documents(text: str) -> list[Document] | None:
    """Return the documents of a text, None when it has anything to object to."""
    decoded = decode_text(text.encode("utf-8", "surrogatepass"), "")
    if isinstance(decoded, Finding):
        return None
    composed = compose_documents(decoded)
    return None if composed.findings else list(composed.documents)


def _read(text: str) -> list[Document]:
    decoded = decode_text(text.encode("utf-8", "surrogatepass"), "manifest")
    findings = (decoded,) if isinstance(decoded, Finding) else compose_documents(decoded).findings
    if isinstance(decoded, Finding) or findings:
        raise ManifestError(
            "the manifest cannot be read, so it cannot be changed",
            help="correct it first; `pkictl validate` says what is wrong",
            code="manifest.unreadable",
            findings=findings,
        )
    return list(compose_documents(decoded).documents)


def _cannot_edit(changes: Mapping[str, JsonValue | Removal]) -> ManifestError:
    lines = [
        f"remove spec.{field}"
        if isinstance(value, Removal)
        else f"spec.{field}: {format_flow(value)}"
        for field, value in changes.items()
    ]
    return ManifestError(
        "the manifest cannot be changed without changing more than that",
        help="change it by hand: " + "; ".join(lines),
        code="manifest.cannot_edit",
    )
