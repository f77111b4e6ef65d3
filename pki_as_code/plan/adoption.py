"""Authorities made elsewhere: their certificate stands in the manifest and is taken up as it is."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import AdoptAuthority, Finding, Reason, Refusal
from pki_as_code.pkix.constraints import path_length_findings
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.plan.authorities import Authority
from pki_as_code.plan.given_certificates import certificate_differences, certificate_differs


def adopt_authority(
    authority: Authority, manifests: ManifestSet, known: Mapping[str, bytes]
) -> AdoptAuthority | Refusal | Finding | None:
    """
    Return what to do about an authority that has `spec.certificate`.

    A parent that is known must have signed it, and it must be what the manifest asks for; a second
    certificate for one name is refused.
    """
    spec = authority.manifest.spec
    source = authority.source("spec", "certificate")
    certificate = x509.load_pem_x509_certificate(str(spec.certificate).encode())
    der = certificate.public_bytes(Encoding.DER)
    name = authority.object_id.name
    if known.get(name) == der:
        return None
    if name in known:
        return Refusal(
            authority.object_id,
            Reason("AuthorityChanged", "another certificate is known under this name"),
            source,
            help="undo the change, or give the new certificate an authority of its own",
        )
    problem = _problem(certificate, spec.parent, known)
    if problem is None and "sign" in spec.usages and not _may_sign(certificate):
        problem = "keyUsage of the certificate does not have keyCertSign"
    if problem:
        return Finding("authority.certificate_unfit", f"{name}: {problem}", source)
    differences = certificate_differences(certificate, authority, manifests)
    if differences:
        return certificate_differs(differences, source)
    return AdoptAuthority(
        authority.object_id,
        der,
        spec.parent or name,
        (Reason("DoesNotExist", "its certificate was made elsewhere and is taken up"),),
        source,
        authority.path,
    )


def _problem(
    certificate: x509.Certificate, parent: str | None, known: Mapping[str, bytes]
) -> str | None:
    """Return why the certificate cannot be an authority's, None when it can."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return "the certificate has no readable basicConstraints"
    if not constraints.ca:
        return "the certificate is not one of an authority (basicConstraints cA)"
    if parent is not None and parent not in known:
        return f"its parent {parent} has no certificate yet"
    issuer = x509.load_der_x509_certificate(known[parent]) if parent else certificate
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError):
        return f"it was not issued by {parent or 'itself'}"
    except Exception as error:  # noqa: BLE001 (InvalidSignature is no ValueError)
        return f"its signature is not {parent or 'its own'}: {type(error).__name__}"
    return _below(certificate, constraints.path_length, issuer) if parent else None


def _below(
    certificate: x509.Certificate, path_length: int | None, issuer: x509.Certificate
) -> str | None:
    """Return why there may be no authority below `issuer`: no path through both is ever valid."""
    if certificate.subject == certificate.issuer:
        return None  # self-issued: not counted (RFC 5280 section 4.2.1.9)
    for finding in path_length_findings(True, path_length, [issuer]):
        if finding.code == "rfc5280.path_length_exceeded":
            return finding.message
    return None


def _may_sign(certificate: x509.Certificate) -> bool:
    """RFC 5280 section 6.1.4 (n): without keyUsage, or with keyCertSign in it."""
    try:
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
