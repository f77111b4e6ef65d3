"""Which certificates a Revocation means."""

from __future__ import annotations

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.model import AUTHORITY, CERTIFICATE, RESPONDER, CertificateRecord, ObjectId
from pki_as_code.pkix.serial_numbers import parse_serial_number
from pki_as_code.stores.interface import CertificateFilter, Store


def targets_of(
    loaded: Loaded[Revocation], repository: GitRepository, store: Store
) -> tuple[CertificateRecord, ...]:
    """
    Return the certificates a Revocation names.

    A team's Revocation reaches its own namespace only; one of the administrators any, and also
    authorities and OCSP responders. One by name means the certificate that was current when it
    came: what is issued under the same name later is another certificate.
    """
    spec, namespace = loaded.manifest.spec, loaded.object_id.namespace
    if spec.certificate is not None:
        found = _by_name(spec.certificate, namespace, store)
        done = tuple(r for r in found if _asked_by(r, loaded.object_id))
        return done or _current_when_it_came(loaded, found, repository, store)
    kinds = (CERTIFICATE,) if namespace else (CERTIFICATE, AUTHORITY, RESPONDER)
    if spec.serial is not None:
        number = parse_serial_number(spec.serial)
        wanted = CertificateFilter(
            issuer=spec.issuer, serial_number=number, namespace=namespace or None, kinds=kinds
        )
        return tuple(store.find(wanted))
    wanted = CertificateFilter(
        public_key_sha256=spec.spki_sha256, namespace=namespace or None, kinds=kinds
    )
    return tuple(store.find(wanted))


def _by_name(text: str, namespace: str, store: Store) -> list[CertificateRecord]:
    owner, _, name = text.rpartition("/")
    if namespace and owner not in {"", namespace}:
        return []
    wanted = CertificateFilter(namespace=namespace or owner or "default", name=name)
    return list(store.find(wanted))


def _asked_by(record: CertificateRecord, object_id: ObjectId) -> bool:
    return record.revocation is not None and record.revocation.requested_by == object_id


def _current_when_it_came(
    loaded: Loaded[Revocation],
    records: list[CertificateRecord],
    repository: GitRepository,
    store: Store,
) -> tuple[CertificateRecord, ...]:
    """
    Return the last certificate that was issued before the Revocation was there.

    A run carries out revocations before it issues. So what was issued at a commit that has the
    Revocation came after it, whoever revoked the certificate that it meant.
    """
    from pki_as_code.stores.entries import Adopted, Issued  # with all kinds of entries

    numbers = {(r.issuer, r.serial_number): r for r in records}
    for entry in reversed(list(store.entries(records[0].object_id)) if records else []):
        issued = entry.payload
        if isinstance(issued, Issued | Adopted):
            record = numbers.get((issued.issuer, issued.serial_number))
            known = issued.provenance.get("reconciledCommit") if isinstance(issued, Issued) else ""
            if record is not None and not _has_it(loaded, str(known or ""), repository):
                return (record,)
    return ()


def _has_it(loaded: Loaded[Revocation], commit: str, repository: GitRepository) -> bool:
    """Tell whether that commit has the Revocation, word for word; False where nobody knows."""
    try:
        if not commit or not repository.has_commit(commit):
            return False
        with RevisionTree(repository, commit) as tree:
            before = tree.read(loaded.path).decode("utf-8", "replace")
    except PkiAsCodeError:
        return False
    return before.removeprefix("\ufeff") == loaded.text.text
