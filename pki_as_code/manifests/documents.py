"""From a YAML document to a manifest, or to all that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from pki_as_code.escape import quoted
from pki_as_code.manifests import KIND_BY_NAME
from pki_as_code.manifests.base import API_VERSION, WRITTEN, Manifest
from pki_as_code.manifests.suggestions import did_you_mean
from pki_as_code.manifests.validation_errors import validation_findings
from pki_as_code.manifests.yaml_nodes import Document
from pki_as_code.model import Finding


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """`manifest` is None when there are findings; `kind` and `name` are what could be told."""

    manifest: Manifest | None
    findings: tuple[Finding, ...]
    kind: type[Manifest] | None = None
    name: str | None = None


def parse_document(document: Document, *, second_gate: bool = False) -> ParsedDocument:
    """
    Return the manifest that a document holds, or findings with codes `manifest.…`.

    With `second_gate`, what the model takes is also judged by the JSON Schema that editors use.
    """
    data = document.data
    if not isinstance(data, dict):
        finding = Finding(
            "manifest.not_a_mapping",
            "a manifest is a mapping with `apiVersion`, `kind`, `metadata` and `spec`",
            document.source(),
            help="write `key: value` lines",
        )
        return ParsedDocument(None, (finding,))
    kind = _kind_of(data)
    envelope = _envelope_findings(data, document)
    name = _name_of(data)
    if kind is None or envelope:
        return ParsedDocument(None, tuple(envelope), kind, name)
    try:
        manifest = kind.model_validate(data, context=WRITTEN, by_alias=True, by_name=False)
    except ValidationError as error:
        findings = tuple(validation_findings(error, kind, document))
        return ParsedDocument(None, findings, kind, name)
    findings = tuple(_schema_findings(document, kind)) if second_gate else ()
    return ParsedDocument(None if findings else manifest, findings, kind, name)


def _kind_of(data: dict[str, Any]) -> type[Manifest] | None:
    kind = data.get("kind")
    return KIND_BY_NAME.get(kind) if isinstance(kind, str) else None


def _name_of(data: dict[str, Any]) -> str | None:
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return str(name) if isinstance(name, str) else None


def _envelope_findings(data: dict[str, Any], document: Document) -> list[Finding]:
    """Return what keeps the document from being a manifest of a known kind and version."""
    findings = [
        Finding(
            "manifest.missing_field",
            f"the manifest has no `{key}`",
            document.source(),
            help=f"add `{key}: {example}`",
        )
        for key, example in (("apiVersion", API_VERSION), ("kind", "Certificate"))
        if key not in data
    ]
    version, kind = data.get("apiVersion", API_VERSION), data.get("kind", "Certificate")
    if version != API_VERSION:
        findings.append(
            Finding(
                "manifest.unknown_api_version",
                f"there is no apiVersion {quoted(str(version))}",
                document.source("apiVersion"),
                help=f"write `apiVersion: {API_VERSION}`",
            )
        )
    if not isinstance(kind, str) or kind not in KIND_BY_NAME:
        findings.append(
            Finding(
                "manifest.unknown_kind",
                f"there is no kind {quoted(str(kind))}",
                document.source("kind"),
                help=did_you_mean(str(kind), KIND_BY_NAME),
            )
        )
    return findings


def _schema_findings(document: Document, kind: type[Manifest]) -> list[Finding]:
    from pki_as_code.manifests.schema_generation import schema_errors

    return [
        Finding(
            "manifest.schema",
            message,
            document.source(*location),
            help="the JSON Schema does not agree with this program; please report it",
        )
        for location, message in schema_errors(kind, document.data)
    ]
