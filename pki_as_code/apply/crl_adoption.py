"""Recording the CRLs that people signed with the key of an offline authority."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pki_as_code.apply.askers import Askers
from pki_as_code.apply.crls import Record
from pki_as_code.apply.outcome import Outcome
from pki_as_code.model import AdoptCrl
from pki_as_code.stores.entries import CrlAdopted


def adopt_crls(changes: Sequence[AdoptCrl], askers: Askers, record: Record) -> Iterator[Outcome]:
    """
    Record each CRL with its bytes; they were judged when they were planned.

    Raises:
        ContentionError: its number was used meanwhile.
        StoreError: the store cannot be written.
    """
    for change in changes:
        paths = (change.path, change.crl_path)
        entry = CrlAdopted(
            issuer=change.issuer,
            scope=change.scope,
            number=change.number,
            this_update=change.this_update,
            next_update=change.next_update,
            as_of=change.as_of,
            digest=hashlib.sha256(change.crl_der).hexdigest(),
            entry_count=change.entry_count,
            commit=askers.newest(askers.commits(paths), paths),
            path=change.path,
        )
        with TemporaryDirectory(prefix="pki-as-code-") as directory:
            file = Path(directory) / "given"
            file.write_bytes(change.crl_der)
            key = (change.issuer, change.scope)
            record([entry], f"publish the given CRL of {change.issuer}", {key: file})
        yield Outcome(change)
