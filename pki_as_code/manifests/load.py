"""
Read manifests from the working tree or from a commit.

    files -> text -> nodes -> models -> ManifestSet

Everything that is wrong in any file is found in one run and handed back; nothing is raised, and
nothing that could not be read looks as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.manifests.manifest_set import (
    Loaded,
    LoadResult,
    ManifestSet,
    Unreadable,
    make_manifest_set,
)
from pki_as_code.manifests.packing import Packed, pack, unpack
from pki_as_code.manifests.places import is_yaml, place_of
from pki_as_code.manifests.project import Project
from pki_as_code.manifests.reading import FileContents, read_file
from pki_as_code.manifests.tree import PLACES, REGULAR_MODES, Tree, TreeFile
from pki_as_code.manifests.tree_reads import ManyReads
from pki_as_code.manifests.yaml_text import MAX_BYTES, decode_text
from pki_as_code.model import Finding, ObjectId, Source
from pki_as_code.workers import Work, without_collecting

__all__ = ["LoadResult", "Loaded", "ManifestSet", "Unreadable", "load_manifests"]

_PLACE_ROOTS = frozenset(PLACES)
"""Paths that are directories in a repository as it should be; here, links in their stead."""

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
    loading = _Loading()
    with without_collecting():
        found = tree.files() if paths is None else tree.select(paths)
        files = sorted(found, key=lambda file: file.path)
        placed = []
        for file in files:
            if _is_in_a_place(file.path):
                # Files beside manifests are read with them: not even a look at the others.
                placed += [file] if is_yaml(file.path) or file.mode not in REGULAR_MODES else []
            else:
                loading.look_for_lost_manifest(tree, file)
        count = sum(file.path.endswith((".yaml", ".yml")) for file in files)
        del files
        # Children inherit `reads` with nothing open, and leave what they open there to their end.
        with (
            ManyReads(tree) as reads,
            closing(Work(partial(_read, reads, second_gate), placed)) as work,
        ):
            for file, packed in zip(placed, work.results(), strict=True):
                loading.add(unpack(packed, file.path))
        findings = sorted(loading.findings, key=_by_place)
        manifests = make_manifest_set(list(loading.loaded.values()), loading.unreadable)
    return LoadResult(manifests, tuple(findings), count)


def _read(tree: Tree, second_gate: bool, file: TreeFile) -> Packed:
    return pack(read_file(tree, file, second_gate=second_gate))


def _is_in_a_place(path: str) -> bool:
    return bool(place_of(path).directory) or path in _PLACE_ROOTS


def _by_place(finding: Finding) -> tuple[str, int, int, str]:
    source = finding.source or Source("")
    return source.path, source.line, source.column, finding.code


@dataclass(slots=True)
class _Loading:
    loaded: dict[ObjectId, Loaded[Any]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    unreadable: set[Unreadable] = field(default_factory=set)

    def add(self, contents: FileContents) -> None:
        """Take up a file; files come in the order of their paths."""
        self.findings += contents.findings
        self.unreadable.update(contents.unreadable)
        for loaded in contents.loaded:
            duplicate = self._duplicate_of(loaded.object_id)
            if duplicate is None:
                self.loaded[loaded.object_id] = loaded
                continue
            self.findings.append(
                Finding(
                    "manifest.duplicate",
                    f"{_words(loaded.object_id)} is there already, at {_name_source(duplicate)}",
                    _name_source(loaded),
                    help="rename one of the two, or remove it",
                )
            )

    def _duplicate_of(self, object_id: ObjectId) -> Loaded[Any] | None:
        """Return what has that identity already; of projects there is one, whatever its name."""
        if object_id.kind == Project.__name__:
            return next((item for i, item in self.loaded.items() if i.kind == object_id.kind), None)
        return self.loaded.get(object_id)

    def look_for_lost_manifest(self, tree: Tree, file: TreeFile) -> None:
        """Report a manifest where none is read; any other file there is none of our business."""
        shallow = place_of(file.path).depth <= _LOST_DEPTH
        lost = is_yaml(file.path) and shallow and not file.path.startswith(".")
        if not lost or file.mode not in REGULAR_MODES or (file.size or 0) > MAX_BYTES:
            return
        try:
            data = tree.read(file.path)
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
                help="move it to certificates/, authorities/, profiles/, policies/, revocations/ "
                "or watchers/",
            )
        )


def _words(object_id: ObjectId) -> str:
    where = f" in namespace {object_id.namespace}" if object_id.namespace else ""
    return f"the {object_id.kind} {object_id.name}{where}"


def _name_source(loaded: Loaded[Any]) -> Source:
    return loaded.source("metadata", "name")
