"""What the store, and the commit reconciled last, say about what a plan looks at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import islice

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.increments.scope import Scope
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.base import CERTIFICATES
from pki_as_code.manifests.load import Loaded, ManifestSet, load_manifests
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.manifests.tree import Tree
from pki_as_code.model import AUTHORITY, CERTIFICATE, ObjectId
from pki_as_code.plan.blocked_keys import lost_keys
from pki_as_code.plan.certificates import current_of
from pki_as_code.plan.observation import Elsewhere, Observation
from pki_as_code.plan.responders import responder_id, responders_of
from pki_as_code.plan.superseded import revokes_superseded
from pki_as_code.plan.validate import Desired
from pki_as_code.stores.interface import CertificateFilter, Store
from pki_as_code.workspace.targets import targets_of

MOST_REMOVED = 1000
"""So many removed files are looked into for a Revocation; more than that is no slip."""

_HOLDS_ONE = b"Revocation"


def observe(
    desired: Desired,
    store: Store,
    repository: GitRepository,
    tree: Tree,
    now: datetime,
    scope: Scope | None = None,
) -> Observation:
    """Ask for what a plan of `desired` needs to know; with a `scope`, of what is in it."""
    manifests = desired.manifests
    authorities = store.authorities()
    live = set(store.live_objects()) if scope is None else _in_scope(scope, authorities)
    wanted = {*live, *manifests.of(CertificateAuthority)}
    wanted |= {certificate.loaded.object_id for certificate in desired.certificates}
    targets = {
        object_id: targets_of(loaded, repository, store)
        for object_id, loaded in manifests.of(Revocation).items()
    }
    wanted |= set(responders_of(manifests))
    superseding = revokes_superseded(manifests)
    objects = store.observe(wanted)
    elsewhere = Elsewhere()
    if scope is not None:
        live = {o for o in live if (found := objects.get(o)) and current_of(found)}
        here = sum(object_id.kind == CERTIFICATE for object_id in live)
        elsewhere = Elsewhere(scope.elsewhere, store.count_live(CERTIFICATE) - here)
    return Observation(
        objects=objects,
        live=tuple(sorted(live)),
        elsewhere=elsewhere,
        reservations=tuple(store.open_reservations()),
        revocation_targets=targets,
        authorities=authorities,
        crls={(crl.issuer, crl.scope): crl for crl in store.crls()},
        crl_changes=store.crl_changes(),
        sequence=store.head().sequence,
        superseded=tuple(store.superseded(superseding, now)) if superseding else (),
        first_uses=store.first_uses(_keys_with_an_age(desired)),
        blocked_keys=store.blocked_keys(lost_keys(manifests, targets)),
        signed_valid=tuple(_signed_valid(live, manifests, store, now)),
        removed_revocations=tuple(_removed_revocations(manifests, store, repository, tree)),
    )


def _in_scope(scope: Scope, authorities: Iterable[str]) -> set[ObjectId]:
    """Return the objects of a scope, and the authorities and responders, which are in any."""
    names = set(authorities)
    known = {ObjectId(AUTHORITY, "", name) for name in names} | set(map(responder_id, names))
    return known | scope.objects


def _keys_with_an_age(desired: Desired) -> set[str]:
    """Return the keys of certificates whose profile has a `maxAge`."""
    found = set()
    for resolved in desired.certificates:
        request = resolved.request
        profile = desired.manifests.profile(request.profile) if request else None
        if request is not None and profile is not None and profile.spec.keys.max_age is not None:
            found.add(request.public_key_sha256)
    return found


def _signed_valid(
    live: Collection[ObjectId], manifests: ManifestSet, store: Store, now: datetime
) -> Iterator[ObjectId]:
    """Yield the authorities without a manifest that signed something which is valid."""
    for object_id in live:
        if object_id.kind != AUTHORITY or object_id in manifests.of(CertificateAuthority):
            continue
        valid = CertificateFilter(
            issuer=object_id.name,
            not_after_from=now,
            revoked=False,
            kinds=(CERTIFICATE, AUTHORITY),
            limit=2,
        )
        if any(record.object_id != object_id for record in store.find(valid)):
            yield object_id


def _removed_revocations(
    manifests: ManifestSet, store: Store, repository: GitRepository, tree: Tree
) -> Iterator[Loaded[Revocation]]:
    """
    Yield the Revocations that the commit reconciled last had in files which are gone.

    Nothing where git does not have that commit any more: it is a notice, no decision hangs on it.
    """
    base = store.last_reconciled()
    if not base or not repository.has_commit(base):
        return
    try:
        with RevisionTree(repository, base) as before:
            gone = [p for p in _gone(repository, base, tree) if p.endswith((".yaml", ".yml"))]
            paths = {p for p in islice(gone, MOST_REMOVED) if _HOLDS_ONE in before.read(p)}
            if not paths:
                return
            removed = load_manifests(before, paths=paths).manifests.of(Revocation)
    except PkiAsCodeError:
        return
    for object_id, loaded in removed.items():
        if object_id not in manifests.of(Revocation) and not loaded.manifest.spec.release:
            yield loaded


def _gone(repository: GitRepository, base: str, tree: Tree) -> list[str]:
    """Return the files that were at `base` where Revocations can be, and are gone, in order."""
    if isinstance(tree, RevisionTree):
        removed = repository.changed_paths(base, tree.commit, "D")
        return [change.path for change in removed if change.path.startswith(_PLACES)]
    there = {file.path for file in tree.files()}
    with RevisionTree(repository, base) as before:
        paths = [file.path for file in before.files() if file.path.startswith(_PLACES)]
    return [path for path in paths if path not in there]


_PLACES = ("revocations/", f"{CERTIFICATES}/")
