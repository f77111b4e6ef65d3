"""Who is told about a certificate: its own watchers, its namespace's, and Watcher manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.load import Loaded, ManifestSet
from pki_as_code.manifests.locations import mailbox_address, mailbox_name
from pki_as_code.manifests.project import NOTICE_TIMES
from pki_as_code.manifests.watcher import Watcher
from pki_as_code.model import AUTHORITY, CertificateRecord, ObjectId

MAIL = "mailto:"

EVENTS_OF_ADDRESSES = frozenset({"expiring", "expired"})
"""What a bare address in `watchers` is told; a Watcher names its events."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address, with all that the manifests want it to be told of one certificate."""

    channel: str
    """`mailto:ops@example.com`, or a URL."""

    name: str
    """Empty when no manifest gives one."""

    before: frozenset[timedelta]
    events: frozenset[str]
    """As Watcher manifests name them."""

    origins: tuple[str, ...]
    """Which manifests name it: `manifest`, `namespace payments`, `Watcher oncall`."""

    @property
    def mailbox(self) -> str:
        """`ops@example.com`, `Name <ops@example.com>`, or the URL."""
        address = self.channel.removeprefix(MAIL)
        return f"{self.name} <{address}>" if self.name else address


def recipients_of(record: CertificateRecord, manifests: ManifestSet) -> list[Recipient]:
    """
    Return who is told about a certificate, each address once.

    An address that several manifests name is told at every time and of every event that one of them
    names.
    """
    return recipients_of_object(record.object_id, record.issuer, manifests)


def recipients_of_object(
    object_id: ObjectId, issuer: str, manifests: ManifestSet
) -> list[Recipient]:
    """Return the same for an object whose certificate `issuer` signed; empty when nobody did."""
    found: dict[str, Recipient] = {}
    for recipient in _all_recipients(object_id, issuer, manifests):
        known = found.get(recipient.channel)
        found[recipient.channel] = _joined(known, recipient) if known else recipient
    return list(found.values())


def watchers_of(record: CertificateRecord, manifests: ManifestSet) -> list[str]:
    """Return the mailboxes and URLs that are told about a certificate, each once."""
    return [recipient.mailbox for recipient in recipients_of(record, manifests)]


def mail_channel(mailbox: str) -> str:
    """Return the channel of a mailbox. Domains are equal in any case (RFC 5321 section 2.4)."""
    local, _, domain = mailbox_address(mailbox).rpartition("@")
    return f"{MAIL}{local}@{domain.lower()}"


def remembered_address(channel: str) -> str:
    """
    Return what the ledger keeps of a channel.

    Of a URL that is its host and a digest: the path often holds a token, and the branch of a store
    may be seen by more people than the manifests.
    """
    if channel.startswith(MAIL):
        return channel
    parts = urlsplit(channel)
    digest = hashlib.sha256(channel.encode()).hexdigest()[:16]
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}/#{digest}"


def _joined(one: Recipient, other: Recipient) -> Recipient:
    return replace(
        one,
        name=one.name or other.name,
        before=one.before | other.before,
        events=one.events | other.events,
        origins=(*one.origins, *other.origins),
    )


def _all_recipients(
    object_id: ObjectId, issuer: str, manifests: ManifestSet
) -> Iterator[Recipient]:
    loaded = manifests.of(Certificate).get(object_id)
    namespace = manifests.namespace(object_id.namespace)
    project = manifests.project
    before = project.manifest.spec.notifications.before if project else NOTICE_TIMES
    if loaded is not None:
        yield from _mailboxes(loaded.manifest.spec.watchers, before, "manifest")
    if namespace is not None:
        origin = f"namespace {namespace.object_id.name}"
        yield from _mailboxes(namespace.manifest.spec.defaults.watchers, before, origin)
    for watcher in manifests.of(Watcher).values():
        if _selects(watcher, object_id, issuer, loaded):
            spec = watcher.manifest.spec
            times, events = frozenset(spec.before), frozenset(spec.events)
            origins = (f"Watcher {watcher.object_id.path}",)
            for text in spec.notify:
                channel = mail_channel(text.removeprefix(MAIL)) if text.startswith(MAIL) else text
                yield Recipient(channel, "", times, events, origins)


def _mailboxes(
    mailboxes: Iterable[str], before: Iterable[timedelta], origin: str
) -> Iterator[Recipient]:
    for mailbox in mailboxes:
        yield Recipient(
            mail_channel(mailbox),
            mailbox_name(mailbox),
            frozenset(before),
            EVENTS_OF_ADDRESSES,
            (origin,),
        )


def _selects(
    watcher: Loaded[Watcher],
    object_id: ObjectId,
    issuer: str,
    loaded: Loaded[Certificate] | None,
) -> bool:
    """Every list that is given must name the certificate; a team's Watcher sees its own only."""
    selector, own = watcher.manifest.spec.selector, watcher.object_id.namespace
    if own and object_id.namespace != own:
        return False
    if selector.issuers and issuer not in selector.issuers:
        return False
    if object_id.kind == AUTHORITY:
        # Only Certificates are in namespaces, have labels, and are named by `certificates`.
        return not (selector.namespaces or selector.labels or selector.certificates)
    labels = loaded.manifest.metadata.labels if loaded else {}
    return (
        (not selector.namespaces or object_id.namespace in selector.namespaces)
        and (
            not selector.certificates
            or object_id.name in selector.certificates
            or object_id.path in selector.certificates
        )
        and all(labels.get(key) == value for key, value in selector.labels.items())
    )
