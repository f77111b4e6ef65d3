"""From manifests, store and key files to responders that can sign. No authority's key is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from pki_as_code.errors import IssuanceError, KeyBackendError, PkiAsCodeError
from pki_as_code.issuance import Responder, open_responder
from pki_as_code.keys import open_key
from pki_as_code.keys.interface import Secrets, responder_secret
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.plan.authorities import Authority
from pki_as_code.plan.responders import responder_key_uri, responders_of
from pki_as_code.stores.interface import Store


def open_responders(
    manifests: ManifestSet, store: Store, root: Path, secrets: Secrets
) -> tuple[dict[str, Responder], dict[str, PkiAsCodeError]]:
    """
    Open the responder of every authority that answers, by the authority's name.

    Returns those that can sign, and why others cannot: one that fails does not stop the others.
    `root` is the directory of the repository. Raises `StoreError`.
    """
    asked = responders_of(manifests)
    observed = store.observe(asked)
    certificates = store.authorities()
    opened: dict[str, Responder] = {}
    failed: dict[str, PkiAsCodeError] = {}
    for object_id, authority in asked.items():
        name = object_id.name
        known = observed.get(object_id)
        if known is None and authority.manifest.spec.mode == "offline":
            continue  # it never gets one
        try:
            if known is None or known.current is None or known.retired or name not in certificates:
                raise _not_issued(name)
            if known.current.revocation is not None:
                raise _revoked(name)
            der = store.certificate_der(known.current.issuer, known.current.serial_number)
            opened[name] = _open(authority, der, certificates, root, secrets)
        except (IssuanceError, KeyBackendError) as error:
            failed[name] = error
    return opened, failed


def _open(
    authority: Authority,
    certificate_der: bytes,
    certificates: Mapping[str, bytes],
    root: Path,
    secrets: Secrets,
) -> Responder:
    name, uri = authority.object_id.name, responder_key_uri(authority)
    if uri is None:
        raise _not_issued(name)
    return open_responder(
        name,
        open_key(uri, root=root, name=responder_secret(name), secrets=secrets),
        x509.load_der_x509_certificate(certificate_der),
        x509.load_der_x509_certificate(certificates[name]),
        authority.manifest.spec.ocsp.validity,
    )


def _revoked(authority: str) -> IssuanceError:
    """Nobody would ask about it (ocspNoCheck): it is for us to sign nothing with it any more."""
    return IssuanceError(
        f"the certificate of the OCSP responder of {authority} is revoked",
        help="move its key file away and reconcile: another key is made",
        code="responder.revoked",
    )


def _not_issued(authority: str) -> IssuanceError:
    return IssuanceError(
        f"the OCSP responder of {authority} has no certificate",
        help="`pkictl reconcile` issues it",
        code="responder.none",
    )
