"""Many files of a working tree, one after the other."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from typing import Self

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.manifests.tree import Tree, TreeFile, WorkingTree, check_relative


class ManyReads:
    """
    A tree of which many files are read, most of them from the directory of the one before.

    Of a working tree, that directory stays open: to open all directories on the way takes longer
    than to read a manifest. Where that fails, the tree reads the file as always, or says why not.
    For the time of one loading only, since a directory that is open may be replaced by another.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._descriptor: int | None = None
        self._directory = ""

    @property
    def description(self) -> str:
        return self._tree.description

    def files(self) -> Iterator[TreeFile]:
        return self._tree.files()

    def select(self, paths: Collection[str]) -> Iterator[TreeFile]:
        return self._tree.select(paths)

    def read(self, path: str) -> bytes:
        if not isinstance(self._tree, WorkingTree):
            return self._tree.read(path)
        check_relative(path)
        directory, _, name = path.rpartition("/")
        try:
            descriptor = self._open(self._tree, directory, path)
            return self._tree.read_in(descriptor, name, path)
        except (OSError, PkiAsCodeError):
            return self._tree.read(path)

    def _open(self, tree: WorkingTree, directory: str, path: str) -> int:
        if self._descriptor is None or directory != self._directory:
            self.close()
            self._descriptor = tree.open_directory(directory, path)
            self._directory = directory
        return self._descriptor

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
