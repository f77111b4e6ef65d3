"""The files of an authority that was made elsewhere: its certificate, and perhaps its key."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes

IMPORT_PASSPHRASE = "PKI_IMPORT_PASSPHRASE"  # noqa: S105 (the name of a variable)
MOST_BYTES = 64 * 1024

_KEY_AND_CERTIFICATE = 2


@dataclass(frozen=True)
class ImportedAuthority:
    """What was read; the key is the one in the certificate."""

    certificate: x509.Certificate
    private_key: CertificateIssuerPrivateKeyTypes | None = field(default=None, repr=False)
    key_passphrase: bytes | None = field(default=None, repr=False)


def read_authority(console: Console, name: str, files: tuple[str, ...]) -> ImportedAuthority:
    """
    Read `[KEY] CERTIFICATE`; KEY may be `-`, for a key that stays where it is.

    Raises:
        InvalidValueError: a file is not there, or no certificate.
        KeyBackendError: a key cannot be read, or is not the one in the certificate.
    """
    from pki_as_code.apply.authority_keys import check_key_fits
    from pki_as_code.cli.console import EnvironmentSecrets
    from pki_as_code.keys.foreign import parse_foreign_key
    from pki_as_code.plan.adoptable import decode_adopted

    if len(files) > _KEY_AND_CERTIFICATE:
        raise click.UsageError(f"{len(files)} files are given, a key and a certificate are wanted")
    certificate = _certificate(decode_adopted(_content(console, files[-1], "certificate")))
    if len(files) == 1 or files[0] == "-":
        return ImportedAuthority(certificate)

    def ask() -> bytes | None:
        given = os.environ.get(IMPORT_PASSPHRASE)
        if given is not None:
            return given.encode()
        return EnvironmentSecrets(interactive=console.interactive).passphrase(name, new=False)

    data = _content(console, files[0], "private key")
    private_key, passphrase = parse_foreign_key(data, ask, where=files[0], name=name)
    check_key_fits(private_key, certificate, files[0])
    return ImportedAuthority(certificate, private_key, passphrase)


def check_date(console: Console, certificate: x509.Certificate, *, allow_expired: bool) -> None:
    """Raise `InvalidValueError` for a certificate that has expired, or only say so."""
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.model import format_time

    end = certificate.not_valid_after_utc
    if end >= console.now():
        return
    if not allow_expired:
        raise InvalidValueError(
            f"the certificate expired at {format_time(end)}",
            help="--allow-expired takes it up all the same, for the sake of what it signed",
            code="authority.expired",
        )
    console.note(f"warning: the certificate expired at {format_time(end)}")


def _certificate(der: bytes) -> x509.Certificate:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    from pki_as_code.errors import InvalidValueError
    from pki_as_code.pkix.algorithms import key_spec

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = x509.load_der_x509_certificate(der)
            key_spec(certificate.public_key())
    except InvalidValueError:
        raise
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidValueError(
            "the certificate of the authority, or the key in it, cannot be read",
            help="see what `openssl x509 -text` makes of it",
            code="authority.bad_certificate",
        ) from None
    return certificate


def _content(console: Console, path: str, what: str) -> bytes:
    from pki_as_code.errors import InvalidValueError

    try:
        with (console.directory / path).open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InvalidValueError(
            f"cannot read the {what} {path!r}: {error.strerror}",
            help="name the file; - stands for a key that stays offline",
            code="authority.no_file",
        ) from None
    if len(data) > MOST_BYTES:
        raise InvalidValueError(
            f"{path!r} is too large for a {what}",
            help="give a file with nothing else in it",
            code="authority.no_file",
        )
    return data
