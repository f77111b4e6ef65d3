"""A notice as a mail (RFC 5322)."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from pki_as_code.errors import DeliveryError
from pki_as_code.manifests.locations import mailbox_address, mailbox_name
from pki_as_code.model import Notice
from pki_as_code.notify.rendering import Parts

_DIGITS_OF_ID = 32


def make_mail(notice: Notice, parts: Parts, sender: str, now: datetime) -> EmailMessage:
    """
    Return the mail for one address.

    The Message-ID is the same whenever the same notice is sent, so that a mail that is repeated
    after a crash can be told by it. Raises `DeliveryError` for a header with a line break in it.
    """
    mail = EmailMessage(policy=SMTP)
    from_address = mailbox_address(sender)
    identity = notice.id.removeprefix("sha256:")[:_DIGITS_OF_ID]
    try:
        mail["Subject"] = parts.subject
        mail["From"] = _address(mailbox_name(sender), from_address)
        mail["To"] = _address(notice.name, notice.channel.removeprefix("mailto:"))
    except ValueError as error:
        raise DeliveryError(
            f"the mail to {notice.address!r} cannot be written: {type(error).__name__}",
            help="see that names and addresses hold no line breaks",
            code="notify.bad_header",
        ) from None
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<notice.{identity}@{from_address.rpartition('@')[2]}>"
    # RFC 3834: nobody's out-of-office reply is wanted.
    mail["Auto-Submitted"] = "auto-generated"
    # Quoted-printable passes every server unchanged, whatever the length of lines.
    mail.set_content(parts.text, cte="quoted-printable")
    if parts.html is not None:
        mail.add_alternative(parts.html, subtype="html", cte="quoted-printable")
    return mail


def _address(name: str, address: str) -> Address:
    return Address(display_name=name, addr_spec=address)
