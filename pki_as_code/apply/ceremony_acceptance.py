"""The online side after a ceremony: what came back, checked and written into the repository."""

from __future__ import annotations

from datetime import datetime

from cryptography import x509

from pki_as_code.apply.ceremony_preparation import known_certificate
from pki_as_code.authoring.authorities import write_certificate
from pki_as_code.authoring.manifests import Written
from pki_as_code.errors import InvalidValueError, IssuanceError
from pki_as_code.escape import quoted
from pki_as_code.issuance import encode_public_key
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import Finding, format_time
from pki_as_code.pkix.certificate import load_draft, subject_name_der
from pki_as_code.pkix.drafts import make_draft
from pki_as_code.pkix.extensions import extension_name
from pki_as_code.pkix.names import format_name
from pki_as_code.pkix.raw_certificate import read_tbs_certificate
from pki_as_code.plan.adoptable import is_signed_by
from pki_as_code.plan.authorities import (
    Authority,
    chain_of,
    find_authority,
    resolve_authority,
)
from pki_as_code.plan.bundles import CertificateBundle
from pki_as_code.plan.ceremonies import is_offline
from pki_as_code.plan.given_certificates import certificate_differences
from pki_as_code.workspace import Workspace


def find_authority_of(
    certificate: x509.Certificate, manifests: ManifestSet, name: str | None
) -> Authority:
    """
    Return the authority that a certificate is for: `name`, else the one with its subject.

    Raises `InvalidValueError` (`ceremony.no_authority`).
    """
    if name is not None:
        found = find_authority(manifests, name)
        if found is None:
            raise _no_authority(f"there is no authority {name!r} in the manifests")
        return found
    subject = format_name(certificate.subject)
    fitting = [
        authority
        for authority in manifests.of(CertificateAuthority).values()
        if resolve_authority(authority, manifests).subject == subject
    ]
    if len(fitting) != 1:
        names = ", ".join(authority.object_id.name for authority in fitting)
        told = f"{names} have" if fitting else "no authority in the manifests has"
        raise _no_authority(f"{told} the subject {quoted(subject)}")
    return fitting[0]


def find_crl_issuer(issuer_name_der: bytes, workspace: Workspace, name: str | None) -> Authority:
    """
    Return the authority that a CRL is of: `name`, else the offline one with that subject.

    Raises `InvalidValueError` (`ceremony.no_authority`).
    """
    manifests = workspace.loaded.manifests
    if name is not None:
        found = find_authority(manifests, name)
        if found is None or not is_offline(found):
            raise _no_authority(f"there is no offline authority {name!r} in the manifests")
        return found
    fitting = [
        authority
        for authority in manifests.of(CertificateAuthority).values()
        if is_offline(authority) and _has_subject(workspace, authority, issuer_name_der)
    ]
    if len(fitting) != 1:
        raise _no_authority("none of the offline authorities, or several, have the issuer's name")
    return fitting[0]


def _has_subject(workspace: Workspace, authority: Authority, name_der: bytes) -> bool:
    der = known_certificate(workspace, authority)
    return der is not None and subject_name_der(x509.load_der_x509_certificate(der)) == name_der


def _no_authority(message: str) -> InvalidValueError:
    return InvalidValueError(
        message,
        help="say which one with --authority; its manifest must be committed",
        code="ceremony.no_authority",
    )


def accept_certificate(
    workspace: Workspace,
    certificate: x509.Certificate,
    authority: Authority,
    bundle: CertificateBundle | None,
    now: datetime,
) -> Written:
    """
    Return the manifest of an authority with the certificate that a ceremony gave it.

    1. It is what the manifest asks for: no more, no less, no other.
    2. It was signed by the authority's parent, whose certificate is known.
    3. It is for the key that was in the bundle.

    Raises:
        IssuanceError: `ceremony.response_differs` (with each field), `ceremony.response_unsigned`,
            `ceremony.response_expired`.
        InvalidValueError: `ceremony.accepted_before`, `ceremony.parent_unknown`.
        ManifestError: the manifest cannot be edited.
    """
    manifests, spec = workspace.loaded.manifests, authority.manifest.spec
    name = authority.object_id.name
    if spec.certificate is not None or known_certificate(workspace, authority) is not None:
        raise InvalidValueError(
            f"authority {name} has a certificate already",
            help="a certificate is not changed in place: make a new authority beside it",
            code="ceremony.accepted_before",
        )
    if certificate.not_valid_after_utc <= now:
        raise IssuanceError(
            f"the certificate ended at {format_time(certificate.not_valid_after_utc)}",
            help="hold the ceremony again, on a machine whose clock is right",
            code="ceremony.response_expired",
        )
    chain = _chain_above(workspace, authority)
    if not is_signed_by(certificate, chain[0] if chain else certificate):
        raise IssuanceError(
            f"the certificate was not signed by {spec.parent or 'its own key'}",
            help="give the file that `pkictl ceremony sign` wrote",
            code="ceremony.response_unsigned",
        )
    differences = certificate_differences(certificate, authority, manifests)
    differences += _other_key(certificate, bundle)
    if not differences:
        differences = _other_bytes(certificate, authority, manifests, chain)
    if differences:
        raise response_differs(name, differences, authority)
    return write_certificate(authority, certificate, workspace.tree.read)


def response_differs(name: str, differences: list[str], authority: Authority) -> IssuanceError:
    help_text = (
        "it was prepared at another commit, or something else was signed: prepare the bundle anew, "
        "or put the manifest back"
    )
    code = "ceremony.response_differs"
    place = authority.source("spec")
    return IssuanceError(
        f"the certificate is not what the manifest of {name} asks for: {differences[0]}",
        help=help_text,
        code=code,
        findings=[Finding(code, difference, place, help=help_text) for difference in differences],
    )


def _chain_above(workspace: Workspace, authority: Authority) -> list[x509.Certificate]:
    """Return the certificates above an authority; empty for a root."""
    chain: list[x509.Certificate] = []
    for link in list(chain_of(authority, workspace.loaded.manifests))[1:]:
        der = known_certificate(workspace, link)
        if der is None:
            raise InvalidValueError(
                f"authority {link.object_id.name} has no certificate here yet",
                help="accept and merge that one first",
                code="ceremony.parent_unknown",
            )
        chain.append(x509.load_der_x509_certificate(der))
    return chain


def _other_key(certificate: x509.Certificate, bundle: CertificateBundle | None) -> list[str]:
    if bundle is None or bundle.csr is None:
        return []
    if encode_public_key(certificate.public_key()) == bundle.request.public_key_der:
        return []
    return ["key is another one than in the bundle"]


def _other_bytes(
    certificate: x509.Certificate,
    authority: Authority,
    manifests: ManifestSet,
    chain: list[x509.Certificate],
) -> list[str]:
    """Compare byte for byte with what is made of the manifest, but for the serial number."""
    key = encode_public_key(certificate.public_key())
    request = resolve_authority(authority, manifests, key)
    start = certificate.not_valid_before_utc
    try:
        wanted = make_draft(request, chain, serial_number=certificate.serial_number, now=start)
    except InvalidValueError as error:
        return [error.message]
    if wanted == certificate.tbs_certificate_bytes:
        return []
    draft = load_draft(wanted)
    if draft.not_valid_after_utc != certificate.not_valid_after_utc:
        return [
            f"validity ends at {format_time(certificate.not_valid_after_utc)}, by the manifest at "
            f"{format_time(draft.not_valid_after_utc)}"
        ]
    found = _extensions(certificate)
    names = [extension_name(oid) for oid, _ in _extensions(draft) ^ found]
    told = ", ".join(sorted(set(names))) or "the encoding of a field"
    return [f"{told} is otherwise in what is made of the manifest"]


def _extensions(certificate: x509.Certificate) -> frozenset[tuple[str, bytes]]:
    raw = read_tbs_certificate(certificate.tbs_certificate_bytes)
    return frozenset((extension.oid, extension.encoding) for extension in raw.extensions or ())
