"""
A real PostgreSQL for the tests.

`PKI_TEST_POSTGRES` names one (a role that may create databases and roles); else the machine's own
`initdb` makes one that is gone afterwards. It listens on a socket in a directory of its own.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import make_url
from sqlalchemy.engine import URL

VARIABLE = "PKI_TEST_POSTGRES"
ADMINISTRATOR = "administrator"
START_SECONDS = 60
FIRST_WITH_STRATEGIES = 150000

_numbers = count(1)

# Nothing of this survives the machine, and is not meant to.
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=on")
_SMALL = (
    "listen_addresses=", "max_connections=60", "shared_buffers=16MB", "max_wal_size=64MB",
    "min_wal_size=32MB", "autovacuum=off", "unix_socket_permissions=0777", "logging_collector=off",
    "jit=off", "max_wal_senders=0", "wal_level=minimal",
)  # fmt: skip
_HBA = f"local all {ADMINISTRATOR} trust\nlocal all all scram-sha-256\n"


def find_programs() -> Path | None:
    """Return the directory of `initdb` and `postgres`, of the newest version there is."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    patterns = ("usr/lib/postgresql/*/bin/initdb", "usr/pgsql-*/bin/initdb")
    places = [path for pattern in patterns for path in Path("/").glob(pattern)]
    return max(places, key=_version).parent if places else None


def _version(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in str(path).replace("-", "/").split("/") if part.isdigit())


@dataclass
class PostgresServer:
    """A server, and how its administrator reaches it."""

    url: URL
    programs: Path | None = None
    data: Path | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    databases: set[str] = field(default_factory=set)

    @property
    def socket(self) -> Path:
        """Where it listens, of a server that was started here."""
        return Path(str(self.url.query["host"])) / ".s.PGSQL.5432"

    def uri(self, database: str, **changes: Any) -> str:
        url = self.url.set(database=database)
        query = changes.pop("query", {})
        return url.set(**changes).update_query_dict(query).render_as_string(hide_password=False)

    def execute(self, *statements: str, database: str = "") -> list[list[tuple[Any, ...]]]:
        """Run statements as the administrator, each on its own; return the rows of each."""
        import psycopg

        found = []
        with psycopg.connect(
            self.uri(database or self.url.database or "postgres"), autocommit=True
        ) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[call-overload]
                found.append(cursor.fetchall() if cursor.description else [])
        return found

    def new_name(self) -> str:
        return f"pki_test_{os.getpid()}_{next(_numbers)}"

    def create_database(self, template: str = "template0") -> str:
        name = self.new_name()
        [[(version,)]] = self.execute("SELECT current_setting('server_version_num')::int")
        quick = "STRATEGY FILE_COPY" if version >= FIRST_WITH_STRATEGIES else ""
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8' {quick}")
        self.databases.add(name)
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        self.databases.discard(name)

    # --- Of a server that was started here ---

    def start(self, *settings: str) -> None:
        """Start it, and wait until it answers."""
        if self.programs is None or self.data is None:
            raise RuntimeError("the server is somebody else's")
        options = [part for setting in (*_SMALL, *settings) for part in ("-c", setting)]
        directory = str(self.socket.parent)
        with (self.data.parent / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, "-k", directory, *options],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **_as_other(),
            )
        self.wait()

    def wait(self) -> None:
        import psycopg

        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > end or (self.process and self.process.poll() is not None):
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        """As the machine's power loss would end it, but for what the system had in memory."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(60)
            self.process = None


@contextmanager
def running_server(*settings: str, directory: Path | None = None) -> Iterator[PostgresServer]:
    """
    Make a server, in memory where there is a directory for that.

    The path is short, for that of a socket has at most 107 bytes, and open to another user.
    """
    memory = Path("/dev/shm")  # noqa: S108 (a directory of our own is made in it)
    if directory is None and os.access(memory, os.W_OK):
        directory = memory
    programs = find_programs()
    if programs is None:
        raise RuntimeError("there is no initdb here")
    with TemporaryDirectory(dir=directory, prefix="pg") as name:
        place = Path(name)
        other = _as_other()
        if other:
            os.chown(place, other["user"], other["group"])
        place.chmod(0o711)
        data = place / "data"
        subprocess.run(
            [programs / "initdb", "--no-sync", "--auth=trust", f"--username={ADMINISTRATOR}",
             "--encoding=UTF8", "--locale=C", "--no-instructions", "-D", data],
            check=True, capture_output=True, cwd="/", **other,
        )  # fmt: skip
        (data / "pg_hba.conf").write_text(_HBA)
        url = URL.create("postgresql", ADMINISTRATOR, database="postgres", query={"host": name})
        server = PostgresServer(url, programs, data)
        try:
            server.start(*settings)
            yield server
        finally:
            server.stop()


@contextmanager
def any_server() -> Iterator[PostgresServer]:
    """The server that the environment names, else one of our own."""
    named = os.environ.get(VARIABLE)
    if named:
        server = PostgresServer(make_url(named))
        try:
            yield server
        finally:
            for name in sorted(server.databases):
                server.drop_database(name)
        return
    with running_server(*_QUICK) as server:
        yield server


def why_not() -> str:
    """Return why there is no PostgreSQL here, empty when there is."""
    if os.environ.get(VARIABLE) or find_programs() is not None:
        return ""
    return f"no PostgreSQL: neither {VARIABLE} nor initdb is there"


def _as_other() -> dict[str, Any]:
    """Return the options of a process of another user: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("root cannot run PostgreSQL, and there is no user postgres or nobody")
