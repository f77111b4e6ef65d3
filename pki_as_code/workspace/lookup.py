"""
Finding an authority or a certificate by what people call it.

A serial number (colons or not, any case), a unique prefix of one, the manifest's name
(`namespace/name`), or the exact common name. Never a guess between several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from pki_as_code.errors import NotFoundError
from pki_as_code.escape import safe
from pki_as_code.model import CERTIFICATE, DEFAULT_NAMESPACE, CertificateRecord, ObjectId
from pki_as_code.pkix.names import common_name
from pki_as_code.pkix.serial_numbers import (
    format_serial_number,
    serial_number_hex,
    serial_number_prefix,
)
from pki_as_code.stores.interface import CertificateFilter, Store

T = TypeVar("T")

_CANDIDATES = 10
"""How many are listed when a name fits several, and looked at to find that out."""


def find_certificate(store: Store, text: str) -> CertificateRecord:
    """
    Return the certificate that `text` names.

    1. A whole serial number.
    2. An object: the certificate issued last under it.
    3. A prefix of a serial number, or a common name; superseded ones only when no other fits.

    Raises:
        NotFoundError: nothing fits, or several do; `help` lists them.
    """
    text = text.strip()
    prefix = serial_number_prefix(text)
    by_serial = _find(store, serial_prefix=prefix) if prefix else []
    exact = [r for r in by_serial if serial_number_hex(r.serial_number) == prefix]
    if len(exact) == 1:
        return exact[0]
    current = _current(store, text)
    if current is not None:
        return current
    by_name = _find(store, common_name=text) if text else []
    found = list({(r.issuer, r.serial_number): r for r in [*by_serial, *by_name]}.values())
    if len(found) > 1:
        in_force = [r for r in found if _is_current(store, r)]
        found = in_force if len(in_force) == 1 else found
    return _only("certificate", text, found, _describe)


def find_authority_name(authorities: Mapping[str, x509.Certificate], text: str) -> str:
    """
    Return the `metadata.name` of the authority that `text` names.

    Raises:
        NotFoundError: nothing fits, or several do; `help` lists them.
    """
    text = text.strip()
    if text in authorities:
        return text
    prefix = serial_number_prefix(text)
    found = [
        name
        for name, certificate in sorted(authorities.items())
        if common_name(certificate.subject) == text
        or (prefix and serial_number_hex(certificate.serial_number).startswith(prefix))
    ]

    def describe(name: str) -> str:
        certificate = authorities[name]
        shown = common_name(certificate.subject) or name
        return f"{format_serial_number(certificate.serial_number)} - {safe(shown)} ({name})"

    if not found:
        known = "\n".join(describe(name) for name in sorted(authorities)) or "there is none yet"
        raise NotFoundError(
            f"no certification authority is called {text!r}",
            help=f"there are:\n{known}" if authorities else "`pkictl init_ca` makes one",
            code="name.no_authority",
        )
    return _only("certification authority", text, found, describe)


def _find(store: Store, **conditions: str) -> list[CertificateRecord]:
    wanted = CertificateFilter(
        limit=_CANDIDATES + 1,
        kinds=(CERTIFICATE,),
        **conditions,  # type: ignore[arg-type]
    )
    return list(islice(store.find(wanted), _CANDIDATES + 1))


def _current(store: Store, text: str) -> CertificateRecord | None:
    namespace, _, name = text.rpartition("/")
    object_id = ObjectId(CERTIFICATE, namespace or DEFAULT_NAMESPACE, name)
    observed = store.observe([object_id]).get(object_id)
    return observed.current if observed else None


def _is_current(store: Store, record: CertificateRecord) -> bool:
    observed = store.observe([record.object_id]).get(record.object_id)
    current = observed.current if observed else None
    return current is not None and current.serial_number == record.serial_number


def _only(what: str, text: str, found: Sequence[T], describe: Callable[[T], str]) -> T:
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(
            f"no {what} is called {text!r}",
            help="`pkictl list_certs --expired --revoked` shows what there is",
            code="name.not_found",
        )
    listed = "\n".join(describe(item) for item in found[:_CANDIDATES])
    more = "\n..." if len(found) > _CANDIDATES else ""
    raise NotFoundError(
        f"{text!r} fits several: say more of it",
        help=f"it could be:\n{listed}{more}",
        code="name.ambiguous",
    )


def _describe(record: CertificateRecord) -> str:
    serial = format_serial_number(record.serial_number)
    return f"{serial} - {safe(record.subject)} ({record.object_id.path})"


def certificate_and_chain(
    store: Store, record: CertificateRecord
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    """Return a certificate, and those of its authority and of each above it, the root last."""
    der = store.certificate_der(record.issuer, record.serial_number)
    certificate = x509.load_der_x509_certificate(der)
    known = {name: x509.load_der_x509_certificate(d) for name, d in store.authorities().items()}
    chain: list[x509.Certificate] = []
    below = certificate
    while below.issuer != below.subject and len(chain) <= len(known):
        above = next((c for c in known.values() if _signed(c, below)), None)
        if above is None:
            break
        chain.append(above)
        below = above
    return certificate, chain


def _signed(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Tell whether `issuer` signed it; two authorities may share a name, not a key."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
