"""
A real SMTP server on loopback, run as a program: `python mail_server.py DIRECTORY`.

DIRECTORY/settings.json, which is read once, says how it is: `security`, `certificate`, `key`,
`login`. DIRECTORY/behaviour.json, which is read for each mail, says what it does: `refuse`, answers
by address; `data`, an answer; `hang`, the number of the mail after which it says nothing more;
`close_after`, how many mails one connection may bring. Mails go to DIRECTORY/mails, the port to
stdout.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

HOST = "127.0.0.1"


class Handler:
    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def behaviour(self) -> dict[str, Any]:
        path = self.directory / "behaviour.json"
        return json.loads(path.read_text()) if path.exists() else {}

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        refused = self.behaviour().get("refuse", {})
        if address in refused:
            return refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(self, server, session, envelope, address, options):  # noqa: N802
        mails = getattr(session, "mails", 0)
        if mails >= self.behaviour().get("close_after", 1000):
            return "421 enough for one connection"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        behaviour = self.behaviour()
        if "data" in behaviour:
            return behaviour["data"]
        count = len(list((self.directory / "mails").glob("*.eml"))) + 1
        session.mails = getattr(session, "mails", 0) + 1
        name = f"{count:04d}"
        (self.directory / "mails" / f"{name}.json").write_text(
            json.dumps(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "tls": session.ssl is not None,
                    "login": session.authenticated,
                    "connection": session.peer[1],
                }
            )
        )
        (self.directory / "mails" / f"{name}.eml").write_bytes(envelope.content)
        if count >= behaviour.get("hang", 1_000_000):
            await asyncio.sleep(3600)
        return "250 OK"


async def serve(directory: Path) -> None:
    settings = json.loads((directory / "settings.json").read_text())
    context = None
    if settings["security"] != "none":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(settings["certificate"], settings["key"])
    starttls = settings["security"] == "starttls"
    login = settings.get("login")

    def authenticate(server, session, envelope, mechanism, given):
        right = isinstance(given, LoginPassword) and login == [
            given.login.decode(), given.password.decode(),
        ]  # fmt: skip
        return AuthResult(success=right, handled=False)

    handler = Handler(directory)

    def protocol() -> SMTP:
        return SMTP(
            handler,
            hostname="mail.example.com",
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=bool(login),
            auth_require_tls=settings["security"] == "starttls",
            authenticator=authenticate if login else None,
        )

    loop = asyncio.get_running_loop()
    implicit = context if settings["security"] == "tls" else None
    server = await loop.create_server(protocol, HOST, 0, ssl=implicit)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
