"""
What is read of a file, as a child hands it to its parent: of Certificates values, and no objects.

Pickled as they are, they would take as long as it takes to validate them. Unpacked, they share what
they have in common, and each takes less memory than one that was just validated.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, TypeVar

from pki_as_code.manifests.base import Metadata, Spec
from pki_as_code.manifests.certificate import Certificate, CertificateSpec
from pki_as_code.manifests.manifest_set import Loaded, Unreadable
from pki_as_code.manifests.reading import FileContents
from pki_as_code.manifests.yaml_text import SourceText
from pki_as_code.model import Finding, ObjectId

M = TypeVar("M", bound=Spec)

_Model = tuple[tuple[str, ...], tuple[Any, ...]]
"""The names of the fields that were given, sorted, and the values of all."""

_Certificate = tuple[_Model, _Model, str, str, int, bytes | None, str, bytes | None, str]
Packed = tuple[list[Loaded[Any] | _Certificate], list[Finding], list[Unreadable]]


def pack(contents: FileContents) -> Packed:
    return [_pack(loaded) for loaded in contents.loaded], contents.findings, contents.unreadable


def unpack(packed: Packed, path: str) -> FileContents:
    """Return what was packed of the file at `path`."""
    items, findings, unreadable = packed
    loaded = [item if isinstance(item, Loaded) else _unpack(item, path) for item in items]
    return FileContents(loaded, findings, unreadable)


def _pack(loaded: Loaded[Any]) -> Loaded[Any] | _Certificate:
    manifest = loaded.manifest
    if type(manifest) is not Certificate or manifest.model_fields_set != _whole_manifest():
        return loaded
    return (
        _pack_model(manifest.metadata),
        _pack_model(manifest.spec),
        loaded.object_id.namespace,
        loaded.text.text,
        loaded.document,
        loaded.csr_beside,
        loaded.csr_path,
        loaded.adopted_certificate,
        loaded.adopted_path,
    )


def _unpack(packed: _Certificate, path: str) -> Loaded[Certificate]:
    metadata, spec, namespace, text, document, csr, csr_path, adopted, adopted_path = packed
    values = {
        "api_version": "pki-as-code/v1",
        "kind": "Certificate",
        "metadata": _unpack_model(Metadata, metadata),
        "spec": _unpack_model(CertificateSpec, spec),
    }
    manifest = _model(Certificate, values, _whole_manifest())
    return Loaded(
        manifest,
        ObjectId("Certificate", namespace, manifest.metadata.name),
        SourceText(path, text),
        document,
        csr,
        csr_path,
        adopted,
        adopted_path,
    )


# --- Models --------------------------------------------------------------------------------------


def _pack_model(model: Spec) -> _Model:
    values = model.__dict__
    given = tuple(sorted(model.model_fields_set))
    return given, tuple([values[name] for name in _fields(type(model))])


def _unpack_model(kind: type[M], packed: _Model) -> M:
    given, values = packed
    return _model(kind, dict(zip(_fields(kind), values, strict=True)), _given(given))


def _model(kind: type[M], values: dict[str, Any], given: set[str]) -> M:
    """Return a model as pickle does: it was validated, and is not validated again."""
    model = kind.__new__(kind)
    model.__setstate__(
        {
            "__dict__": values,
            "__pydantic_fields_set__": given,
            "__pydantic_extra__": None,
            "__pydantic_private__": None,
        }
    )
    return model


@cache
def _fields(kind: type[Spec]) -> tuple[str, ...]:
    return tuple(kind.model_fields)


@lru_cache(maxsize=1024)
def _given(names: tuple[str, ...]) -> set[str]:
    """Return the fields that were given: one set for all manifests that give the same."""
    return set(names)


def _whole_manifest() -> set[str]:
    return _given(tuple(sorted(_fields(Certificate))))
