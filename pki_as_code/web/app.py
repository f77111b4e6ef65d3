"""The routes, and what all answers have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pki_as_code.errors import PkiAsCodeError
from pki_as_code.web.caching import NO_STORE
from pki_as_code.web.files import FileEndpoints
from pki_as_code.web.metrics import MetricsEndpoint
from pki_as_code.web.ocsp import OcspEndpoint
from pki_as_code.web.view import Views

_ALWAYS: Final = {
    b"x-content-type-options": b"nosniff",
    b"content-security-policy": b"default-src 'none'",
}
_RETRY_AFTER_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Services:
    """What every endpoint needs."""

    views: Views
    now: Callable[[], datetime]
    """The time, in whole seconds and UTC."""

    tell: Callable[[str], None]
    """Writes a line for the operator."""


def make_app(services: Services) -> ASGIApp:
    """Return the ASGI application."""
    ocsp, files = OcspEndpoint(services), FileEndpoints(services)
    metrics = MetricsEndpoint(services, ocsp.counts)

    def healthz(request: Request) -> Response:  # noqa: ARG001 (what an endpoint is given)
        with services.views.use():
            return PlainTextResponse("ok\n", headers=NO_STORE)

    app = Starlette(
        routes=[
            Route("/ocsp", ocsp.post, methods=["POST"]),
            Route("/ocsp/", ocsp.post, methods=["POST"]),
            Route("/ocsp/{authority}", ocsp.post, methods=["POST"]),
            Route("/ocsp/{rest:path}", ocsp.get, methods=["GET"]),
            Route("/crl/{name}.crl", files.crl),
            Route("/crl/{name}/{scope}.crl", files.crl),
            Route("/ca/{name}.cer", files.certificate),
            Route("/healthz", healthz),
            Route("/metrics", metrics.respond),
            # Pages for browsers come here.
        ],
        exception_handlers={
            HTTPException: _short,
            PkiAsCodeError: _unreadable,
            Exception: _fault,
        },
    )
    app.router.redirect_slashes = False
    return _Outermost(app, services.tell)


def _short(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """404, 405 and the like: a word, and nothing of what was sent."""
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    headers = {**NO_STORE, **((error.headers or {}) if isinstance(error, HTTPException) else {})}
    return PlainTextResponse(f"{status.phrase.lower()}\n", status, headers=headers)


def _unreadable(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """The operator was told why; strangers are not."""
    headers = {**NO_STORE, "Retry-After": str(_RETRY_AFTER_SECONDS)}
    return PlainTextResponse("the store cannot be read now\n", 503, headers=headers)


def _fault(request: Request, error: Exception) -> Response:  # noqa: ARG001
    """A fault of the program. Starlette raises it again, for `_Outermost` to tell of."""
    return PlainTextResponse("internal server error\n", 500, headers=NO_STORE)


class _Outermost:
    """Adds the headers of every answer, and lets no traceback out."""

    def __init__(self, app: ASGIApp, tell: Callable[[str], None]) -> None:
        self._app, self._tell = app, tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_ALWAYS.items()]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001 (a fault of the program: told in one line)
            self._tell(f"error: {type(error).__name__} while answering; please report it")
