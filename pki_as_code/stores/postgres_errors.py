"""What errors of PostgreSQL mean for the user."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.escape import quoted

CONNECTION_LOST: Final = "store.connection_lost"
UNAVAILABLE: Final = "store.unavailable"
UNREACHABLE: Final = "store.cannot_open"
TOO_MANY_CONNECTIONS: Final = "store.too_many_connections"
CONFLICT: Final = "store.conflict"

_LONGEST_REASON: Final = 300


class _Meaning(NamedTuple):
    message: str
    help: str
    code: str
    kind: type[StoreError] = StoreError


_AGAIN: Final = "run the command again: it begins with what the last one left open"

_LOST: Final = _Meaning(
    "was cut off; whether the last step was recorded is not known", _AGAIN, CONNECTION_LOST
)
_TOO_MANY: Final = _Meaning(
    "has no connection left",
    "run the command again when fewer runs go on at once, or raise max_connections",
    TOO_MANY_CONNECTIONS,
    ContentionError,
)
_UNAVAILABLE: Final = _Meaning(
    "is starting, stopping or recovering", "run the command again in a moment", UNAVAILABLE
)
_UNWRITABLE: Final = _Meaning(
    "cannot be written: it is a standby, or set to read only",
    "name the primary (`target_session_attrs=read-write` finds it among several hosts)",
    "store.read_only",
)
_NOT_ALLOWED: Final = _Meaning(
    "refuses the role what the store needs",
    "docs/store.md lists the privileges of each role; tables are made and upgraded by their "
    "owner, with `pkictl store upgrade`",
    "store.permission_denied",
)
_DAMAGED: Final = _Meaning(
    "is damaged, or is not the one of a store",
    "check that the database and the schema are the right ones; else put back a backup",
    "store.damaged_database",
)
_CONFLICT: Final = _Meaning(
    "refused the transaction because of another one", _AGAIN, CONFLICT, ContentionError
)
_TIMEOUT: Final = _Meaning(
    "took longer than its own limits allow",
    "look at statement_timeout of the role, and at what else the server does",
    "store.timeout",
)

_BY_SQLSTATE: Final = {
    "08": _LOST,
    "25006": _UNWRITABLE,
    "25P03": _LOST,
    "28": _Meaning(
        "does not let the role in", "check the role and pg_hba.conf", "store.authentication_failed"
    ),
    "40001": _CONFLICT,
    "40P01": _CONFLICT,
    "42501": _NOT_ALLOWED,
    "42703": _DAMAGED,
    "42P01": _DAMAGED,
    "3F000": _DAMAGED,
    "53100": _Meaning(
        "cannot grow", "free some space; nothing of this step was written", "store.disk_full"
    ),
    "53300": _TOO_MANY,
    "55P03": _Meaning(
        "was in use for too long",
        "another run is writing to it; run the command again when that is done",
        "store.busy",
        ContentionError,
    ),
    "57014": _TIMEOUT,
    "57P01": _LOST,
    "57P02": _LOST,
    "57P03": _UNAVAILABLE,
    "57P05": _LOST,
    "58": _Meaning(
        "could not be written or read by the system",
        "check the server's disk before anything else",
        "store.io_error",
    ),
    "XX001": _DAMAGED,
    "XX002": _DAMAGED,
}
"""By the whole SQLSTATE, or its class (PostgreSQL documentation, appendix A)."""

_NOT_LET_IN_HELP: Final = (
    "give the password in PGPASSWORD or a password file (PGPASSFILE, ~/.pgpass), and check the "
    "role and pg_hba.conf"
)

# libpq gives no SQLSTATE of an attempt to connect, only the server's words.
_BY_WORDS: Final = (
    (("permission denied",), _NOT_ALLOWED),
    (("starting up", "shutting down", "recovery mode", "not yet accepting"), _UNAVAILABLE),
    (("too many ", "connection slots"), _TOO_MANY),
    (("authentication failed", "no password supplied", "no pg_hba.conf entry", "role "),
     _Meaning("does not let the role in", _NOT_LET_IN_HELP, "store.authentication_failed")),
    (("database ",), _Meaning(
        "is not there", "have it made (`createdb`), or correct spec.store", "store.no_database")),
    (("ssl", "certificate"), _Meaning(
        "cannot be reached by TLS as asked", "check sslmode and sslrootcert", "store.tls_failed")),
)  # fmt: skip
"""In this order: the first that is found in the message."""

_UNREACHABLE: Final = _Meaning(
    "cannot be reached", "check the host, the port, and that the server runs", UNREACHABLE
)
_UNKNOWN: Final = _Meaning("failed", "`pkictl store verify` checks the store", "store.failed")


def is_postgres_error(error: BaseException | None) -> bool:
    return error is not None and type(error).__module__.partition(".")[0] == "psycopg"


def store_error(error: BaseException | None, place: str) -> StoreError:
    """Return what an error of psycopg means."""
    state: str | None = getattr(error, "sqlstate", None)
    reason = state or type(error).__name__
    if state is not None:
        meaning = _BY_SQLSTATE.get(state) or _BY_SQLSTATE.get(state[:2], _UNKNOWN)
        if meaning is _UNKNOWN and _words(error):
            reason = f"{reason}: {quoted(_words(error), _LONGEST_REASON)}"
    elif getattr(error, "pgconn", None) is not None or "resolve host" in str(error):
        meaning, reason = _unconnected(error)
    else:
        lost = type(error).__name__ in {"OperationalError", "InterfaceError"}
        meaning = _LOST if lost else _UNKNOWN
    return meaning.kind(
        f"the database {place} {meaning.message} ({reason})", help=meaning.help, code=meaning.code
    )


def _unconnected(error: Any) -> tuple[_Meaning, str]:
    text = str(error).strip().splitlines()[0]
    _, is_fatal, words = text.partition("FATAL:")
    words = (words if is_fatal else text.rpartition(" failed: ")[2]).strip()
    found = next(
        (meaning for texts, meaning in _BY_WORDS if any(t in words.lower() for t in texts)),
        _UNREACHABLE,
    )
    return found, quoted(words, _LONGEST_REASON)


def _words(error: Any) -> str:
    """Return the server's message, which never has values of parameters in it."""
    diagnosis = getattr(error, "diag", None)
    return getattr(diagnosis, "message_primary", None) or ""
