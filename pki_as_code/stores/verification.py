"""
`pkictl store verify`: everything is computed once more from the ledger's bytes.

    chain        every line is canonical, numbered without gaps, and names the one before
    replay       the rules hold from the first entry to the last
    signatures   every certificate verifies with a certificate of its issuer
    index        equals one made anew
    projections  copies beside the ledger are what they must be
    head         the store did not go back behind what was seen of it
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from sqlalchemy import Connection, Table, select

from pki_as_code.errors import NotFoundError, StoreError
from pki_as_code.escape import quoted
from pki_as_code.model import AUTHORITY, Finding
from pki_as_code.pkix.extensions.parse import UNREADABLE
from pki_as_code.pkix.serial_numbers import format_serial_number
from pki_as_code.stores import codec, tables
from pki_as_code.stores.bulk_reads import load_crls
from pki_as_code.stores.certificates import is_issued_by
from pki_as_code.stores.engine import create_index, open_sqlite, reading, writing
from pki_as_code.stores.entries import Entry
from pki_as_code.stores.index import ROWS_AT_A_TIME
from pki_as_code.stores.interface import EMPTY_DIGEST
from pki_as_code.stores.projection import project

if TYPE_CHECKING:
    from pki_as_code.stores.ledger_store import LedgerStore

MOST_FINDINGS_OF_A_KIND: Final = 20

_same_certificate: Final = (
    tables.certificates.c.issuer == tables.certificate_contents.c.issuer
) & (tables.certificates.c.serial_number == tables.certificate_contents.c.serial_number)

_RESTORE: Final = (
    "nothing is issued from a damaged ledger; a clone or a backup has the entries as they were"
)
_REBUILD: Final = "find out who changed it; `pkictl store rebuild` makes it anew from the ledger"

# What stands in `meta` beside what follows from the ledger.
_OWN_OF_A_STORE: Final = frozenset({"commit"})


def verify_store(store: LedgerStore) -> Iterator[Finding]:
    """Yield every fault of a store; nothing when it is sound."""
    yield from store.verify_head()
    chain = list(islice(_verify_chain(store), MOST_FINDINGS_OF_A_KIND))
    yield from chain
    if chain:
        return  # what follows from a broken ledger is not worth comparing
    with TemporaryDirectory(prefix="pki-as-code-") as directory:
        engine = open_sqlite(Path(directory) / "fresh.db")
        place = "for verification"
        try:
            with writing(engine, place) as fresh:
                create_index(fresh)
                project(fresh, _entries(store), store.observer_for_verification())
        except StoreError as error:
            yield Finding(error.code, error.message, help=error.help)
            return
        else:
            with reading(engine, place) as fresh:
                yield from _verify_signatures(fresh)
                yield from _verify_crls(store, fresh)
                yield from _verify_index(store, fresh)
        finally:
            engine.dispose()
    yield from store.verify_projections()


def _entries(store: LedgerStore) -> Iterator[Entry]:
    return (codec.parse_line(raw.line, raw.sequence) for raw in store.raw_lines())


def _verify_chain(store: LedgerStore) -> Iterator[Finding]:
    previous_digest, previous_at = EMPTY_DIGEST, None
    try:
        for raw in store.raw_lines():
            try:
                entry = codec.parse_line(raw.line, raw.sequence)
            except StoreError as error:
                yield Finding(error.code, error.message, raw.source, help=error.help)
                previous_digest = codec.digest(raw.line)
                continue
            problem = None
            if entry.sequence != raw.sequence:
                problem = f"has sequence {entry.sequence}"
            elif entry.previous_digest != previous_digest:
                problem = "does not name the entry before it: one of the two was changed"
            elif previous_at is not None and entry.at < previous_at:
                problem = "is older than the entry before it"
            if problem:
                yield Finding(
                    "store.chain_broken",
                    f"entry {raw.sequence} {problem}",
                    raw.source,
                    help=_RESTORE,
                )
            previous_digest, previous_at = codec.digest(raw.line), entry.at
    except StoreError as error:
        yield Finding(error.code, error.message, help=error.help)


def _verify_signatures(fresh: Connection) -> Iterator[Finding]:
    """Every certificate against the certificates its issuer ever had."""
    issuers = _certificates_of_authorities(fresh)
    table, contents = tables.certificates, tables.certificate_contents
    statement = select(
        table.c.issuer, table.c.serial_number, table.c.request_digest, contents.c.der
    ).join(contents, _same_certificate)
    found = fresh.execute(statement.execution_options(yield_per=ROWS_AT_A_TIME))
    for issuer, serial_number, request_digest, certificate_der in found:
        candidates = issuers.get(issuer, [])
        if not candidates and not request_digest:
            continue  # taken up from an issuer outside
        if not any(is_issued_by(certificate_der, der) for der in reversed(candidates)):
            why = "does not verify" if candidates else "cannot be verified: the issuer is not known"
            yield Finding(
                "store.signature_invalid",
                f"the signature of {format_serial_number(serial_number)}, "
                f"issued by {quoted(issuer)}, {why}",
                help="the ledger was made, or changed, by someone without the issuer's key; "
                "revoke the serial number and find out who did it",
            )


def _verify_crls(store: LedgerStore, fresh: Connection) -> Iterator[Finding]:
    """The last CRL of each authority and scope: signed by it, and what its entry says."""
    issuers = _certificates_of_authorities(fresh)
    for (issuer, scope), record in load_crls(fresh).items():
        try:
            with store.open_crl(issuer, scope) as file:
                crl = x509.load_der_x509_crl(file.read())
            number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
            found = [number, crl.last_update_utc, crl.next_update_utc, len(crl)]
        except (NotFoundError, StoreError):
            continue  # which the projections tell
        except (ValueError, TypeError, x509.ExtensionNotFound, *UNREADABLE):
            found = []
        said = [record.number, record.this_update, record.next_update, record.entry_count]
        if found != said or not any(_is_signed(crl, der) for der in issuers.get(issuer, [])):
            yield Finding(
                "store.crl_invalid",
                f"the {scope} CRL of {quoted(issuer)} is not signed by it, or not what its entry "
                "says",
                help="the ledger was made, or changed, by someone without the issuer's key; do "
                "not publish it, and find out who did it",
            )


def _is_signed(crl: x509.CertificateRevocationList, issuer_der: bytes) -> bool:
    try:
        issuer = x509.load_der_x509_certificate(issuer_der)
        return crl.issuer == issuer.subject and crl.is_signature_valid(
            issuer.public_key()  # type: ignore[arg-type]
        )
    except Exception:  # noqa: BLE001 (whatever it is: the signature was not verified)
        return False


def _certificates_of_authorities(fresh: Connection) -> dict[str, list[bytes]]:
    table, contents = tables.certificates, tables.certificate_contents
    statement = (
        select(table.c.name, contents.c.der)
        .join(contents, _same_certificate)
        .where(table.c.kind == AUTHORITY)
        .order_by(table.c.sequence)
    )
    found: dict[str, list[bytes]] = {}
    for name, certificate_der in fresh.execute(statement):
        found.setdefault(name, []).append(bytes(certificate_der))
    return found


def _verify_index(store: LedgerStore, fresh: Connection) -> Iterator[Finding]:
    try:
        with store.reading_index() as live:
            for table in (tables.meta, *tables.PROJECTED):
                differences = _differences(table, live, fresh)
                yield from islice(differences, MOST_FINDINGS_OF_A_KIND)
    except StoreError as error:
        yield Finding(error.code, error.message, help=error.help)


def _differences(table: Table, live: Connection, fresh: Connection) -> Iterator[Finding]:
    """Compare a table row by row, in the order of its key."""
    pairs = zip_longest(_rows(table, live), _rows(table, fresh))
    for live_row, fresh_row in pairs:
        if live_row == fresh_row:
            continue
        key = _key(table, live_row if fresh_row is None else fresh_row)
        yield Finding(
            "store.index_differs",
            f"the index's table {table.name} is not what the ledger says, at {key}",
            help=_REBUILD,
        )
        if live_row is None or fresh_row is None or _key(table, live_row) != key:
            return  # from here on every row would differ


def _rows(table: Table, connection: Connection) -> Iterator[tuple[Any, ...]]:
    statement = select(table).order_by(*table.primary_key.columns)
    with connection.execute(statement.execution_options(yield_per=ROWS_AT_A_TIME)) as rows:
        for row in rows:
            if table is tables.meta and row[0] in _OWN_OF_A_STORE:
                continue
            yield tuple(row)


def _key(table: Table, row: tuple[Any, ...]) -> str:
    columns = list(table.columns)
    values = (value for column, value in zip(columns, row, strict=True) if column.primary_key)
    return quoted("/".join(f"{v:x}" if isinstance(v, int) else str(v) for v in values))
