"""Repositories for tests, written from texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from pki_as_code.manifests.load import LoadResult, load_manifests
from pki_as_code.manifests.tree import WorkingTree

HEAD = "apiVersion: pki-as-code/v1\n"


def manifest(kind: str, name: str, spec: str = "{}") -> str:
    """Return a manifest whose spec begins in line 5, at column 3, or is on line 4."""
    text = dedent(spec).strip("\n")
    body = (
        f" {text}" if text.startswith("{") else "\n" + "".join(f"  {x}\n" for x in text.split("\n"))
    )
    return f"{HEAD}kind: {kind}\nmetadata: {{name: {name}}}\nspec:{body.rstrip()}\n"


def certificate(name: str, spec: str = "") -> str:
    return manifest("Certificate", name, "csrFile: x.csr\n" + dedent(spec).strip("\n"))


def write(root: Path, files: Mapping[str, str | bytes]) -> WorkingTree:
    for path, content in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return WorkingTree(root)


def load(root: Path, files: Mapping[str, str | bytes]) -> LoadResult:
    """Write the files, with a CSR of nothing beside the certificates, and load them."""
    csr = {"certificates/x.csr": "csr", "certificates/payments/x.csr": "csr"}
    return load_manifests(write(root, {**csr, **files}), second_gate=True)


def places(result: LoadResult) -> list[str]:
    """Return `code path:line:column` of every finding."""
    return [f"{finding.code} {finding.source}" for finding in result.findings]
