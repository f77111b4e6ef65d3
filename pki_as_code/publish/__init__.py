"""
What the store has, laid out for a static web server: certificates, CRLs, OCSP, an index.

To add a destination: implement `interface.Destination` in a module of its own, then list it here.
To add a part of the tree: `sections.SECTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pki_as_code.errors import PublishError
from pki_as_code.escape import quoted

if TYPE_CHECKING:
    from pki_as_code.publish.interface import Destination

DESTINATIONS: Final = {
    "git": "pki_as_code.publish.destinations:open_git",
    "s3": "pki_as_code.publish.destinations:open_s3",
}
"""What opens each scheme, imported when it is used; everything else is a path."""

_PATH: Final = "pki_as_code.publish.destinations:open_path"
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):", re.ASCII)


def open_destination(uri: str, *, root: Path, push: bool = True) -> Destination:
    """
    Return the destination that `uri` names: a path, `git:<branch>` or `s3://bucket/prefix`.

    `root` is what relative paths are relative to, and is in the repository that a branch is of.
    Without `push` a branch is not pushed. Raises `PublishError` (`publish.bad_destination`,
    `publish.unknown_scheme`), `RepositoryError`.
    """
    match = _SCHEME.match(uri)
    scheme = match[1].lower() if match else ""
    if scheme and scheme not in DESTINATIONS:
        raise PublishError(
            f"{quoted(uri)} does not name a destination: its scheme is not known",
            help=f"known are {', '.join(f'{known}:' for known in sorted(DESTINATIONS))} and paths; "
            "write ./NAME for a path with a colon",
            code="publish.unknown_scheme",
        )
    module, _, name = DESTINATIONS.get(scheme, _PATH).partition(":")
    opener: Callable[..., Destination] = getattr(import_module(module), name)
    return opener(uri, root=root, push=push)
