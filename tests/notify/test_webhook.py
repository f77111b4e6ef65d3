"""Webhooks, against real servers."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pki_as_code.errors import DeliveryError
from pki_as_code.model import Event
from pki_as_code.notify import Channels, ChannelSettings, Credentials
from pki_as_code.notify.webhook import SIGNATURE_HEADER, WebhookChannel, make_body
from tests.notify.conftest import certificate, notice
from tests.notify.servers import Webhook, answering, black_hole, closed_port, webhook
from tests.plan.worlds import NOW, MemoryTree

SECRET = "between the two of us"


def channel(
    secret: str | None = SECRET, *, timeout: float = 5.0, pauses: tuple[float, ...] = (0, 0)
) -> WebhookChannel:
    settings = ChannelSettings(
        None, MemoryTree({}), Credentials(webhook_secret=secret), timeout, pauses
    )
    return WebhookChannel(settings)


def failure(opened: WebhookChannel, url: str) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        opened.send(notice(url), NOW)
    text = f"{caught.value.message} {caught.value.help}"
    assert "T0KEN" not in text
    assert SECRET not in text
    assert caught.value.message.isprintable()
    return caught.value


def test_a_notice_is_one_signed_post_of_json():
    with webhook() as hook:
        channel().send(notice(hook.url, certificate=certificate(serial_number=0x49BC)), NOW)
    [(path, headers, body)] = hook.requests
    assert path == "/hooks/T0KEN"
    assert headers["Content-Type"] == "application/json"
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE_HEADER] == f"sha256={expected}"
    value = json.loads(body)
    assert value["event"] == "expiring"
    assert value["sentAt"] == "2026-11-23T10:00:00Z"
    assert value["thresholdSeconds"] == 14 * 86_400
    assert value["certificate"]["serialNumber"] == "49:BC"
    assert value["certificate"]["notAfter"] == "2026-12-07T10:00:00Z"
    assert value["certificate"]["subjectAltNames"] == ["DNS:www.example.com"]
    assert value["text"].startswith("Certificate www.example.com ends in 14 days, at 2026-12-07")


def test_without_a_secret_nothing_is_signed_and_an_empty_one_is_an_error():
    with webhook() as hook:
        channel(None).send(notice(hook.url), NOW)
        assert failure(channel(""), hook.url).code == "notify.empty_secret"
    [(_, headers, _)] = hook.requests
    assert SIGNATURE_HEADER not in headers


def test_a_notice_that_is_repeated_has_the_same_id():
    first, second = (json.loads(make_body(notice("https://h/"), at)) for at in (NOW, NOW))
    assert first["id"] == second["id"]
    other = json.loads(make_body(notice("https://h/", event=Event.EXPIRED), NOW))
    assert other["id"] != first["id"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_that_stumbles_is_tried_again(status):
    with webhook(status, status, 200) as hook:
        channel().send(notice(hook.url), NOW)
    assert len(hook.requests) == 3


def test_a_server_that_keeps_failing_is_given_up_for_this_run():
    opened = channel()
    with webhook(500) as hook:
        error = failure(opened, hook.url)
        assert error.code == "notify.webhook_failed"
        assert failure(opened, hook.url) is error
    assert len(hook.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_a_refusal_is_not_tried_again_and_does_not_stop_the_next_notice(status):
    opened = channel()
    with webhook(status, 200) as hook:
        assert failure(opened, hook.url).code == "notify.webhook_refused"
        opened.send(notice(hook.url), NOW)
    assert len(hook.requests) == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status):
    with webhook() as elsewhere, webhook(status, location=elsewhere.url) as hook:
        error = failure(channel(), hook.url)
    assert "redirects" in error.message
    assert elsewhere.requests == []


def test_plain_http_is_for_this_machine_only():
    error = failure(channel(), "http://hooks.example.com/T0KEN")
    assert error.code == "notify.insecure_webhook"
    with pytest.raises(DeliveryError):
        channel().check(notice("http://hooks.example.com/T0KEN"), NOW)


def test_a_host_that_is_down_is_tried_again_and_then_given_up():
    port = closed_port()
    error = failure(channel(), f"http://127.0.0.1:{port}/T0KEN")
    assert error.code == "notify.unreachable"
    assert f"127.0.0.1:{port}" in error.message


def test_a_black_hole_is_given_up_after_the_timeout():
    with black_hole() as port:
        opened = channel(timeout=0.3)
        started = time.monotonic()
        url = f"http://127.0.0.1:{port}/T0KEN"
        assert failure(opened, url).code == "notify.timeout"
        failure(opened, url)
        assert time.monotonic() - started < 2


@contextmanager
def dripping() -> Iterator[int]:
    """A server that says one byte every now and then, which keeps a socket from timing out."""
    import socket
    import threading

    listening = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with listening, connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not done.wait(0.05):
                try:
                    connection.sendall(b"x")
                except OSError:
                    return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    done.set()
    thread.join(5)


def test_a_server_that_drips_does_not_hold_up_the_run():
    with dripping() as port:
        started = time.monotonic()
        error = failure(channel(timeout=0.4), f"http://127.0.0.1:{port}/T0KEN")
        assert error.code == "notify.timeout"
        assert time.monotonic() - started < 2


def test_what_is_no_web_server_is_no_crash():
    with answering(b"SSH-2.0-OpenSSH_9.6") as port:
        error = failure(channel(pauses=()), f"http://127.0.0.1:{port}/T0KEN")
    assert error.code == "notify.unreachable"


def test_https_wants_a_trusted_certificate(tmp_path, monkeypatch):
    import ssl
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    from tests.notify.servers import make_certificate

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    pem, key = tmp_path / "server.pem", tmp_path / "server.key"
    make_certificate(pem, key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, key)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            port = server.server_address[1]
            url = f"https://localhost:{port}/T0KEN"
            assert failure(channel(), url).code == "notify.untrusted_server"
            monkeypatch.setenv("SSL_CERT_FILE", str(pem))
            channel().send(notice(url), NOW)
            assert failure(channel(), f"https://127.0.0.1:{port}/T0KEN").code == (
                "notify.untrusted_server"
            )
        finally:
            server.shutdown()
            thread.join()


def test_the_channel_is_chosen_by_the_scheme():
    settings = ChannelSettings(None, MemoryTree({}))
    with webhook() as hook, Channels(settings) as channels:
        channels.send(notice(hook.url), NOW)
        with pytest.raises(DeliveryError) as caught:
            channels.send(notice("ftp://example.com/"), NOW)
    assert caught.value.code == "notify.unknown_scheme"
    assert isinstance(hook, Webhook)
    assert len(hook.requests) == 1
