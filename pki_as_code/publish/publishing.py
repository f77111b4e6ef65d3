"""
Publishing: build beside, read back and check, put in place.

1. The destination is opened, and its index must stand on the ledger that is published from.
2. Each section yields files. What is there already is left alone; the rest is staged, read back and
   checked. A file that fails its check is left out, and what was there before stays.
3. The index is made over what there will be.
4. The destination puts the staged files in place, and removes what no section yields any more.

A tree that is as it should be is not touched.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from pki_as_code.errors import PublishContentionError, PublishError
from pki_as_code.escape import quoted
from pki_as_code.model import Finding, Severity
from pki_as_code.publish.interface import (
    Destination,
    Item,
    Kept,
    Material,
    PublishedFile,
    RaceLostError,
    Section,
    Session,
)
from pki_as_code.publish.layout import INDEX_JSON, in_order, problem_of_path
from pki_as_code.publish.page import index_files
from pki_as_code.publish.sections import SECTIONS
from pki_as_code.stores.codec import digest as line_digest
from pki_as_code.stores.interface import Head, Store

ATTEMPTS: Final = 5
"""Times that another publisher may be faster before `PublishContentionError`."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What was done. `written` and `removed` are paths, in the order in which they changed."""

    destination: str
    sequence: int
    """Of the last entry of the ledger that was published from."""

    written: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Tell whether something could not be published."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def publish(
    store: Store,
    destination: Destination,
    now: datetime,
    *,
    sections: Iterable[Section] = tuple(SECTIONS.values()),
) -> PublishReport:
    """
    Publish what the store has; needs no key.

    What cannot be published (a CRL that has ended) is a finding, and the rest is published. Raises
    `PublishError`, `StoreError` and `OSError` when nothing was, and `PublishContentionError` when
    others were faster each time.
    """
    for _ in range(ATTEMPTS):
        try:
            with closing(destination.open()) as session:
                return _publish_once(store, destination, session, now, tuple(sections))
        except RaceLostError:
            continue
    raise PublishContentionError(
        f"others published to {destination.description} each of {ATTEMPTS} times",
        help="run the command again when fewer runs go on at once",
    )


def _publish_once(
    store: Store,
    destination: Destination,
    session: Session,
    now: datetime,
    sections: tuple[Section, ...],
) -> PublishReport:
    head = store.head()
    _check_ledger(store, head, session, destination)
    material = Material(store, now, session.read, session.paths())
    draft = _Draft(session)
    for section in sections:
        for item in section(material):
            draft.take(item)
    for item in index_files(material, head, dict(draft.digests), draft.read):
        draft.take(item)
    removed = session.paths() - set(draft.digests)
    if draft.changed or removed:
        title = f"Publish entry {head.sequence} of the ledger"
        session.commit(draft.changed, removed, title=title, now=now)
    return PublishReport(
        destination.description,
        head.sequence,
        tuple(in_order(draft.changed)),
        tuple(in_order(removed)),
        len(draft.digests) - len(draft.changed),
        tuple(draft.findings),
    )


@dataclass
class _Draft:
    """The tree as it takes shape."""

    session: Session
    digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 in hex of every file that there will be."""

    changed: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def take(self, item: Item) -> None:
        match item:
            case Finding():
                self.findings.append(item)
            case Kept(path):
                self._keep(path)
            case PublishedFile(path):
                problem = problem_of_path(path) or (_taken(path) if path in self.digests else None)
                if problem is not None:
                    self.findings.append(problem)
                else:
                    self._take_file(item)

    def _take_file(self, file: PublishedFile) -> None:
        is_new = not self.session.holds(file.path, file.content)
        content = self.session.stage(file.path, file.content) if is_new else file.content
        if content != file.content:
            raise PublishError(
                f"{quoted(file.path)} was written, and something else was read back",
                help="check the disk before anything else",
                code="publish.not_as_written",
            )
        found = list(file.check(content))
        self.findings += found
        if any(finding.severity is Severity.ERROR for finding in found):
            if is_new:
                self.session.drop(file.path)
            self._keep(file.path)
            return
        self.digests[file.path] = hashlib.sha256(content).hexdigest()
        if is_new:
            self.changed.add(file.path)

    def _keep(self, path: str) -> None:
        content = self.session.read(path)
        if content is not None:
            self.digests[path] = hashlib.sha256(content).hexdigest()

    def read(self, path: str) -> bytes:
        """Return a file of the tree as it will be."""
        if path in self.changed:
            return self.session.staged(path)
        return self.session.read(path) or b""


def _taken(path: str) -> Finding:
    return Finding(
        "publish.path_taken",
        f"two files would have to be published as {quoted(path)}; the first one is",
        help="the names of two authorities differ by `.chain` alone: rename one",
    )


# --- Never a step back ---------------------------------------------------------------------------


def _check_ledger(store: Store, head: Head, session: Session, destination: Destination) -> None:
    """
    Check that what is published was published from this ledger, and not from a later state of it.

    A clone that is behind, or a store put back from a backup, would otherwise withdraw revocations
    from the public. Raises `PublishError`: `publish.behind`, `publish.other_ledger`.
    """
    published = _published_head(session)
    if published is None:
        return
    sequence, digest = published
    where = destination.description
    if sequence > head.sequence:
        raise PublishError(
            f"{where} was published from entry {sequence} of the ledger, and the store ends with "
            f"entry {head.sequence}",
            help="fetch the store (without --offline), or put it back from where it is whole",
            code="publish.behind",
        )
    entry = next(store.entries(first_sequence=sequence), None)
    if entry is None or line_digest(entry.line) != digest:
        raise PublishError(
            f"{where} was published from another ledger than that of the store",
            help="name another destination, or empty this one if the store was begun anew",
            code="publish.other_ledger",
        )


def _published_head(session: Session) -> tuple[int, str] | None:
    """Return (sequence, digest) of the ledger as the published index has it, None without one."""
    content = session.read(INDEX_JSON)
    if content is None:
        return None
    try:
        index = json.loads(content)
        ledger: Mapping[str, object] = index["ledger"]
        sequence, digest = ledger["sequence"], ledger["digest"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # no index of ours: it is replaced, and each CRL is compared all the same
    if type(sequence) is not int or sequence < 0 or not isinstance(digest, str):
        return None
    return (sequence, digest) if _DIGEST.fullmatch(digest) else None
