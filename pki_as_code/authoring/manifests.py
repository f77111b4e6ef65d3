"""The form of a manifest that a program writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, relpath

from pki_as_code.errors import InvalidValueError, NotFoundError
from pki_as_code.manifests.edit import format_manifest
from pki_as_code.manifests.scalars import check_name
from pki_as_code.model import CERTIFICATE, DEFAULT_NAMESPACE, JsonValue, ObjectId

API_VERSION = "pki-as-code/v1"
SCHEMA_DIRECTORY = "schemas/v1"
LONGEST_NAME = 63

_NOT_IN_NAMES = re.compile(r"[^a-z0-9.]+")
_DOTS = re.compile(r"\.{2,}")


@dataclass(frozen=True, slots=True)
class Written:
    """Files of one object, path below the root -> content, and the object."""

    object_id: ObjectId
    files: Mapping[str, bytes]


def object_name(text: str) -> str:
    """
    Return a `metadata.name` for what people call a thing: `*.A.com` -> `wildcard.a.com`.

    Raises:
        InvalidValueError: nothing of the text can stand in a name.
    """
    lowered = text.strip().lower().replace("*", "wildcard")
    name = _DOTS.sub(".", _NOT_IN_NAMES.sub("-", lowered)).strip(".-")[:LONGEST_NAME].strip(".-")
    if not name:
        raise InvalidValueError(
            f"no name can be made of {text!r}",
            help="give one with --as",
            code="manifest.no_name",
        )
    return name


def certificate_id(name: str, namespace: str | None) -> ObjectId:
    """
    Return the identity of `name` or `namespace/name`, whose parts can be those of a path.

    Raises:
        InvalidValueError: one of them is no name, or two namespaces are given.
    """
    owner, _, short = name.rpartition("/")
    if owner and namespace and owner != namespace:
        raise InvalidValueError(
            f"{name!r} is in namespace {owner!r}, and {namespace!r} is given, too",
            help="name the namespace once",
            code="manifest.conflict",
        )
    chosen = owner or namespace or DEFAULT_NAMESPACE
    return ObjectId(CERTIFICATE, check_name(chosen), check_name(short))


def certificate_path(object_id: ObjectId) -> str:
    """Return where a Certificate's manifest goes: `certificates/payments/api.yaml`."""
    if object_id.namespace == DEFAULT_NAMESPACE:
        return f"certificates/{object_id.name}.yaml"
    return f"certificates/{object_id.namespace}/{object_id.name}.yaml"


def check_free(path: str, read: Callable[[str], bytes]) -> str:
    """Return `path`, to which a new manifest may be written. Raises `InvalidValueError`."""
    if content_of(read, path) is not None:
        raise InvalidValueError(
            f"{path} is there already, and holds another object",
            help="give another name, or rename the file",
            code="manifest.exists",
        )
    return path


def content_of(read: Callable[[str], bytes], path: str) -> bytes | None:
    """Return what is at `path`, None for nothing. Raises for what is there and no plain file."""
    try:
        return read(path)
    except NotFoundError:
        return None


def make_manifest(
    kind: str, name: str, spec: Mapping[str, JsonValue], labels: Mapping[str, str] | None = None
) -> dict[str, JsonValue]:
    """Return a manifest as plain data, without fields that say nothing."""
    metadata: dict[str, JsonValue] = {"name": name}
    if labels:
        metadata["labels"] = dict(labels)
    given = {field: value for field, value in spec.items() if value not in (None, [], (), {})}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": given}


def manifest_bytes(manifest: Mapping[str, JsonValue], path: str) -> bytes:
    """Return the YAML of a manifest that is to lie at `path`, with its editor's modeline."""
    schema = join(SCHEMA_DIRECTORY, f"{str(manifest['kind']).lower()}.json")
    comment = relpath(schema, dirname(path) or ".")
    return format_manifest(manifest, schema_comment=comment).encode()
