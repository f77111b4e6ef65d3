from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pki_as_code.manifests.base import CERTIFICATES, Manifest, Maybe, Spec
from pki_as_code.manifests.locations import Email, Mailbox
from pki_as_code.manifests.scalars import Name


class NamespaceDefaults(Spec):
    issuer: Maybe[Name] = None
    """Authority for certificates of this namespace that name none."""

    profile: Maybe[Name] = None
    """Profile for certificates of this namespace that name none."""

    watchers: Annotated[tuple[Mailbox, ...], Field(max_length=64)] = ()
    """Addresses that are told about every certificate of this namespace."""


class NamespaceSpec(Spec):
    owners: Annotated[tuple[Email, ...], Field(max_length=256)] = ()
    """Addresses of the people who answer for this namespace, as they sign their commits."""

    defaults: NamespaceDefaults = NamespaceDefaults.model_construct()
    """What applies to certificates of this namespace that do not say otherwise."""


class Namespace(Manifest):
    """A team's directory below `certificates/`, described in its `_namespace.yaml`."""

    places: ClassVar[tuple[str, ...]] = (CERTIFICATES,)

    kind: Literal["Namespace"]
    spec: NamespaceSpec = NamespaceSpec.model_construct()
    """Whose it is, and its defaults."""
