"""
The files beside the ledger of a git store, for people to fetch.

    certificates/<namespace>/<name>.pem   the certificate, then its issuers up to the root
    authorities/<name>.pem                the certificate of an authority
    crl/<name>.crl                        its last CRL, crl/<name>/<scope>.crl those of other scopes

What stands in them follows from the entries up to the one that wrote them, so that `verify` can
compute it again: a chain is that of the time of issue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pki_as_code.model import AUTHORITY, CERTIFICATE, DEFAULT_NAMESPACE, ObjectId
from pki_as_code.pkix.pem import encode_pem
from pki_as_code.pkix.variables import crl_path
from pki_as_code.stores.entries import (
    Adopted,
    Authority,
    Crl,
    CrlAdopted,
    Entry,
    Issued,
    Renamed,
)
from pki_as_code.stores.working_set import WorkingSet

DIRECTORIES: Final = ("authorities", "certificates", "crl")


class PublishedFiles:
    """
    Collects, entry by entry, the content of the files that change; None removes one.

    `keep` says what of a content is kept: all of it, or its digest where there are many.
    """

    def __init__(
        self, keep: Callable[[bytes], bytes] = bytes, *, crl_digests: bool = False
    ) -> None:
        self.files: dict[str, bytes | None] = {}
        self._keep = keep
        self._crl_digests = crl_digests
        """The ledger has the digests of CRLs alone: keep those, in place of their content."""

    def take(self) -> dict[str, bytes | None]:
        """Return what was collected, and begin anew."""
        files, self.files = self.files, {}
        return files

    def observe(self, working: WorkingSet, entry: Entry) -> None:
        """Take up what an entry, that was just applied to `working`, means for the files."""
        payload = entry.payload
        if isinstance(payload, Crl | CrlAdopted):
            if self._crl_digests:
                path = crl_path(payload.issuer, payload.scope)
                self.files[path] = bytes.fromhex(payload.digest)
            return
        if isinstance(payload, Renamed):
            self.files[path_of(payload.previous)] = None
        if isinstance(payload, Issued | Adopted | Authority | Renamed):
            content = content_of(working, payload.object_id)
            self.files[path_of(payload.object_id)] = content and self._keep(content)


def path_of(object_id: ObjectId) -> str:
    """Return the file of an object that has certificates."""
    if object_id.kind == AUTHORITY:
        return f"authorities/{object_id.name}.pem"
    kind = "certificates" if object_id.kind == CERTIFICATE else f"certificates/{object_id.kind}"
    return f"{kind}/{object_id.namespace or DEFAULT_NAMESPACE}/{object_id.name}.pem"


def content_of(working: WorkingSet, object_id: ObjectId) -> bytes | None:
    """Return the PEM of the current certificate of an object, with its chain."""
    state = working.object(object_id)
    if state is None or state.current is None:
        return None
    chain = [working.certificate_der(state.current)]
    if object_id.kind != AUTHORITY:
        chain += _issuers(working, state.current[0])
    return b"".join(encode_pem("CERTIFICATE", der) for der in chain)


def _issuers(working: WorkingSet, name: str) -> Iterator[bytes]:
    """Yield the certificates from an authority up to the root, as far as they are known."""
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        certificate_der = working.authority(name)
        if certificate_der is None:
            return
        yield certificate_der
        state = working.object(ObjectId(AUTHORITY, "", name))
        if state is None or state.current is None:
            return
        name = state.current[0]
