"""Who signs at a ceremony, with keys that are opened there, and for which key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from pki_as_code.apply.ceremony_chains import check_chain, signer_chain
from pki_as_code.errors import IssuanceError, KeyBackendError
from pki_as_code.issuance import Issuer, encode_public_key, open_issuer, public_key_der
from pki_as_code.keys import create_key, key_exists, open_key
from pki_as_code.keys.interface import Secrets
from pki_as_code.model import TOLERATED_CLOCK_ERROR, CertificateRequest, Severity, format_time
from pki_as_code.pkix.algorithms import KeySpec, describe_key, matches_key_spec
from pki_as_code.pkix.csr import csr_findings, parse_csr
from pki_as_code.pkix.key_checks import key_findings
from pki_as_code.plan.bundles import Bundle, CertificateBundle, CrlBundle
from pki_as_code.stores.interface import Store

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes


@dataclass(frozen=True, slots=True)
class Sitting:
    """What lies on the table."""

    journal: Store
    secrets: Secrets
    root: Path
    """Relative URIs of keys are relative to it."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs what; the keys are open."""

    issuer: Issuer
    request: CertificateRequest
    """With the key that is certified."""

    made_keys: tuple[str, ...] = ()
    """URIs of keys that were not there and were made now."""


def check_clock(bundle: Bundle, now: datetime) -> None:
    """Raise `IssuanceError` when this machine's clock is behind the time the bundle was made at."""
    if now < bundle.prepared_at - TOLERATED_CLOCK_ERROR:
        raise IssuanceError(
            f"the clock of this machine says {format_time(now)}, and the bundle was prepared at "
            f"{format_time(bundle.prepared_at)}",
            help="set the clock: what is signed would be dated wrongly",
            code="ceremony.clock_behind",
        )


def open_signer(
    bundle: CertificateBundle,
    sitting: Sitting,
    *,
    key_uri: str,
    own_key_uri: str | None,
    given: Sequence[x509.Certificate],
) -> Signer:
    """
    Open the key that signs, and verify that the key to be certified is somebody's.

    A root makes its key when there is none yet; so does an authority whose own key is offline. The
    key of an authority that signs another one is never made here.

    Raises:
        KeyBackendError: a key cannot be opened or made, or is not the one in the certificate.
        InvalidValueError: the CSR or the chain is not what it must be.
        IssuanceError: the key that is to be certified is weak, or the signer's own.
    """
    check_clock(bundle, sitting.now)
    name, request = bundle.object_id.name, bundle.request
    if request.issuer == name:
        root_key, made = _own_key(bundle, sitting, key_uri)
        _check_not_shared(name, public_key_der(root_key), sitting.journal)
        completed = replace(request, public_key_der=public_key_der(root_key))
        return Signer(open_issuer(name, root_key, []), completed, made)
    chain = signer_chain(request.issuer, sitting.journal, given, bundle.chain)
    check_chain(request.issuer, chain, sitting.now)
    key = open_key(key_uri, root=sitting.root, name=request.issuer, secrets=sitting.secrets)
    issuer = open_issuer(request.issuer, key, chain)
    made = ()
    if bundle.csr is not None:
        certified = _key_in_csr(bundle)
    else:
        own, made = _own_key(bundle, sitting, _needed(own_key_uri, name))
        certified = public_key_der(own)
    if certified == public_key_der(key):
        raise _shared(name, request.issuer)
    _check_not_shared(name, certified, sitting.journal)
    return Signer(issuer, replace(request, public_key_der=certified), made)


def open_crl_signer(
    bundle: CrlBundle, sitting: Sitting, *, key_uri: str, given: Sequence[x509.Certificate]
) -> Issuer:
    """
    Open the key that signs a CRL; it is never made.

    Raises as `open_signer`.
    """
    check_clock(bundle, sitting.now)
    name = bundle.object_id.name
    chain = signer_chain(name, sitting.journal, given, bundle.chain)
    check_chain(name, chain, sitting.now)
    key = open_key(key_uri, root=sitting.root, name=name, secrets=sitting.secrets)
    return open_issuer(name, key, chain)


def _check_not_shared(name: str, key: bytes, journal: Store) -> None:
    """A key that signed as one authority is not certified as another, whatever a bundle asks."""
    for other, der in journal.authorities().items():
        certificate = x509.load_der_x509_certificate(der)
        if other != name and encode_public_key(certificate.public_key()) == key:
            raise _shared(name, other)


def _shared(name: str, other: str) -> KeyBackendError:
    return KeyBackendError(
        f"the key of authority {name} is that of authority {other}",
        help="give each authority a key of its own",
        code="key.shared",
    )


def _needed(own_key_uri: str | None, name: str) -> str:
    if own_key_uri is None:
        raise KeyBackendError(
            f"the own key of {name} is offline, too, and nothing says where it is",
            help=f"add --own-key file:/media/{name}.key; it is made when it is not there",
            code="ceremony.no_own_key",
        )
    return own_key_uri


def _own_key(
    bundle: CertificateBundle, sitting: Sitting, uri: str
) -> tuple[CertificateIssuerPrivateKeyTypes, tuple[str, ...]]:
    """Open the key that is to be certified, or make it; returns what was made, too."""
    name, made = bundle.object_id.name, False
    if key_exists(uri, root=sitting.root):
        key = open_key(uri, root=sitting.root, name=name, secrets=sitting.secrets)
    else:
        key = create_key(uri, bundle.key, root=sitting.root, name=name, secrets=sitting.secrets)
        made = True
    _check_type(key.public_key(), bundle.key, name)
    errors = [f for f in key_findings(key.public_key()) if f.severity is Severity.ERROR]
    if errors:
        raise IssuanceError(errors[0].message, help=errors[0].help, code=errors[0].code)
    return key, (uri,) if made else ()


def _key_in_csr(bundle: CertificateBundle) -> bytes:
    """Return the key of the CSR: its maker has it, it is of the right type, and a good one."""
    csr = parse_csr(bundle.csr or b"")
    errors = [finding for finding in csr_findings(csr) if finding.severity is Severity.ERROR]
    if errors:
        raise IssuanceError(
            errors[0].message, help=errors[0].help, code=errors[0].code, findings=errors
        )
    _check_type(csr.public_key, bundle.key, bundle.object_id.name)
    return csr.public_key_der


def _check_type(public_key: object, wanted: KeySpec, name: str) -> None:
    if not matches_key_spec(public_key, wanted):  # type: ignore[arg-type]
        found = describe_key(public_key)  # type: ignore[arg-type]
        raise KeyBackendError(
            f"the key of authority {name} is {found}, and the bundle asks for {wanted}",
            help="name another key, or correct the manifest and prepare the bundle anew",
            code="key.wrong_type",
        )
