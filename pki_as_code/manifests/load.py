"""
Read manifests from the working tree or from a commit.

    files -> text -> nodes -> models -> ManifestSet

Everything that is wrong in any file is found in one run and handed back; nothing is raised, and
nothing that could not be read looks as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
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
from pki_as_code.manifests.manifest_set import (
    Loaded,
    LoadResult,
    ManifestSet,
    Unreadable,
    make_manifest_set,
)
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.places import Place, check_namespace, check_place, is_yaml, place_of
from pki_as_code.manifests.project import Project
from pki_as_code.manifests.tree import PLACES, REGULAR_MODES, Tree, TreeFile, not_regular
from pki_as_code.manifests.yaml_nodes import Document, compose_documents
from pki_as_code.manifests.yaml_text import MAX_BYTES, decode_text
from pki_as_code.model import Finding, ObjectId, Severity, Source

__all__ = ["LoadResult", "Loaded", "ManifestSet", "Unreadable", "load_manifests"]

_PLACE_ROOTS = frozenset(PLACES)
"""Paths that are directories in a repository as it should be; here, links in their stead."""

_ONLY_KEYS_TWICE = frozenset({"yaml.duplicate_key"})

# A file outside the places is looked into only to tell whether it is a manifest that got lost.
_LOST_DEPTH = 1
_LOST_MANIFEST = re.compile(rb"^apiVersion:\s*[\"']?pki-as-code/", re.MULTILINE)


def load_manifests(
    tree: Tree, *, second_gate: bool = False, paths: Collection[str] | None = None
) -> LoadResult:
    """
    Load every manifest of `tree`, or only those in `paths`, which can be files and directories.

    `second_gate` has the JSON Schema judge as well what the models take, which takes longer.
    Files that manifests name (`csrFile`, `adopt.certificateFile`, `crl.file`) are read along with
    them.

    Raises `PkiAsCodeError` only when the tree itself cannot be listed.
    """
    loading = _Loading(tree, second_gate)
    files = tree.files() if paths is None else tree.select(paths)
    for file in sorted(files, key=lambda file: file.path):
        loading.load_file(file)
    findings = sorted(loading.findings, key=_by_place)
    manifests = make_manifest_set(list(loading.loaded.values()), loading.unreadable)
    return LoadResult(manifests, tuple(findings))


def _by_place(finding: Finding) -> tuple[str, int, int, str]:
    source = finding.source or Source("")
    return source.path, source.line, source.column, finding.code


@dataclass(slots=True)
class _Loading:
    tree: Tree
    second_gate: bool
    loaded: dict[ObjectId, Loaded[Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unreadable: set[Unreadable] = field(default_factory=set)

    def load_file(self, file: TreeFile) -> None:
        place = place_of(file.path)
        if not place.directory and file.path not in _PLACE_ROOTS:
            self._look_for_lost_manifest(file, place)
            return
        if file.mode not in REGULAR_MODES:
            error = not_regular(file.path, file.mode)
            self._cannot_read(place, file.path, Finding(error.code, error.message, help=error.help))
            # In the place of a directory, it may hide whole namespaces.
            self.unreadable.add(Unreadable(place.only_kind(), None, None, file.path))
            return
        if not is_yaml(file.path):
            return
        if has_hidden_characters(file.path):
            finding = Finding(
                "path.invalid",
                f"the path {quoted(file.path)} has characters that cannot be seen",
                help="rename the file",
            )
            self._cannot_read(place, file.path, finding)
            return
        try:
            data = self.tree.read(file.path)
        except PkiAsCodeError as error:
            self._cannot_read(place, file.path, Finding(error.code, error.message, help=error.help))
            return
        self._load_data(data, file.path, place)

    def _load_data(self, data: bytes, path: str, place: Place) -> None:
        text = decode_text(data, path)
        if isinstance(text, Finding):
            self._cannot_read(place, path, text)
            return
        composed = compose_documents(text)
        for finding in composed.findings:
            self._cannot_read(place, path, finding)
        if not composed.documents and not composed.findings:
            self.findings.append(
                Finding(
                    "manifest.empty_file",
                    "the file holds nothing",
                    Source(path),
                    severity=Severity.WARNING,
                    help="write a manifest, or remove the file",
                )
            )
        if namespace_finding := check_namespace(place, path):
            self._cannot_read(place, path, namespace_finding)
            return
        for document in composed.documents:
            if not composed.findings:
                self._load_document(document, place)
            elif _ONLY_KEYS_TWICE.issuperset(finding.code for finding in composed.findings):
                # The rest of it can be judged; it is not kept, whichever key was meant.
                self.findings += parse_document(document).findings

    def _load_document(self, document: Document, place: Place) -> None:
        parsed = parse_document(document, second_gate=self.second_gate)
        self.findings += parsed.findings
        misplaced = check_place(parsed.kind, place) if parsed.kind else None
        if misplaced:
            self.findings.append(misplaced.at(document.source("kind")))
        attachments = Attachments()
        if parsed.kind is Certificate:
            attachments = read_attachments(self.tree, document)
            self.findings += attachments.findings
        crl = Attachment()
        if parsed.kind is CertificateAuthority:
            crl = read_crl_attachment(self.tree, document)
            self.findings += [crl.finding] if crl.finding else []
        if parsed.manifest is None or misplaced:
            self._note_unreadable(parsed, place, document.text.path)
            return
        self._keep(parsed.manifest, document, place, attachments, crl)

    def _keep(
        self,
        manifest: Manifest,
        document: Document,
        place: Place,
        attachments: Attachments,
        crl: Attachment,
    ) -> None:
        kind = type(manifest)
        namespace = place.namespace if kind.namespaced else ""
        object_id = ObjectId(kind.__name__, namespace, manifest.metadata.name)
        loaded: Loaded[Any] = Loaded(manifest, object_id, document.text, document.index)
        if isinstance(manifest, Certificate):
            loaded = replace(
                loaded,
                csr=attachments.csr.data,
                csr_path=attachments.csr.path,
                adopted_certificate=attachments.adopted.data,
                adopted_path=attachments.adopted.path,
            )
        if isinstance(manifest, CertificateAuthority):
            loaded = replace(loaded, crl=crl.data, crl_path=crl.path)
        if isinstance(manifest, Namespace) and manifest.metadata.name != place.namespace:
            self.findings.append(
                Finding(
                    "manifest.namespace_name",
                    f"the namespace of this directory is {quoted(place.namespace)}, not "
                    f"{quoted(manifest.metadata.name)}",
                    document.source("metadata", "name"),
                    help=f"write `name: {place.namespace}`",
                )
            )
            return
        if duplicate := self._duplicate_of(object_id):
            self.findings.append(
                Finding(
                    "manifest.duplicate",
                    f"{_words(object_id)} is there already, at {_name_source(duplicate)}",
                    document.source("metadata", "name"),
                    help="rename one of the two, or remove it",
                )
            )
            return
        self.loaded[object_id] = loaded

    def _duplicate_of(self, object_id: ObjectId) -> Loaded[Any] | None:
        """Return what has that identity already; of projects there is one, whatever its name."""
        if object_id.kind == Project.__name__:
            return next((item for i, item in self.loaded.items() if i.kind == object_id.kind), None)
        return self.loaded.get(object_id)

    def _look_for_lost_manifest(self, file: TreeFile, place: Place) -> None:
        """Report a manifest where none is read; any other file there is none of our business."""
        lost = is_yaml(file.path) and place.depth <= _LOST_DEPTH and not file.path.startswith(".")
        if not lost or file.mode not in REGULAR_MODES or (file.size or 0) > MAX_BYTES:
            return
        try:
            data = self.tree.read(file.path)
        except PkiAsCodeError:  # then it is no file that anybody wrote as a manifest
            return
        match = _LOST_MANIFEST.search(data)
        if match is None:
            return
        text = decode_text(data, file.path)
        source = Source(file.path)
        if not isinstance(text, Finding):
            line = data.count(b"\n", 0, match.start()) + 1
            source = text.source(line, 1)
        self.findings.append(
            Finding(
                "manifest.misplaced",
                "the manifest is outside of all places that manifests are read from",
                source,
                help="move it to certificates/, authorities/, profiles/, revocations/ or watchers/",
            )
        )

    def _cannot_read(self, place: Place, path: str, finding: Finding) -> None:
        self.findings.append(finding.at(Source(safe(path))))
        self.unreadable.add(Unreadable(place.only_kind(), place.namespace, None, path))

    def _note_unreadable(self, parsed: ParsedDocument, place: Place, path: str) -> None:
        kind = parsed.kind.__name__ if parsed.kind else place.only_kind()
        namespaced = parsed.kind.namespaced if parsed.kind else True
        namespace = place.namespace if namespaced else ""
        self.unreadable.add(Unreadable(kind, namespace, parsed.name, path))


def _words(object_id: ObjectId) -> str:
    where = f" in namespace {object_id.namespace}" if object_id.namespace else ""
    return f"the {object_id.kind} {object_id.name}{where}"


def _name_source(loaded: Loaded[Any]) -> Source:
    return loaded.source("metadata", "name")
