"""What is read without SQLAlchemy: word for word what SQLAlchemy would have asked."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, event, select

from pki_as_code.errors import NotFoundError
from pki_as_code.model import ObjectId
from pki_as_code.stores import bulk_reads, index, quick_reads, quick_sql, tables
from pki_as_code.stores.column_types import Json, SerialNumber, UnparsedJson, UtcTime
from pki_as_code.stores.engine import create_index, open_sqlite, reading, writing
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.stores.json_object import JsonObject

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
OBJECTS = [ObjectId("Certificate", "payments", f"api-{number}") for number in range(3)]
Asked = list[tuple[str, list[Any]]]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connection, Asked, Path]]:
    path = tmp_path_factory.mktemp("quick") / "index.db"
    engine, asked = open_sqlite(path), []
    with writing(engine, "x") as connection:
        tables.LEDGER_METADATA.create_all(connection)
        create_index(connection)

    @event.listens_for(engine, "before_cursor_execute")
    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        asked.append((statement, list(parameters)))

    with reading(engine, "x") as connection:
        yield connection, asked, path
    engine.dispose()


def asked_by(database: tuple[Connection, Asked, Path], ask: Callable[[Connection], Any]) -> Asked:
    connection, asked, _ = database
    asked.clear()
    ask(connection)
    return list(asked)


def missing(connection: Connection, issuer: str, serial_number: int) -> None:
    with pytest.raises(NotFoundError):
        index.certificate_der(connection, issuer, serial_number)


STATEMENTS: dict[str, tuple[Callable[[Connection], Any], list[quick_sql.Statement]]] = {
    "meta": (bulk_reads.load_meta, [(quick_sql.META, [])]),
    "authorities": (index.authority_certificates, [(quick_sql.AUTHORITIES, [])]),
    "crls": (bulk_reads.load_crls, [(quick_sql.CRLS, [])]),
    "progress": (bulk_reads.load_crl_progress, [(quick_sql.CRL_PROGRESS, [])]),
    "live": (lambda c: list(index.live_objects(c)), [(quick_sql.LIVE_OBJECTS, [])]),
    "count": (lambda c: index.count_live(c, "Certificate"), [quick_sql.count_live("Certificate")]),
    "open": (lambda c: list(index.open_reservations(c)), [(quick_sql.OPEN_RESERVATIONS, [])]),
    "observe": (
        lambda c: index.observe(c, OBJECTS),
        list(quick_sql.among_objects([(o.kind, o.namespace, o.name) for o in OBJECTS])),
    ),
    "der": (
        lambda c: missing(c, "issuing", 0xF00),
        [quick_sql.certificate_der("issuing", 0xF00)],
    ),
    "last": (
        lambda c: c.execute(
            select(tables.ledger).order_by(tables.ledger.c.sequence.desc()).limit(1)
        ).first(),
        [(quick_sql.LAST_LINE, [1, 0])],
    ),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_text_is_what_sqlalchemy_makes(database: Any, name: str) -> None:
    ask, written = STATEMENTS[name]
    expected = asked_by(database, ask)
    assert [(text, list(values)) for text, values in written] == expected


GIVEN: dict[str, list[Any]] = {
    "issuer": ["issuing"],
    "namespace": ["payments"],
    "name": ["api"],
    "profile": ["webserver"],
    "serial_number": [0xF00, 1 << 159],
    "serial_prefix": ["0f"],
    "common_name": ["api.example.com", "x" * 1500],
    "public_key_sha256": ["ab" * 32],
    "fingerprint_sha256": ["cd" * 32],
    "subject_alternative_name": ["DNS:api.example.com", "URI:https://example.com/" + "y" * 1500],
    "called": ["api*", r"100%_\?"],
    "name_prefix": ["ap"],
    "excluded_profiles": [("ocsp",), ("ocsp", "client")],
    "kinds": [(), ("CertificateAuthority",), ("Certificate", "CertificateAuthority")],
    "not_after_before": [NOW],
    "not_after_from": [NOW],
    "revoked": [True, False],
    "current_only": [True],
    "order": [(), ("serial_number",), ("common_name", "namespace", "name"), tuple(index.ORDERS)],
    "descending": [True],
    "limit": [1],
}


def filters() -> Iterator[CertificateFilter]:
    """Yield every condition alone, and many mixtures."""
    yield CertificateFilter()
    for name, values in GIVEN.items():
        yield from (CertificateFilter(**{name: value}) for value in values)
    chosen = random.Random(7)
    for _ in range(300):
        names = chosen.sample(list(GIVEN), chosen.randint(2, len(GIVEN)))
        yield CertificateFilter(**{name: chosen.choice(GIVEN[name]) for name in names})


def test_every_filter_is_the_query_that_sqlalchemy_makes(database: Any) -> None:
    assert GIVEN.keys() == {field.name for field in fields(CertificateFilter)}
    for wanted in filters():
        text, values = quick_sql.find_statement(wanted)
        expected = asked_by(database, lambda c, wanted=wanted: list(index.find(c, wanted)))
        assert [(text, list(values))] == expected


def test_columns_hold_what_their_types_say() -> None:
    assert quick_sql.VALUES["not_after"]("2026-11-26T12:00:00Z") == NOW
    for table in (*tables.INDEX_METADATA.sorted_tables, *tables.LEDGER_METADATA.sorted_tables):
        for column in table.columns:
            kinds = {
                UtcTime: quick_sql.VALUES["not_after"],
                Json: quick_sql.VALUES["subject_alternative_names"],
                UnparsedJson: JsonObject,
                SerialNumber: quick_sql.VALUES["serial_number"],
                Boolean: bool,
            }
            value_of = kinds.get(type(column.type))
            assert quick_sql.VALUES.get(column.name) is value_of, f"{table.name}.{column.name}"


def test_versions_orders_and_chunks_are_those_of_the_index() -> None:
    assert str(tables.SCHEMA_VERSION) == quick_sql.SCHEMA_VERSION
    assert set(index.ORDERS) == quick_sql.ORDERED
    assert bulk_reads.CHUNK == quick_reads.CHUNK


def test_rows_are_what_sqlalchemy_gives(database: Any) -> None:
    connection, _, path = database
    plain = sqlite3.connect(path)
    expected = connection.execute(select(tables.meta)).mappings().all()
    assert list(quick_sql.rows(plain, quick_sql.META)) == [dict(row) for row in expected]
    plain.close()
