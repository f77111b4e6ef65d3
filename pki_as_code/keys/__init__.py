"""
Where private keys are kept.

To add a backend: implement `KeyBackend` in a module named after its URI scheme, then list it here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pki_as_code.errors import KeyBackendError
from pki_as_code.keys.file import FileKeyBackend
from pki_as_code.keys.interface import KeyBackend, Secrets
from pki_as_code.pkix.algorithms import KeySpec

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

__all__ = [
    "KEY_BACKENDS",
    "KeyBackend",
    "Secrets",
    "check_new_key",
    "create_key",
    "import_key",
    "key_exists",
    "open_key",
]

KEY_BACKENDS: dict[str, KeyBackend] = {
    "file": FileKeyBackend(),
}


def open_key(
    uri: str, *, root: Path, name: str, secrets: Secrets
) -> CertificateIssuerPrivateKeyTypes:
    """
    Open the private key that `uri` names.

    `root` is the directory of the repository, `name` the authority's. Raises `KeyBackendError`.
    """
    backend, location = _backend(uri)
    return backend.open_key(location, root=root, name=name, secrets=secrets)


def create_key(
    uri: str, spec: KeySpec, *, root: Path, name: str, secrets: Secrets
) -> CertificateIssuerPrivateKeyTypes:
    """
    Make the private key that `uri` names; never replaces one.

    It is durable when this returns. Raises `KeyBackendError`, with code `key.exists` when there is
    one already.
    """
    backend, location = _backend(uri)
    return backend.create_key(location, spec, root=root, name=name, secrets=secrets)


def import_key(
    uri: str,
    private_key: CertificateIssuerPrivateKeyTypes,
    *,
    root: Path,
    name: str,
    secrets: Secrets,
) -> None:
    """
    Keep a private key that was made elsewhere where `uri` says; never replaces one.

    It is durable when this returns. Raises `KeyBackendError`, with code `key.exists` when there is
    one already.
    """
    backend, location = _backend(uri)
    backend.import_key(location, private_key, root=root, name=name, secrets=secrets)


def check_new_key(uri: str, *, root: Path, name: str, secrets: Secrets) -> None:
    """Raise `KeyBackendError` where making or importing a key would, as far as can be told."""
    backend, location = _backend(uri)
    backend.check_new_key(location, root=root, name=name, secrets=secrets)


def key_exists(uri: str, *, root: Path) -> bool:
    """Tell whether anything is where `uri` points. Raises `KeyBackendError` for a bad URI."""
    backend, location = _backend(uri)
    return backend.key_exists(location, root=root)


def _backend(uri: str) -> tuple[KeyBackend, str]:
    scheme, colon, location = uri.partition(":")
    if not colon or scheme not in KEY_BACKENDS:
        known = ", ".join(f"{scheme}:" for scheme in sorted(KEY_BACKENDS))
        raise KeyBackendError(
            f"no key backend understands {uri!r}",
            code="key.unknown_scheme",
            help=f"start the URI with one of: {known}",
        )
    return KEY_BACKENDS[scheme], location
