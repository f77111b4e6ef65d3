"""
Where notices go.

To add a channel: implement `Channel` in a module, then list its URI scheme here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Self

from pki_as_code.errors import DeliveryError
from pki_as_code.model import Notice
from pki_as_code.notify.interface import Channel, ChannelSettings, Credentials
from pki_as_code.notify.smtp import MailChannel
from pki_as_code.notify.webhook import WebhookChannel

__all__ = ["CHANNELS", "Channel", "ChannelSettings", "Channels", "Credentials"]

CHANNELS: dict[str, Callable[[ChannelSettings], Channel]] = {
    "mailto": MailChannel,
    "https": WebhookChannel,
    "http": WebhookChannel,
}


class Channels:
    """All channels of one run; each is opened when the first notice goes there."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._open: dict[str, Channel] = {}

    def check(self, notice: Notice, now: datetime) -> None:
        """Make what would be sent, and send nothing. Raises `DeliveryError`."""
        self._channel(notice).check(notice, now)

    def send(self, notice: Notice, now: datetime) -> None:
        """Hand a notice over. Raises `DeliveryError` when it was not accepted."""
        self._channel(notice).send(notice, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for channel in self._open.values():
            channel.close()

    def _channel(self, notice: Notice) -> Channel:
        scheme = notice.channel.partition(":")[0].lower()
        if scheme not in CHANNELS:
            raise DeliveryError(
                f"there is no channel for {notice.address!r}",
                help=f"begin it with one of: {', '.join(f'{known}:' for known in CHANNELS)}",
                code="notify.unknown_scheme",
            )
        if scheme not in self._open:
            self._open[scheme] = CHANNELS[scheme](self._settings)
        return self._open[scheme]
