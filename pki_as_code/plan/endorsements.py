"""
Who stands behind what an object asks for: what they sign, and whose signatures count as what.

A signature beside a manifest (`api.yaml.sig`) is over a text that names the file and the digests of
all that it is made of, so that nothing can be swapped under it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping

from pki_as_code.escape import quoted
from pki_as_code.model import Endorsement, Finding, Identity, Severity, Source

SUFFIX = ".sig"


def statement(path: str, manifest: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return what is signed for a manifest and the files it names, by their paths."""
    # As JSON, so that no name of a file can look like a line of its own.
    lines = ["pki-as-code manifest v1", f"manifest {_digest(manifest)} {json.dumps(path)}"]
    lines += [f"file {_digest(data)} {json.dumps(name)}" for name, data in sorted(files.items())]
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def endorse(
    identities: Iterable[Identity],
    file_signers: Iterable[Collection[str]],
    owners: Collection[str],
) -> Endorsement:
    """
    Return who stands behind an object.

    `identities` are of the last commits of its manifest and its CSR; of several, where neither
    stands on the other, only who signed all of them stands behind the whole. `file_signers` are the
    names that each signature beside it has.
    """
    commits = list(identities)
    by_commits = [frozenset() if identity.fault else identity.signers for identity in commits]
    signed = frozenset.intersection(*map(frozenset, by_commits)) if by_commits else frozenset()
    signatures = [signed, *map(frozenset, file_signers)]
    signers = frozenset[str]().union(*signatures)
    approvals = frozenset(_approvals(signatures, {owner.casefold() for owner in owners}))
    if not commits:
        return Endorsement(signers=signers, approvals=approvals)
    last = commits[0].commit
    return Endorsement(last.id, last.author_name, last.author_address, signers, approvals)


def _approvals(signatures: Iterable[Collection[str]], owners: Collection[str]) -> Iterator[str]:
    """
    Yield the owners who signed, one for each person: whoever has several names is one all the same.

    Names of one signature are one person's, and so are those of two that have a name in common.
    """
    people: list[set[str]] = []
    for names in signatures:
        person = {name.casefold() for name in names}
        same = [known for known in people if known & person]
        people = [known for known in people if known not in same]
        people.append(person.union(*same))
    yield from (min(person.intersection(owners)) for person in people if person & {*owners})


def bad_signature(path: str) -> Finding:
    """Say that what somebody signed is not what is there: an error of that object."""
    return Finding(
        "trust.file_signature_bad",
        f"{quoted(path + SUFFIX)} is not a signature over this manifest and the files it names, "
        "as they are",
        Source(path),
        help=f"see what changed; then sign it anew: `pkictl sign_manifest {path}`, or remove it",
    )


def unknown_signature(path: str) -> Finding:
    return Finding(
        "trust.file_signature_unknown",
        f"{quoted(path + SUFFIX)} has a signature by a key that is not among those believed",
        Source(path),
        Severity.WARNING,
        help="it counts for nobody until allowed_signers of the commit reconciled last has the key",
    )


def history_cut(path: str) -> Finding:
    return Finding(
        "trust.history_missing",
        f"this clone was cut off, so nobody can tell who made {quoted(path)} what it is",
        severity=Severity.WARNING,
        help="fetch the whole history: `git fetch --unshallow`, or `fetch-depth: 0` in CI",
    )
