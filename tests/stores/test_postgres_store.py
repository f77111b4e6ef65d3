"""What is peculiar to a store in PostgreSQL: access, tables, and two at once."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from sqlalchemy import event, select, text

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.gitplumbing import GitRepository
from pki_as_code.stores import migrations, open_store, postgres_engine, tables
from pki_as_code.stores.bulk_reads import among
from pki_as_code.stores.entries import Adopted, Reconciled
from pki_as_code.stores.index import find_statement
from pki_as_code.stores.interface import CertificateFilter
from pki_as_code.stores.postgres_uri import parse_postgres_uri
from tests.stores.conftest import Place, database_of
from tests.stores.material import NOW, certificate_id, der, issue, key, name_of, reservation
from tests.stores.postgres_server import PostgresServer

WEB = certificate_id("web")
PASSWORD = "opensesame-4711"
COMMITS = [character * 40 for character in "abcdef"]


def record(store: Any, *payloads: Any) -> None:
    store.record(payloads, now=NOW, message="Record")


def opened(uri: str, place: Place, **options: Any) -> Any:
    """Open the store of a place by another URI; it is closed with the place."""
    store = open_store(uri, GitRepository.discover(place.root), root=place.root, **options)
    place.opened.append(store)
    return store


@pytest.fixture
def administer(
    postgres_place: Place, postgres_server: PostgresServer
) -> Callable[..., list[list[tuple[Any, ...]]]]:
    """Run statements in the database of the place, in the schema of the store."""

    def run(*statements: str) -> list[list[tuple[Any, ...]]]:
        found = postgres_server.execute(
            "SET search_path TO pki_as_code", *statements, database=database_of(postgres_place)
        )
        return found[1:]

    return run


@pytest.fixture
def role(postgres_server: PostgresServer) -> Any:
    """A role with a password, and nothing else."""
    name = postgres_server.new_name()
    postgres_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
    yield name
    for database in sorted(postgres_server.databases):
        postgres_server.execute(f"DROP OWNED BY {name}", database=database)
    postgres_server.execute(f"DROP ROLE {name}")


# --- URIs and passwords --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "uri",
    ["postgresql://", "postgresql:///", "postgresql://host", "postgresql://host/", "postgresql:db",
     "postgresql://host:port/db", "postgresql+asyncpg://host/db", "postgresql://h/db?schema=A",
     "postgresql://h/db?schema=pg_catalog", "postgresql://h/db?schema=a;b", "postgresql://h/db?x=1",
     f"postgresql://h/db?password={PASSWORD}", f"postgresql://h/db?sslpassword={PASSWORD}",
     f"postgresql://u:{PASSWORD}@h:x/db", f"postgrsql://u:{PASSWORD}@h/db"],
)  # fmt: skip
def test_what_does_not_name_a_database_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(uri, None, root=tmp_path)
    assert caught.value.code in {"store.bad_uri", "store.unknown_scheme"}
    assert PASSWORD not in f"{caught.value} {caught.value.help}"


def test_parameters_of_tls_reach_libpq_and_paths_are_below_the_root(tmp_path: Path) -> None:
    uri = "postgresql://u@h:5433/d?sslmode=verify-full&sslrootcert=ca.pem&sslkey=/k&schema=s"
    address = parse_postgres_uri(uri, tmp_path)
    assert address.parameters == {
        "host": "h", "port": "5433", "user": "u", "dbname": "d", "sslmode": "verify-full",
        "sslrootcert": str(tmp_path / "ca.pem"), "sslkey": "/k",
    }  # fmt: skip
    assert address.schema == "s"
    system = parse_postgres_uri("postgresql://h/d?sslrootcert=system", tmp_path)
    assert system.parameters["sslrootcert"] == "system"


def test_a_password_is_taken_and_never_shown(
    postgres_place: Place,
    postgres_server: PostgresServer,
    role: str,
    administer: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = database_of(postgres_place)
    administer(f"GRANT USAGE ON SCHEMA pki_as_code TO {role}",
               f"GRANT SELECT ON ALL TABLES IN SCHEMA pki_as_code TO {role}")  # fmt: skip
    store = opened(
        postgres_server.uri(database, username=role, password=PASSWORD),
        postgres_place,
        read_only=True,
    )
    assert store.head().sequence == 2
    assert role in store.uri
    assert PASSWORD not in f"{store.uri} {store.place} {store._engine.url}"
    bare = postgres_server.uri(database, username=role)
    with pytest.raises(StoreError) as caught:
        opened(bare, postgres_place)
    assert caught.value.code == "store.authentication_failed"
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    opened(bare, postgres_place).close()
    monkeypatch.delenv("PGPASSWORD")
    passwords = tmp_path / "pgpass"
    passwords.write_text(f"*:*:*:{role}:{PASSWORD}\n")
    passwords.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passwords))
    opened(bare, postgres_place).close()


def test_who_is_not_let_in_is_told_why(
    postgres_server: PostgresServer, role: str, tmp_path: Path, new_database: Callable[..., str]
) -> None:
    database = new_database()
    wrong = f"{PASSWORD}x"
    for uri, code in (
        (postgres_server.uri(database, username=role, password=wrong),
         "store.authentication_failed"),
        (postgres_server.uri("nowhere", username=role, password=PASSWORD), "store.no_database"),
        (f"postgresql://{role}:{wrong}@127.0.0.1:1/x", "store.cannot_open"),
        (f"postgresql://{role}:{wrong}@nowhere.invalid/x", "store.cannot_open"),
        (postgres_server.uri(database, query={"host": "/nonexistent", "service": ""}),
         "store.cannot_open"),
        (postgres_server.uri(database, query={"service": "nowhere"}), "store.cannot_open"),
    ):  # fmt: skip
        with pytest.raises(StoreError) as caught:
            open_store(uri, None, root=tmp_path)
        assert caught.value.code == code, caught.value.message
        assert PASSWORD not in f"{caught.value} {caught.value.help}"


def test_a_server_without_tls_is_refused_where_it_is_asked_for(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    from tests.faults.cutting_proxy import cutting_proxy

    if postgres_server.process is None:
        pytest.skip("the server is somebody else's, and may have TLS")
    with cutting_proxy(str(postgres_server.socket)) as proxy:
        uri = f"postgresql://administrator@127.0.0.1:{proxy.port}/postgres?sslmode=require"
        with pytest.raises(StoreError) as caught:
            open_store(uri, None, root=tmp_path)
    assert caught.value.code == "store.tls_failed"


# --- Privileges ----------------------------------------------------------------------------------

READER = (
    "GRANT USAGE ON SCHEMA pki_as_code TO {role}",
    "GRANT SELECT ON ALL TABLES IN SCHEMA pki_as_code TO {role}",
)
ISSUER = (
    *READER,
    "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pki_as_code TO {role}",
    "REVOKE UPDATE, DELETE ON pki_as_code.ledger FROM {role}",
)


def granted(statements: tuple[str, ...], role: str) -> list[str]:
    return [statement.format(role=role) for statement in statements]


def test_the_documented_privileges_are_those_of_the_tests() -> None:
    page = " ".join((Path(__file__).parents[2] / "docs/store.md").read_text().split())
    for statement in ISSUER:
        for role in ("pki_reader", "pki_issuer"):
            if statement in READER or role == "pki_issuer":
                assert statement.format(role=role) in page


def test_a_role_that_may_read_reads_all_and_writes_nothing(
    postgres_place: Place, postgres_server: PostgresServer, role: str, administer: Any
) -> None:
    administer(*granted(READER, role))
    uri = postgres_server.uri(database_of(postgres_place), username=role, password=PASSWORD)
    store = opened(uri, postgres_place, read_only=True)
    assert list(store.verify()) == []
    assert len(list(store.entries())) == 3
    writer = opened(uri, postgres_place)
    for use in (lambda: record(writer, Reconciled("a" * 40)), writer.rebuild):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.code == "store.permission_denied"
    assert store.last_reconciled() is None


def test_a_role_that_issues_can_add_to_the_ledger_and_change_nothing_in_it(
    postgres_place: Place, postgres_server: PostgresServer, role: str, administer: Any
) -> None:
    import psycopg

    administer(*granted(ISSUER, role))
    uri = postgres_server.uri(database_of(postgres_place), username=role, password=PASSWORD)
    store = opened(uri, postgres_place)
    batch = [reservation(certificate_id(f"n{i}"), 0x3000 + i) for i in range(30)]
    store.reserve(batch, now=NOW, message="Reserve")
    issue(store, reservation(WEB, 0x2001))
    assert store.rebuild() == store.head().sequence + 1
    assert list(store.verify()) == []
    with psycopg.connect(uri, autocommit=True) as connection:
        for statement in (
            "DELETE FROM pki_as_code.ledger",
            "UPDATE pki_as_code.ledger SET line = ''",
            "TRUNCATE pki_as_code.ledger",
            "DROP TABLE pki_as_code.ledger",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_schema_that_may_not_be_used_is_not_an_empty_store(
    postgres_place: Place, postgres_server: PostgresServer, role: str
) -> None:
    uri = postgres_server.uri(database_of(postgres_place), username=role, password=PASSWORD)
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            opened(uri, postgres_place, read_only=read_only)
        assert caught.value.code == "store.permission_denied"


def test_who_may_make_no_schema_makes_no_store(
    postgres_server: PostgresServer,
    role: str,
    make_empty: Callable[[str], Place],
) -> None:
    place = make_empty("postgresql")
    uri = postgres_server.uri(database_of(place), username=role, password=PASSWORD)
    assert opened(uri, place, read_only=True).head().sequence == -1
    store = opened(uri, place)
    for use in (store.head, store.upgrade):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.code == "store.permission_denied"


def test_a_database_that_is_read_only_is_said_to_be_so(
    postgres_place: Place, administer: Any
) -> None:
    name = database_of(postgres_place)
    administer(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    store = postgres_place.open()
    assert store.head().sequence == 2
    with pytest.raises(StoreError) as caught:
        record(store, Reconciled("a" * 40))
    assert caught.value.code == "store.read_only"


def test_reading_makes_no_tables(
    make_empty: Callable[[str], Place], postgres_server: PostgresServer
) -> None:
    place = make_empty("postgresql")
    store = place.open(read_only=True)
    assert list(store.verify()) == []
    assert store.head().sequence == -1
    [found] = postgres_server.execute(
        "SELECT 1 FROM pg_namespace WHERE nspname = 'pki_as_code'", database=database_of(place)
    )
    assert found == []


def test_a_database_of_another_encoding_is_refused(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    name = postgres_server.new_name()
    postgres_server.execute(
        f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    )
    try:
        with pytest.raises(StoreError) as caught:
            open_store(postgres_server.uri(name), None, root=tmp_path)
        assert caught.value.code == "store.bad_encoding"
    finally:
        postgres_server.drop_database(name)


def test_two_stores_in_one_database_have_schemas_of_their_own(
    postgres_place: Place, postgres_server: PostgresServer
) -> None:
    uri = postgres_server.uri(database_of(postgres_place), query={"schema": "other"})
    first, second = postgres_place.open(), opened(uri, postgres_place)
    record(second, Reconciled("b" * 40))
    assert (first.head().sequence, second.head().sequence) == (2, 1)
    assert first.last_reconciled() is None
    assert list(first.verify()) == list(second.verify()) == []
    assert parse_postgres_uri(uri, Path()).place != parse_postgres_uri(first.uri, Path()).place


# --- Tables --------------------------------------------------------------------------------------

DEFINITION = (
    "SELECT table_name, column_name, ordinal_position, data_type, collation_name, is_nullable, "
    "column_default FROM information_schema.columns WHERE table_schema = 'pki_as_code' "
    "ORDER BY 1, 3",
    "SELECT indexdef FROM pg_indexes WHERE schemaname = 'pki_as_code' ORDER BY 1",
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'pki_as_code'::regnamespace ORDER BY 1, 2",
)


def test_the_revisions_make_the_tables_that_the_program_makes(
    make_empty: Callable[..., Place], postgres_server: PostgresServer, directory: Path
) -> None:
    made, upgraded = (make_empty("postgresql", directory / name) for name in ("made", "upgraded"))
    made.open().head()
    store = upgraded.open()
    assert store.upgrade()
    assert not store.upgrade()
    record(store, Reconciled("a" * 40))
    assert list(store.verify()) == []
    found = [
        postgres_server.execute(*DEFINITION, database=database_of(p)) for p in (made, upgraded)
    ]
    assert found[0] == found[1], "stores/tables.py and stores/migrations/versions differ"


def test_a_newer_schema_is_refused(postgres_place: Place, administer: Any) -> None:
    before = postgres_place.open()
    before.head()
    administer("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    store = postgres_place.open()
    for use in (store.head, store.upgrade, lambda: record(before, Reconciled("a" * 40))):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.code == "store.newer_schema"
    with pytest.raises(StoreError) as caught:
        postgres_place.open(read_only=True).head()
    assert caught.value.code == "store.newer_schema"


def test_an_older_schema_is_upgraded_only_when_told_to(
    postgres_place: Place, administer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    issue(postgres_place.open(), reservation(WEB, 0x2001))
    working = postgres_place.open()
    working.head()
    versions = tmp_path / "versions"
    shutil.copytree(Path(migrations.__file__).parent / "versions", versions)
    newer = tables.SCHEMA_VERSION + 1
    (versions / "next.py").write_text(
        f"from alembic import op\nrevision = '{newer:04d}'\n"
        f"down_revision = '{tables.SCHEMA_VERSION:04d}'\n"
        "def upgrade():\n    op.execute('ALTER TABLE authorities RENAME TO authorities_before')\n"
        "    op.execute('ALTER TABLE authorities_before RENAME TO authorities')\n"
    )
    administer("DELETE FROM certificate_contents", "DELETE FROM certificate_names",
               "UPDATE certificates SET profile = 'of an older version'")  # fmt: skip
    monkeypatch.setattr(tables, "SCHEMA_VERSION", newer)
    monkeypatch.setattr(migrations.migrate, "__defaults__", (tmp_path,))
    for store in (postgres_place.open(), postgres_place.open(read_only=True)):
        with pytest.raises(StoreError) as caught:
            store.head()
        assert caught.value.code == "store.older_schema"
        assert "store upgrade" in caught.value.help
    with pytest.raises(StoreError) as caught:
        record(working, Reconciled("a" * 40))  # opened before, as if it were the newer one
    assert caught.value.code == "store.older_schema"
    assert postgres_place.open().upgrade()
    store = postgres_place.open()
    assert list(store.verify()) == []
    assert store.observe([WEB])[WEB].current.profile == "tls-server"


def test_a_version_that_no_revision_begins_with_is_refused(
    postgres_place: Place, administer: Any
) -> None:
    administer("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
    with pytest.raises(StoreError) as caught:
        postgres_place.open().upgrade()
    assert caught.value.code == "store.older_schema"
    assert "export" in caught.value.help


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM ledger WHERE sequence = 4", "store.rolled_back"),
        ("UPDATE ledger SET line = '{}' WHERE sequence = 4", "store.rolled_back"),
        ("INSERT INTO ledger VALUES (5, '{}')", "store.rolled_back"),
        ("DROP TABLE certificates CASCADE", "store.damaged_database"),
        ("DROP TABLE ledger", "store.damaged_database"),
    ],
)
def test_a_store_that_was_changed_by_hand_is_refused(
    postgres_place: Place, administer: Any, statement: str, code: str
) -> None:
    working = postgres_place.open()
    issue(working, reservation(WEB, 0x2001))
    administer(statement)
    for store in (working, postgres_place.open()):
        with pytest.raises(StoreError) as caught:
            issue(store, reservation(certificate_id("api"), 0x2002))
        assert caught.value.code == code
    assert list(postgres_place.open().verify()) != []


def test_tables_without_their_version_are_not_taken_for_a_store(
    postgres_place: Place, administer: Any
) -> None:
    administer("DELETE FROM meta WHERE key = 'schema_version'")
    with pytest.raises(StoreError) as caught:
        postgres_place.open()
    assert caught.value.code == "store.damaged_database"


def test_an_old_backup_is_noticed_where_the_store_was_seen(
    postgres_place: Place, postgres_server: PostgresServer, new_database: Callable[..., str]
) -> None:
    name = database_of(postgres_place)
    store = postgres_place.open()
    issue(store, reservation(WEB, 0x2001))
    postgres_place.close()
    backup = new_database(name)
    issue(postgres_place.open(), reservation(certificate_id("api"), 0x2002))
    postgres_place.close()
    postgres_server.drop_database(name)
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE {backup}")
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            postgres_place.open(read_only=read_only).head()
        assert caught.value.code == "store.rolled_back"
    store = postgres_place.open()
    assert {finding.code for finding in store.verify()} == {"store.rolled_back"}
    store.rebuild()
    record(postgres_place.open(), Reconciled("a" * 40))
    postgres_place.close()
    # A database that lost everything is no new one.
    postgres_server.drop_database(name)
    postgres_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            postgres_place.open(read_only=read_only).head()
        assert caught.value.code == "store.rolled_back"


# --- Values --------------------------------------------------------------------------------------


def test_what_certificates_of_others_have_in_them_is_kept(postgres_place: Place) -> None:
    long_name = "x" * 5000
    names = ["a\0b.example.com", "\x1a0\x1a", long_name]
    found = []
    for number, common_name in enumerate(names):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a common name has at most 64 characters
            attribute = x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([attribute]))
            .issuer_name(name_of("elsewhere"))
            .public_key(key("elsewhere").public_key())
            .serial_number(0x70 + number)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=90))
            .add_extension(
                x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"urn:{common_name}")]),
                critical=False,
            )
        )
        found.append(der(builder.sign(key("elsewhere"), hashes.SHA256())))
    store = postgres_place.open()
    record(
        store,
        *(
            Adopted(certificate_id(f"n{i}"), "elsewhere", 0x70 + i, certificate, "c", "p", "Retain")
            for i, certificate in enumerate(found)
        ),
    )
    assert list(store.verify()) == []
    for number, common_name in enumerate(names):
        for wanted in (
            CertificateFilter(common_name=common_name),
            CertificateFilter(subject_alternative_name=f"URI:urn:{common_name}"),
        ):
            (one,) = store.find(wanted)
            assert one.serial_number == 0x70 + number
            assert store.certificate_der("elsewhere", one.serial_number) == found[number]


def test_what_has_no_common_name_comes_first(postgres_place: Place, sqlite_place: Place) -> None:
    orders = []
    for place in (postgres_place, sqlite_place):
        store = place.open()
        issue(store, reservation(WEB, 0x2001))
        with store._writing() as connection:
            connection.execute(
                text("UPDATE certificates SET common_name = NULL WHERE name = 'root'")
            )
        orders.append(
            [
                [
                    r.object_id.name
                    for r in store.find(
                        CertificateFilter(order=("common_name",), kinds=(), descending=descending)
                    )
                ]
                for descending in (False, True)
            ]
        )
    assert orders[0] == orders[1] == [["root", "web"], ["web", "root"]]


# --- Transactions --------------------------------------------------------------------------------


def test_commits_are_durable_whatever_the_default_is(
    postgres_place: Place, administer: Any
) -> None:
    name = database_of(postgres_place)
    for default, expected in (("off", "on"), ("remote_apply", "remote_apply")):
        administer(f"ALTER DATABASE {name} SET synchronous_commit = {default}")
        store = postgres_place.open()
        store.head()
        with store._writing() as connection:
            setting = connection.execute(text("SHOW synchronous_commit")).scalar()
        assert setting == expected
        store.close()


def test_readers_wait_for_nobody_and_writers_for_each_other(
    postgres_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_engine, "BUSY_TIMEOUT_SECONDS", 1)
    first, second = postgres_place.open(), postgres_place.open()
    first.head(), second.head()
    with first._writing() as connection:
        connection.execute(text("DELETE FROM mentions"))
        assert len(list(second.entries())) == 3
        assert second.observe([certificate_id("web")]) == {}
        assert list(second.verify()) == []
        with pytest.raises(ContentionError) as caught:
            record(second, Reconciled("a" * 40))
        assert caught.value.code == "store.busy"
    record(second, Reconciled("a" * 40))


def test_the_index_is_made_anew_beside_readers(postgres_place: Place) -> None:
    store, other = postgres_place.open(), postgres_place.open()
    issue(store, reservation(WEB, 0x2001))
    stream = other.find(CertificateFilter(kinds=()))
    next(stream)
    assert store.rebuild() == 5
    assert len(list(stream)) == 1
    assert list(other.verify()) == []


def test_a_batch_of_a_thousand_takes_few_round_trips(postgres_place: Place) -> None:
    store = postgres_place.open()
    store.head()
    statements: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    batch = [
        reservation(certificate_id(f"n{i % 4}", f"ns{i // 4}"), 0x3000 + i % 4 + 0x10 * (i // 4))
        for i in range(1000)
    ]
    store.reserve(batch, now=NOW, message="Reserve")
    assert len(statements) < 60
    assert len(list(store.open_reservations())) == 1000


MANY = (
    "INSERT INTO certificates SELECT 'root', lpad(to_hex(n), 8, '0'), 'Certificate', "
    "'ns' || n % 50, 'n' || n, n, 'CN=n' || n, 'n' || n, '[]', 'tls-server', "
    "'2026-01-01T00:00:00Z', to_char(timestamp '2026-01-01' + n * interval '1 minute', "
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), md5(n::text), md5('f' || n), '', '', "
    "'2026-01-01T00:00:00Z', 'c', 'p', 'Refuse' FROM generate_series(1, 20000) n",
    "INSERT INTO certificate_contents SELECT issuer, serial_number, '', '{}', '{}', '{}' "
    "FROM certificates WHERE name <> 'root'",
    "INSERT INTO certificate_names SELECT 'DNS:' || name, issuer, serial_number FROM certificates",
    "ANALYZE",
)
SEARCHES = [
    (CertificateFilter(limit=50), "certificates_by_not_after"),
    (CertificateFilter(issuer="root", revoked=False, limit=50), "certificates_by_not_after"),
    (CertificateFilter(common_name="x"), "certificates_by_common_name"),
    (CertificateFilter(public_key_sha256="x"), "certificates_by_public_key"),
    (CertificateFilter(fingerprint_sha256="x"), "certificates_by_fingerprint"),
    (CertificateFilter(namespace="a", name="b"), "certificates_by_name"),
    (CertificateFilter(serial_prefix="0a1b"), "certificates_by_serial_number"),
    (CertificateFilter(subject_alternative_name="DNS:x"), "certificate_names_pkey"),
    (CertificateFilter(kinds=("CertificateAuthority",)), "certificates_by_kind"),
]


def test_searches_use_an_index(postgres_place: Place, administer: Any) -> None:
    store = postgres_place.open()
    store.head()
    administer(*MANY)
    with store.reading_index() as connection:
        for wanted, index in SEARCHES:
            statement = find_statement(wanted).compile(
                store._engine, compile_kwargs={"literal_binds": True}
            )
            plan = json.dumps(
                connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}").scalar()
            )
            assert index in plan, wanted
            assert "Seq Scan" not in plan, wanted


def test_many_objects_are_found_through_their_keys(postgres_place: Place, administer: Any) -> None:
    store = postgres_place.open()
    store.head()
    administer(*MANY)
    keys = [("Certificate", f"ns{n % 50}", f"n{n}") for n in range(1, 20)]
    table = tables.certificates
    with store.reading_index() as connection:
        wanted = among(connection, (table.c.kind, table.c.namespace, table.c.name), keys)
        assert len(connection.execute(select(table).where(wanted)).all()) == len(keys)
        statement = select(table.c.serial_number).where(wanted).compile(store._engine)
        plan = json.dumps(
            connection.exec_driver_sql(
                f"EXPLAIN (FORMAT JSON) {statement}", statement.params
            ).scalar()
        )
    assert "certificates_by_name" in plan
    assert "Seq Scan" not in plan
