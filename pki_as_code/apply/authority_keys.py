"""Keys of authorities that were made elsewhere: brought to where the manifest says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509

from pki_as_code.apply.outside_git import check_outside_git
from pki_as_code.errors import KeyBackendError
from pki_as_code.issuance import encode_public_key, open_issuer, public_key_der
from pki_as_code.keys import check_new_key, import_key, key_exists, open_key
from pki_as_code.keys.interface import Secrets
from pki_as_code.plan.authorities import Authority, key_uri
from pki_as_code.workspace import Workspace

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


@dataclass(frozen=True)
class KeptPassphrase:
    """A source of passphrases that keeps a key as well protected as it was before."""

    secrets: Secrets
    before: bytes | None
    """The passphrase the key was encrypted with where it came from."""

    def passphrase(self, name: str, *, new: bool) -> bytes | None:
        given = self.secrets.passphrase(name, new=new)
        return self.before if given is None else given

    def passphrase_is_given(self, name: str) -> bool:
        return self.secrets.passphrase_is_given(name)


def check_key_fits(
    private_key: CertificateIssuerPrivateKeyTypes, certificate: x509.Certificate, where: str
) -> None:
    """Raise `KeyBackendError` (`key.mismatch`) unless the key is the one in the certificate."""
    if public_key_der(private_key) != encode_public_key(certificate.public_key()):
        raise KeyBackendError(
            f"the private key {where!r} is not the one in the certificate",
            help="give the certificate that belongs to the key",
            code="key.mismatch",
        )


def key_is_in_place(
    workspace: Workspace, authority: Authority, certificate: x509.Certificate, secrets: Secrets
) -> bool:
    """
    Tell whether the authority's key is where its manifest says; if so, it is the right one.

    Raises:
        KeyBackendError: git would take the key, something else is there, or nothing could be.
    """
    check_outside_git(workspace, authority, key_uri(authority))
    key, name, root = authority.manifest.spec.key, authority.object_id.name, workspace.root
    if key is None:
        return False
    if not key_exists(key.uri, root=root):
        check_new_key(key.uri, root=root, name=name, secrets=secrets)
        return False
    open_issuer(name, open_key(key.uri, root=root, name=name, secrets=secrets), [certificate])
    return True


def bring_key(
    workspace: Workspace,
    authority: Authority,
    private_key: CertificateIssuerPrivateKeyTypes,
    secrets: Secrets,
) -> None:
    """Put the key where the manifest says. Raises `KeyBackendError`; never replaces a key."""
    key = authority.manifest.spec.key
    if key is not None:
        name = authority.object_id.name
        import_key(key.uri, private_key, root=workspace.root, name=name, secrets=secrets)
