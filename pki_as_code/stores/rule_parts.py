"""What several rules of the ledger have in common."""

from __future__ import annotations

from pki_as_code.stores.certificates import describe_certificate, is_issued_by, is_self_issued
from pki_as_code.stores.entries import Adopted, Authority, Entry
from pki_as_code.stores.refusals import used
from pki_as_code.stores.states import CertificateKey
from pki_as_code.stores.working_set import WorkingSet


def check_unused(working: WorkingSet, key: CertificateKey) -> None:
    """No serial number is ever used for two certificates (RFC 5280 section 4.1.2.2)."""
    known = working.certificate(key) is not None or working.reservation(key) is not None
    if known or working.was_abandoned(key):
        raise used(key)


def supersede(
    working: WorkingSet, replaced: CertificateKey | None, successor: CertificateKey, entry: Entry
) -> None:
    """Note when a certificate of an object was followed by another one, if there was one."""
    if replaced is not None and replaced != successor:
        working.touch_certificate(replaced).superseded_at = entry.at
    if working.certificate(successor) is not None:
        working.touch_certificate(successor).superseded_at = None


def issuer_of(working: WorkingSet, payload: Authority) -> str:
    """
    Return the name of the authority that signed an authority's certificate.

    Empty for one outside this store.
    """
    if is_self_issued(payload.certificate_der):
        return payload.object_id.name
    for name, issuer_der in sorted(working.authorities().items()):
        if is_issued_by(payload.certificate_der, issuer_der):
            return name
    return ""


def add_foreign(
    working: WorkingSet,
    entry: Entry,
    payload: Adopted | Authority,
    key: CertificateKey,
    *,
    deletion_policy: str = "",
    commit: str = "",
    path: str = "",
) -> None:
    """Add a certificate that answers no request of this store."""
    working.add_certificate(
        key=key,
        object_id=payload.object_id,
        certificate_der=payload.certificate_der,
        description=describe_certificate(payload.certificate_der),
        crl_scope=None,
        columns={
            "sequence": entry.sequence,
            "profile": "",
            "request_digest": "",
            "intent_digest": "",
            "issued_at": entry.at,
            "commit_id": commit,
            "path": path,
            "deletion_policy": deletion_policy,
        },
        contents={"request": {}, "intent": {}, "provenance": {}},
    )
