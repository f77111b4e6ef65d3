"""Files that manifests name: the CSR beside a Certificate, what it adopts, an authority's CRL."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from pki_as_code.errors import InvalidValueError, NotFoundError, PkiAsCodeError
from pki_as_code.escape import quoted
from pki_as_code.manifests.tree import Tree, is_git_directory
from pki_as_code.manifests.yaml_nodes import Document
from pki_as_code.manifests.yaml_text import holds_private_key
from pki_as_code.model import Finding

MAX_ATTACHMENT: Final = 128 * 1024
"""A CSR with 500 names and an ML-DSA-87 key has about 30 KiB."""

MAX_CRL: Final = 1 << 20
"""Some ten thousand entries: offline authorities revoke authorities."""


def resolve_beside(manifest_path: str, reference: str) -> str:
    """
    Return the path, from the root, of a file named relative to the manifest's directory.

    `..` may lead up, never out of the repository. Raises `InvalidValueError`: `path.outside`,
    `path.git_directory`, `path.invalid`.
    """
    if "\\" in reference or not reference.isprintable():
        raise _bad_path(reference, "is not a path", "path.invalid", "separate directories with `/`")
    if reference.startswith("/"):
        raise _bad_path(
            reference, "is absolute", "path.outside", "name it relative to the manifest"
        )
    parts = manifest_path.split("/")[:-1]
    for part in reference.split("/"):
        if part == ".." and not parts:
            raise _bad_path(
                reference,
                "leads out of the repository",
                "path.outside",
                "put the file into the repository, best beside the manifest",
            )
        if part == "..":
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    if is_git_directory(parts):
        raise _bad_path(reference, "leads into .git", "path.git_directory", "name another file")
    if not parts or reference.rpartition("/")[2] in {"", ".", ".."}:
        raise _bad_path(reference, "is a directory", "path.invalid", "name the file in it")
    return "/".join(parts)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file that a manifest names: its content, or the reason why it has none."""

    data: bytes | None = None
    path: str = ""
    finding: Finding | None = None


@dataclass(frozen=True, slots=True)
class Attachments:
    """What a Certificate names beside itself, or holds (`csr`, with an empty path)."""

    csr: Attachment = Attachment()
    adopted: Attachment = Attachment()

    @property
    def findings(self) -> list[Finding]:
        return [part.finding for part in (self.csr, self.adopted) if part.finding is not None]


def read_attachments(tree: Tree, document: Document) -> Attachments:
    """
    Return the files that the Certificate in `document` names, and why they cannot be used.

    Works on its data, so that a manifest with other faults has these reported as well.
    """
    spec = document.data.get("spec") if isinstance(document.data, dict) else None
    if not isinstance(spec, dict):
        return Attachments()
    csr, adopted = Attachment(), Attachment()
    if isinstance(spec.get("csr"), str):
        csr = Attachment(spec["csr"].encode())
    if isinstance(spec.get("csrFile"), str):
        csr = read_attachment(tree, document.text.path, spec["csrFile"], "csr")
    adopt = spec.get("adopt")
    if isinstance(adopt, dict) and isinstance(adopt.get("certificateFile"), str):
        adopted = read_attachment(tree, document.text.path, adopt["certificateFile"], "adopt")
    return Attachments(
        _located(csr, document, "spec", "csrFile"),
        _located(adopted, document, "spec", "adopt", "certificateFile"),
    )


def read_crl_attachment(tree: Tree, document: Document) -> Attachment:
    """Return the CRL that the CertificateAuthority in `document` names, or why it has none."""
    spec = document.data.get("spec") if isinstance(document.data, dict) else None
    crl = spec.get("crl") if isinstance(spec, dict) else None
    if not isinstance(crl, dict) or not isinstance(crl.get("file"), str):
        return Attachment()
    found = read_attachment(tree, document.text.path, crl["file"], "crl", longest=MAX_CRL)
    return _located(found, document, "spec", "crl", "file")


def _located(attachment: Attachment, document: Document, *field: str) -> Attachment:
    if attachment.finding is None:
        return attachment
    return replace(attachment, finding=attachment.finding.at(document.source(*field)))


def read_attachment(
    tree: Tree, manifest_path: str, reference: str, prefix: str, *, longest: int = MAX_ATTACHMENT
) -> Attachment:
    """
    Return a file named relative to a manifest; its finding has no place yet.

    `prefix` begins the codes `missing`, `private_key` and `too_large`; `path.…` are those of the
    tree. What is in the file is never part of a message.
    """
    path = ""
    try:
        path = resolve_beside(manifest_path, reference)
        data = tree.read(path)
    except NotFoundError:
        return _refused(
            path,
            f"{prefix}.missing",
            f"there is no file {quoted(path)}",
            f"the {tree.description} does not have it; the path is relative to the manifest",
        )
    except PkiAsCodeError as error:
        return _refused(path, error.code, error.message, error.help)
    if len(data) > longest:
        return _refused(
            path,
            f"{prefix}.too_large",
            f"{quoted(path)} has {len(data)} bytes, {longest} are the most",
            "name the file that holds what is named here, and nothing else",
        )
    if holds_private_key(data):
        return _refused(
            path,
            f"{prefix}.private_key",
            f"{quoted(path)} holds a private key",
            "make a new key and a new CSR: history keeps what was in a repository",
        )
    return Attachment(data, path)


def _refused(path: str, code: str, message: str, help: str) -> Attachment:
    return Attachment(None, path, Finding(code, message, help=help))


def _bad_path(reference: str, problem: str, code: str, help: str) -> InvalidValueError:
    return InvalidValueError(f"{quoted(reference)} {problem}", code=code, help=help)
