"""
Every value that a certificate is made with, and where each comes from.

The values are those of `requests.resolve_request`; here only their origins are told, by the same
precedence: manifest, namespace, profile, authority, project, built in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.durations import format_duration, format_renewal_time
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
from pki_as_code.pkix.names import parse_name
from pki_as_code.plan.authorities import find_authority
from pki_as_code.plan.defaults import deletion_policy
from pki_as_code.plan.requests import resolve_request
from pki_as_code.plan.subjects import common_name_of_names

ACCESS = "authorityInfoAccess"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value was written: `kind` is manifest, namespace, profile, authority, project or
    built in."""

    kind: str
    name: str = ""
    source: Source | None = None
    """None for what is built in, predefined profiles too."""


@dataclass(frozen=True, slots=True)
class EffectiveValue:
    """One value in force; several origins when it is put together of several."""

    field: str
    """As a manifest names it: `validity`, `extensions.keyUsage`."""

    value: JsonValue
    origins: tuple[Origin, ...]
    critical: bool | None = None
    """Of extensions only."""


BUILT_IN = Origin("built in")


def effective_values(
    loaded: Loaded[Certificate], manifests: ManifestSet
) -> tuple[tuple[EffectiveValue, ...], tuple[Finding, ...]]:
    """Return the values of a Certificate, none when the findings keep it from being resolved."""
    resolved = resolve_request(loaded, manifests)
    request = resolved.request
    profile = manifests.profile(request.profile) if request else None
    issuer = find_authority(manifests, request.issuer) if request else None
    if request is None or profile is None or issuer is None:
        return (), resolved.findings
    told = _Told(loaded, manifests, request, profile, issuer)
    return tuple(told.values()), resolved.findings


@dataclass(frozen=True)
class _Told:
    loaded: Loaded[Certificate]
    manifests: ManifestSet
    request: CertificateRequest
    profile: Profile
    issuer: Loaded[CertificateAuthority]

    def values(self) -> Iterator[EffectiveValue]:
        request = self.request
        yield EffectiveValue("issuer", request.issuer, (self._reference("issuer"),))
        yield EffectiveValue("profile", request.profile, (self._reference("profile"),))
        subject = self._subject_origins()
        yield EffectiveValue("subject", request.subject, subject)
        names = list(request.subject_alternative_names)
        yield EffectiveValue("subjectAltNames", names, self._name_origins(subject))
        yield self._validity()
        backdate = _duration(request.backdate_seconds)
        yield EffectiveValue("backdate", backdate, (self._backdate(),))
        yield EffectiveValue("algorithm", request.hash_algorithm, (self._algorithm(),))
        yield from self._extensions()
        yield self._renewal()
        policy = deletion_policy(self.loaded, self.manifests)
        yield EffectiveValue("deletionPolicy", policy, (self._deletion_policy(),))
        yield from self._watchers()
        reissue = self._manifest("reissue") if "reissue" in self._written else BUILT_IN
        yield EffectiveValue("reissue", request.reissue, (reissue,))

    # --- Origins ---

    @property
    def _written(self) -> set[str]:
        """The fields of the spec that are written, by their names in Python."""
        return self.loaded.manifest.spec.model_fields_set

    def _manifest(self, *path: str) -> Origin:
        source = self.loaded.source("spec", *path)
        return Origin("manifest", self.loaded.object_id.path, source)

    def _profile(self, *path: str) -> Origin:
        loaded = self.manifests.loaded_profile(self.request.profile)
        source = loaded.source("spec", *path) if loaded else None
        return Origin("profile", self.request.profile, source)

    def _authority(self, *path: str) -> Origin:
        source = self.issuer.source("spec", *path)
        return Origin("authority", self.request.issuer, source)

    def _project(self, *path: str) -> Origin:
        project = self.manifests.project
        if project is None:
            return BUILT_IN
        return Origin("project", project.object_id.name, project.source("spec", *path))

    def _reference(self, field: str) -> Origin:
        """Return who names the issuer, or the profile."""
        if getattr(self.loaded.manifest.spec, field):
            return self._manifest(field)
        namespace = self.manifests.namespace(self.loaded.object_id.namespace)
        if namespace is not None and getattr(namespace.manifest.spec.defaults, field):
            source = namespace.source("spec", "defaults", field)
            return Origin("namespace", namespace.object_id.name, source)
        if self._default(field):
            return self._project("defaults", field)
        return BUILT_IN

    def _default(self, field: str) -> JsonValue:
        """Return a default that the project gives, None when it does not say."""
        project = self.manifests.project
        defaults = project.manifest.spec.defaults if project else None
        written = defaults is not None and field in defaults.model_fields_set
        return getattr(defaults, field) if written else None

    def _subject_origins(self) -> tuple[Origin, ...]:
        """Return who contributes an attribute; whoever comes first wins for one type."""
        layers = (
            (self.loaded.manifest.spec.subject, self._manifest("subject")),
            (self.profile.spec.subject, self._profile("subject")),
            (self._default("subject"), self._project("defaults", "subject")),
        )
        seen: set[str] = set()
        origins: list[Origin] = []
        for text, origin in layers:
            types = {a.oid.dotted_string for a in parse_name(text)} if text else set()
            if types - seen:
                origins.append(origin)
            seen |= types
        if common_name_of_names(self.loaded.manifest.spec, seen):
            origins.append(self._manifest("subjectAltNames"))
        return tuple(origins) or (BUILT_IN,)

    def _name_origins(self, subject: tuple[Origin, ...]) -> tuple[Origin, ...]:
        names = self.loaded.manifest.spec.subject_alt_names
        origins = [self._manifest("subjectAltNames")] if names else []
        if len(self.request.subject_alternative_names) > len(names):
            origins += [origin for origin in subject if origin not in origins]
        return tuple(origins) or (BUILT_IN,)

    def _validity(self) -> EffectiveValue:
        spec, limits = self.loaded.manifest.spec, self.profile.spec.validity
        if self.request.not_after is not None:
            end = format_time(self.request.not_after)
            return EffectiveValue("notAfter", end, (self._manifest("notAfter"),))
        default = self._default("validity")
        if spec.validity:
            origin = self._manifest("validity")
        elif limits.default:
            origin = self._profile("validity", "default")
        else:
            origin = self._project("defaults", "validity") if default else BUILT_IN
        seconds = self.request.validity_seconds or 0
        wanted = spec.validity or limits.default or default
        origins = [origin]
        if wanted is not None and seconds < wanted.total_seconds():
            origins.append(self._profile("validity", "max"))
        return EffectiveValue("validity", _duration(seconds), tuple(origins))

    def _backdate(self) -> Origin:
        written = "backdate" in self.profile.spec.validity.model_fields_set
        return self._profile("validity", "backdate") if written else BUILT_IN

    def _algorithm(self) -> Origin:
        if self.request.hash_algorithm is None:
            return self._authority("key")
        if self.loaded.manifest.spec.algorithm:
            return self._manifest("algorithm")
        if self.profile.spec.algorithm:
            return self._profile("algorithm")
        return self._authority("algorithm" if self.issuer.manifest.spec.algorithm else "key")

    def _renewal(self) -> EffectiveValue:
        own = self.loaded.manifest.spec.renewal
        renewal = own or self.profile.spec.renewal
        before = format_renewal_time(renewal.before)
        value: JsonValue = {"mode": renewal.mode, "before": before}
        if own is not None:
            return EffectiveValue("renewal", value, (self._manifest("renewal"),))
        written = "renewal" in self.profile.spec.model_fields_set
        return EffectiveValue(
            "renewal", value, (self._profile("renewal") if written else BUILT_IN,)
        )

    def _deletion_policy(self) -> Origin:
        if self.loaded.manifest.spec.deletion_policy:
            return self._manifest("deletionPolicy")
        if self._default("deletion_policy"):
            return self._project("defaults", "deletionPolicy")
        return BUILT_IN

    def _watchers(self) -> Iterator[EffectiveValue]:
        """Yield the addresses of manifest and namespace; those of Watchers hang on what is told."""
        own = list(self.loaded.manifest.spec.watchers)
        origins = [self._manifest("watchers")] if own else []
        namespace = self.manifests.namespace(self.loaded.object_id.namespace)
        shared = list(namespace.manifest.spec.defaults.watchers) if namespace else []
        if namespace is not None and shared:
            source = namespace.source("spec", "defaults", "watchers")
            origins.append(Origin("namespace", namespace.object_id.name, source))
        if origins:
            addresses = [str(address) for address in dict.fromkeys([*own, *shared])]
            yield EffectiveValue("watchers", addresses, tuple(origins))

    # --- Extensions ---

    def _extensions(self) -> Iterator[EffectiveValue]:
        for extension in self.request.extensions:
            field = f"extensions.{extension.name}"
            if extension.name != ACCESS:
                origin = self._extension_origin(extension.name)
                yield EffectiveValue(field, extension.value, (origin,), extension.critical)
                continue
            for method, locations in dict(extension.value).items():
                origin = self._extension_origin(extension.name, method)
                yield EffectiveValue(f"{field}.{method}", locations, (origin,), extension.critical)

    def _extension_origin(self, name: str, method: str = "") -> Origin:
        path = ("extensions", _key(name))
        if _has(self.loaded.manifest.spec.extensions, name, method):
            return self._manifest(*path)
        if _has(self.profile.spec.extensions, name, method):
            return self._profile(*path)
        if _has(self.issuer.manifest.spec.signs.extensions, name, method):
            return self._authority("signs", *path)
        return self._location(name, method)

    def _location(self, name: str, method: str) -> Origin:
        """Return who says where CRL, OCSP responder or certificate of the authority are."""
        spec = self.issuer.manifest.spec
        if name == ACCESS and method == "caIssuers":
            given, path = spec.issuer_urls is not None, ("issuerUrls",)
        elif name == ACCESS:
            given, path = spec.ocsp.urls is not None, ("ocsp", "urls")  # type: ignore[assignment]
        else:
            given, path = spec.crl.urls is not None, ("crl", "urls")  # type: ignore[assignment]
        return self._authority(*path) if given else self._project("baseUrl")


def _has(extensions: object, name: str, method: str) -> bool:
    """Tell whether a set of extensions has one; of authorityInfoAccess that access method."""
    requested = getattr(extensions, "requested", None)
    found: dict[str, RequestedExtension] = {e.name: e for e in requested()} if requested else {}
    return name in found and (not method or bool(dict(found[name].value).get(method)))


def _key(name: str) -> str:
    """Return the key under which an extension is written; custom ones have their OID as name."""
    return "custom" if name[:1].isdigit() else name


def _duration(seconds: int) -> str | None:
    from datetime import timedelta

    return format_duration(timedelta(seconds=seconds))
