"""The few things a key backend and a source of passphrases must do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pki_as_code.pkix.algorithms import KeySpec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


_NOT_IN_VARIABLES = re.compile(r"[^A-Z0-9]")


def passphrase_variable(name: str) -> str:
    """Return `PKI_PASSPHRASE_ISSUING` for `issuing`; dots and dashes become underscores."""
    return f"PKI_PASSPHRASE_{_NOT_IN_VARIABLES.sub('_', name.upper())}"


def responder_secret(authority: str) -> str:
    """Return what passphrases of the key of an authority's OCSP responder go by."""
    return f"{authority}-ocsp"


class Secrets(Protocol):
    """
    Where passphrases come from: the environment, or a prompt.

    `name` is the `metadata.name` of the authority, so that `issuing` is `PKI_PASSPHRASE_ISSUING`.
    """

    def passphrase(self, name: str, *, new: bool) -> bytes | None:
        """
        Return the passphrase of that key, None when there is none.

        With `new` the key is about to be made: a prompt asks twice, and None means that the key
        will be kept unencrypted. Without it an encrypted key is about to be opened.
        """
        ...

    def passphrase_is_given(self, name: str) -> bool:
        """Tell, without asking anybody, whether a passphrase was given for that key."""
        ...


class KeyBackend(Protocol):
    """
    Private keys named by one URI scheme.

    `location` is the URI without its scheme, `root` the directory of the repository, `name` the
    authority's. A key returned is one of cryptography's own private-key types; a backend whose key
    never leaves its hardware returns a subclass whose `sign` calls the hardware. Every method
    raises `KeyBackendError`.
    """

    def open_key(
        self, location: str, *, root: Path, name: str, secrets: Secrets
    ) -> CertificateIssuerPrivateKeyTypes:
        """Open the key at `location`."""
        ...

    def create_key(
        self, location: str, spec: KeySpec, *, root: Path, name: str, secrets: Secrets
    ) -> CertificateIssuerPrivateKeyTypes:
        """Make a key where none is yet; it is durable when this returns."""
        ...

    def import_key(
        self,
        location: str,
        private_key: CertificateIssuerPrivateKeyTypes,
        *,
        root: Path,
        name: str,
        secrets: Secrets,
    ) -> None:
        """Keep a key that was made elsewhere where none is yet; it is durable when this returns."""
        ...

    def check_new_key(self, location: str, *, root: Path, name: str, secrets: Secrets) -> None:
        """Raise where `create_key` and `import_key` would, as far as can be told before."""
        ...

    def key_exists(self, location: str, *, root: Path) -> bool:
        """Tell whether anything is at `location`; it need not be a usable key."""
        ...
