"""What is said of certificates made elsewhere that are taken up: nothing is signed for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import AdoptCertificate, Evaluate, Finding
from pki_as_code.plan.certificate_adoption import already_known
from pki_as_code.plan.defaults import find_profile
from pki_as_code.plan.policy_judging import Rulebook, judge_adopted
from pki_as_code.stores.interface import CertificateFilter, Store


def adopted_not_allowed(
    change: AdoptCertificate,
    manifests: ManifestSet,
    books: tuple[Rulebook, ...],
    now: datetime,
    evaluate: Evaluate | None,
) -> Iterator[Finding]:
    """What somebody else signed is looked after all the same: a warning."""
    loaded = manifests.of(Certificate).get(change.object_id)
    profile = find_profile(loaded, manifests, []) if loaded is not None else None
    if loaded is None:
        return
    name = profile.metadata.name if profile else ""
    finding = judge_adopted(books, loaded, change, name, now, evaluate)
    if finding is not None:
        yield finding


def known_elsewhere(change: AdoptCertificate, store: Store) -> Iterator[Finding]:
    """A certificate is taken up under one object, and none that was issued here under another."""
    wanted = CertificateFilter(issuer=change.issuer, serial_number=change.serial_number, kinds=())
    for record in store.find(wanted):
        if record.object_id != change.object_id:
            yield already_known(change.serial_number, record.object_id).at(change.source)
