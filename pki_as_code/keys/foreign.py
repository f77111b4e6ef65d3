"""Private keys that were made elsewhere, in whatever form their maker wrote them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key

from pki_as_code.errors import KeyBackendError
from pki_as_code.keys.encryption import (
    SIGNING_KEYS,
    is_encrypted,
    not_a_key,
    parse_private_key,
    unsupported_key,
    wrong_passphrase,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

Ask = Callable[[], bytes | None]
"""Returns the passphrase of the key that is read; asked only when it is encrypted."""


def parse_foreign_key(
    data: bytes, ask: Ask, *, where: str, name: str
) -> tuple[CertificateIssuerPrivateKeyTypes, bytes | None]:
    """
    Return the key in `data`, PEM or DER, in PKCS#8 or an older form, and the passphrase it had.

    `where` names the file in errors, `name` is the authority. Raises `KeyBackendError` as
    `parse_private_key` does.
    """
    if data[:1] != b"0" or b"-----BEGIN" in data:
        passphrase = ask() if is_encrypted(data) else None
        return parse_private_key(data, passphrase, where=where, name=name), passphrase
    try:
        return _load_der(data, None, where), None
    except TypeError:
        passphrase = ask()
    if not passphrase:
        raise KeyBackendError(
            f"the private key {where!r} is encrypted, and no passphrase was given",
            code="key.passphrase_needed",
            help="give it in PKI_IMPORT_PASSPHRASE, or run on a terminal and type it",
        )
    try:
        return _load_der(data, passphrase, where), passphrase
    except KeyBackendError:
        raise wrong_passphrase(where) from None


def _load_der(
    data: bytes, passphrase: bytes | None, where: str
) -> CertificateIssuerPrivateKeyTypes:
    """Raises `TypeError` for one that is encrypted while there is no passphrase."""
    try:
        private_key = load_der_private_key(data, passphrase)
    except UnsupportedAlgorithm:
        raise unsupported_key(where) from None
    except ValueError:
        raise not_a_key(where) from None
    if not isinstance(private_key, SIGNING_KEYS):
        raise unsupported_key(where)
    return private_key
