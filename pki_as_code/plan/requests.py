"""
From a manifest to a request with no default left open.

Precedence, first wins: the manifest, its Namespace's defaults, its Profile, the authority's
`signs`, the Project's defaults, what is built in. Every function is pure; problems are findings at
the place that is to be changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from pki_as_code.errors import InvalidValueError
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import (
    CertificateRequest,
    Finding,
    JsonValue,
    RequestedExtension,
    Source,
    format_time,
)
from pki_as_code.pkix.algorithms import describe_key, key_allowed, usable_key_usages
from pki_as_code.pkix.csr import Csr, csr_findings, parse_csr
from pki_as_code.pkix.extensions import ExtensionSet
from pki_as_code.pkix.general_names import format_general_name, parse_general_name
from pki_as_code.pkix.names import format_name, parse_name
from pki_as_code.plan.authorities import default_hash, issued_extensions, joined, key_takes_hash
from pki_as_code.plan.defaults import (
    deletion_policy,
    find_issuer,
    find_profile,
    renewal_of,
    validity_of_certificate,
)
from pki_as_code.plan.renewal import Renewal
from pki_as_code.plan.subjects import subject_and_names

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes


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
    loaded: Loaded[Certificate], manifests: ManifestSet, csr: Csr | None = None
) -> ResolvedCertificate:
    """
    Resolve one Certificate; with a `csr` as if it were its own.

    1. Parse the CSR, verify that its maker holds the key, judge the key.
    2. Find the authority and the profile.
    3. Settle subject and names, validity, hash, extensions.
    """
    findings: list[Finding] = []
    policy = deletion_policy(loaded, manifests)
    if loaded.manifest.spec.adopt is not None and loaded.csr is None:
        # Observed, and never signed: its authority and its profile need not be usable.
        return ResolvedCertificate(loaded, None, (), policy, None)
    csr = csr or _parse_csr(loaded, findings)
    issuer = find_issuer(loaded, manifests, findings)
    profile = find_profile(loaded, manifests, findings)
    renewal = None
    request = None
    if issuer is not None and profile is not None:
        renewal = renewal_of(loaded, profile, manifests)
        if csr is not None:
            request = _build_request(loaded, manifests, csr, issuer, profile, findings)
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
    manifests: ManifestSet,
    csr: Csr,
    issuer: Loaded[CertificateAuthority],
    profile: Profile,
    findings: list[Finding],
) -> CertificateRequest | None:
    spec = loaded.manifest.spec
    count = len(findings)
    _check_key(loaded, manifests, csr, profile, findings)
    subject, names = subject_and_names(loaded, manifests, profile, findings)
    validity = validity_of_certificate(loaded, profile, manifests, findings)
    hash_name = _hash_name(loaded, manifests, issuer, profile, findings)
    extensions = _extensions(loaded, manifests, issuer, profile, csr)
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
        extensions=extensions,
        reissue=spec.reissue,
        crl_shards=issuer.manifest.spec.crl.shards,
        intent=_intent(loaded, csr),
    )


def _check_key(
    loaded: Loaded[Certificate],
    manifests: ManifestSet,
    csr: Csr,
    profile: Profile,
    findings: list[Finding],
) -> None:
    allowed = profile.spec.keys.allowed
    if allowed and not manifests.once(
        ("key_allowed", profile.metadata.name, csr.key),
        lambda: key_allowed(csr.public_key, allowed),
    ):
        findings.append(
            Finding(
                "profile.key_not_allowed",
                f"profile {profile.metadata.name} does not allow a key of type {csr.key}",
                loaded.csr_source,
                help=f"make the CSR with one of {', '.join(allowed)}",
            )
        )


# --- Hash and extensions -------------------------------------------------------------------------


def _hash_name(
    loaded: Loaded[Certificate],
    manifests: ManifestSet,
    issuer: Loaded[CertificateAuthority],
    profile: Profile,
    findings: list[Finding],
) -> str | None:
    asked = loaded.manifest.spec.algorithm
    name = issuer.object_id.name
    if not manifests.once(("key_takes_hash", name), lambda: key_takes_hash(issuer.manifest)):
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
    return (
        asked
        or profile.spec.algorithm
        or manifests.once(("default_hash", name), lambda: default_hash(issuer, manifests))
    )


def _extensions(
    loaded: Loaded[Certificate],
    manifests: ManifestSet,
    issuer: Loaded[CertificateAuthority],
    profile: Profile,
    csr: Csr,
) -> tuple[RequestedExtension, ...]:
    own = loaded.manifest.spec.extensions
    if own is not None:
        return _joined_extensions(own, manifests, issuer, profile, csr.public_key)
    return given_extensions(manifests, issuer, profile, csr.public_key)


def given_extensions(
    manifests: ManifestSet,
    issuer: Loaded[CertificateAuthority],
    profile: Profile,
    public_key: PublicKeyTypes,
) -> tuple[RequestedExtension, ...]:
    """
    Return the extensions of a certificate that asks for none itself.

    They are the same for all keys of a type: one tuple for all that have them.
    """
    return manifests.once(
        ("extensions", issuer.object_id.name, profile.metadata.name, describe_key(public_key)),
        lambda: _joined_extensions(None, manifests, issuer, profile, public_key),
    )


def _joined_extensions(
    own: ExtensionSet | None,
    manifests: ManifestSet,
    issuer: Loaded[CertificateAuthority],
    profile: Profile,
    public_key: PublicKeyTypes,
) -> tuple[RequestedExtension, ...]:
    shared = profile.spec.extensions
    found: dict[str, RequestedExtension] = {}
    for extension in own.requested() if own else ():
        found[extension.name] = extension
    for extension in shared.requested() if shared else ():
        # A profile speaks of keys in general: it holds as far as this key goes (RFC 8813, 9295).
        if extension.name == "keyUsage":
            usable = usable_key_usages(public_key, extension.value)
            if not usable:
                continue
            extension = replace(extension, value=list(usable))  # noqa: PLW2901
        found[extension.name] = joined(found.get(extension.name), extension)
    for extension in issued_extensions(issuer, profile, manifests):
        found[extension.name] = joined(found.get(extension.name), extension)
    return tuple(found[name] for name in sorted(found))


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
