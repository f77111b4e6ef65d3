"""
The certificate of an authority that was signed elsewhere, compared with what its manifest asks for.

Fields that the manifest leaves out are for the certificate to say: of an authority that was made by
another program nobody wrote them down. Those that are written must be so in the certificate.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import timedelta

from cryptography import x509

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.authority import CertificateAuthoritySpec
from pki_as_code.manifests.durations import format_duration
from pki_as_code.manifests.load import ManifestSet
from pki_as_code.model import (
    CertificateRequest,
    Finding,
    RequestedExtension,
    Source,
    canonical_json,
)
from pki_as_code.pkix.algorithms import certificate_hash_name, describe_key, key_spec
from pki_as_code.pkix.extensions import encode_extension
from pki_as_code.pkix.extensions.catalogue import EXTENSION_BY_NAME
from pki_as_code.pkix.extensions.parse import UNREADABLE, parse_extension
from pki_as_code.pkix.general_names import format_general_name
from pki_as_code.pkix.names import format_name
from pki_as_code.pkix.raw_certificate import RawExtension, read_tbs_certificate
from pki_as_code.plan.authorities import Authority, resolve_authority

_CONSTRAINTS = "nameConstraints"
_VARIABLE = re.compile(r"\{[A-Z_]+\}")


def lasting_differences(
    certificate: x509.Certificate, authority: Authority, manifests: ManifestSet
) -> list[str]:
    """
    Return what is otherwise in the certificate than in the manifest, each with its field.

    Of what cannot change while the authority lives, and is to be so for ever.
    """
    return _readable(_lasting(certificate, authority, manifests))


def certificate_differences(
    certificate: x509.Certificate, authority: Authority, manifests: ManifestSet
) -> list[str]:
    """Return the same of all that decides what is signed: for one that is to be taken up."""
    return _readable(_all(certificate, authority, manifests))


def certificate_differs(differences: Collection[str], source: Source | None) -> Finding:
    """Return the error that a certificate is not the one its manifest describes."""
    return Finding(
        "authority.certificate_differs",
        f"the certificate is not what the manifest asks for: {'; '.join(differences)}",
        source,
        help="put the right certificate there; the manifest of an authority that was made "
        "elsewhere says what its certificate says",
    )


def _readable(differences: Iterator[str]) -> list[str]:
    told: list[str] = []
    try:
        told.extend(differences)
    except UNREADABLE as error:
        unreadable = "the certificate has extensions that cannot be read"
        return [*told, error.message if isinstance(error, InvalidValueError) else unreadable]
    return told


def _lasting(
    certificate: x509.Certificate, authority: Authority, manifests: ManifestSet
) -> Iterator[str]:
    spec, request = authority.manifest.spec, resolve_authority(authority, manifests)
    yield from _subject(certificate, request)
    yield from _key(certificate, spec)
    yield from _path_length(certificate, spec)
    yield from _alternative_names(certificate, spec, request)
    if spec.name_constraints is not None:
        yield from _extensions(certificate, request, {_CONSTRAINTS})


def _all(
    certificate: x509.Certificate, authority: Authority, manifests: ManifestSet
) -> Iterator[str]:
    spec, request = authority.manifest.spec, resolve_authority(authority, manifests)
    yield from _lasting(certificate, authority, manifests)
    yield from _validity(certificate, spec)
    yield from _hash(certificate, spec)
    written = {e.name for e in spec.extensions.requested()} if spec.extensions else set()
    yield from _extensions(certificate, request, written - {_CONSTRAINTS})


def _subject(certificate: x509.Certificate, request: CertificateRequest) -> Iterator[str]:
    found = format_name(certificate.subject)
    if found != request.subject:
        yield f"subject is {found!r}, the manifest says {request.subject!r}"


def _key(certificate: x509.Certificate, spec: CertificateAuthoritySpec) -> Iterator[str]:
    """As far as the manifest says it: `uri` alone says where the key is, and not of what type."""
    if spec.key is None or not spec.key.model_fields_set & {"type", "size", "curve"}:
        return
    if key_spec(certificate.public_key()) != spec.key.key_spec:
        found = describe_key(certificate.public_key())
        yield f"key is {found}, the manifest says {spec.key.key_spec}"


def _validity(certificate: x509.Certificate, spec: CertificateAuthoritySpec) -> Iterator[str]:
    """Both ends belong to it (RFC 5280 section 4.1.2.5). It may end earlier, with its parent."""
    if "validity" not in spec.model_fields_set:
        return
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if end - start > spec.validity:  # one second more is how others count
        lasts = format_duration(end - start + timedelta(seconds=1))
        yield f"validity is {lasts}, the manifest says {format_duration(spec.validity)}"


def _hash(certificate: x509.Certificate, spec: CertificateAuthoritySpec) -> Iterator[str]:
    found = certificate_hash_name(certificate)
    if spec.algorithm is not None and found is not None and found != spec.algorithm:
        yield f"algorithm is {found}, the manifest says {spec.algorithm}"


def _path_length(certificate: x509.Certificate, spec: CertificateAuthoritySpec) -> Iterator[str]:
    if "path_length" not in spec.model_fields_set:
        return
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    if constraints.path_length != spec.path_length:
        yield (
            f"pathLength is {_number(constraints.path_length)}, "
            f"the manifest says {_number(spec.path_length)}"
        )


def _number(path_length: int | None) -> str:
    return "any number" if path_length is None else str(path_length)


def _alternative_names(
    certificate: x509.Certificate, spec: CertificateAuthoritySpec, request: CertificateRequest
) -> Iterator[str]:
    if "subject_alt_names" not in spec.model_fields_set:
        return
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = {format_general_name(name) for name in value}
    except x509.ExtensionNotFound:
        found = set()
    if found != set(request.subject_alternative_names):
        told = ", ".join(sorted(found)) or "none"
        yield f"subjectAltNames are {told}, the manifest says otherwise"


# --- Extensions ----------------------------------------------------------------------------------


def _extensions(
    certificate: x509.Certificate, request: CertificateRequest, written: Collection[str]
) -> Iterator[str]:
    """Those that the manifest writes; what the parent adds is compared when it is accepted."""
    raw = read_tbs_certificate(certificate.tbs_certificate_bytes)
    found = {extension.oid: extension for extension in raw.extensions or ()}
    for asked in request.extensions:
        if asked.name not in written or _VARIABLE.search(canonical_json(asked.value)):
            continue
        problem = _difference(asked, found)
        if problem:
            field = asked.name if asked.name == _CONSTRAINTS else f"extensions.{asked.name}"
            yield f"{field} {problem}"


def _difference(asked: RequestedExtension, found: dict[str, RawExtension]) -> str:
    model = EXTENSION_BY_NAME.get(asked.name)
    there = found.get(model.oid.dotted_string if model else asked.name)
    if there is None:
        return "is not in the certificate"
    wanted = encode_extension(asked, {})
    if there.critical != wanted.critical:
        return f"is {'critical' if there.critical else 'not critical'} in the certificate"
    if there.value_der == wanted.value_der or _same_subtrees(there.encoding, wanted.encode()):
        return ""
    return "has another value in the certificate"


def _same_subtrees(first: bytes, second: bytes) -> bool:
    """The order of the subtrees of nameConstraints says nothing."""
    values = [parsed.value for der in (first, second) if (parsed := parse_extension(der))]
    sets = [
        (frozenset(value.permitted_subtrees or ()), frozenset(value.excluded_subtrees or ()))
        for value in values
        if isinstance(value, x509.NameConstraints)
    ]
    return len(sets) == 2 and sets[0] == sets[1]  # noqa: PLR2004 (both of them)
