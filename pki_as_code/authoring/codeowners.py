"""
CODEOWNERS from the Namespace manifests: who has to approve what.

The last pattern that matches decides. Above the part that is written here people keep lines of
their own, and among them `*`, whose owners are the admins: they own everything that is no team's,
and the `_namespace.yaml` of each team, which says whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pki_as_code.errors import InvalidValueError, ManifestError
from pki_as_code.escape import quoted
from pki_as_code.manifests.base import CERTIFICATES, NAMESPACE_FILE
from pki_as_code.manifests.manifest_set import ManifestSet
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.model import Finding

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where forges look, the first one that is there."""

PLACEHOLDER = "@your-organisation/pki-admins"
BEGIN = (
    "# Written by `pkictl codeowners` from the Namespace manifests; do not edit down to the end."
)
END = "# End of what `pkictl codeowners` writes. Lines below it would have precedence over it."

_HEAD = (
    "# Who approves what: the last pattern that matches decides. The admins have all the rest.\n"
)
_OWNER = re.compile(
    r"@[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?|[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+"
)


def namespace_owners(manifests: ManifestSet) -> dict[str, tuple[str, ...]]:
    """Return the owners of each namespace that has a manifest."""
    loaded = manifests.of(Namespace)
    return {object_id.name: item.manifest.spec.owners for object_id, item in sorted(loaded.items())}


def find_admins(text: str) -> list[str]:
    """Return the owners of `*` in a CODEOWNERS, of the last such line outside of our part."""
    admins: list[str] = []
    for line in _outside(text).splitlines():
        pattern, *owners = line.split("#", 1)[0].split() or [""]
        if pattern == "*":
            admins = owners
    return admins


def codeowners_text(
    before: str, owners: Mapping[str, Sequence[str]], admins: Sequence[str] = ()
) -> str:
    """
    Return the CODEOWNERS with our part brought up to date, and the rest as it is in `before`.

    Raises:
        InvalidValueError: nobody owns `*`, or an owner is one that the file cannot express.
    """
    known = list(admins) or find_admins(before)
    if not known:
        raise InvalidValueError(
            "nobody owns `*`, hence what belongs to no team",
            help="add a line `* @your-organisation/pki-admins`, or give --admins",
            code="codeowners.no_admins",
        )
    for owner in [*known, *(owner for each in owners.values() for owner in each)]:
        check_owner(owner)
    if not find_admins(before):
        before = f"{_HEAD}* {' '.join(known)}\n{before}"
    lines = [BEGIN]
    for namespace, people in owners.items():
        if people:
            lines.append(f"/{CERTIFICATES}/{namespace}/ {' '.join(people)}")
    # Also of a team that has no such file yet: who adds one would else make themselves its owner.
    lines.append(f"/{CERTIFICATES}/*/{NAMESPACE_FILE} {' '.join(known)}")
    lines.append(END)
    block = "\n".join(lines) + "\n"
    return f"{_outside(before).rstrip()}\n\n{block}"


def check_codeowners(text: str, owners: Mapping[str, Sequence[str]], path: str) -> Finding | None:
    """Say that the file is not what the Namespace manifests make of it."""
    if codeowners_text(text, owners) == text:
        return None
    return Finding(
        "codeowners.outdated",
        f"{path} is not what the Namespace manifests say",
        help="run `pkictl codeowners` and commit what it writes",
    )


def check_owner(owner: str) -> None:
    """Refuse what a forge would read as something else: a comment, or another owner."""
    if _OWNER.fullmatch(owner) is None:
        raise InvalidValueError(
            f"{quoted(owner)} cannot be an owner in CODEOWNERS",
            help="use @user, @organisation/team or a plain e-mail address",
            code="codeowners.owner",
        )


def _outside(text: str) -> str:
    """Return the lines that are not ours. Raises `ManifestError` when our part has no end."""
    before, begin, rest = text.partition(BEGIN)
    if not begin:
        return text
    _, end, after = rest.partition(END)
    if not end:
        raise ManifestError(
            "the part of CODEOWNERS that pkictl writes has no end",
            help=f"put the line back that ends it, or remove the part from `{BEGIN[:40]}…` on",
            code="codeowners.no_end",
        )
    return before + after.removeprefix("\n")
