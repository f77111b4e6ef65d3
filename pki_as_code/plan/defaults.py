"""Where a Certificate takes what it does not say: namespace, profile, project, built in."""

from __future__ import annotations

from datetime import timedelta
from difflib import get_close_matches

from pki_as_code.escape import quoted
from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.namespace import NamespaceDefaults
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import AUTHORITY, Finding, ObjectId
from pki_as_code.plan.renewal import Renewal

DEFAULT_PROFILE = "webserver"
DEFAULT_VALIDITY = timedelta(days=90)
DEFAULT_DELETION_POLICY = "Refuse"


def namespace_defaults(
    loaded: Loaded[Certificate], manifests: ManifestSet
) -> NamespaceDefaults | None:
    """Return the `defaults` of the certificate's Namespace manifest, None without one."""
    namespace = manifests.namespace(loaded.object_id.namespace)
    return namespace.manifest.spec.defaults if namespace else None


def filled_in_by_namespace(loaded: Loaded[Certificate], manifests: ManifestSet) -> tuple[str, ...]:
    """Return what its namespace says in place of a manifest: `issuer`, `profile`."""
    defaults, spec = namespace_defaults(loaded, manifests), loaded.manifest.spec
    if defaults is None:
        return ()
    fields = (
        ("issuer", spec.issuer, defaults.issuer),
        ("profile", spec.profile, defaults.profile),
    )
    return tuple(name for name, own, given in fields if own is None and given is not None)


def find_issuer(
    loaded: Loaded[Certificate], manifests: ManifestSet, findings: list[Finding]
) -> Loaded[CertificateAuthority] | None:
    """
    Return the authority that is to sign: named, by default, or the only one that can.

    There is never a silent guess between several.
    """
    wanted = default_issuer(loaded, manifests)
    authorities = manifests.of(CertificateAuthority)
    if wanted is None:
        usable = sorted(i.name for i, a in authorities.items() if signs_certificates(a.manifest))
        if len(usable) == 1:
            return authorities[ObjectId(AUTHORITY, "", usable[0])]
        listed = ", ".join(usable) or "none"
        findings.append(
            Finding(
                "certificate.no_issuer",
                f"nothing says which authority issues {loaded.object_id.path}",
                loaded.source("spec", "issuer"),
                help="name one under `spec.issuer`, or for all under `spec.defaults.issuer` in "
                f"pki.yaml; there are: {listed}",
            )
        )
        return None
    found = authorities.get(ObjectId(AUTHORITY, "", wanted))
    if found is None:
        if not manifests.is_unreadable(AUTHORITY, "", wanted):
            known = [object_id.name for object_id in authorities]
            missing = dangling("issuer", AUTHORITY, wanted, known)
            findings.append(missing.at(loaded.source("spec", "issuer")))
        return None
    return found


def default_issuer(loaded: Loaded[Certificate], manifests: ManifestSet) -> str | None:
    """Return the name of the issuer that applies, None when nothing names one."""
    defaults = namespace_defaults(loaded, manifests)
    project = manifests.project.manifest.spec.defaults if manifests.project else None
    return (
        loaded.manifest.spec.issuer
        or (defaults.issuer if defaults else None)
        or (project.issuer if project else None)
    )


def signs_certificates(authority: CertificateAuthority) -> bool:
    """Tell whether an authority can issue by default: it signs, and its key is online."""
    return "sign" in authority.spec.usages and authority.spec.mode == "online"


def find_profile(
    loaded: Loaded[Certificate], manifests: ManifestSet, findings: list[Finding]
) -> Profile | None:
    """Return the profile that applies; predefined ones are there without a manifest."""
    defaults = namespace_defaults(loaded, manifests)
    project = manifests.project.manifest.spec.defaults if manifests.project else None
    wanted = (
        loaded.manifest.spec.profile
        or (defaults.profile if defaults else None)
        or (project.profile if project else None)
        or DEFAULT_PROFILE
    )
    profile = manifests.profile(wanted)
    if profile is None and not manifests.is_unreadable("Profile", "", wanted):
        names = manifests.profile_names()
        findings.append(
            dangling("profile", "Profile", wanted, names).at(loaded.source("spec", "profile"))
        )
    return profile


def dangling(field: str, kind: str, wanted: str, known: list[str]) -> Finding:
    """Say that a reference leads nowhere, and which name was probably meant."""
    close = get_close_matches(wanted, known, n=1)
    listed = ", ".join(sorted(known)[:10]) or "none"
    meant = f"did you mean `{close[0]}`?" if close else f"there are: {listed}"
    told = f"{field}: no {kind} is called {quoted(wanted)}"
    return Finding("reference.not_found", told, help=meant)


def validity_of_certificate(
    loaded: Loaded[Certificate],
    profile: Profile,
    manifests: ManifestSet,
    findings: list[Finding],
) -> timedelta | None:
    """Return for how long it is asked, None when the manifest gives an end date instead."""
    spec = loaded.manifest.spec
    if spec.not_after is not None:
        return None
    project = manifests.project.manifest.spec.defaults if manifests.project else None
    validity = (
        spec.validity
        or profile.spec.validity.default
        or (project.validity if project else None)
        or DEFAULT_VALIDITY
    )
    limit = profile.spec.validity.max
    if limit is not None and validity > limit:
        if spec.validity is None:
            return limit
        findings.append(
            Finding(
                "profile.validity_too_long",
                f"{_days(validity)} is longer than profile {profile.metadata.name} allows",
                loaded.source("spec", "validity"),
                help=f"ask for {_days(limit)} or less",
            )
        )
    return validity


def _days(span: timedelta) -> str:
    return f"{span.days}d" if not span.seconds else f"{span.total_seconds() / 3600:g}h"


def renewal_of(
    loaded: Loaded[Certificate], profile: Profile, manifests: ManifestSet
) -> Renewal | None:
    """
    Return how, and how long before its end, a certificate is renewed; None when nobody renews it.

    One whose end is fixed by `notAfter` is not: another would end at the same time.
    """
    renewal = loaded.manifest.spec.renewal or profile.spec.renewal
    validity = validity_of_certificate(loaded, profile, manifests, [])
    if renewal.mode == "None" or validity is None:
        return None
    if isinstance(renewal.before, timedelta):
        return Renewal(renewal.mode, renewal.before)
    return Renewal(renewal.mode, validity * int(renewal.before) / 100)


def deletion_policy(loaded: Loaded[Certificate], manifests: ManifestSet) -> str:
    """Return what is to happen when the manifest is removed."""
    project = manifests.project.manifest.spec.defaults if manifests.project else None
    return (
        loaded.manifest.spec.deletion_policy
        or (project.deletion_policy if project else None)
        or DEFAULT_DELETION_POLICY
    )
