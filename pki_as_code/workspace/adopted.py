"""What is said of certificates made elsewhere that are taken up: nothing is signed for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cryptography import x509

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import AdoptCertificate, Evaluate, Finding, RevokeCertificate
from pki_as_code.plan.certificate_adoption import already_known
from pki_as_code.plan.defaults import find_profile
from pki_as_code.plan.policy_judging import Rulebook, judge_adopted
from pki_as_code.plan.policy_owners import needs_no_owner, not_theirs_to_revoke
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


def revoked_by_others(
    change: RevokeCertificate, books: tuple[Rulebook, ...], store: Store
) -> Iterator[Finding]:
    """What somebody else signed is revoked by an administrator, or by whose names are in it."""
    if not books or needs_no_owner(change):
        return
    record = change.certificate
    der = store.certificate_der(record.issuer, record.serial_number)
    yield from not_theirs_to_revoke(change, x509.load_der_x509_certificate(der), books)


def known_elsewhere(change: AdoptCertificate, store: Store) -> Iterator[Finding]:
    """A certificate is taken up under one object, and none that was issued here under another."""
    wanted = CertificateFilter(issuer=change.issuer, serial_number=change.serial_number, kinds=())
    for record in store.find(wanted):
        if record.object_id != change.object_id:
            yield already_known(change.serial_number, record.object_id).at(change.source)
