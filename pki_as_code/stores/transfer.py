"""
A whole store in one file, from which a store of any kind is made.

    {"crls":1,"entries":5,"format":"pki-as-code store","formatVersion":1,"head":"<digest>"}
    {"crl":["root","full"],"der":"<base64>","isLast":true}
    the lines of the ledger, byte for byte

A large CRL takes several lines. Everything else follows from the ledger.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from sqlalchemy import Connection

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.escape import quoted
from pki_as_code.model import canonical_json
from pki_as_code.stores import codec
from pki_as_code.stores.bulk_reads import load_crls, read_head
from pki_as_code.stores.entries import Entry
from pki_as_code.stores.interface import CrlKey, Head
from pki_as_code.stores.ledger_store import RawLine, parsed
from pki_as_code.stores.projection import Observer, project_batches

if TYPE_CHECKING:
    from pki_as_code.stores.ledger_store import LedgerStore

FORMAT: Final = "pki-as-code store"
FORMAT_VERSION: Final = 1

_CRL_PART_BYTES: Final = 384 << 10
_MOST_CRLS: Final = 100_000
_MOST_CRL_BYTES: Final = 1 << 30
_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Contents:
    """What the first line of a file says of the rest."""

    entries: int
    head: str
    """Digest of the last entry."""

    crls: int


# --- Writing -------------------------------------------------------------------------------------


def export_lines(store: LedgerStore) -> Iterator[bytes]:
    """
    Yield the lines of a file with all of a store, as it is at one moment.

    Raises `StoreError` where the ledger does not hold together, or a CRL is not the one in it.
    """
    with TemporaryDirectory(prefix="pki-as-code-") as name:
        spool = Path(name) / "crls"
        head, count = _spool_crls(store, spool)
        yield _line(
            {
                "format": FORMAT,
                "formatVersion": FORMAT_VERSION,
                "entries": head.sequence + 1,
                "head": head.digest,
                "crls": count,
            }
        )
        with spool.open("rb") as lines:
            yield from lines
    if head.sequence < 0:
        return
    last: Entry | None = None
    for last in parsed(store.raw_lines()):
        yield last.line + b"\n"
        if last.sequence == head.sequence:
            break
    if last is None or codec.digest(last.line) != head.digest:
        raise codec.corrupt(head.sequence, "the index has it, and the ledger does not")


def _spool_crls(store: LedgerStore, path: Path) -> tuple[Head, int]:
    """Write the CRLs to a file, all of one moment; return the head of the ledger then."""
    for _ in range(_ATTEMPTS):
        head = store.head()
        crls = store.crls()
        try:
            with path.open("wb") as out:
                for crl in crls:
                    with store.open_crl(crl.issuer, crl.scope) as source:
                        out.writelines(_crl_lines((crl.issuer, crl.scope), source, crl.digest))
        except StoreError:
            if store.head() == head:
                raise
        if store.head() == head:
            return head, len(crls)
    raise ContentionError(
        "others wrote to the store all the time while it was read",
        help="run the command again when fewer runs go on at once",
    )


def _crl_lines(key: CrlKey, source: BinaryIO, digest: str) -> Iterator[bytes]:
    computed = hashlib.sha256()
    part = source.read(_CRL_PART_BYTES)
    while part:
        following = source.read(_CRL_PART_BYTES)
        computed.update(part)
        der = base64.b64encode(part).decode("ascii")
        yield _line({"crl": list(key), "der": der, "isLast": not following})
        part = following
    if computed.hexdigest() != digest:
        raise StoreError(
            f"the {key[1]} CRL of {quoted(key[0])} is not the one in the ledger",
            help="`pkictl reconcile` makes the next one; then write the file again",
            code="store.projection_differs",
        )


def _line(value: Any) -> bytes:
    return canonical_json(value).encode() + b"\n"


# --- Reading -------------------------------------------------------------------------------------


def import_file(store: LedgerStore, path: Path) -> Head:
    """
    Fill an empty store from a file: all of it, or nothing where anything in it is not right.

    A store that has the same ledger already is left as it is. Raises `StoreError`:
    `store.not_empty`, `store.bad_export`, and whatever is wrong with the ledger.
    """
    with (
        _opened(path) as file,
        TemporaryDirectory(prefix="pki-as-code-") as directory,
    ):
        contents = _read_contents(file)
        crls = _read_crls(file, contents.crls, Path(directory))
        start = file.tell()

        def step(connection: Connection, observe: Observer | None) -> Iterator[list[Entry]]:
            head = read_head(connection)
            if head.digest == contents.head:
                return
            if head.sequence >= 0:
                raise _not_empty(store)
            file.seek(start)
            entries = parsed(_raw_lines(file, contents.entries))
            yield from project_batches(connection, entries, observe)
            _check_end(connection, contents, crls)

        if contents.entries:
            store.append_entries(step, f"Import {contents.entries} entries", crls)
        elif store.head().sequence >= 0:
            raise _not_empty(store)
    return store.head()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            if not file.seekable():
                raise _bad("it is a pipe", "write it to a file first")
            yield file
    except OSError as error:
        raise _bad(f"it cannot be read: {error.strerror}") from error


def _read_contents(file: BinaryIO) -> Contents:
    value = _read_json(file)
    if value.get("format") != FORMAT:
        raise _bad("it does not begin as one")
    if value.get("formatVersion") != FORMAT_VERSION:
        raise StoreError(
            "the file was written by a newer version of this program",
            help="use that version",
            code="store.newer_format",
        )
    entries, head, crls = value.get("entries"), value.get("head"), value.get("crls")
    if type(entries) is not int or type(crls) is not int or not isinstance(head, str):
        raise _bad("its first line is not complete")
    if entries < 0 or not 0 <= crls <= _MOST_CRLS:
        raise _bad("its first line counts what cannot be")
    return Contents(entries, head, crls)


def _read_crls(file: BinaryIO, count: int, directory: Path) -> dict[CrlKey, Path]:
    """Copy the CRLs into files of their own."""
    found: dict[CrlKey, Path] = {}
    for number in range(count):
        path = directory / f"{number}.crl"
        key = _read_crl(file, path)
        if key in found:
            raise _bad(f"it has the {quoted(key[1], 40)} CRL of {quoted(key[0])} twice")
        found[key] = path
    return found


def _read_crl(file: BinaryIO, path: Path) -> CrlKey:
    expected: Any = None
    with path.open("wb") as out:
        while True:
            value = _read_json(file)
            key = value.get("crl")
            if not (isinstance(key, list) and len(key) == 2 and all(type(k) is str for k in key)):  # noqa: PLR2004 (issuer and scope)
                raise _bad("a line that should be of a CRL is not")
            if expected not in {None, tuple(key)} or out.tell() > _MOST_CRL_BYTES:
                raise _bad("the lines of a CRL do not end")
            expected = tuple(key)
            try:
                out.write(base64.b64decode(value.get("der"), validate=True))  # type: ignore[arg-type]
            except (ValueError, TypeError):
                raise _bad("the base64 of a CRL is malformed") from None
            if value.get("isLast") is True:
                return key[0], key[1]


def _raw_lines(file: BinaryIO, count: int) -> Iterator[RawLine]:
    for sequence in range(count):
        yield RawLine(sequence, _read_line(file))
    if file.read(1):
        raise _bad("it goes on after its end")


def _check_end(connection: Connection, contents: Contents, crls: Mapping[CrlKey, Path]) -> None:
    if read_head(connection).digest != contents.head:
        raise _bad("its ledger is another one than its first line says")
    known = load_crls(connection)
    for issuer, scope in sorted(known.keys() | crls.keys()):
        path, crl = crls.get((issuer, scope)), known.get((issuer, scope))
        if path is None or crl is None or _digest_of(path) != crl.digest:
            raise _bad(f"its {quoted(scope, 40)} CRL of {quoted(issuer)} is not the ledger's")


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_line(file: BinaryIO) -> bytes:
    line = file.readline(codec.MAX_LINE_BYTES + 1)
    if not line.endswith(b"\n"):
        raise _bad("it is cut off" if len(line) <= codec.MAX_LINE_BYTES else "a line is too long")
    return line[:-1]


def _read_json(file: BinaryIO) -> dict[str, Any]:
    try:
        value = json.loads(_read_line(file))
    except (ValueError, RecursionError):
        raise _bad("a line of it is not JSON") from None
    if not isinstance(value, dict):
        raise _bad("a line of it is no JSON object")
    return value


def _not_empty(store: LedgerStore) -> StoreError:
    return StoreError(
        f"the store {store.uri} is not empty, and has another ledger than the file",
        help="two ledgers are never made one: name a new place with --store",
        code="store.not_empty",
    )


def _bad(why: str, way_out: str = "") -> StoreError:
    return StoreError(
        f"the file is not what `pkictl store export` wrote: {why}",
        help=way_out or "nothing was imported; write the file again, or take another copy of it",
        code="store.bad_export",
    )
