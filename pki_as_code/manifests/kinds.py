"""The kinds of manifests there are, and the class of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pki_as_code.manifests.authority import CertificateAuthority
from pki_as_code.manifests.base import Manifest
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.namespace import Namespace
from pki_as_code.manifests.policy import Policy
from pki_as_code.manifests.profile import Profile
from pki_as_code.manifests.project import Project
from pki_as_code.manifests.revocation import Revocation
from pki_as_code.manifests.watcher import Watcher

KINDS: Final[tuple[type[Manifest], ...]] = (
    Project,
    CertificateAuthority,
    Profile,
    Policy,
    Namespace,
    Certificate,
    Revocation,
    Watcher,
)

KIND_BY_NAME: Final[Mapping[str, type[Manifest]]] = {kind.__name__: kind for kind in KINDS}
