from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pki_as_code.model import CertificateRecord, Event, Notice
from pki_as_code.plan.watchers import remembered_address
from tests.notify.servers import MailServer
from tests.plan.worlds import NOW, record, web


@pytest.fixture(scope="session")
def running_mail_server(tmp_path_factory) -> Iterator[MailServer]:
    server = MailServer(tmp_path_factory.mktemp("mail"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mail_server(running_mail_server, monkeypatch) -> MailServer:
    running_mail_server.forget()
    monkeypatch.setenv("SSL_CERT_FILE", running_mail_server.certificate)
    return running_mail_server


def certificate(**changes: Any) -> CertificateRecord:
    issued = record(web(subject="CN=www.example.com,O=Example"))
    return replace(issued, not_after=NOW + timedelta(days=14), **changes)


def notice(channel: str = "mailto:ops@example.com", **changes: Any) -> Notice:
    given = {
        "event": Event.EXPIRING,
        "certificate": certificate(),
        "threshold_seconds": 14 * 86_400,
        "renewal": "Automatic",
        **changes,
    }
    return Notice(channel=channel, address=remembered_address(channel), **given)
