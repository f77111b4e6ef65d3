"""Who is told about a certificate: its own watchers, its namespace's, and Watcher manifests."""

from __future__ import annotations

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.model import CertificateRecord


def watchers_of(record: CertificateRecord, manifests: ManifestSet) -> list[str]:
    """Return addresses, each once: of the manifest, of its namespace, of the Watchers that fit."""
    loaded = manifests.of(Certificate).get(record.object_id)
    namespace = manifests.namespace(record.object_id.namespace)
    found = list(loaded.manifest.spec.watchers) if loaded else []
    found += namespace.manifest.spec.defaults.watchers if namespace else ()
    for watcher in manifests.of(Watcher).values():
        if _selects(watcher, record, loaded):
            found += watcher.manifest.spec.notify
    return list(dict.fromkeys(str(address) for address in found))


def _selects(
    watcher: Loaded[Watcher], record: CertificateRecord, loaded: Loaded[Certificate] | None
) -> bool:
    """Every list that is given must name the certificate; a team's Watcher sees its own only."""
    selector, own = watcher.manifest.spec.selector, watcher.object_id.namespace
    if own and record.object_id.namespace != own:
        return False
    labels = loaded.manifest.metadata.labels if loaded else {}
    return (
        (not selector.namespaces or record.object_id.namespace in selector.namespaces)
        and (not selector.issuers or record.issuer in selector.issuers)
        and (
            not selector.certificates
            or record.object_id.name in selector.certificates
            or record.object_id.path in selector.certificates
        )
        and all(labels.get(key) == value for key, value in selector.labels.items())
    )
