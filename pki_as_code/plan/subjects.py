"""The subject and the names of a certificate, which are settled together."""

from __future__ import annotations

from collections.abc import Collection

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.certificate import Certificate, CertificateSpec
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import Finding
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import common_name, merge_names, parse_name, with_common_name

COMMON_NAME_LIMIT = 64
"""RFC 5280 appendix A.1, ub-common-name."""


def subject_and_names(
    loaded: Loaded[Certificate],
    manifests: ManifestSet,
    profile: Profile,
    findings: list[Finding],
) -> tuple[x509.Name, tuple[str, ...]]:
    """
    Settle the subject and the subjectAltName together.

    The common name, where it is a name a certificate can be valid for, is one of the names; without
    a common name the first DNS name or address becomes it. So `--alt example.com` and
    `--subject CN=example.com` ask for the same.
    """
    spec = loaded.manifest.spec
    subject = (
        _whole_subject(spec.subject, profile, manifests)
        if spec.subject
        else manifests.once(
            ("subject", profile.metadata.name), lambda: _whole_subject("", profile, manifests)
        )
    )
    names = [parse_general_name(text) for text in spec.subject_alt_names]
    name = common_name(subject)
    if name is None:
        first = next((text for item in names if (text := _as_common_name(item))), None)
        if first is not None:
            subject = with_common_name(subject, first)
    elif spec.common_name_in_san:
        implied = _name_in(name)
        if implied is not None and implied not in names:
            names.insert(0, implied)
    formatted = [format_general_name(item) for item in names]
    for position, text in enumerate(formatted):
        if text in formatted[:position]:
            where = loaded.source("spec", "subjectAltNames")
            findings.append(
                Finding("certificate.duplicate_name", f"{text} is listed twice", where,
                        help="name it once")
            )  # fmt: skip
    if not names and name is None:
        findings.append(
            Finding(
                "certificate.no_names",
                f"{loaded.object_id.path} has neither a common name nor a subjectAltName",
                loaded.source("spec"),
                help="add `subjectAltNames: [www.example.com]`, or `subject: CN=...`",
            )
        )
    return subject, tuple(formatted)


def _whole_subject(own: str, profile: Profile, manifests: ManifestSet) -> x509.Name:
    """Return a subject with what it does not say itself from the profile and the project."""
    project = manifests.project.manifest.spec if manifests.project else None
    subject = parse_name(own)
    for base in (profile.spec.subject, project.defaults.subject if project else None):
        if base:
            subject = merge_names(parse_name(base), subject)
    return subject


def common_name_of_names(spec: CertificateSpec, given: Collection[str]) -> bool:
    """
    Tell whether one of the names becomes the common name.

    `given` are the dotted OIDs of the attributes that the subject has from elsewhere.
    """
    if NameOID.COMMON_NAME.dotted_string in given:
        return False
    return any(_as_common_name(parse_general_name(text)) for text in spec.subject_alt_names)


def _as_common_name(name: x509.GeneralName) -> str | None:
    """Return a DNS name or an address as a common name, None for other names or too long ones."""
    if isinstance(name, x509.DNSName | x509.IPAddress):
        text = str(name.value)
        return text if len(text) <= COMMON_NAME_LIMIT else None
    return None


def _name_in(common_name: str) -> x509.GeneralName | None:
    """Return the name that a common name stands for, None when it is just words (`Jane Doe`)."""
    try:
        name = parse_general_name(common_name)
    except InvalidValueError:
        return None
    return name if isinstance(name, x509.DNSName | x509.IPAddress | x509.RFC822Name) else None
