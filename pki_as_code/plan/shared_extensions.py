"""The extensions of a certificate: its own, those of its profile, and what its issuer adds."""

from __future__ import annotations

from dataclasses import replace

from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.profile import Profile
from pki_as_code.model import RequestedExtension
from pki_as_code.pkix.algorithms import usable_key_usages
from pki_as_code.pkix.csr import Csr
from pki_as_code.plan.authorities import issued_extensions, joined


class SharedExtensions:
    """What profiles ask for and issuers add, made once for all certificates of some manifests."""

    def __init__(self, manifests: ManifestSet) -> None:
        self.manifests = manifests
        self._of_profile: dict[str, tuple[RequestedExtension, ...]] = {}
        self._of_issuer: dict[tuple[str, str], tuple[RequestedExtension, ...]] = {}

    def _asked_by(self, profile: Profile) -> tuple[RequestedExtension, ...]:
        name, asked = profile.metadata.name, profile.spec.extensions
        if name not in self._of_profile:
            self._of_profile[name] = tuple(asked.requested()) if asked else ()
        return self._of_profile[name]

    def _added_by(
        self, issuer: Loaded[CertificateAuthority], profile: Profile
    ) -> tuple[RequestedExtension, ...]:
        """Return what the issuer adds to the certificates of a profile."""
        key = (issuer.object_id.name, profile.metadata.name)
        if key not in self._of_issuer:
            self._of_issuer[key] = tuple(issued_extensions(issuer, profile, self.manifests))
        return self._of_issuer[key]

    def for_certificate(
        self,
        loaded: Loaded[Certificate],
        csr: Csr,
        issuer: Loaded[CertificateAuthority],
        profile: Profile,
    ) -> tuple[RequestedExtension, ...]:
        """Return the extensions of one certificate, sorted by name."""
        own = loaded.manifest.spec.extensions
        found: dict[str, RequestedExtension] = {}
        for extension in own.requested() if own else ():
            found[extension.name] = extension
        for extension in self._asked_by(profile):
            # A profile speaks of keys in general: as far as this key goes (RFC 8813, 9295).
            if extension.name == "keyUsage":
                usable = usable_key_usages(csr.public_key, extension.value)
                if not usable:
                    continue
                extension = replace(extension, value=list(usable))  # noqa: PLW2901
            found[extension.name] = joined(found.get(extension.name), extension)
        for extension in self._added_by(issuer, profile):
            found[extension.name] = joined(found.get(extension.name), extension)
        return tuple(found[name] for name in sorted(found))
