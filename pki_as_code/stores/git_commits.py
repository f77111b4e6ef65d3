"""Writing one commit of a store branch: objects only, no ref, no index, no working tree."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from pki_as_code.errors import StoreError
from pki_as_code.gitplumbing import GitRepository

FALLBACK_IDENTITY: Final = ("pkictl", "pkictl@localhost")

_NOT_IN_AN_IDENTITY: Final = re.compile(r"[\x00-\x1f\x7f<>]")
_UNPACKED_BELOW: Final = 100
"""Objects; fewer are written as loose files, which leaves no pack behind for each commit."""


def write_commit(
    repository: GitRepository,
    staging_ref: str,
    parent: str | None,
    files: Mapping[str, bytes | Path | None],
    *,
    message: str,
    identity: tuple[str, str] | None,
    at: datetime,
) -> str:
    """
    Write a commit on `parent` that changes `files` (None removes one); return its id.

    A `Path` stands for the content of that file, which may be large.

    The objects are durable up to their directories (`GitRepository.fsync_objects` does those).
    `staging_ref` is one that means nothing: git's importer has to move some ref. Nobody else may
    write a commit of the same store at once.
    """
    # Whoever made this lock is dead, and where the ref is does not matter.
    (repository.common_dir / f"{staging_ref}.lock").unlink(missing_ok=True)
    contents = {
        path: repository.write_blob(content) if isinstance(content, Path) else content
        for path, content in files.items()
    }
    stream = b"".join(_stream(staging_ref, parent, contents, message, identity, at))
    output = repository.run(
        "-c", f"fastimport.unpackLimit={_UNPACKED_BELOW}", "-c", "core.compression=1",
        "fast-import", "--quiet", "--force", "--done", "--date-format=raw",
        input=stream,
    )  # fmt: skip
    commit = output.decode("ascii").strip()
    if not re.fullmatch(r"[0-9a-f]{40,64}", commit):
        raise StoreError("git wrote a commit and did not say which")
    return commit


def _stream(
    staging_ref: str,
    parent: str | None,
    files: Mapping[str, bytes | str | None],
    message: str,
    identity: tuple[str, str] | None,
    at: datetime,
) -> Iterator[bytes]:
    """Yield the input of `git fast-import`; a text among `files` is the id of a blob."""
    who = " ".join(_person(*(identity or FALLBACK_IDENTITY), at))
    yield f"commit {staging_ref}\nmark :1\nauthor {who}\ncommitter {who}\n".encode()
    yield _data(message.replace("\0", "").encode("utf-8", "replace"))
    if parent:
        yield f"from {parent}\n".encode("ascii")
    for path, content in sorted(files.items()):
        if content is None:
            yield f"D {path}\n".encode()
        elif isinstance(content, str):
            yield f"M 100644 {content} {path}\n".encode()
        else:
            yield f"M 100644 inline {path}\n".encode() + _data(content)
    yield b"get-mark :1\ndone\n"


def _person(name: str, address: str, at: datetime) -> tuple[str, str, str]:
    clean = _NOT_IN_AN_IDENTITY.sub("", name).strip() or FALLBACK_IDENTITY[0]
    clean_address = _NOT_IN_AN_IDENTITY.sub("", address).strip() or FALLBACK_IDENTITY[1]
    return clean, f"<{clean_address}>", f"{int(at.timestamp())} +0000"


def _data(content: bytes) -> bytes:
    return f"data {len(content)}\n".encode("ascii") + content + b"\n"
