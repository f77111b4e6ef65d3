"""Every value that an authority's own certificate is made with, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator

from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.durations import format_duration
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.model import RequestedExtension
from pki_as_code.plan.authorities import find_authority, resolve_authority
from pki_as_code.plan.effective import ACCESS, BUILT_IN, EffectiveValue, Origin


def effective_authority_values(
    authority: Loaded[CertificateAuthority], manifests: ManifestSet
) -> tuple[EffectiveValue, ...]:
    """Return the values of an authority. Raises `InvalidValueError` when they cannot be settled."""
    spec = authority.manifest.spec
    request = resolve_authority(authority, manifests)

    def own(field: str, *path: str) -> Origin:
        if field not in spec.model_fields_set:
            return BUILT_IN
        return Origin("manifest", authority.object_id.name, authority.source("spec", *path))

    def simple() -> Iterator[EffectiveValue]:
        yield EffectiveValue("subject", request.subject, (own("subject", "subject"),))
        yield EffectiveValue("parent", spec.parent, (own("parent", "parent"),))
        yield EffectiveValue("mode", spec.mode, (own("mode", "mode"),))
        if spec.key is not None:
            key = {"uri": spec.key.uri, "type": spec.key_type}
            yield EffectiveValue("key", key, (own("key", "key"),))
        validity = format_duration(spec.validity)
        yield EffectiveValue("validity", validity, (own("validity", "validity"),))
        length = own("path_length", "pathLength")
        yield EffectiveValue("pathLength", request.path_length, (length,))
        signer = find_authority(manifests, spec.parent) or authority
        hashed = (
            own("algorithm", "algorithm")
            if spec.algorithm
            else Origin("authority", signer.object_id.name, signer.source("spec", "key"))
        )
        yield EffectiveValue("algorithm", request.hash_algorithm, (hashed,))
        yield EffectiveValue("usages", list(spec.usages), (own("usages", "usages"),))

    def origin_of(extension: RequestedExtension) -> Origin:
        written = spec.extensions.requested() if spec.extensions else ()
        if any(extension.name == e.name for e in written):
            key = "custom" if extension.name[:1].isdigit() else extension.name
            return own("extensions", "extensions", key)
        if extension.name == "nameConstraints":
            return own("name_constraints", "nameConstraints")
        if extension.name in {ACCESS, "crlDistributionPoints"}:
            parent = find_authority(manifests, spec.parent)
            source = parent.source("spec") if parent else None
            return Origin("authority", spec.parent or "", source)
        return BUILT_IN

    extensions = (
        EffectiveValue(f"extensions.{e.name}", e.value, (origin_of(e),), e.critical)
        for e in request.extensions
    )
    return (*simple(), *extensions)
