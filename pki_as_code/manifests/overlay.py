"""A tree with changes that are not written yet."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pki_as_code.errors import NotFoundError
from pki_as_code.escape import quoted
from pki_as_code.manifests.tree import Tree, TreeFile, WorkingFile, is_among


@dataclass(frozen=True, slots=True)
class OverlayTree:
    """
    Another tree with some files replaced, added (`bytes`) or taken away (None).

    For planning what a manifest would do before it is written.
    """

    base: Tree
    changes: Mapping[str, bytes | None]

    @property
    def description(self) -> str:
        return self.base.description

    def files(self) -> Iterator[TreeFile]:
        for file in self.base.files():
            if file.path not in self.changes:
                yield file
        for path, data in sorted(self.changes.items()):
            if data is not None:
                yield WorkingFile(path, "100644", len(data))

    def select(self, paths: Collection[str]) -> Iterator[TreeFile]:
        for file in self.base.select(paths):
            if file.path not in self.changes:
                yield file
        for path, data in sorted(self.changes.items()):
            if data is not None and is_among(path, paths):
                yield WorkingFile(path, "100644", len(data))

    def read(self, path: str) -> bytes:
        if path not in self.changes:
            return self.base.read(path)
        data = self.changes[path]
        if data is None:
            raise NotFoundError(f"there is no file {quoted(path)}", code="path.not_found")
        return data
