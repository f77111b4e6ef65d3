"""Which files and objects a plan has to look at, when the memo of an earlier one fits."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.increments.memo import Memo
from pki_as_code.increments.rows import (
    declared_keys,
    is_mutual,
    object_key,
    parse_object_key,
    path_key,
    revoked_keys,
)
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.base import CERTIFICATES, NAMESPACE_FILE
from pki_as_code.manifests.load import LoadResult, ManifestSet
from pki_as_code.manifests.places import place_of
from pki_as_code.manifests.project import FULL_EVERY
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.manifests.tree import PROJECT_FILE
from pki_as_code.model import AUTHORITY, DEFAULT_NAMESPACE, RESPONDER, ObjectId
from pki_as_code.pkix.serial_numbers import parse_serial_number
from pki_as_code.plan.defaults import signs_certificates
from pki_as_code.plan.validate import Desired
from pki_as_code.stores.interface import CertificateFilter, Store

SHARED: Final = (PROJECT_FILE, "authorities", "profiles", "policies")
"""What every plan stands on, and reads."""

MOST_ENTRIES: Final = 20_000
"""With more new entries in the ledger, looking at everything is not more work."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a plan looks at; of everything else it is known that there is nothing to do."""

    paths: frozenset[str]
    """Files, also some that are gone; those of `SHARED` always come with them."""

    objects: frozenset[ObjectId]
    """Objects that these files declare, or declared; and those the ledger speaks of since."""

    changed: frozenset[str]
    """The files that the commits between changed."""

    elsewhere: int
    """How many Certificates are not looked at."""

    token: str
    """Of the memo that it follows from."""

    full_at: int
    """When everything was looked at last, in seconds since 1970."""

    unmoved: bool
    """Nothing is looked at but what always is: the memo would say the same again."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What one plan is made of: the manifests of a scope and the shared ones, or all of them."""

    loaded: LoadResult
    desired: Desired
    scope: Scope | None
    """None for everything."""


class _NotKnown(Exception):  # noqa: N818 (no error: everything is looked at instead)
    """The memo does not tell what can have changed."""


Load = Callable[[frozenset[str]], tuple[LoadResult, Desired]]
"""Loads and resolves the manifests in these files and directories."""


def look(
    repository: GitRepository,
    tree: RevisionTree,
    store: Store,
    load: Load,
    now: datetime,
    full_every: timedelta = FULL_EVERY,
) -> Basis | None:
    """
    Return what a plan of that commit has to look at; None for everything.

    Which is also what is looked at as often as `full_every`.

    Raises `PkiAsCodeError` where the store or the repository cannot be read.
    """
    try:
        with Memo.open(repository) as memo:
            if memo is None:
                return None
            looking = _Looking(repository, tree, store, load, memo)
            looking.check_fits(now, full_every)
            return looking.look(now)
    except (_NotKnown, sqlite3.Error):
        return None


@dataclass(frozen=True, slots=True)
class _Looking:
    repository: GitRepository
    tree: RevisionTree
    store: Store
    load: Load
    memo: Memo

    def look(self, now: datetime) -> Basis:
        memo = self.memo
        changed, touched, pending = self._changed(), self._touched(), memo.pending()
        due = memo.due(int(now.timestamp()))
        left = {key.removeprefix("file:") for key in pending if key.startswith("file:")}
        known = {object_key(o) for o in touched if o.kind not in {AUTHORITY, RESPONDER}}
        keys = known | pending
        paths = changed | left | due | memo.paths_of(keys)
        paths |= self._dependants(changed, memo.keys_of(changed, declares=True))
        while True:
            loaded, desired = self._load(paths)
            self._check_defaults(loaded.manifests, changed)
            # What the files declare, and what is revoked, is known only now.
            declared = list(declared_keys(desired))
            more = self._dependants(changed, {key for path, key in declared if path in changed})
            more |= memo.paths_of({key for _, key in declared if is_mutual(key)}, declared=True)
            more |= self._revoked(loaded.manifests)
            if more <= paths:
                break
            paths |= more
        keys |= {object_key(object_id) for object_id in touched}
        moved = bool(changed or touched or pending or due)
        scope = self._scope(paths, changed, keys, desired, unmoved=not moved)
        return Basis(loaded, desired, scope)

    def _scope(
        self,
        paths: set[str],
        changed: set[str],
        keys: set[str],
        desired: Desired,
        *,
        unmoved: bool,
    ) -> Scope:
        declared = dict.fromkeys(declared_keys(desired))
        looked_at = paths | {path for path, _ in declared}
        keys = keys | self.memo.keys_of(looked_at, declares=True) | {key for _, key in declared}
        return Scope(
            paths=frozenset(looked_at),
            objects=frozenset(found for key in keys if (found := parse_object_key(key))),
            changed=frozenset(changed),
            elsewhere=self.memo.state.certificates - self.memo.certificates_in(looked_at),
            token=self.memo.state.token,
            full_at=self.memo.state.full_at,
            unmoved=unmoved,
        )

    def check_fits(self, now: datetime, full_every: timedelta) -> None:
        """See that the memo is about this store and this history, and not too old."""
        state, seconds = self.memo.state, now.timestamp()
        if state.store != self.store.uri or not self.repository.has_commit(state.commit):
            raise _NotKnown
        if not state.planned_at <= seconds < state.full_at + full_every.total_seconds():
            raise _NotKnown

    def _changed(self) -> set[str]:
        base = self.memo.state.commit
        if base == self.tree.commit:
            return set()
        changed = {c.path for c in self.repository.changed_paths(base, self.tree.commit)}
        if PROJECT_FILE in changed:
            raise _NotKnown  # nothing is as it was, then
        return changed

    def _touched(self) -> set[ObjectId]:
        """Return the objects that the ledger speaks of since, or that are reserved."""
        state = self.memo.state
        head = self.store.head()
        if head.sequence > state.sequence + MOST_ENTRIES or state.sequence < 0:
            raise _NotKnown
        touched = {r.object_id for r in self.store.open_reservations()}
        if (head.sequence, head.digest) == (state.sequence, state.digest):
            return touched
        from pki_as_code.stores.codec import digest  # with all entries, which quiet runs do without

        entries = self.store.entries(first_sequence=state.sequence)
        first = next(entries, None)
        if first is None or digest(first.line) != state.digest:
            raise _NotKnown  # another ledger
        return touched | {o for entry in entries for o in _objects_of(entry.payload)}

    def _dependants(self, changed: set[str], keys: Collection[str]) -> set[str]:
        """Return the files for which what the changed files declare can make a difference."""
        found = self.memo.paths_of({*keys, *map(path_key, changed)})
        for path in changed:
            place = place_of(path)
            if place.directory == CERTIFICATES and place.file_name == NAMESPACE_FILE:
                found |= self._of_namespace(place.namespace)
        return found

    def _revoked(self, manifests: ManifestSet) -> set[str]:
        """Return the files of certificates that Revocations name: they are planned as revoked."""
        keys: set[str] = set()
        for loaded in manifests.of(Revocation).values():
            keys |= revoked_keys(loaded)
            if loaded.manifest.spec.serial is not None:
                number = parse_serial_number(loaded.manifest.spec.serial)
                wanted = CertificateFilter(
                    issuer=loaded.manifest.spec.issuer, serial_number=number, kinds=()
                )
                keys |= {object_key(record.object_id) for record in self.store.find(wanted)}
        return self.memo.paths_of(keys, declared=True)

    def _of_namespace(self, namespace: str) -> set[str]:
        found = self.memo.below(f"{CERTIFICATES}/{namespace}")
        if namespace == DEFAULT_NAMESPACE:
            found |= {p for p in self.memo.below(CERTIFICATES) if p.count("/") == 1}
        return found

    def _load(self, paths: set[str]) -> tuple[LoadResult, Desired]:
        """Load these files, what they are attached to, and what their namespaces say."""
        namespaces = {place_of(path).namespace for path in paths} - {""}
        above = self.memo.paths_of(
            {object_key(ObjectId("Namespace", "", name)) for name in namespaces}, declared=True
        )
        attached = {
            key.removeprefix("file:")
            for key in self.memo.keys_of(paths, declares=False)
            if key.startswith("file:")
        }
        return self.load(frozenset({*SHARED, *paths, *above, *attached}))

    def _check_defaults(self, manifests: ManifestSet, changed: set[str]) -> None:
        """Where nothing names an issuer, which authorities there are decides."""
        if any(path.startswith("authorities/") for path in changed) and (
            default_issuers(manifests) != self.memo.state.default_issuers
        ):
            raise _NotKnown


def default_issuers(manifests: ManifestSet) -> tuple[str, ...]:
    """Return the authorities among which one is taken where nothing names one, and all others."""
    authorities = manifests.of(CertificateAuthority)
    return tuple(
        f"{object_id.name}{'' if signs_certificates(loaded.manifest) else ' does not sign'}"
        for object_id, loaded in sorted(authorities.items())
    )


def _objects_of(payload: object) -> Iterator[ObjectId]:
    """Yield the objects that an entry of the ledger is about."""
    about: Iterable[object] = (
        getattr(payload, "object_id", None),
        getattr(payload, "previous", None),
        getattr(payload, "requested_by", None),
        getattr(getattr(payload, "reservation", None), "object_id", None),
    )
    yield from (found for found in about if isinstance(found, ObjectId))
