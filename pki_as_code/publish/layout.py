"""
The published tree: which paths it has, in which order they are put in place, how they are served.

    ca/<authority>.cer .pem .chain.pem     certificates of authorities
    crl/<authority>.crl                    CRLs; crl/<authority>/<scope>.crl of a part of them
    ocsp/<authority>/<base64>              OCSP responses under the paths of RFC 5019 section 5
    certificates/<namespace>/<name>.pem    certificates in use, each with its chain
    index.html, index.json                 what there is, for people and for programs
    .pkictl-published                      the mark of a place that is ours to change
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

from pki_as_code.escape import quoted
from pki_as_code.model import Finding

MARKER: Final = ".pkictl-published"
MARKER_CONTENT: Final = b"pki-as-code 1\n"
"""What is in the marker; the number is that of this layout."""

INDEX_PAGE: Final = "index.html"
INDEX_JSON: Final = "index.json"
NO_JEKYLL: Final = ".nojekyll"

MAX_FILE_BYTES: Final = 256 << 20
"""Of one published file: a CRL of a million entries has about 40 MB."""

_DIRECTORIES: Final = ("certificates", "ca", "ocsp", "crl")
"""In the order in which their files are put in place: a CRL after the certificate it needs."""

_FILES: Final = (NO_JEKYLL, INDEX_PAGE, INDEX_JSON)
_PART: Final = re.compile(r"[A-Za-z0-9_+%=~-][A-Za-z0-9_+%=~.-]{0,254}", re.ASCII)
_LONGEST: Final = 1000


def problem_of_path(path: str) -> Finding | None:
    """Return why no file may be published under `path`, None when one may."""
    parts = path.split("/")
    inside = parts[0] in _DIRECTORIES and len(parts) > 1 and all(map(_PART.fullmatch, parts))
    if path in _FILES or (inside and len(path) <= _LONGEST):
        return None
    return Finding(
        "publish.bad_path",
        f"nothing can be published under {quoted(path)}",
        help="names in the published tree have letters, digits, `-`, `_` and dots",
    )


def is_own(path: str) -> bool:
    """Tell whether a path is ours to replace and to remove; others (`CNAME`) are left alone."""
    return path in _FILES or path.partition("/")[0] in _DIRECTORIES


def rank(path: str) -> int:
    """Return when a file is put in place: the index comes last."""
    if path == INDEX_JSON:
        return len(_DIRECTORIES) + 1
    first, slash, _ = path.partition("/")
    return _DIRECTORIES.index(first) if slash else len(_DIRECTORIES)


def in_order(paths: Set[str]) -> list[str]:
    """Return paths as they are to be put in place."""
    return sorted(paths, key=lambda path: (rank(path), path))


_TYPES: Final = {
    "cer": "application/pkix-cert",
    "crl": "application/pkix-crl",
    "pem": "application/x-pem-file",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
"""RFC 2585 section 4 for the first two."""


def content_type(path: str) -> str:
    """Return the media type to serve a file with (RFC 2585, RFC 6960 appendix A)."""
    if path.startswith("ocsp/"):
        return "application/ocsp-response"
    return _TYPES.get(path.rpartition(".")[2], "text/plain; charset=utf-8")


def cache_control(path: str) -> str:
    """Return for how long a cache may answer; what says who is revoked is asked for soon again."""
    seconds = 86_400 if path.startswith(("ca/", "certificates/")) else 300
    return f"public, max-age={seconds}"
