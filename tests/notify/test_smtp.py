"""Mail, through a real server with STARTTLS and a login, and through servers that do not work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pki_as_code.errors import DeliveryError
from pki_as_code.manifests.project import Smtp
from pki_as_code.notify import Channels, ChannelSettings, Credentials
from pki_as_code.notify.smtp import MailChannel
from tests.notify.conftest import notice
from tests.notify.servers import (
    LOGIN,
    MailServer,
    answering,
    black_hole,
    closed_port,
)
from tests.plan.worlds import NOW, MemoryTree

ANYBODY = Credentials()
RIGHT = Credentials(*LOGIN)


@contextmanager
def channel(
    port: int,
    credentials: Credentials = RIGHT,
    *,
    security: str = "starttls",
    host: str = "localhost",
    timeout: float = 5.0,
    templates: dict[str, bytes] | None = None,
) -> Iterator[MailChannel]:
    smtp = Smtp.model_validate(
        {"host": host, "port": port, "security": security, "from": "PKI <pki@example.com>"}
    )
    settings = ChannelSettings(smtp, MemoryTree(templates or {}), credentials, timeout)
    opened = MailChannel(settings)
    yield opened
    opened.close()


def failure(opened: MailChannel, **about: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        opened.send(notice(**about), NOW)
    assert LOGIN[1] not in f"{caught.value.message} {caught.value.help}"
    assert caught.value.message.isprintable()
    return caught.value


def test_each_address_gets_a_mail_of_its_own_over_one_connection(mail_server):
    with channel(mail_server.port) as opened:
        for name in ("ops", "dev", "sec"):
            opened.send(notice(f"mailto:{name}@example.com"), NOW)
    envelopes = mail_server.envelopes()
    assert [e["to"] for e in envelopes] == [[f"{n}@example.com"] for n in ("ops", "dev", "sec")]
    assert all(e["tls"] and e["login"] and e["from"] == "pki@example.com" for e in envelopes)
    assert len({e["connection"] for e in envelopes}) == 1
    for mail, name in zip(mail_server.mails(), ("ops", "dev", "sec"), strict=True):
        assert mail["To"] == f"{name}@example.com"


def test_nothing_is_sent_before_it_is_asked_for(mail_server):
    with channel(mail_server.port) as opened:
        opened.check(notice(), NOW)
    assert mail_server.mails() == []


def test_a_wrong_password_is_refused_and_not_tried_again(mail_server):
    with channel(mail_server.port, Credentials("pki", "wrong")) as opened:
        error = failure(opened)
        assert error.code == "notify.login_refused"
        assert "535" in error.message
        assert failure(opened) is error
    assert mail_server.mails() == []


def test_a_server_that_wants_a_login_refuses_mail_without_one(mail_server):
    with channel(mail_server.port, ANYBODY) as opened:
        error = failure(opened)
    assert error.code == "notify.refused"
    assert "530" in error.message


def test_a_server_whose_certificate_is_not_trusted_gets_neither_password_nor_mail(
    mail_server, monkeypatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    with channel(mail_server.port) as opened:
        assert failure(opened).code == "notify.untrusted_server"
    assert mail_server.mails() == []


def test_a_certificate_for_another_name_is_not_trusted(mail_server):
    with channel(mail_server.port, host="127.0.0.1") as opened:
        error = failure(opened)
    assert error.code == "notify.untrusted_server"
    assert "127.0.0.1" in error.message


def test_one_refused_address_does_not_keep_the_others_from_their_mail(mail_server):
    mail_server.behave(refuse={"gone@example.com": "550 no such \x1b[31muser"})
    with channel(mail_server.port) as opened:
        opened.send(notice("mailto:ops@example.com"), NOW)
        error = failure(opened, channel="mailto:gone@example.com")
        opened.send(notice("mailto:dev@example.com"), NOW)
    assert error.code == "notify.refused"
    assert "550 no such" in error.message
    assert [e["to"][0] for e in mail_server.envelopes()] == ["ops@example.com", "dev@example.com"]


def test_a_server_that_does_not_take_the_content_is_heard(mail_server):
    mail_server.behave(data="554 5.7.1 looks like spam")
    with channel(mail_server.port) as opened:
        assert "554 5.7.1 looks like spam" in failure(opened).message
        mail_server.behave()
        opened.send(notice(), NOW)
    assert len(mail_server.mails()) == 1


def test_a_server_that_closes_after_some_mails_is_connected_to_again(mail_server):
    mail_server.behave(close_after=2)
    with channel(mail_server.port) as opened:
        for number in range(5):
            opened.send(notice(f"mailto:a{number}@example.com"), NOW)
    assert len(mail_server.mails()) == 5
    assert len({e["connection"] for e in mail_server.envelopes()}) == 3


def test_a_server_that_is_down_is_asked_once():
    port = closed_port()
    with channel(port) as opened:
        error = failure(opened)
        assert (error.code, f"localhost:{port}" in error.message) == ("notify.unreachable", True)
        assert failure(opened) is error


def test_a_host_that_does_not_exist_cannot_be_reached():
    with channel(25, host="mail.invalid") as opened:
        assert failure(opened).code == "notify.unreachable"


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
def test_a_black_hole_is_given_up_after_the_timeout(security):
    with black_hole() as port, channel(port, security=security, timeout=0.3) as opened:
        error = failure(opened)
        assert (error.code, "0.3 seconds" in error.message) == ("notify.timeout", True)
        assert failure(opened) is error


def test_a_server_that_falls_silent_after_the_mail_leaves_it_due(mail_server):
    mail_server.behave(hang=1)
    with channel(mail_server.port, timeout=0.5) as opened:
        assert failure(opened).code == "notify.timeout"


def test_a_server_without_starttls_gets_no_password():
    answers = (b"220 mail", b"250-mail\r\n250 AUTH PLAIN", b"221 bye")
    with answering(*answers) as port, channel(port) as opened:
        error = failure(opened)
    assert error.code == "notify.not_offered"
    assert "STARTTLS" in error.message


def test_a_server_that_refuses_to_work_is_quoted_without_its_escapes():
    with answering(b"554 go \x1b[2Jaway") as port, channel(port) as opened:
        error = failure(opened)
    assert error.code == "notify.refused"
    assert "554 go" in error.message


def test_what_is_no_mail_server_is_no_crash():
    with answering(b"SSH-2.0-OpenSSH_9.6") as port, channel(port) as opened:
        assert failure(opened).code in {"notify.refused", "notify.unreachable"}
    with answering(b"HTTP/1.1 200 OK") as port, channel(port, security="tls") as opened:
        assert failure(opened).code == "notify.tls_failed"


def test_a_server_that_echoes_the_password_does_not_get_it_into_the_message():
    with answering(b"554 I know it: " + LOGIN[1].encode()) as port, channel(port) as opened:
        failure(opened)


def test_a_password_does_not_go_in_the_clear_but_to_this_machine():
    with channel(25, host="mail.example.com", security="none") as opened:
        assert failure(opened).code == "notify.password_in_the_clear"


@pytest.mark.parametrize("credentials", [Credentials("pki"), Credentials("pki", "passwörd")])
def test_half_a_login_is_an_error(credentials):
    with channel(25, credentials) as opened:
        assert failure(opened).code == "notify.bad_credentials"


def test_without_a_server_mail_cannot_be_sent():
    settings = ChannelSettings(None, MemoryTree({}))
    with Channels(settings) as channels, pytest.raises(DeliveryError) as caught:
        channels.send(notice(), NOW)
    assert caught.value.code == "notify.no_smtp"


@pytest.mark.parametrize("security", ["tls", "none"])
def test_tls_from_the_start_and_a_local_server_without_any(tmp_path, monkeypatch, security):
    server = MailServer(tmp_path, security)
    server.start(login=security == "tls")
    try:
        monkeypatch.setenv("SSL_CERT_FILE", server.certificate)
        credentials = RIGHT if security == "tls" else ANYBODY
        with channel(server.port, credentials, security=security) as opened:
            opened.send(notice(), NOW)
        assert len(server.mails()) == 1
    finally:
        server.stop()


def test_a_password_is_not_in_the_text_of_the_settings():
    assert LOGIN[1] not in repr(
        ChannelSettings(None, MemoryTree({}), Credentials(*LOGIN, LOGIN[1]))
    )
