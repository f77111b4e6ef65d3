"""What a channel is: something that takes notices, one at a time, and says whether it took them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pki_as_code.manifests.project import Smtp
from pki_as_code.manifests.tree import Tree
from pki_as_code.model import Notice

SMTP_USER = "PKI_SMTP_USER"
SMTP_PASSWORD = "PKI_SMTP_PASSWORD"  # noqa: S105 (the name of a variable)
WEBHOOK_SECRET = "PKI_WEBHOOK_SECRET"  # noqa: S105

TIMEOUT_SECONDS = 30.0
"""For each answer of a mail server, and for a whole request to a webhook."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Secrets from the environment; None where a variable is not set."""

    smtp_user: str | None = None
    smtp_password: str | None = field(default=None, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """All a channel may need."""

    smtp: Smtp | None
    tree: Tree
    """Where a repository's own templates are."""

    credentials: Credentials = Credentials()
    timeout_seconds: float = TIMEOUT_SECONDS
    pauses_seconds: tuple[float, ...] = (0.5, 2.0)
    """Before each further attempt at a webhook."""


class Channel(Protocol):
    def check(self, notice: Notice, now: datetime) -> None:
        """Make what would be sent, and send nothing. Raises `DeliveryError`."""
        ...

    def send(self, notice: Notice, now: datetime) -> None:
        """
        Hand a notice over; when this returns, the other side has accepted it.

        Raises `DeliveryError` otherwise. It may then have been accepted all the same: an answer can
        be lost.
        """
        ...

    def close(self) -> None: ...
