"""The application without a socket: what every answer has, whatever goes wrong inside."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from starlette.requests import Request

from pki_as_code.gitplumbing import GitRepository
from pki_as_code.web.app import Services, make_app
from pki_as_code.web.caching import Validity, not_modified
from pki_as_code.web.view import Source, Views
from tests.apply.site import Site
from tests.plan.worlds import NOW
from tests.web.asgi import Got, ask

LATER = NOW + timedelta(hours=1)


class Running:
    def __init__(self, site: Site) -> None:
        self.told: list[str] = []
        self.views = Views(
            Source(GitRepository.discover(site.root), site.secrets),
            self.told.append,
            refresh_seconds=0,
            fetch_seconds=None,
        )
        self.now = LATER
        services = Services(self.views, lambda: self.now, self.told.append)
        self.app = make_app(services)

    def get(self, path: str, method: str = "GET") -> Got:
        return ask(self.app, path, method)


@pytest.fixture
def running(site: Site) -> Iterator[Running]:
    found = Running(site)
    yield found
    found.views.close()


def test_every_answer_keeps_browsers_from_guessing(running):
    for path in ("/healthz", "/metrics", "/ca/root.cer", "/nothing", "/ocsp"):
        headers = running.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'"
        assert "server" not in headers


def test_a_fault_of_the_program_is_one_line_and_no_traceback(running, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("pki_as_code.web.metrics._of_view", fail)
    got = running.get("/metrics")
    assert (got.status, got.body) == (500, b"internal server error\n")
    assert running.told == ["error: RuntimeError while answering; please report it"]


def test_a_responder_whose_certificate_ended_says_try_later(running):
    running.now = NOW + timedelta(days=15)
    assert running.get("/healthz").status == 200
    text = running.get("/metrics").body.decode()
    assert 'pki_ocsp_responder_seconds_to_expiry{issuer="issuing"} 0.0' in text


def test_head_has_the_headers_of_get(running):
    got, headed = running.get("/ca/root.cer"), running.get("/ca/root.cer", "HEAD")
    assert (headed.status, headed.headers) == (200, got.headers)
    assert int(headed.headers["content-length"]) == len(got.body)


# --- Caching -------------------------------------------------------------------------------------

VALIDITY = Validity("abc", datetime(2026, 11, 23, 10, tzinfo=UTC), LATER)


def asked(method: str = "GET", **headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "headers": raw})


@pytest.mark.parametrize(
    ("headers", "known"),
    [
        ({}, False),
        ({"if_none_match": '"abc"'}, True),
        ({"if_none_match": 'W/"abc"'}, True),
        ({"if_none_match": '"x", "abc"'}, True),
        ({"if_none_match": "*"}, True),
        ({"if_none_match": '"x"'}, False),
        ({"if_none_match": "abc"}, False),
        ({"if_none_match": '"x"', "if_modified_since": "Mon, 23 Nov 2026 10:00:00 GMT"}, False),
        ({"if_modified_since": "Mon, 23 Nov 2026 10:00:00 GMT"}, True),
        ({"if_modified_since": "Mon, 23 Nov 2026 09:59:59 GMT"}, False),
        ({"if_modified_since": "yesterday"}, False),
        ({"if_modified_since": ""}, False),
        ({"if_modified_since": "Mon, 23 Nov 99999 10:00:00 GMT"}, False),
    ],
)
def test_who_has_it_already_is_told_so(headers, known):
    assert (not_modified(asked(**headers), VALIDITY, {}) is not None) is known
    assert not_modified(asked("POST", **headers), VALIDITY, {}) is None


def test_nothing_is_fresh_beyond_its_end():
    assert VALIDITY.headers(NOW)["Cache-Control"].startswith("max-age=3600,")
    assert VALIDITY.headers(NOW)["Expires"] == "Mon, 23 Nov 2026 11:00:00 GMT"
    late = VALIDITY.headers(LATER + timedelta(days=1))
    assert late["Cache-Control"].startswith("max-age=0,")
    assert late["Expires"] == "Tue, 24 Nov 2026 11:00:00 GMT"
