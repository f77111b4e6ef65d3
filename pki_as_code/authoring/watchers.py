"""The `watchers` of one Certificate manifest: added and taken away, all else as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pki_as_code.errors import InvalidValueError
from pki_as_code.escape import quoted
from pki_as_code.manifests.certificate import Certificate
from pki_as_code.manifests.edit import REMOVE, set_spec_fields
from pki_as_code.manifests.load import Loaded
from pki_as_code.manifests.locations import (
    check_email,
    check_mailbox,
    mailbox_address,
    mailbox_name,
)


@dataclass(frozen=True, slots=True)
class WatcherChange:
    """What becomes of a list of watchers."""

    watchers: tuple[str, ...]
    """Mailboxes, as they are to stand in the manifest."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    renamed: tuple[str, ...]
    """Addresses that were there and got another name."""

    already_there: tuple[str, ...]
    never_there: tuple[str, ...]
    """Addresses that were to be removed."""


def change_watchers(
    current: Sequence[str], add: Sequence[str], remove: Sequence[str]
) -> WatcherChange:
    """
    Add addresses, then remove some.

    An address that is there keeps its name, unless another is given with it. Raises
    `InvalidValueError` for what is no address; nothing is changed then.
    """
    additions = [check_watcher(text) for text in add]
    removals = [mailbox_address(check_watcher(text)) for text in remove]
    found = {_key(mailbox): mailbox for mailbox in current}
    before = dict(found)
    renamed, already_there = [], []
    for mailbox in additions:
        known = found.get(_key(mailbox))
        name = mailbox_name(mailbox)
        if known is None or (name and name != mailbox_name(known)):
            found[_key(mailbox)] = mailbox
            if known is not None:
                renamed.append(mailbox)
        else:
            already_there.append(mailbox_address(mailbox))
    never_there = [address for address in removals if found.pop(_key(address), None) is None]
    return WatcherChange(
        watchers=tuple(found.values()),
        added=tuple(mailbox for key, mailbox in found.items() if key not in before),
        removed=tuple(mailbox for key, mailbox in before.items() if key not in found),
        renamed=tuple(mailbox for mailbox in renamed if _key(mailbox) in found),
        already_there=tuple(already_there),
        never_there=tuple(dict.fromkeys(never_there)),
    )


def check_watcher(text: str) -> str:
    """Return a mailbox: `ops@example.com`, `Name <ops@example.com>`. `InvalidValueError`."""
    mailbox = check_mailbox(text.strip())
    check_email(mailbox_address(mailbox))
    name = mailbox_name(mailbox)
    if name and not name.isprintable():
        raise InvalidValueError(
            f"the name in {quoted(mailbox)} has characters that cannot be seen",
            help="write the name in plain letters",
            code="manifest.invalid_email",
        )
    return f"{name} <{mailbox_address(mailbox)}>" if name else mailbox


def write_watchers(loaded: Loaded[Certificate], text: str, watchers: Sequence[str]) -> bytes:
    """
    Return the manifest's file with other watchers; comments and all else stay.

    Raises:
        ManifestError: the file is written in a way that cannot be changed here.
    """
    value = list(watchers) or REMOVE
    return set_spec_fields(text, {"watchers": value}, document=loaded.document).encode()


def _key(mailbox: str) -> str:
    """Return what makes two mailboxes the same: the domain in any case, the rest as it is."""
    local, _, domain = mailbox_address(mailbox).rpartition("@")
    return f"{local}@{domain.lower()}"
