"""A proxy between a client and a server that cuts the connection at a chosen moment."""

from __future__ import annotations

import contextlib
import enum
import selectors
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

CHUNK = 1 << 16
LARGEST_TAIL = 64


class Cut(enum.Enum):
    BEFORE = "the server never hears of it"
    BEFORE_ANSWER = "the server does it, and the client never hears"


@dataclass
class CuttingProxy:
    """
    Passes bytes on, until a client sends `word`.

    `after` bytes later the connection is cut, `times` times. `cuts` counts them, and `refusing`
    makes it hang up on whoever connects.
    """

    listener: socket.socket
    target: str
    """Path of the server's socket."""

    word: bytes = b""
    cut: Cut = Cut.BEFORE
    after: int = 0
    times: int = 1
    cuts: int = 0
    refusing: bool = False
    orders: int = 0
    """How often it was told where to cut: what was sent before that does not count."""

    _threads: list[threading.Thread] = field(default_factory=list)
    _clients: list[socket.socket] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def cut_at(self, word: bytes, cut: Cut = Cut.BEFORE, *, after: int = 0, times: int = 1) -> None:
        self.word, self.cut, self.after, self.times, self.cuts = word, cut, after, times, 0
        self.orders += 1

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._clients.append(client)
            thread = threading.Thread(target=self._carry, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        # Closing alone does not wake a thread that waits in accept().
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for client in self._clients:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if self.refusing:
                return
            with socket.socket(socket.AF_UNIX) as server:
                server.connect(self.target)
                self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        tail, remaining, orders = b"", -1, self.orders
        with selectors.DefaultSelector() as selector:
            for end in (client, server):
                selector.register(end, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    source = key.fileobj
                    data = source.recv(CHUNK)  # type: ignore[union-attr]
                    if not data:
                        return
                    if source is server:
                        client.sendall(data)
                        continue
                    if orders != self.orders:
                        tail, remaining, orders = b"", -1, self.orders
                    seen = tail + data
                    if remaining < 0 and self._is_to_cut(seen):
                        remaining = self.after
                    elif remaining > 0:
                        remaining = max(0, remaining - len(data))
                    tail = seen[-LARGEST_TAIL:]
                    if remaining == 0:
                        self._do_cut(server, data)
                        return
                    server.sendall(data)

    def _is_to_cut(self, seen: bytes) -> bool:
        return bool(self.word) and self.word in seen and self.cuts < self.times

    def _do_cut(self, server: socket.socket, data: bytes) -> None:
        self.cuts += 1
        if self.cut is Cut.BEFORE_ANSWER:
            server.sendall(data)
            server.recv(CHUNK)  # it is done when there is an answer


@contextlib.contextmanager
def cutting_proxy(target: str) -> Iterator[CuttingProxy]:
    """Run a proxy on a port of its own until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = CuttingProxy(listener, target)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(10)
