"""The online side before a ceremony: what is to be signed, as a bundle to be carried there."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.apply.issuers import Issuers
from pki_as_code.errors import InvalidValueError, IssuanceError
from pki_as_code.issuance import make_csr, public_key_der
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import FULL_SCOPE, CertificateRequest, Severity
from pki_as_code.plan.authorities import (
    Authority,
    chain_of,
    default_hash,
    find_authority,
    resolve_authority,
)
from pki_as_code.plan.bundles import (
    CertificateBundle,
    CrlBundle,
    RevokedSerialNumber,
    StorePosition,
)
from pki_as_code.plan.ceremonies import NEEDED, is_offline, signer_of
from pki_as_code.plan.preview import Preview
from pki_as_code.stores.entries import Genesis
from pki_as_code.stores.interface import Store
from pki_as_code.workspace import Workspace


def find_for_ceremony(manifests: ManifestSet, name: str) -> Authority:
    """Return the authority. Raises `InvalidValueError` (`ceremony.no_authority`)."""
    authority = find_authority(manifests, name)
    if authority is None:
        raise InvalidValueError(
            f"there is no authority {name!r} in the manifests of this commit",
            help="commit its manifest first; `mode: offline` says that its key is elsewhere",
            code="ceremony.no_authority",
        )
    return authority


def prepare_certificate_bundle(
    workspace: Workspace, name: str, issuers: Issuers, now: datetime
) -> CertificateBundle:
    """
    Return the request for an authority's certificate, to be signed by a key that is offline.

    1. Plan the authority: it must be one that waits for a ceremony.
    2. Judge what would be signed, so that nobody travels in vain.
    3. Make the authority's own key where it is online, and prove with a CSR that it is there.

    Raises:
        ManifestError, StoreError: as `Workspace.plan`.
        InvalidValueError: `ceremony.no_authority`, `ceremony.not_needed`.
        IssuanceError: it would not be signed; `findings` says why.
        KeyBackendError: the key cannot be made or opened.
    """
    manifests = workspace.loaded.manifests
    authority = find_for_ceremony(manifests, name)
    check_needed(workspace, authority, now)
    request = resolve_authority(authority, manifests)
    check_request(workspace, request, now)
    csr = None
    if not is_offline(authority):
        key = issuers.own_key(name)
        csr = make_csr(key, request.subject)
        request = replace(request, public_key_der=public_key_der(key))
    return CertificateBundle(
        object_id=authority.object_id,
        request=request,
        key=authority.manifest.spec.key_spec,
        csr=csr,
        chain=known_chain(workspace, authority),
        store=store_position(workspace.store),
        commit=workspace.commit,
        path=authority.path,
        prepared_at=now,
    )


def prepare_crl_bundle(workspace: Workspace, name: str, now: datetime) -> CrlBundle:
    """
    Return what an offline authority is to say in its next CRL: all that it revoked, as of now.

    Raises:
        ManifestError, StoreError: as `Workspace.plan`.
        InvalidValueError: `ceremony.no_authority`, `ceremony.not_needed`.
    """
    manifests, store = workspace.loaded.manifests, workspace.store
    authority = find_for_ceremony(manifests, name)
    workspace.plan(now, [authority.object_id])  # raises what is wrong with the manifests
    spec = authority.manifest.spec
    if not is_offline(authority) or "crl" not in spec.usages or name not in store.authorities():
        raise InvalidValueError(
            f"there is no CRL of {name} for a ceremony to sign",
            help="it is online, has no certificate that was reconciled, or no `crl` in usages",
            code="ceremony.not_needed",
        )
    last = next((c for c in store.crls() if (c.issuer, c.scope) == (name, FULL_SCOPE)), None)
    entries = store.revoked(name, not_after_from=last.this_update if last else None)
    return CrlBundle(
        object_id=authority.object_id,
        hash_algorithm=default_hash(authority, manifests),
        last_number=max(store.highest_crl_number(name), spec.crl.first_number - 1),
        validity_seconds=int(spec.crl.validity.total_seconds()),
        revoked=tuple(RevokedSerialNumber(*entry) for entry in entries),
        chain=known_chain(workspace, authority, itself=True),
        store=store_position(store),
        commit=workspace.commit,
        path=authority.path,
        prepared_at=now,
    )


def check_needed(workspace: Workspace, authority: Authority, now: datetime) -> None:
    """
    Raise `InvalidValueError` unless a plan says that the authority needs a ceremony.

    Raises `IssuanceError` with the plan's own words when that refuses the authority.
    """
    name = authority.object_id.name
    plan = workspace.plan(now, [authority.object_id])
    errors = [finding for finding in plan.findings if finding.severity is Severity.ERROR]
    if errors:
        first = errors[0]
        raise IssuanceError(first.message, help=first.help, code=first.code, findings=errors)
    for refusal in plan.refused:
        raise InvalidValueError(
            f"{name}: {refusal.reason.message}", help=refusal.help, code="ceremony.not_needed"
        )
    signer = signer_of(authority, workspace.loaded.manifests)
    found = any(finding.code == NEEDED for finding in plan.findings)
    if not found or signer is None or not is_offline(signer):
        raise InvalidValueError(
            f"there is nothing for a ceremony to sign for {name}",
            help="it has its certificate, or a run can sign it: `pkictl plan` says what is needed",
            code="ceremony.not_needed",
        )


def check_request(workspace: Workspace, request: CertificateRequest, now: datetime) -> None:
    """Raise `IssuanceError` with every error there is in what would be signed."""
    manifests = workspace.loaded.manifests
    preview = Preview(manifests, workspace.authority_certificates(), now, workspace.linting)
    errors = [f for f in preview.findings(request) if f.severity is Severity.ERROR]
    if errors:
        raise IssuanceError(
            f"{request.object_id.path} would not be signed: {errors[0].message}",
            help=errors[0].help,
            code=errors[0].code,
            findings=errors,
        )


def known_chain(
    workspace: Workspace, authority: Authority, *, itself: bool = False
) -> tuple[bytes, ...]:
    """
    Return the certificates above an authority, its signer's first, as far as they are known.

    Of the store, or of a manifest that was merged and not reconciled yet.
    """
    links = list(chain_of(authority, workspace.loaded.manifests))
    chain: list[bytes] = []
    for link in links if itself else links[1:]:
        der = known_certificate(workspace, link)
        if der is None:
            return ()
        chain.append(der)
    return tuple(chain)


def known_certificate(workspace: Workspace, authority: Authority) -> bytes | None:
    """Return the certificate (DER) of an authority, None when it has none yet."""
    stored = workspace.store.authority_certificate(authority.object_id.name)
    if stored is not None:
        return stored
    pem = authority.manifest.spec.certificate
    if pem is None:
        return None
    return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)


def store_position(store: Store) -> StorePosition:
    """Return which ledger it is, and where it ends."""
    head = store.head()
    if head.sequence < 0:
        return StorePosition("", -1, head.digest)
    first = next(iter(store.entries()), None)
    lineage = first.payload.lineage if first and isinstance(first.payload, Genesis) else ""
    return StorePosition(lineage, head.sequence, head.digest)
