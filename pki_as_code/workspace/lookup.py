"""
Finding an authority or a certificate by what people call it.

A serial number (colons or not, any case), a unique prefix of one, the manifest's name
(`namespace/name`), or the exact common name. Never a guess between several.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from pki_as_code.errors import InvalidValueError, NotFoundError
from pki_as_code.escape import quoted, safe
from pki_as_code.model import CERTIFICATE, DEFAULT_NAMESPACE, CertificateRecord, ObjectId
from pki_as_code.pkix.serial_numbers import (
    format_serial_number,
    parse_serial_number,
    serial_number_hex,
    serial_number_prefix,
)
from pki_as_code.stores.interface import CertificateFilter

if TYPE_CHECKING:
    from cryptography import x509

    from pki_as_code.manifests.load import ManifestSet
    from pki_as_code.stores.interface import Store

T = TypeVar("T")

_CANDIDATES = 10
"""How many are listed when a name fits several, and looked at to find that out."""


def find_certificate(store: Store, text: str) -> CertificateRecord:
    """
    Return the certificate that `text` names.

    1. A whole serial number.
    2. An object: the certificate issued last under it.
    3. The beginning of a serial number, or a common name. Of several with one common name it is
       the one in use, the one issued last under its object.

    Raises:
        NotFoundError: nothing fits, or several do; `help` lists them.
    """
    text = text.strip()
    exact = _by_serial_number(store, text)
    if len(exact) == 1:
        return exact[0]
    current = _current(store, text)
    if current is not None:
        return current
    prefix = serial_number_prefix(text)
    found = exact or (_find(store, serial_prefix=prefix) if prefix else [])
    if text:
        found += _find(store, common_name=text, current_only=True) or _find(store, common_name=text)
    unique = {(record.issuer, record.serial_number): record for record in found}
    return _only("certificate", text, list(unique.values()), _describe)


def find_issued(store: Store, issuer: str, serial_number: int) -> CertificateRecord | None:
    """Return the certificate that `issuer` gave this serial number to, of an authority as well."""
    wanted = CertificateFilter(issuer=issuer, serial_number=serial_number, kinds=())
    return next(store.find(wanted), None)


def find_authority(certificates: Mapping[str, bytes], text: str) -> str:
    """Do as `find_authority_name` does, with certificates (DER) that are read only if need be."""
    if text.strip() in certificates:
        return text.strip()
    from pki_as_code.workspace.judging import load_certificates

    return find_authority_name(load_certificates(certificates), text)


def find_authority_name(authorities: Mapping[str, x509.Certificate], text: str) -> str:
    """
    Return the `metadata.name` of the authority that `text` names.

    Raises:
        NotFoundError: nothing fits, or several do; `help` lists them.
    """
    from pki_as_code.pkix.names import common_name

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
            f"no certification authority is called {quoted(text)}",
            help=f"there are:\n{known}" if authorities else "`pkictl init_ca` makes one",
            code="name.no_authority",
        )
    return _only("certification authority", text, found, describe)


def check_objects(manifests: ManifestSet, store: Store, objects: Collection[ObjectId]) -> None:
    """
    Check that each object has a manifest, or is known from one.

    Raises:
        NotFoundError: one has neither: a misspelt name must not look as if there were no changes.
    """
    declared = {object_id for kind in manifests.by_kind.values() for object_id in kind}
    missing = sorted(set(objects) - declared - set(store.observe(objects)))
    if missing:
        raise NotFoundError(
            f"there is no {', '.join(str(object_id) for object_id in missing)}",
            help="name a certificate as NAMESPACE/NAME, anything else as KIND/NAME",
            code="name.not_found",
        )


def _by_serial_number(store: Store, text: str) -> list[CertificateRecord]:
    """Return the certificates with that whole serial number: one for each issuer that used it."""
    try:
        serial_number = parse_serial_number(text)
    except InvalidValueError:
        return []
    return _find(store, serial_number=serial_number)


def _find(
    store: Store,
    *,
    serial_number: int | None = None,
    serial_prefix: str | None = None,
    common_name: str | None = None,
    current_only: bool = False,
) -> list[CertificateRecord]:
    wanted = CertificateFilter(
        serial_number=serial_number,
        serial_prefix=serial_prefix,
        common_name=common_name,
        current_only=current_only,
        kinds=(CERTIFICATE,),
        limit=_CANDIDATES + 1,
    )
    return list(store.find(wanted))


def _current(store: Store, text: str) -> CertificateRecord | None:
    namespace, _, name = text.rpartition("/")
    object_id = ObjectId(CERTIFICATE, namespace or DEFAULT_NAMESPACE, name)
    observed = store.observe([object_id]).get(object_id)
    return observed.current if observed else None


def _only(what: str, text: str, found: Sequence[T], describe: Callable[[T], str]) -> T:
    if len(found) == 1:
        return found[0]
    if not found:
        raise NotFoundError(
            f"no {what} is called {quoted(text)}",
            help="`pkictl list_certs --expired --revoked` shows what there is",
            code="name.not_found",
        )
    listed = "\n".join(describe(item) for item in found[:_CANDIDATES])
    more = "\n..." if len(found) > _CANDIDATES else ""
    raise NotFoundError(
        f"{quoted(text)} fits several: say more of it",
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
    from cryptography import x509

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
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
