from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pki_as_code.manifests.base import CERTIFICATES, Manifest, Spec
from pki_as_code.manifests.durations import Duration
from pki_as_code.manifests.locations import Channel
from pki_as_code.manifests.project import NOTICE_TIMES
from pki_as_code.manifests.scalars import NOT_EMPTY, CertificateReference, Labels, Name, one_to

WatcherEvent = Literal["expiring", "expired", "revoked", "renewalFailed"]


class WatcherSelector(Spec):
    """Which certificates. All conditions must hold; an empty one always does."""

    namespaces: Annotated[tuple[Name, ...], Field(max_length=256)] = ()
    """Namespaces of the certificates."""

    labels: Labels = Field(default_factory=dict)
    """Labels that the certificates have, all of them."""

    issuers: Annotated[tuple[Name, ...], Field(max_length=256)] = ()
    """Authorities that signed the certificates."""

    certificates: Annotated[tuple[CertificateReference, ...], Field(max_length=1024)] = ()
    """Certificates by name; `namespace/name` for those of another namespace."""


class WatcherSpec(Spec):
    selector: WatcherSelector = WatcherSelector.model_construct()
    """Which certificates are watched. Left out: all that the place of the manifest allows."""

    before: Annotated[tuple[Duration, ...], Field(max_length=16)] = NOTICE_TIMES
    """How long before the end of a certificate a notice goes out."""

    events: Annotated[
        tuple[WatcherEvent, ...],
        one_to(4),
        NOT_EMPTY,
    ] = ("expiring", "expired", "revoked", "renewalFailed")
    """What is told."""

    notify: Annotated[tuple[Channel, ...], one_to(64), NOT_EMPTY]
    """Who is told: `mailto:ops@example.com`, or the URL of a webhook."""


class Watcher(Manifest):
    """Somebody who wants to know about certificates."""

    places: ClassVar[tuple[str, ...]] = ("watchers", CERTIFICATES)
    namespaced: ClassVar[bool] = True

    kind: Literal["Watcher"]
    spec: WatcherSpec
    """What is watched, and who is told."""
