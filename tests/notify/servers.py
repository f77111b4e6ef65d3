"""Servers on loopback for notices to go to, and servers that do not work."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

LOGIN = ("pki", "correct horse:battery")


@dataclass
class MailServer:
    """A server in a process of its own."""

    directory: Path
    security: str = "starttls"
    port: int = 0
    process: Any = None

    def start(self, *, login: bool = True) -> None:
        (self.directory / "mails").mkdir(parents=True, exist_ok=True)
        certificate, key = self.directory / "server.pem", self.directory / "server.key"
        if not certificate.exists():
            make_certificate(certificate, key)
        settings = {
            "security": self.security,
            "certificate": str(certificate),
            "key": str(key),
            "login": LOGIN if login else None,
        }
        (self.directory / "settings.json").write_text(json.dumps(settings))
        program = Path(__file__).with_name("mail_server.py")
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", str(program), str(self.directory)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def behave(self, **behaviour: Any) -> None:
        (self.directory / "behaviour.json").write_text(json.dumps(behaviour))

    def forget(self) -> None:
        self.behave()
        for path in (self.directory / "mails").iterdir():
            path.unlink()

    @property
    def certificate(self) -> str:
        return str(self.directory / "server.pem")

    def mails(self) -> list[EmailMessage]:
        paths = sorted((self.directory / "mails").glob("*.eml"))
        return [message_from_bytes(path.read_bytes(), policy=default) for path in paths]  # type: ignore[misc]

    def raw(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.directory / "mails").glob("*.eml"))]

    def envelopes(self) -> list[dict[str, Any]]:
        paths = sorted((self.directory / "mails").glob("*.json"))
        return [json.loads(path.read_text()) for path in paths]

    def told(self) -> list[str]:
        """Return `address: subject` of every mail, sorted."""
        return sorted(
            f"{envelope['to'][0]}: {mail['Subject']}"
            for envelope, mail in zip(self.envelopes(), self.mails(), strict=True)
        )


def make_certificate(certificate: Path, key: Path, name: str = "localhost") -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "2",
         "-subj", f"/CN={name}",
         "-addext", f"subjectAltName=DNS:{name}"],
        check=True,
        capture_output=True,
    )  # fmt: skip


@contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port where connections are taken and nothing is ever said."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield listening.getsockname()[1]


def closed_port() -> int:
    """Return a port where nobody listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """Yield a port that says these lines, one for each line it hears, the first at once."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with closing(listening):
            connection, _ = listening.accept()
            with closing(connection), connection.makefile("rb") as heard:
                for answer in answers:
                    connection.sendall(answer + b"\r\n")
                    if not heard.readline():
                        return

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    thread.join(5)


@dataclass
class Webhook:
    """What came in, and what is answered: the last status is repeated."""

    port: int = 0
    statuses: list[int] = field(default_factory=lambda: [204])
    location: str = ""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/T0KEN"


@contextmanager
def webhook(*statuses: int, location: str = "") -> Iterator[Webhook]:
    state = Webhook(statuses=list(statuses or (204,)), location=location)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.requests.append((self.path, dict(self.headers), body))
            status = state.statuses.pop(0) if len(state.statuses) > 1 else state.statuses[0]
            self.send_response(status)
            if state.location:
                self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 (what a redirect would lead to)

        def log_message(self, *_: Any) -> None:
            """Not in the output of tests."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        server.shutdown()
        thread.join()
