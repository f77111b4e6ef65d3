"""Running the application: one socket, one process, a clean end."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from pki_as_code.errors import UsageError

_MOST_CONNECTIONS: Final = 512
_BACKLOG: Final = 1024
_KEEP_ALIVE_SECONDS: Final = 5
_SHUTDOWN_SECONDS: Final = 5


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises `UsageError` (`serve.cannot_listen`)."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(_BACKLOG)  # from now on nobody is refused who was told the port
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host!r}, port {port}: {error.strerror}",
            help="choose another --host or --port; --port 0 takes any that is free",
            code="serve.cannot_listen",
        ) from None
    return listening


def serve(app: ASGIApp, listening: socket.socket, on_ready: Callable[[], None]) -> None:
    """
    Answer until SIGTERM or SIGINT; requests that are being answered are finished.

    `on_ready` is called once a signal ends it cleanly.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        log_level="critical",
        lifespan="off",
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
    )
    asyncio.run(_serve(_Server(config), listening, on_ready))


async def _serve(
    server: uvicorn.Server, listening: socket.socket, on_ready: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    on_ready()
    await server.serve(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn, which would raise the signal once more when everything is closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
