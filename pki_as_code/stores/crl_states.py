"""What the rules know and change of CRLs: the last of each scope, and what stands for the next."""

from __future__ import annotations

from sqlalchemy import Connection

from pki_as_code.model import CrlRecord, scopes_of
from pki_as_code.stores import bulk_reads, bulk_writes, tables
from pki_as_code.stores.interface import CrlKey
from pki_as_code.stores.states import CrlProgress


class CrlStates:
    """CRLs as the entries applied so far leave them; there are few, and all are read at once."""

    def __init__(self, connection: Connection) -> None:
        self._last = bulk_reads.load_crls(connection)
        self._progress = bulk_reads.load_crl_progress(connection)
        self._changed_last: set[CrlKey] = set()
        self._changed_progress: set[CrlKey] = set()

    def last(self, issuer: str, scope: str) -> CrlRecord | None:
        return self._last.get((issuer, scope))

    def progress(self, issuer: str, scope: str) -> CrlProgress:
        return self._progress.get((issuer, scope), CrlProgress())

    def highest_number(self, issuer: str) -> int:
        """Return the highest number the authority ever used or reserved, in whatever scope."""
        used = [crl.number for (name, _), crl in self._last.items() if name == issuer]
        reserved = [
            progress.reserved_number or 0
            for (name, _), progress in self._progress.items()
            if name == issuer
        ]
        return max([0, *used, *reserved])

    def reserve(self, issuer: str, scope: str, progress: CrlProgress) -> None:
        self._progress[issuer, scope] = progress
        self._changed_progress.add((issuer, scope))

    def set_last(self, crl: CrlRecord) -> None:
        self._last[crl.issuer, crl.scope] = crl
        self._changed_last.add((crl.issuer, crl.scope))

    def note_change(self, issuer: str, kind: str, crl_scope: str | None, sequence: int) -> None:
        """Note that an entry changes what the CRLs of an authority have to list."""
        for scope in scopes_of(kind, crl_scope):
            progress = self._progress.setdefault((issuer, scope), CrlProgress())
            progress.changed_at = sequence
            self._changed_progress.add((issuer, scope))

    def flush(self, connection: Connection) -> None:
        """Write what changed."""
        last, self._changed_last = sorted(self._changed_last), set()
        progress, self._changed_progress = sorted(self._changed_progress), set()
        rows = [bulk_writes.crl_row(self._last[key]) for key in last]
        bulk_writes.replace_rows(connection, tables.crls, rows)
        rows = [bulk_writes.crl_progress_row(key, self._progress[key]) for key in progress]
        bulk_writes.replace_rows(connection, tables.crl_progress, rows)
