"""
Mail by SMTP (RFC 5321), with STARTTLS (RFC 3207) or TLS, and a login.

One connection serves all mails of a run, and each address gets a mail of its own.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from datetime import datetime
from email.message import EmailMessage

from pki_as_code.errors import DeliveryError
from pki_as_code.escape import safe
from pki_as_code.manifests.locations import mailbox_address
from pki_as_code.manifests.project import Smtp
from pki_as_code.model import Notice
from pki_as_code.notify.hosts import is_loopback
from pki_as_code.notify.interface import SMTP_PASSWORD, SMTP_USER, ChannelSettings
from pki_as_code.notify.mail import make_mail
from pki_as_code.notify.rendering import Renderer, open_renderer

_LONGEST_ANSWER = 200
_SERVICE_NOT_AVAILABLE = 421
_GOODBYE_SECONDS = 2.0


class MailChannel:
    """A server that cannot be used is not asked again in the same run."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._connection: smtplib.SMTP | None = None
        self._mails_of_connection = 0
        self._renderer: Renderer | None = None
        self._unusable: DeliveryError | None = None

    def check(self, notice: Notice, now: datetime) -> None:
        self._make_mail(notice, self._server(), now)

    def send(self, notice: Notice, now: datetime) -> None:
        server = self._server()
        mail = self._make_mail(notice, server, now)
        address = notice.channel.removeprefix("mailto:")
        try:
            self._hand_over(mail, mailbox_address(server.from_), address)
        except _ConnectionLostError as lost:
            # Servers end a connection after some mails, or some time: once more, on a new one.
            if not lost.was_used:
                raise self._give_up(lost.error) from None
            try:
                self._hand_over(mail, mailbox_address(server.from_), address)
            except _ConnectionLostError as again:
                raise self._give_up(again.error) from None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                if connection.sock is not None:
                    connection.sock.settimeout(_GOODBYE_SECONDS)
                connection.quit()
            except (smtplib.SMTPException, OSError):
                connection.close()

    # --- Parts ---

    def _server(self) -> Smtp:
        if self._settings.smtp is None:
            raise DeliveryError(
                "pki.yaml names no mail server, and somebody is to be told by mail",
                help="give host, port and sender under spec.notifications.smtp",
                code="notify.no_smtp",
            )
        return self._settings.smtp

    def _make_mail(self, notice: Notice, server: Smtp, now: datetime) -> EmailMessage:
        if self._renderer is None:
            self._renderer = open_renderer(self._settings.tree)
        return make_mail(notice, self._renderer.render(notice, now), server.from_, now)

    def _hand_over(self, mail: EmailMessage, sender: str, address: str) -> None:
        connection = self._connected()
        try:
            connection.send_message(mail, sender, [address])
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = error.recipients[address]
            self._check_still_there(code)
            raise self._refused(f"does not take mail for {address!r}", code, answer) from None
        except smtplib.SMTPSenderRefused as error:
            self._check_still_there(error.smtp_code)
            raise self._refused(
                f"does not take mail from {sender!r}", error.smtp_code, error.smtp_error
            ) from None
        except smtplib.SMTPDataError as error:
            self._check_still_there(error.smtp_code)
            raise self._refused(
                "did not take the mail", error.smtp_code, error.smtp_error
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise self._lost(error) from None
        self._mails_of_connection += 1

    def _check_still_there(self, code: int) -> None:
        if code == _SERVICE_NOT_AVAILABLE:
            raise self._lost(smtplib.SMTPServerDisconnected("the server is closing"))

    def _lost(self, error: Exception) -> _ConnectionLostError:
        was_used = self._mails_of_connection > 0
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        return _ConnectionLostError(error, was_used)

    def _connected(self) -> smtplib.SMTP:
        if self._unusable is not None:
            raise self._unusable
        if self._connection is None:
            server = self._server()
            self._check_credentials(server)
            try:
                self._connection = self._connect(server)
            except (smtplib.SMTPException, OSError) as error:
                raise self._give_up(error) from None
            self._mails_of_connection = 0
        return self._connection

    def _connect(self, server: Smtp) -> smtplib.SMTP:
        host, timeout = server.host.strip("[]"), self._settings.timeout_seconds
        context = ssl.create_default_context()
        connection: smtplib.SMTP
        if server.security == "tls":
            connection = smtplib.SMTP_SSL(
                host, server.port, _own_name(), timeout=timeout, context=context
            )
        else:
            connection = smtplib.SMTP(host, server.port, _own_name(), timeout=timeout)
        try:
            if server.security == "starttls":
                connection.starttls(context=context)
            credentials = self._settings.credentials
            if credentials.smtp_user:
                connection.login(credentials.smtp_user, credentials.smtp_password or "")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check_credentials(self, server: Smtp) -> None:
        credentials = self._settings.credentials
        if not credentials.smtp_user:
            return
        if not credentials.smtp_password:
            raise DeliveryError(
                f"{SMTP_USER} is set, and {SMTP_PASSWORD} is not",
                help="give both, or neither for a server without a login",
                code="notify.bad_credentials",
            )
        if not (credentials.smtp_user + credentials.smtp_password).isascii():
            raise DeliveryError(
                f"{SMTP_USER} or {SMTP_PASSWORD} has characters that are not ASCII",
                help="the ways to log in that are known here have ASCII only",
                code="notify.bad_credentials",
            )
        if server.security == "none" and not is_loopback(server.host):
            raise DeliveryError(
                f"the password would go to {server.host} in the clear",
                help="set spec.notifications.smtp.security to starttls or tls",
                code="notify.password_in_the_clear",
            )

    # --- Errors ---

    def _give_up(self, error: Exception) -> DeliveryError:
        """Return what is wrong with the server, and remember it for the rest of the run."""
        self._unusable = self._explain(error)
        return self._unusable

    def _explain(self, error: Exception) -> DeliveryError:
        place = self._place()
        match error:
            case ssl.SSLCertVerificationError():
                return DeliveryError(
                    f"the certificate of mail server {place} is not trusted: "
                    f"{safe(error.verify_message)}",
                    help="name the server as its certificate does; for a CA of your own set "
                    "SSL_CERT_FILE",
                    code="notify.untrusted_server",
                )
            case ssl.SSLError():
                reason = safe(error.reason or "no TLS")
                message = f"mail server {place} does not speak TLS as expected: {reason}"
                return DeliveryError(message, help=_SECURITY_HELP, code="notify.tls_failed")
        return self._explain_answer(error) or self._explain_silence(error)

    def _explain_answer(self, error: Exception) -> DeliveryError | None:
        place = self._place()
        match error:
            case smtplib.SMTPAuthenticationError():
                return DeliveryError(
                    f"mail server {place} refuses the login ({error.smtp_code})",
                    help=f"check {SMTP_USER} and {SMTP_PASSWORD}",
                    code="notify.login_refused",
                )
            case smtplib.SMTPNotSupportedError():
                starttls = "STARTTLS" in str(error)
                what = "STARTTLS" if starttls else "login that is known here"
                message = f"mail server {place} offers no {what}"
                help = _SECURITY_HELP if starttls else f"leave {SMTP_USER} out if it wants none"
                return DeliveryError(message, help=help, code="notify.not_offered")
            case smtplib.SMTPResponseException():
                return self._refused("refuses to work", error.smtp_code, error.smtp_error)
        return None

    def _explain_silence(self, error: Exception) -> DeliveryError:
        place = self._place()
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            seconds = f"{self._settings.timeout_seconds:g}"
            message = f"mail server {place} did not answer within {seconds} seconds"
            return DeliveryError(message, help=_UNREACHABLE_HELP, code="notify.timeout")
        strerror = error.strerror if isinstance(error, OSError) else None
        reason = safe(str(strerror or error))[:_LONGEST_ANSWER]
        message = f"mail server {place} cannot be reached: {reason}"
        return DeliveryError(message, help=_UNREACHABLE_HELP, code="notify.unreachable")

    def _refused(self, what: str, code: int, answer: bytes | str) -> DeliveryError:
        text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
        password = self._settings.credentials.smtp_password
        if password:
            text = text.replace(password, "…")
        return DeliveryError(
            f"mail server {self._place()} {what}: {code} {safe(text)[:_LONGEST_ANSWER]}",
            help="the notice stays due; correct the address, or ask who runs the server",
            code="notify.refused",
        )

    def _place(self) -> str:
        server = self._server()
        return f"{server.host}:{server.port}"


_SECURITY_HELP = "see spec.notifications.smtp: `starttls` is usual on port 587, `tls` on port 465"
_UNREACHABLE_HELP = "see host and port under spec.notifications.smtp; the notices stay due"


class _ConnectionLostError(Exception):
    """The connection ended before the server had answered."""

    def __init__(self, error: Exception, was_used: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.was_used = was_used


def _own_name() -> str:
    """Return what to say in EHLO; the library would ask the DNS, which may take its time."""
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "a").replace(".", "a").isalnum() else (
        "[127.0.0.1]"
    )  # fmt: skip
