"""Keys of OCSP responders: made like an authority's, and never the authority's."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pki_as_code.apply.outside_git import check_outside_git
from pki_as_code.errors import KeyBackendError
from pki_as_code.issuance import public_key_der
from pki_as_code.keys import check_new_key, create_key, key_exists, open_key
from pki_as_code.keys.interface import Secrets, responder_secret
from pki_as_code.model import ObjectId, Observed
from pki_as_code.plan.authorities import Authority
from pki_as_code.plan.responders import responder_key_uri, responders_of
from pki_as_code.workspace import Workspace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


@dataclass(frozen=True)
class OnlyGiven:
    """A source of passphrases that asks nobody."""

    secrets: Secrets

    def passphrase(self, name: str, *, new: bool) -> bytes | None:
        if not self.secrets.passphrase_is_given(name):
            return None
        return self.secrets.passphrase(name, new=new)

    def passphrase_is_given(self, name: str) -> bool:
        return self.secrets.passphrase_is_given(name)


@dataclass(frozen=True)
class NewOnlyGiven(OnlyGiven):
    """A source that asks for no passphrase of a new key: most responders start unattended."""

    def passphrase(self, name: str, *, new: bool) -> bytes | None:
        return (
            OnlyGiven.passphrase(self, name, new=True)
            if new
            else self.secrets.passphrase(name, new=False)
        )


class ResponderKeys:
    """The keys of the OCSP responders of one workspace. Every method raises `KeyBackendError`."""

    def __init__(self, workspace: Workspace, secrets: Secrets) -> None:
        self._workspace, self._secrets = workspace, NewOnlyGiven(secrets)

    def open(self, authority: Authority) -> CertificateIssuerPrivateKeyTypes:
        """Open the key of an authority's responder, which must be there."""
        return open_key(
            _uri(authority),
            root=self._workspace.root,
            name=responder_secret(authority.object_id.name),
            secrets=self._secrets,
        )

    def open_or_make(self, authority: Authority) -> CertificateIssuerPrivateKeyTypes:
        """Open the key, or make it where there is none yet."""
        uri, root = _uri(authority), self._workspace.root
        check_outside_git(self._workspace, authority, uri)
        if key_exists(uri, root=root):
            return self.open(authority)
        spec = authority.manifest.spec.ocsp.responder.key.key_spec
        name = responder_secret(authority.object_id.name)
        return create_key(uri, spec, root=root, name=name, secrets=self._secrets)

    def check(self, authority: Authority) -> None:
        """Check the place of the key, and the key when it is there already."""
        uri, root = _uri(authority), self._workspace.root
        check_outside_git(self._workspace, authority, uri)
        if key_exists(uri, root=root):
            self.open(authority)
        else:
            name = responder_secret(authority.object_id.name)
            check_new_key(uri, root=root, name=name, secrets=self._secrets)

    def lost(self) -> frozenset[ObjectId]:
        """
        Return the responders whose key is gone, or is not the one they were certified with.

        A run that died may have made a key that no certificate was reserved for. A key that cannot
        be opened without asking somebody is not looked into.
        """
        responders = responders_of(self._workspace.loaded.manifests)
        observed = self._workspace.store.observe(responders)
        return frozenset(
            object_id
            for object_id, known in observed.items()
            if (digest := _certified_key(known)) is not None
            and self._is_lost(responders[object_id], digest)
        )

    def can_open(self, authority: Authority) -> bool:
        """Tell whether the key of an authority's responder opens without asking anybody."""
        name = responder_secret(authority.object_id.name)
        secrets = OnlyGiven(self._secrets)
        try:
            open_key(_uri(authority), root=self._workspace.root, name=name, secrets=secrets)
        except KeyBackendError:
            return False
        return True

    def _is_lost(self, authority: Authority, public_key_sha256: str) -> bool:
        uri, root = responder_key_uri(authority), self._workspace.root
        if uri is None:
            return False
        name = responder_secret(authority.object_id.name)
        try:
            if not key_exists(uri, root=root):
                return True
            key = open_key(uri, root=root, name=name, secrets=OnlyGiven(self._secrets))
        except KeyBackendError:
            return False  # using it says so
        return hashlib.sha256(public_key_der(key)).hexdigest() != public_key_sha256


def _certified_key(known: Observed) -> str | None:
    """Return the digest of the key that is certified, or about to be."""
    if known.reservation is not None:
        return str(known.reservation.request.get("publicKeySha256"))
    if known.current is None or known.retired:
        return None
    return known.current.public_key_sha256


def _uri(authority: Authority) -> str:
    uri = responder_key_uri(authority)
    if uri is None:
        raise KeyBackendError(
            f"nothing says where the key of the OCSP responder of {authority.object_id.name} is",
            help="name a place under spec.ocsp.responder.key.uri",
            code="responder.no_key_uri",
        )
    return uri
