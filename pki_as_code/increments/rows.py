"""
What a plan remembers of each file: the keys it declares and names, and when it is due.

A key is a thing that one file can change for another: an object, a key pair, an attached file. Who
declares one is looked at again together with all who declare or name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import singledispatch
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from pki_as_code.errors import InvalidValueError
from pki_as_code.increments.memo import Row
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.model import (
    AUTHORITY,
    CERTIFICATE,
    DEFAULT_NAMESPACE,
    CertificateRecord,
    ObjectId,
)
from pki_as_code.plan.adoptable import decode_adopted, read_adoptable
from pki_as_code.plan.certificates import current_of
from pki_as_code.plan.observation import Observation
from pki_as_code.plan.renewal import renewal_time
from pki_as_code.plan.requests import ResolvedCertificate
from pki_as_code.plan.superseded import DEFAULT_DELAY
from pki_as_code.plan.validate import Desired

REVOCATIONS = "revocations"
"""The key that every Revocation declares: what one holds, another may release."""


_PATH: Final = attrgetter("path")


def object_key(object_id: ObjectId) -> str:
    return f"object:{object_id.kind}/{object_id.namespace}/{object_id.name}"


def parse_object_key(key: str) -> ObjectId | None:
    """Return the object of a key, None for a key of another sort."""
    sort, _, rest = key.partition(":")
    return ObjectId(*rest.split("/")) if sort == "object" else None


def path_key(path: str) -> str:
    return f"file:{path}"


def public_key(digest: str) -> str:
    return f"key:{digest.lower()}"


def is_mutual(key: str) -> bool:
    """Tell whether all who declare the key are to be seen together: it should be only one."""
    return key.startswith(("key:", "adopted:"))


def make_rows(
    desired: Desired, observation: Observation, now: datetime
) -> Iterator[tuple[str, Row]]:
    """Yield each file that holds manifests with what is known of it, in the order of the paths."""
    superseded: dict[ObjectId, list[CertificateRecord]] = {}
    for record in observation.superseded:
        superseded.setdefault(record.object_id, []).append(record)
    for file in _files(desired):
        row = file.row()
        row.certificates = len(file.certificates)
        for loaded in file.manifests:
            if isinstance(loaded.manifest, Revocation):
                targets = observation.revocation_targets.get(loaded.object_id, ())
                row.names.update(object_key(record.object_id) for record in targets)
        for resolved in file.certificates:
            times = _times(resolved, observation, superseded.get(resolved.loaded.object_id, []))
            due_at = min((int(time.timestamp()) for time in times if time > now), default=None)
            if due_at is not None:
                row.due_at = due_at if row.due_at is None else min(row.due_at, due_at)
        yield file.path, row


def declared_keys(desired: Desired) -> Iterator[tuple[str, str]]:
    """Yield each file with the keys that it declares."""
    for file in _files(desired):
        yield from ((file.path, key) for key in file.row().declares)


class _File(NamedTuple):
    """A file and all that it holds."""

    path: str
    manifests: list[Loaded[Any]]
    certificates: list[ResolvedCertificate]

    def row(self) -> Row:
        """Return the keys that the file declares and names."""
        row = Row()
        for loaded in self.manifests:
            row.declares.add(object_key(loaded.object_id))
            _add_keys(loaded.manifest, loaded, row)
        for resolved in self.certificates:
            _add_resolved(resolved, row)
        return row


def _files(desired: Desired) -> Iterator[_File]:
    """Yield each file that holds manifests, in the order of their paths."""
    resolved = {certificate.loaded.object_id: certificate for certificate in desired.certificates}
    every = [item for of_kind in desired.manifests.by_kind.values() for item in of_kind.values()]
    every.sort(key=_PATH)
    for path, manifests in groupby(every, _PATH):
        held = list(manifests)
        ids = [loaded.object_id for loaded in held]
        yield _File(path, held, [resolved[object_id] for object_id in ids if object_id in resolved])


def _times(
    resolved: ResolvedCertificate, observation: Observation, superseded: list[CertificateRecord]
) -> Iterator[datetime]:
    """Yield the times at which something becomes otherwise about a Certificate by itself."""
    observed = observation.objects.get(resolved.loaded.object_id)
    if observed is not None and observed.failure is not None:
        yield observed.failure.retry_at
    current = current_of(observed)
    if current is not None:
        yield current.not_before
        yield current.not_after + timedelta(seconds=1)
        if resolved.renewal is not None:
            yield renewal_time(current, resolved.renewal.before)
    delay = resolved.loaded.manifest.spec.supersede_delay or DEFAULT_DELAY
    yield from (r.superseded_at + delay for r in superseded if r.superseded_at is not None)


def _add_resolved(resolved: ResolvedCertificate, row: Row) -> None:
    request = resolved.request
    if request is not None:  # else a finding says what is wrong, and it is looked at every time
        row.declares.add(public_key(request.public_key_sha256))
        row.names.add(object_key(ObjectId(AUTHORITY, "", request.issuer)))
        row.names.add(object_key(ObjectId("Profile", "", request.profile)))


# --- By kind --------------------------------------------------------------------------------------


@singledispatch
def _add_keys(manifest: object, loaded: Loaded[Any], row: Row) -> None:
    """Add what a manifest of that kind declares and names beside its own identity."""


@_add_keys.register
def _(manifest: Certificate, loaded: Loaded[Certificate], row: Row) -> None:
    row.names.update(path_key(path) for path in (loaded.csr_path, loaded.adopted_path) if path)
    if manifest.spec.issuer:
        row.names.add(object_key(ObjectId(AUTHORITY, "", manifest.spec.issuer)))
    if loaded.adopted_certificate is not None:
        try:
            serial_number = read_adoptable(decode_adopted(loaded.adopted_certificate)).serial_number
        except InvalidValueError:
            return  # which is a finding
        row.declares.add(f"adopted:{serial_number:x}")


@_add_keys.register
def _(manifest: Revocation, loaded: Loaded[Revocation], row: Row) -> None:
    spec = manifest.spec
    row.declares.add(REVOCATIONS)
    if spec.issuer:
        row.names.add(object_key(ObjectId(AUTHORITY, "", spec.issuer)))
    row.names |= revoked_keys(loaded)


def revoked_keys(loaded: Loaded[Revocation]) -> set[str]:
    """Return the keys of the certificates that a Revocation names; none where it is by serial."""
    spec, keys = loaded.manifest.spec, set[str]()
    if spec.spki_sha256:
        keys.add(public_key(spec.spki_sha256))
    if spec.certificate:
        owner, _, name = spec.certificate.rpartition("/")
        namespace = loaded.object_id.namespace or owner or DEFAULT_NAMESPACE
        keys.add(object_key(ObjectId(CERTIFICATE, namespace, name)))
    return keys


@_add_keys.register
def _(manifest: Watcher, loaded: Loaded[Watcher], row: Row) -> None:
    del loaded
    issuers = manifest.spec.selector.issuers
    row.names.update(object_key(ObjectId(AUTHORITY, "", issuer)) for issuer in issuers)


@_add_keys.register
def _(manifest: Namespace, loaded: Loaded[Namespace], row: Row) -> None:
    del loaded
    defaults = manifest.spec.defaults
    if defaults.issuer:
        row.names.add(object_key(ObjectId(AUTHORITY, "", defaults.issuer)))
    if defaults.profile:
        row.names.add(object_key(ObjectId("Profile", "", defaults.profile)))
