"""Where manifests live in a repository, and what a place says about them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pki_as_code.escape import quoted
from pki_as_code.manifests import KINDS
from pki_as_code.manifests.base import CERTIFICATES, NAMESPACE_FILE, Manifest
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.scalars import NAME_PATTERN
from pki_as_code.manifests.tree import PLACES, PROJECT_FILE
from pki_as_code.model import DEFAULT_NAMESPACE, Finding, Source

_SUFFIXES: Final = (".yaml", ".yml")
_NAME = re.compile(NAME_PATTERN[1:-1])


@dataclass(frozen=True, slots=True)
class Place:
    """What the path of a manifest decides. Its author cannot write any of it."""

    directory: str
    """`authorities`, `certificates`, …; `pki.yaml` for that file, empty outside of every place."""

    namespace: str
    """Empty outside `certificates/`."""

    file_name: str
    depth: int
    """Number of directories above the file."""

    def holds(self, kind: type[Manifest]) -> bool:
        """Tell whether a manifest of `kind` may be here."""
        if self.directory not in kind.places:
            return False
        if self.directory != CERTIFICATES:
            return True
        if kind is not Namespace:
            return self.file_name != NAMESPACE_FILE
        return self.file_name == NAMESPACE_FILE and self.depth <= 2  # noqa: PLR2004

    def only_kind(self) -> str | None:
        """Return the name of the one kind that can be here: None for several, empty for none."""
        names = [kind.__name__ for kind in KINDS if self.holds(kind)]
        return None if len(names) > 1 else "".join(names)


def place_of(path: str) -> Place:
    """Return the place of a file. `certificates/web.yaml` is in the namespace `default`."""
    parts = path.split("/")
    depth, name = len(parts) - 1, parts[-1]
    if path == PROJECT_FILE:
        return Place(PROJECT_FILE, "", name, depth)
    if parts[0] not in PLACES:
        return Place("", "", name, depth)
    if parts[0] != CERTIFICATES:
        return Place(parts[0], "", name, depth)
    namespace = parts[1] if depth > 1 else DEFAULT_NAMESPACE
    return Place(CERTIFICATES, namespace, name, depth)


def is_yaml(path: str) -> bool:
    return path.lower().endswith(_SUFFIXES)


def check_namespace(place: Place, path: str) -> Finding | None:
    """Say that the directory below `certificates/` cannot be the name of a namespace."""
    if not place.namespace or _NAME.fullmatch(place.namespace):
        return None
    return Finding(
        "manifest.namespace_name",
        f"the directory {quoted(place.namespace)} cannot be the name of a namespace",
        Source(path),
        help="use 1 to 63 lower-case letters, digits, `-` and `.`",
    )


def check_place(kind: type[Manifest], place: Place) -> Finding | None:
    """Say that a manifest is in the wrong place, and which is the right one; without a source."""
    if place.holds(kind):
        return None
    name = kind.__name__
    if kind is Namespace:
        right = f"{CERTIFICATES}/<namespace>/{NAMESPACE_FILE}"
    elif PROJECT_FILE in kind.places:
        right = PROJECT_FILE
    else:
        right = " or ".join(f"{directory}/" for directory in kind.places)
    if place.directory == CERTIFICATES and place.file_name == NAMESPACE_FILE:
        message = f"{NAMESPACE_FILE} of a team's directory holds a Namespace, not a {name}"
    elif place.directory == CERTIFICATES and kind.administrative:
        message = f"a {name} is for admins and cannot be below {CERTIFICATES}/"
    elif place.directory == PROJECT_FILE:
        message = f"{PROJECT_FILE} holds a Project, not a {name}"
    elif place.directory:
        message = f"a {name} cannot be below {place.directory}/"
    else:
        message = f"the {name} is outside of all places that manifests are read from"
    return Finding("manifest.misplaced", message, help=f"move it to {right}")
