"""The authorities that sign in this run: each key is opened once, and fits its certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography import x509

from pki_as_code.apply.outside_git import check_outside_git
from pki_as_code.apply.responder_keys import ResponderKeys
from pki_as_code.errors import IssuanceError, KeyBackendError, StoreError
from pki_as_code.issuance import Issuer, encode_public_key, open_issuer, public_key_der
from pki_as_code.keys import check_new_key, create_key, key_exists, open_key
from pki_as_code.keys.interface import Secrets
from pki_as_code.model import (
    AUTHORITY,
    RESPONDER,
    CertificateRequest,
    Change,
    FinishReservation,
    IssueCertificate,
    ObjectId,
)
from pki_as_code.pkix.algorithms import matches_key_spec
from pki_as_code.plan.authorities import (
    Authority,
    chain_of,
    find_authority,
    key_uri,
)
from pki_as_code.plan.blocked_keys import lost_keys
from pki_as_code.workspace import Workspace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


class Issuers:
    """Opens authorities of one workspace, once each."""

    def __init__(self, workspace: Workspace, secrets: Secrets) -> None:
        self._workspace, self._secrets = workspace, secrets
        self._open: dict[str, Issuer] = {}
        self._responders = ResponderKeys(workspace, secrets)
        self._unusable: dict[str, KeyBackendError] = {}
        self._keys: dict[str, CertificateIssuerPrivateKeyTypes] = {}

    def of(self, workspace: Workspace) -> Issuers:
        """Return the same keys, opened already, for another revision of the repository."""
        issuers = Issuers(workspace, self._secrets)
        issuers._keys = self._keys
        return issuers

    def issuer(self, name: str) -> Issuer:
        """
        Return the authority, ready to sign.

        Raises:
            KeyBackendError: its key cannot be opened, or is not the one in its certificate.
            IssuanceError: it has no certificate yet, or no manifest.
        """
        if name not in self._open:
            authority = self._authority(name)
            chain = self._chain(authority)
            if not chain:
                raise IssuanceError(
                    f"authority {name} has no certificate yet",
                    help="`pkictl reconcile` signs it first",
                    code="issuance.issuer_not_issued",
                )
            self._open[name] = open_issuer(name, self._key_once(authority), chain)
        return self._open[name]

    def for_authority(self, request: CertificateRequest) -> tuple[Issuer, CertificateRequest]:
        """
        Make (or find) an authority's own key; return who signs it and the completed request.

        An existing key file is taken up: a run that died may have made it, and so may its owner.
        """
        return self._signer_of(request, self.own_key(request.object_id.name))

    def own_key(self, name: str) -> CertificateIssuerPrivateKeyTypes:
        """
        Make (or find) the key of an authority that has no certificate yet.

        Raises:
            KeyBackendError: git would take it, it is of another type or that of another authority,
                or the authority is offline.
        """
        key = self._own_key(self._authority(name))
        self._check_not_shared(f"authority {name}", public_key_der(key), but=name)
        return key

    def for_request(self, request: CertificateRequest) -> tuple[Issuer, CertificateRequest]:
        """
        Return who signs for an end entity, and the completed request.

        The key of an OCSP responder is made where there is none yet.
        """
        if request.object_id.kind != RESPONDER:
            return self.issuer(request.issuer), request
        issuer = self.issuer(request.issuer)
        key = public_key_der(self._responders.open_or_make(self._authority(issuer.name)))
        self._check_not_shared(f"the OCSP responder of {issuer.name}", key)
        return issuer, replace(request, public_key_der=key)

    def for_reservation(self, request: CertificateRequest) -> tuple[Issuer, CertificateRequest]:
        """
        Return who signs what an earlier run reserved, and the request with the key as it is.

        The key of an authority is there since before the reservation: one that is gone is not made
        anew.
        """
        name = request.object_id.name
        if request.object_id.kind == RESPONDER:
            key = self._responders.open(self._authority(name))
            return self.issuer(name), replace(request, public_key_der=public_key_der(key))
        if request.object_id.kind != AUTHORITY:
            return self.issuer(request.issuer), request
        return self._signer_of(request, self._key(self._authority(name)))

    def lost_responder_keys(self) -> frozenset[ObjectId]:
        """Return the OCSP responders whose key is not the one in their certificate any more."""
        return self._responders.lost()

    def can_open_responder_key(self, authority: Authority) -> bool:
        """Tell whether the key of its OCSP responder opens without asking anybody."""
        return self._responders.can_open(authority)

    def check(self, changes: Iterable[Change]) -> None:
        """
        Open what the changes will need, before anything is written on their behalf.

        Raises:
            KeyBackendError, IssuanceError: a key is missing, its passphrase is wrong, ...
        """
        for change in changes:
            if isinstance(change, FinishReservation):
                self.for_reservation(change.request)
            elif isinstance(change, IssueCertificate):
                if change.object_id.kind == RESPONDER:
                    self._responders.check(self._authority(change.object_id.name))
                    continue  # its authority may come with it, and is checked by itself
                if change.object_id.kind == AUTHORITY:
                    self._check_own_key(self._authority(change.object_id.name))
                if change.request.issuer != change.object_id.name:
                    self.issuer(change.request.issuer)

    def _signer_of(
        self, request: CertificateRequest, key: CertificateIssuerPrivateKeyTypes
    ) -> tuple[Issuer, CertificateRequest]:
        """Return who signs for the authority with this key, itself if a root, and the request."""
        name = request.object_id.name
        completed = replace(request, public_key_der=public_key_der(key))
        if request.issuer == name:
            return open_issuer(name, key, []), completed
        return self.issuer(request.issuer), completed

    def _key_once(self, authority: Authority) -> CertificateIssuerPrivateKeyTypes:
        """Open a key that many wait for; one that cannot be opened is not tried for each."""
        name = authority.object_id.name
        if name in self._unusable:
            raise self._unusable[name]
        try:
            return self._key(authority)
        except KeyBackendError as error:
            self._unusable[name] = error
            raise

    def _key(self, authority: Authority) -> CertificateIssuerPrivateKeyTypes:
        name, spec = authority.object_id.name, authority.manifest.spec
        if spec.key is None or spec.mode == "offline":
            raise KeyBackendError(
                f"authority {name} is offline: this run may not use its key",
                help="sign where the key is",
                code="key.offline",
            )
        if name not in self._keys:
            root = self._workspace.root
            self._keys[name] = open_key(spec.key.uri, root=root, name=name, secrets=self._secrets)
        return self._keys[name]

    def _check_own_key(self, authority: Authority) -> None:
        """Check the place of a new authority's key, and the key when it is there already."""
        check_outside_git(self._workspace, authority, key_uri(authority))
        key, root = authority.manifest.spec.key, self._workspace.root
        if key is None:
            return
        if key_exists(key.uri, root=root):
            self._own_key(authority)
        else:
            name = authority.object_id.name
            check_new_key(key.uri, root=root, name=name, secrets=self._secrets)

    def _own_key(self, authority: Authority) -> CertificateIssuerPrivateKeyTypes:
        """Open the authority's key, or make it where there is none yet."""
        name, spec, root = authority.object_id.name, authority.manifest.spec, self._workspace.root
        check_outside_git(self._workspace, authority, key_uri(authority))
        if spec.key is not None and not key_exists(spec.key.uri, root=root):
            self._keys[name] = create_key(
                spec.key.uri, spec.key_spec, root=root, name=name, secrets=self._secrets
            )
        key = self._key(authority)
        self._check_not_lost(name, public_key_der(key))
        if not matches_key_spec(key.public_key(), spec.key_spec):
            raise KeyBackendError(
                f"the key at {spec.key.uri if spec.key else ''} is not of the type that "
                f"authority {name} asks for",
                help="name another key.uri, or correct key.type",
                code="key.wrong_type",
            )
        return key

    def _check_not_lost(self, name: str, key: bytes) -> None:
        """Which key an authority has shows only here: a lost one is not certified."""
        digest = hashlib.sha256(key).hexdigest()
        lost = lost_keys(self._workspace.loaded.manifests, {})
        if digest in lost or self._workspace.store.blocked_keys([digest]):
            raise KeyBackendError(
                f"the key of authority {name} is compromised: a Revocation says so",
                help="name another key.uri; a key is made there when there is none",
                code="key.compromised",
            )

    def _check_not_shared(self, owner: str, key: bytes, but: str = "") -> None:
        """Two authorities with one key: what limits the one does not limit the other."""
        for other, der in self._workspace.store.authorities().items():
            public_key = x509.load_der_x509_certificate(der).public_key()
            if other != but and encode_public_key(public_key) == key:
                raise KeyBackendError(
                    f"the key of {owner} is that of authority {other}",
                    help="give each of them a key of its own: another key.uri",
                    code="key.shared",
                )

    def _authority(self, name: str) -> Authority:
        found = find_authority(self._workspace.loaded.manifests, name)
        if found is None:
            raise IssuanceError(
                f"authority {name} has no manifest any more",
                help=f"put authorities/{name}.yaml back",
                code="issuance.no_authority",
            )
        return found

    def _chain(self, authority: Authority) -> list[x509.Certificate]:
        """Return the certificates of the authority up to its root; empty when it has none yet."""
        chain: list[x509.Certificate] = []
        for link in chain_of(authority, self._workspace.loaded.manifests):
            der = self._workspace.store.authority_certificate(link.object_id.name)
            if der is None and not chain:
                return []
            if der is None:
                raise StoreError(
                    f"authority {link.object_id.name}, which signed "
                    f"{chain[-1].subject.rfc4514_string()}, has no certificate in the store",
                    help="put its certificate under spec.certificate",
                    code="store.incomplete",
                )
            chain.append(x509.load_der_x509_certificate(der))
        return chain
