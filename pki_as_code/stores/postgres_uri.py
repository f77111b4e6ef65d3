"""`postgresql://user@host:port/database?schema=…&sslmode=…`: which database a store is in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sqlalchemy import make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted

DEFAULT_SCHEMA: Final = "pki_as_code"
SCHEMES: Final = frozenset({"postgresql", "postgres", "postgresql+psycopg"})

_SCHEMA: Final = "schema"
_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}", re.ASCII)
_PATHS: Final = frozenset({"passfile", "sslcert", "sslcrl", "sslcrldir", "sslkey", "sslrootcert"})
_NO_PATH: Final = "system"

# What libpq takes in a URI, but for passwords.
_PARAMETERS: Final = _PATHS | {
    "application_name", "channel_binding", "connect_timeout", "gssdelegation", "gssencmode",
    "gsslib", "host", "hostaddr", "keepalives", "keepalives_count", "keepalives_idle",
    "keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version",
    "min_protocol_version", "options", "port", "require_auth", "requirepeer", "service",
    "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcertmode", "sslcompression",
    "sslmode", "sslnegotiation", "sslsni", "target_session_attrs", "tcp_user_timeout",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where a database is, and the schema of the store in it."""

    uri: str
    """As it may be shown: without a password."""

    schema: str
    parameters: dict[str, str] = field(repr=False)
    """For libpq; a password among them."""

    @property
    def place(self) -> str:
        """Which store it is, whoever asks and however securely."""
        names = ("service", "host", "hostaddr", "port", "dbname")
        return "/".join([*(self.parameters.get(name, "") for name in names), self.schema])


def parse_postgres_uri(uri: str, root: Path) -> DatabaseAddress:
    """
    Return what a URI says; relative paths in it are below `root`.

    Raises `StoreError` (`store.bad_uri`), which shows nothing that may be a password.
    """
    try:
        url = make_url(uri)
    except (ArgumentError, ValueError):
        raise _bad("the URI of the store cannot be read") from None
    if url.drivername not in SCHEMES:
        raise _bad("the URI of the store does not begin with postgresql://")
    query = _query(url)
    schema = query.pop(_SCHEMA, DEFAULT_SCHEMA)
    if _NAME.fullmatch(schema) is None or schema.startswith("pg_"):
        raise _bad(f"{quoted(schema, 100)} is not the name of a schema")
    if not url.database and "service" not in query:
        raise _bad("the URI of the store names no database")
    for name in _PATHS & query.keys():
        if query[name] != _NO_PATH:
            query[name] = str(root / query[name])
    given = {"host": url.host, "user": url.username, "password": url.password}
    given |= {"port": str(url.port) if url.port else None, "dbname": url.database}
    parameters = query | {name: value for name, value in given.items() if value}
    return DatabaseAddress(_shown(url), schema, parameters)


def _query(url: URL) -> dict[str, str]:
    query: dict[str, str] = {}
    for name, value in url.query.items():
        if "password" in name.lower():
            raise _bad(
                f"the URI of the store has the parameter {quoted(name, 40)}",
                "give the password in PGPASSWORD or a password file (PGPASSFILE), and change it "
                "when it was committed: history keeps it",
            )
        if name not in {*_PARAMETERS, _SCHEMA}:
            raise _bad(f"the URI of the store has the unknown parameter {quoted(name, 40)}")
        query[name] = value if isinstance(value, str) else ",".join(value)
    return query


def _shown(url: URL) -> str:
    shown = URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    )
    return shown.render_as_string(hide_password=True)


def _bad(message: str, way_out: str = "") -> StoreError:
    return StoreError(
        message,
        help=way_out
        or "write postgresql://host/database, with ?schema=name and what libpq takes "
        "(sslmode=verify-full) where it is needed",
        code="store.bad_uri",
    )
