"""`pkictl ceremony sign`: the bundle, the journal and the question, without a repository."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509

from pki_as_code.apply.ceremony_chains import certificate_pem, read_chain
from pki_as_code.apply.ceremony_crls import CrlSignedBefore, prepare_bundle_crl, sign_bundle_crl
from pki_as_code.apply.ceremony_signer import Sitting, open_crl_signer, open_signer
from pki_as_code.apply.ceremony_signing import SignedBefore, prepare, sign
from pki_as_code.cli.console import Console, EnvironmentSecrets
from pki_as_code.cli.output_file import check_new_output
from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.formats.ceremonies import (
    format_crl_to_be_signed,
    format_digest,
    format_prepared,
    format_to_be_signed,
)
from pki_as_code.pkix.pem import encode_pem
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.plan.bundles import (
    MAX_BUNDLE_BYTES,
    Bundle,
    CertificateBundle,
    CrlBundle,
    bundle_digest,
    parse_bundle,
)
from pki_as_code.stores import open_store

CRL_LABEL = "X509 CRL"

MOST_BYTES = 256 * 1024
"""Of a chain, or of a certificate that came back."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A bundle that was read, and the digest of its file."""

    bundle: Bundle
    digest: str
    data: bytes = field(repr=False)


def read_file(console: Console, path: Path, most: int, what: str) -> bytes:
    """Read a file of at most `most` bytes. Raises `InvalidValueError` (`ceremony.no_file`)."""
    try:
        with (console.directory / path).open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InvalidValueError(
            f"cannot read the {what} {quoted(str(path))}: {error.strerror}",
            help="name the file as it is called on this machine",
            code="ceremony.no_file",
        ) from None
    if len(data) > most:
        raise InvalidValueError(
            f"{quoted(str(path))} is too large for a {what}",
            help="give a file with nothing else in it",
            code="ceremony.no_file",
        )
    return data


def read_bundle(console: Console, path: Path, expected: str | None) -> Carried:
    """
    Read a bundle, and compare its SHA-256 with the one that was read out.

    Raises `InvalidValueError`: `ceremony.other_bundle`, and what `parse_bundle` raises.
    """
    data = read_file(console, path, MAX_BUNDLE_BYTES, "bundle")
    digest = bundle_digest(data)
    if expected is not None:
        wanted = "".join(expected.replace(":", "").split()).lower()
        if not wanted.isascii() or not hmac.compare_digest(wanted, digest):
            raise InvalidValueError(
                f"the SHA-256 of this bundle is {format_digest(digest)}, and another one was given",
                help="it is not the file that was prepared: do not sign it",
                code="ceremony.other_bundle",
            )
    return Carried(parse_bundle(data), digest, data)


@contextmanager
def at_the_table(console: Console, journal: str, *, ask_new: bool) -> Iterator[Sitting]:
    """Open the journal and what else a sitting needs."""
    if not journal.startswith("sqlite:"):
        raise InvalidValueError(
            f"{quoted(journal)} cannot be the journal of a ceremony",
            help="name a file that is kept with the key: sqlite:////media/ceremonies.db",
            code="ceremony.bad_journal",
        )
    root = console.directory.resolve()
    store = open_store(journal, None, root=root, push=False)
    secrets = EnvironmentSecrets(interactive=console.interactive, ask_new=ask_new)
    try:
        yield Sitting(store, secrets, root, console.now())
    finally:
        store.close()


def sign_bundle(
    console: Console, carried: Carried, sitting: Sitting, out: Path, given: Mapping[str, Any]
) -> bytes:
    """Show what is going to be signed, ask, and sign; returns the response, which goes to `out`."""
    if isinstance(carried.bundle, CrlBundle):
        return _sign_crl(console, carried, carried.bundle, sitting, out, given)
    return _sign_certificate(console, carried, carried.bundle, sitting, out, given)


def _sign_certificate(
    console: Console,
    carried: Carried,
    bundle: CertificateBundle,
    sitting: Sitting,
    out: Path,
    given: Mapping[str, Any],
) -> bytes:
    signer = open_signer(
        bundle,
        sitting,
        key_uri=key_uri(given["key_uri"], sitting.root),
        own_key_uri=given["own_key"] and key_uri(given["own_key"], sitting.root),
        given=_given_chain(console, given),
    )
    for uri in signer.made_keys:
        encrypted = given["passphrase"] or sitting.secrets.passphrase_is_given(
            bundle.object_id.name
        )
        told = "" if encrypted else ", which is not encrypted: --passphrase would"
        console.note(f"made a key at {uri}{told}")
    pending = prepare(bundle, signer, sitting, again=given["again"])
    name = bundle.object_id.name
    if isinstance(pending, SignedBefore):
        console.write(format_prepared(bundle, carried.digest))
        console.note(f"No changes: the certificate of {name} was signed before; here it is again.")
        return certificate_pem(pending.certificate_der)
    check_new_output(out)
    issuer = signer.issuer.certificate
    console.write(format_to_be_signed(bundle, carried.digest, pending.tbs_certificate, issuer))
    if pending.resumed:
        console.note("an earlier sitting reserved this and did not get to sign or record it")
    console.confirm(f"Sign the certificate of {name}?", yes=given["yes"])
    der = sign(pending, signer, sitting, carried.digest)
    serial = format_serial_number(pending.prepared.reservation.serial_number)
    console.note(f"signed authority {name}: {serial}")
    return certificate_pem(der)


def _sign_crl(
    console: Console,
    carried: Carried,
    bundle: CrlBundle,
    sitting: Sitting,
    out: Path,
    given: Mapping[str, Any],
) -> bytes:
    uri, name = key_uri(given["key_uri"], sitting.root), bundle.object_id.name
    chain = _given_chain(console, given)
    issuer = open_crl_signer(bundle, sitting, key_uri=uri, given=chain)
    with TemporaryDirectory(prefix="pki-as-code-") as directory:
        pending = prepare_bundle_crl(bundle, issuer, sitting, Path(directory))
        if isinstance(pending, CrlSignedBefore):
            console.write(format_prepared(bundle, carried.digest))
            console.note(f"No changes: the CRL of {name} was signed before; here it is again.")
            return encode_pem(CRL_LABEL, pending.crl_der)
        check_new_output(out)
        number, leaving = pending.prepared.number, list(pending.leaving)
        with pending.prepared:
            certificate = issuer.certificate
            console.write(
                format_crl_to_be_signed(bundle, carried.digest, number, certificate, leaving)
            )
            console.confirm(f"Sign CRL {number} of {name}?", yes=given["yes"])
            der = sign_bundle_crl(pending, issuer, sitting, Path(directory))
    console.note(f"signed CRL {number} of {name}")
    return encode_pem(CRL_LABEL, der)


def _given_chain(console: Console, given: Mapping[str, Any]) -> list[x509.Certificate]:
    if given["certificate"] is None:
        return []
    return read_chain(read_file(console, given["certificate"], MOST_BYTES, "certificate"))


def key_uri(text: str, root: Path) -> str:
    """Return an absolute `file:` URI below the working directory as a relative one."""
    scheme, _, location = text.partition(":")
    path = Path(location.removeprefix("//") if location.startswith("///") else location)
    if scheme != "file" or not path.is_absolute():
        return text
    place = path.parent.resolve() / path.name
    return f"file:{place.relative_to(root)}" if place.is_relative_to(root) else text
