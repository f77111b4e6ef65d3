"""Who stands behind a commit, and behind what an object asks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignedCommit:
    """A commit as git tells of it, with what git says of its signature. All text is foreign."""

    id: str
    author_name: str
    author_address: str
    summary: str
    status: str = "N"
    """What `%G?` gives: `G` is good, `N` none; no other letter is to be taken for a good one."""

    signer: str = ""
    """The principal that `allowed_signers` has for the key; a user id of a GPG key."""

    fingerprint: str = ""
    """Of the key that signed: `SHA256:…` of an SSH key, hex of a GPG key."""

    primary_fingerprint: str = ""
    """Of the GPG key that the one that signed belongs to."""

    has_signature: bool = False
    """Whether there is one at all, be it one that could not be looked at."""

    @property
    def author(self) -> str:
        return f"{self.author_name} <{self.author_address}>"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who made a commit, as far as that is certain."""

    commit: SignedCommit
    signers: tuple[str, ...] = ()
    """The principals whose key signed it; empty unless the signature is good."""

    fault: str = ""
    """Code of why the author is not known for certain; empty when it is."""

    why: str = ""
    """The same in words: `is not signed`."""


@dataclass(frozen=True, slots=True)
class Endorsement:
    """Who stands behind what an object asks for, as it stands: manifest and CSR."""

    commit: str = ""
    """The last one that changed the manifest or its CSR; empty in a working tree."""

    author_name: str = ""
    author_address: str = ""
    """As the commit says; it is certain only when it is among `signers`."""

    signers: frozenset[str] = frozenset()
    """Principals: of the commit when its author signed it, and of signatures beside the file."""

    approvals: frozenset[str] = frozenset()
    """Owners of the namespace among them, by the commit reconciled last; in lower case, and of
    whoever has several names just one."""

    filled_in: tuple[str, ...] = ()
    """Fields that its namespace fills in: who signed the manifest did not sign for these."""
