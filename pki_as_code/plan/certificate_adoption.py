"""
Certificates made elsewhere: taken up as they are, and observed from then on.

An adopted certificate is replaced by one of our own when its manifest has a CSR, and there is a
reason to sign: another key, other names, a renewal that is due.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import safe
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.model import (
    AdoptCertificate,
    CertificateRecord,
    CertificateRequest,
    Finding,
    JsonValue,
    ObjectId,
    Observed,
    Reason,
)
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.plan.adoptable import check_issued_by, decode_adopted, read_adoptable
from pki_as_code.plan.defaults import default_issuer, deletion_policy


def issuer_of_adopted(loaded: Loaded[Certificate], manifests: ManifestSet) -> str | None:
    """Return the authority that is to have signed: named, by default, or the only one there is."""
    named = default_issuer(loaded, manifests)
    if named is not None:
        return named
    known = [object_id.name for object_id in manifests.of(CertificateAuthority)]
    return known[0] if len(known) == 1 else None


def adopted_findings(manifests: ManifestSet) -> Iterator[Finding]:
    """Yield what is wrong with the certificates that manifests adopt, as far as files tell."""
    seen: dict[tuple[str | None, int], ObjectId] = {}
    for loaded in manifests.of(Certificate).values():
        if loaded.adopted_certificate is None:
            continue
        source = loaded.source("spec", "adopt", "certificateFile")
        try:
            adoptable = read_adoptable(decode_adopted(loaded.adopted_certificate))
        except InvalidValueError as error:
            yield error.finding().at(source)
            continue
        key = (issuer_of_adopted(loaded, manifests), adoptable.serial_number)
        other = seen.setdefault(key, loaded.object_id)
        if other != loaded.object_id:
            yield already_known(adoptable.serial_number, other).at(source)


def already_known(serial_number: int, other: ObjectId) -> Finding:
    """Say that a certificate belongs to another object already."""
    return Finding(
        "adopt.duplicate",
        f"{format_serial_number(serial_number)} is known already, as {safe(other.path)}",
        help="a certificate belongs to one manifest; remove the other, or leave it as it is",
    )


def plan_adoption(
    loaded: Loaded[Certificate],
    manifests: ManifestSet,
    observed: Observed | None,
    authorities: Mapping[str, bytes],
) -> AdoptCertificate | Finding | None:
    """
    Return what to do about a Certificate that has `spec.adopt`; None when that is done.

    `authorities` are certificates, DER by name. Once one of our own took its place, the file is
    history; as long as that is not so, another certificate in it is another one to observe.
    """
    current = observed.current if observed and not observed.retired else None
    if loaded.adopted_certificate is None or (current is not None and current.request_digest):
        return None
    source = loaded.source("spec", "adopt", "certificateFile")
    try:
        der = decode_adopted(loaded.adopted_certificate)
        if current is not None and current.fingerprint_sha256 == hashlib.sha256(der).hexdigest():
            return None
        adoptable = read_adoptable(der)
        name = issuer_of_adopted(loaded, manifests)
        certificate_der = authorities.get(name or "") or _given(manifests, name)
        if name is None or certificate_der is None:
            raise _no_issuer(name)
        check_issued_by(adoptable, name, x509.load_der_x509_certificate(certificate_der))
    except InvalidValueError as error:
        return error.finding().at(source)
    reason = Reason("DoesNotExist", "it was made elsewhere and is taken up")
    if current is not None:
        reason = Reason("CertificateChanged", "another one was put in the place of the adopted one")
    return AdoptCertificate(
        object_id=loaded.object_id,
        certificate_der=der,
        issuer=name,
        serial_number=adoptable.serial_number,
        subject=adoptable.subject,
        subject_alternative_names=adoptable.subject_alternative_names,
        not_after=adoptable.not_after,
        reasons=(reason,),
        source=source,
        deletion_policy=deletion_policy(loaded, manifests),
        path=loaded.path,
        has_csr=loaded.csr is not None,
    )


def _given(manifests: ManifestSet, name: str | None) -> bytes | None:
    """Return the certificate of an authority that stands in its manifest, to be taken up too."""
    authority = manifests.authority(name) if name is not None else None
    pem = authority.manifest.spec.certificate if authority else None
    if not pem:
        return None
    try:
        return x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    except ValueError:
        return None  # which is reported where it stands


def _no_issuer(name: str | None) -> InvalidValueError:
    if name is None:
        return InvalidValueError(
            "nothing says which authority signed the certificate that is to be taken up",
            help="name it under `spec.issuer`",
            code="adopt.no_issuer",
        )
    return InvalidValueError(
        f"authority {name} has no certificate yet, so it cannot have signed one",
        help="name the authority that signed it under `spec.issuer`",
        code="adopt.no_issuer",
    )


def changes_to_adopted(
    current: CertificateRecord, request: CertificateRequest
) -> dict[str, tuple[JsonValue, JsonValue]]:
    """
    Return what a manifest asks for otherwise than the certificate that it adopted: (old, new).

    Names, and subject and issuer where the manifest itself speaks of them. The rest of an adopted
    certificate is as somebody else made it, and is left so until the next renewal.
    """
    before: dict[str, JsonValue] = {"subjectAltNames": sorted(current.subject_alternative_names)}
    after: dict[str, JsonValue] = {"subjectAltNames": sorted(request.subject_alternative_names)}
    for name, value in (("subject", current.subject), ("issuer", current.issuer)):
        if request.intent.get(name):
            before[name], after[name] = value, request.intent[name]
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}
