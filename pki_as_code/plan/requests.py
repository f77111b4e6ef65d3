"""
From a manifest to a request with no default left open.

Precedence, first wins: the manifest, its Namespace's defaults, its Profile, the authority's
`signs`, the Project's defaults, what is built in. Every function is pure; problems are findings at
the place that is to be changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate, CertificateSpec
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import (
    CertificateRequest,
    Finding,
    JsonValue,
    Source,
    format_time,
)
from pki_as_code.pkix.algorithms import key_allowed
from pki_as_code.pkix.csr import Csr, csr_findings, parse_csr
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import (
    common_name,
    format_name,
    merge_names,
    parse_name,
    with_common_name,
)
from pki_as_code.plan.authorities import default_hash, key_takes_hash
from pki_as_code.plan.defaults import (
    deletion_policy,
    find_issuer,
    find_profile,
    renewal_of,
    validity_of_certificate,
)
from pki_as_code.plan.renewal import Renewal
from pki_as_code.plan.shared_extensions import SharedExtensions

COMMON_NAME_LIMIT = 64
"""RFC 5280 appendix A.1, ub-common-name."""


@dataclass(frozen=True, slots=True)
class ResolvedCertificate:
    """A Certificate manifest, resolved; `request` is None when findings keep it from being one."""

    loaded: Loaded[Certificate]
    request: CertificateRequest | None
    findings: tuple[Finding, ...]
    deletion_policy: str
    renewal: Renewal | None
    """None when nobody renews it."""

    @property
    def renew_before(self) -> timedelta | None:
        """How long before its end it is signed again; None when it is not by itself."""
        automatic = self.renewal is not None and self.renewal.mode == "Automatic"
        return self.renewal.before if automatic and self.renewal else None

    def place_of_names(self) -> Source:
        """Return where its names are written, which is what lint mostly speaks of."""
        spec = self.loaded.manifest.spec
        if spec.subject_alt_names:
            return self.loaded.source("spec", "subjectAltNames")
        return self.loaded.source("spec", "subject") if spec.subject else self.loaded.source("spec")


def resolve_request(
    loaded: Loaded[Certificate], manifests: ManifestSet, shared: SharedExtensions | None = None
) -> ResolvedCertificate:
    """
    Resolve one Certificate; `shared` is for the same manifests, kept from one to the next.

    1. Parse the CSR, verify that its maker holds the key, judge the key.
    2. Find the authority and the profile.
    3. Settle subject and names, validity, hash, extensions.
    """
    findings: list[Finding] = []
    policy = deletion_policy(loaded, manifests)
    if loaded.manifest.spec.adopt is not None and loaded.csr is None:
        # Observed, and never signed: its authority and its profile need not be usable.
        return ResolvedCertificate(loaded, None, (), policy, None)
    csr = _parse_csr(loaded, findings)
    issuer = find_issuer(loaded, manifests, findings)
    profile = find_profile(loaded, manifests, findings)
    renewal = None
    request = None
    if issuer is not None and profile is not None:
        renewal = renewal_of(loaded, profile, manifests)
        if csr is not None:
            shared = shared or SharedExtensions(manifests)
            request = _build_request(loaded, shared, csr, issuer, profile, findings)
    return ResolvedCertificate(loaded, request, tuple(findings), policy, renewal)


def _parse_csr(loaded: Loaded[Certificate], findings: list[Finding]) -> Csr | None:
    """Return the CSR, or None with findings (also when there is none: an adopted certificate)."""
    if loaded.csr is None:
        return None  # the loader said why, unless `adopt` stands in for it
    try:
        csr = parse_csr(loaded.csr)
    except InvalidValueError as error:
        findings.append(error.finding().at(loaded.csr_source))
        return None
    findings += [
        finding.at(loaded.csr_source) for finding in csr_findings(csr, test_primality=False)
    ]
    return csr


def _build_request(
    loaded: Loaded[Certificate],
    shared: SharedExtensions,
    csr: Csr,
    issuer: Loaded[CertificateAuthority],
    profile: Profile,
    findings: list[Finding],
) -> CertificateRequest | None:
    spec, manifests = loaded.manifest.spec, shared.manifests
    count = len(findings)
    _check_key(loaded, csr, profile, findings)
    subject, names = _subject_and_names(loaded, manifests, profile, findings)
    validity = validity_of_certificate(loaded, profile, manifests, findings)
    hash_name = _hash_name(loaded, manifests, issuer, profile, findings)
    if [f for f in findings[count:] if f.severity == "error"]:
        return None
    seconds = int(validity.total_seconds()) if validity is not None else None
    return CertificateRequest(
        object_id=loaded.object_id,
        issuer=issuer.object_id.name,
        profile=profile.metadata.name,
        subject=format_name(subject),
        subject_alternative_names=names,
        public_key_der=csr.public_key_der,
        validity_seconds=None if spec.not_after else seconds,
        not_after=spec.not_after,
        backdate_seconds=int(profile.spec.validity.backdate.total_seconds()),
        hash_algorithm=hash_name,
        extensions=shared.for_certificate(loaded, csr, issuer, profile),
        reissue=spec.reissue,
        crl_shards=issuer.manifest.spec.crl.shards,
        intent=_intent(loaded, csr),
    )


def _check_key(
    loaded: Loaded[Certificate], csr: Csr, profile: Profile, findings: list[Finding]
) -> None:
    allowed = profile.spec.keys.allowed
    if allowed and not key_allowed(csr.public_key, allowed):
        findings.append(
            Finding(
                "profile.key_not_allowed",
                f"profile {profile.metadata.name} does not allow a key of type {csr.key}",
                loaded.csr_source,
                help=f"make the CSR with one of {', '.join(allowed)}",
            )
        )


# --- Subject and names ---------------------------------------------------------------------------


def _subject_and_names(
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
    project = manifests.project.manifest.spec if manifests.project else None
    subject = parse_name(spec.subject or "")
    for base in (profile.spec.subject, project.defaults.subject if project else None):
        if base:
            subject = merge_names(parse_name(base), subject)
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


# --- Hash and intent -----------------------------------------------------------------------------


def _hash_name(
    loaded: Loaded[Certificate],
    manifests: ManifestSet,
    issuer: Loaded[CertificateAuthority],
    profile: Profile,
    findings: list[Finding],
) -> str | None:
    asked = loaded.manifest.spec.algorithm
    if not key_takes_hash(issuer.manifest):
        if asked is not None:
            findings.append(
                Finding(
                    "algorithm.not_applicable",
                    f"{issuer.object_id.name} signs with an {issuer.manifest.spec.key_type} key, "
                    "which has no separate hash",
                    loaded.source("spec", "algorithm"),
                    help="leave `algorithm` out",
                )
            )
        return None
    return asked or profile.spec.algorithm or default_hash(issuer, manifests)


def _intent(loaded: Loaded[Certificate], csr: Csr) -> dict[str, JsonValue]:
    """Return what the manifest itself says about what is signed, however it was written."""
    spec = loaded.manifest.spec
    names = [format_general_name(parse_general_name(text)) for text in spec.subject_alt_names]
    intent: dict[str, JsonValue] = {
        "issuer": spec.issuer,
        "profile": spec.profile,
        "subject": format_name(parse_name(spec.subject)) if spec.subject else None,
        "subjectAltNames": names,
        "commonNameInSan": spec.common_name_in_san,
        "validitySeconds": int(spec.validity.total_seconds()) if spec.validity else None,
        "notAfter": format_time(spec.not_after) if spec.not_after else None,
        "algorithm": spec.algorithm,
        "publicKeySha256": csr_key_digest(csr),
        "extensions": {
            extension.name: {"critical": extension.critical, "value": extension.value}
            for extension in (spec.extensions.requested() if spec.extensions else ())
        },
    }
    return {name: value for name, value in intent.items() if value not in (None, [], {})}


def csr_key_digest(csr: Csr) -> str:
    """Hex SHA-256 of the CSR's SubjectPublicKeyInfo."""
    return hashlib.sha256(csr.public_key_der).hexdigest()
