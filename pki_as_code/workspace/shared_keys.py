"""
Keys that another namespace has: whose it is first keeps it.

A CSR is in the repository for all to read, and proves its key to whoever copies it. A team that had
another's key certified could then revoke its own certificate for a lost key, and nobody would get
one for that key any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pki_as_code.model import (
    CERTIFICATE,
    AdoptCertificate,
    Change,
    Finding,
    FinishReservation,
    IssueCertificate,
    ObjectId,
    Plan,
)
from pki_as_code.plan.observation import Observation
from pki_as_code.plan.validate import Desired
from pki_as_code.stores.interface import CertificateFilter, Store


def keys_of_others(
    plan: Plan, desired: Desired, observation: Observation, store: Store
) -> Iterator[Finding]:
    """
    Yield an error for each new certificate with a key that a manifest of another namespace has.

    Where neither has a certificate yet nobody knows whose key it is, and neither gets one. What
    exists is renewed.
    """
    asked: dict[str, dict[str, ObjectId]] = {}
    for resolved in desired.certificates:
        if resolved.request is not None:
            owners = asked.setdefault(resolved.request.public_key_sha256, {})
            owners.setdefault(resolved.loaded.object_id.namespace, resolved.loaded.object_id)
    for change in plan.changes:
        object_id, key = change.object_id, _key_of(change)
        others = {n: o for n, o in asked.get(key, {}).items() if n != object_id.namespace}
        if not others or _has(observation, object_id, key):
            continue
        first = _first(store, key, {*others, object_id.namespace})
        if first != object_id.namespace:
            yield _of_another(others.get(first) or min(others.values()), change)


def _key_of(change: Change) -> str:
    """Return the hex SHA-256 of the key that a change has certified or takes up; empty for none."""
    if change.object_id.kind != CERTIFICATE:
        return ""
    if isinstance(change, IssueCertificate | FinishReservation):
        return change.request.public_key_sha256
    if isinstance(change, AdoptCertificate):
        key = x509.load_der_x509_certificate(change.certificate_der).public_key()
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()
    return ""


def _has(observation: Observation, object_id: ObjectId, key: str) -> bool:
    observed = observation.objects.get(object_id)
    current = observed.current if observed is not None else None
    return current is not None and current.public_key_sha256 == key


def _first(store: Store, key: str, namespaces: Collection[str]) -> str:
    """Return which of the namespaces had a certificate with the key first; empty for none."""
    records = store.find(CertificateFilter(public_key_sha256=key))
    had = [(record.issued_at, record.object_id.namespace) for record in records]
    return min((one for one in had if one[1] in namespaces), default=(None, ""))[1]


def _of_another(other: ObjectId, change: Change) -> Finding:
    return Finding(
        "csr.key_of_another_namespace",
        f"{change.object_id.path} has the key of {other.path}, which is in another namespace",
        change.source,
        help="make a new key and CSR; to move a certificate to another namespace, remove its "
        "manifest there first",
    )
