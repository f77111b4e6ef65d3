"""
One file: from its bytes to the manifests it holds and to all that is wrong with it.

What is said of a file follows from it, its place and the files it names. `load` brings the files
together.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.escape import has_hidden_characters, quoted, safe
from pki_as_code.manifests.attachments import (
    Attachment,
    Attachments,
    read_attachments,
    read_crl_attachment,
)
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.base import Manifest
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.documents import ParsedDocument, parse_document
from pki_as_code.manifests.manifest_set import Loaded, Unreadable
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.places import Place, check_namespace, check_place, is_yaml, place_of
from pki_as_code.manifests.tree import REGULAR_MODES, Tree, TreeFile, not_regular
from pki_as_code.manifests.yaml_nodes import Document, compose_documents
from pki_as_code.manifests.yaml_text import decode_text
from pki_as_code.model import Finding, ObjectId, Severity, Source

_ONLY_KEYS_TWICE = frozenset({"yaml.duplicate_key"})


@dataclass(slots=True)
class FileContents:
    """What a file holds, in its order."""

    loaded: list[Loaded[Any]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


def read_file(tree: Tree, file: TreeFile, *, second_gate: bool) -> FileContents:
    """Read one file in a place of manifests."""
    reading = _Reading(tree, file.path, place_of(file.path), second_gate)
    reading.read(file.mode)
    return reading.contents


@dataclass(slots=True)
class _Reading:
    tree: Tree
    path: str
    place: Place
    second_gate: bool
    contents: FileContents = field(default_factory=FileContents)

    def read(self, mode: str) -> None:
        if mode not in REGULAR_MODES:
            error = not_regular(self.path, mode)
            self._cannot_read(Finding(error.code, error.message, help=error.help))
            # In the place of a directory, it may hide whole namespaces.
            self._note(Unreadable(self.place.only_kind(), None, None, self.path))
            return
        if not is_yaml(self.path):
            return
        if has_hidden_characters(self.path):
            finding = Finding(
                "path.invalid",
                f"the path {quoted(self.path)} has characters that cannot be seen",
                help="rename the file",
            )
            self._cannot_read(finding)
            return
        try:
            data = self.tree.read(self.path)
        except PkiAsCodeError as error:
            self._cannot_read(Finding(error.code, error.message, help=error.help))
            return
        self._read_data(data)

    def _read_data(self, data: bytes) -> None:
        text = decode_text(data, self.path)
        if isinstance(text, Finding):
            self._cannot_read(text)
            return
        composed = compose_documents(text)
        for finding in composed.findings:
            self._cannot_read(finding)
        if not composed.documents and not composed.findings:
            self._find(
                Finding(
                    "manifest.empty_file",
                    "the file holds nothing",
                    Source(self.path),
                    severity=Severity.WARNING,
                    help="write a manifest, or remove the file",
                )
            )
        if namespace_finding := check_namespace(self.place, self.path):
            self._cannot_read(namespace_finding)
            return
        for document in composed.documents:
            if not composed.findings:
                self._read_document(document)
            elif _ONLY_KEYS_TWICE.issuperset(finding.code for finding in composed.findings):
                # The rest of it can be judged; it is not kept, whichever key was meant.
                self._find(*parse_document(document).findings)

    def _read_document(self, document: Document) -> None:
        parsed = parse_document(document, second_gate=self.second_gate)
        self._find(*parsed.findings)
        misplaced = check_place(parsed.kind, self.place) if parsed.kind else None
        if misplaced:
            self._find(misplaced.at(document.source("kind")))
        attachments = Attachments()
        if parsed.kind is Certificate:
            attachments = read_attachments(self.tree, document)
            self._find(*attachments.findings)
        crl = Attachment()
        if parsed.kind is CertificateAuthority:
            crl = read_crl_attachment(self.tree, document)
            self._find(*([crl.finding] if crl.finding else []))
        if parsed.manifest is None or misplaced:
            self._note(self._unreadable(parsed))
            return
        self._keep(parsed.manifest, document, attachments, crl)

    def _keep(
        self, manifest: Manifest, document: Document, attachments: Attachments, crl: Attachment
    ) -> None:
        kind = type(manifest)
        namespace = self.place.namespace if kind.namespaced else ""
        object_id = ObjectId(kind.__name__, namespace, manifest.metadata.name)
        loaded: Loaded[Any] = Loaded(
            manifest,
            object_id,
            document.text,
            document.index,
            csr_beside=attachments.csr.data if attachments.csr.path else None,
            csr_path=attachments.csr.path,
            adopted_certificate=attachments.adopted.data,
            adopted_path=attachments.adopted.path,
        )
        if isinstance(manifest, CertificateAuthority):
            loaded = replace(loaded, crl=crl.data, crl_path=crl.path)
        if isinstance(manifest, Namespace) and manifest.metadata.name != self.place.namespace:
            self._find(
                Finding(
                    "manifest.namespace_name",
                    f"the namespace of this directory is {quoted(self.place.namespace)}, not "
                    f"{quoted(manifest.metadata.name)}",
                    document.source("metadata", "name"),
                    help=f"write `name: {self.place.namespace}`",
                )
            )
            return
        self.contents.loaded.append(loaded)

    def _find(self, *findings: Finding) -> None:
        self.contents.findings += findings

    def _note(self, unreadable: Unreadable) -> None:
        self.contents.unreadable.append(unreadable)

    def _cannot_read(self, finding: Finding) -> None:
        self._find(finding.at(Source(safe(self.path))))
        self._note(Unreadable(self.place.only_kind(), self.place.namespace, None, self.path))

    def _unreadable(self, parsed: ParsedDocument) -> Unreadable:
        kind = parsed.kind.__name__ if parsed.kind else self.place.only_kind()
        namespaced = parsed.kind.namespaced if parsed.kind else True
        namespace = self.place.namespace if namespaced else ""
        return Unreadable(kind, namespace, parsed.name, self.path)
