"""What is peculiar to a store in one SQLite file, and to opening stores."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.stores import STORES, open_store, sqlite_driver
from pki_as_code.stores.entries import Reconciled
from pki_as_code.stores.index import find_statement
from pki_as_code.stores.interface import CertificateFilter
from tests.stores.conftest import Place
from tests.stores.material import NOW, certificate_id, issue, reservation

WEB = certificate_id("web")
OF_EVERY_OBJECT = ("objects", "certificates", "certificate_contents", "reservations")


def record(store: Any, *payloads: Any) -> None:
    store.record(payloads, now=NOW, message="Record")


def execute(place: Place, *statements: str) -> list[Any]:
    connection = sqlite3.connect(place.root / "issued.db")
    try:
        with connection:
            return [connection.execute(statement).fetchall() for statement in statements]
    finally:
        connection.close()


# --- Opening -------------------------------------------------------------------------------------


def test_an_unknown_scheme_lists_the_known_ones(tmp_path: Path) -> None:
    for uri in ("mysql://x", "pki-issued", "", ":x", "sqlite"):
        with pytest.raises(StoreError) as caught:
            open_store(uri, None, root=tmp_path)
        assert caught.value.code == "store.unknown_scheme"
        assert all(f"{scheme}:" in caught.value.help for scheme in STORES)


@pytest.mark.parametrize(
    "uri",
    ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/file", "sqlite:file",
     "sqlite+pysqlite:///x", "sqlite:///x?mode=memory", "sqlite://u:p@/x"],
)  # fmt: skip
def test_what_does_not_name_a_file_is_refused(tmp_path: Path, uri: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(uri, None, root=tmp_path)
    assert caught.value.code in {"store.bad_uri", "store.unknown_scheme"}


def test_a_path_is_relative_to_the_root_or_absolute(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for uri in ("sqlite:///sub/x.db", f"sqlite:///{tmp_path}/sub/y.db"):
        store = open_store(uri, None, root=tmp_path)
        store.head()
        store.close()
    assert {p.name for p in (tmp_path / "sub").iterdir()} == {"x.db", "y.db"}


def test_a_missing_directory_is_not_an_empty_store(tmp_path: Path) -> None:
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            open_store("sqlite:///unmounted/x.db", None, root=tmp_path, read_only=read_only)
        assert caught.value.code == "store.cannot_open"


def test_reading_makes_no_file(make_empty: Callable[[str], Place]) -> None:
    empty_place = make_empty("sqlite")
    store = empty_place.open(read_only=True)
    assert store.head().sequence == -1
    assert list(store.find(CertificateFilter())) == []
    assert list(store.verify()) == []
    assert not (empty_place.root / "issued.db").exists()


def test_the_interface_imports_nothing_heavy() -> None:
    code = (
        "import sys, pki_as_code.stores, pki_as_code.stores.interface, pki_as_code.stores.entries;"
        "print([m for m in ('sqlalchemy', 'cryptography', 'sqlite3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


# --- Files that are not as they should be --------------------------------------------------------


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"hello, this is a text file and no database\n" * 50)
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            store = open_store("sqlite:///x.db", None, root=tmp_path, read_only=read_only)
            store.head()
        assert caught.value.code == "store.damaged_database"


def test_a_database_of_something_else_is_not_taken_for_a_store(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "x.db")
    connection.execute("CREATE TABLE meta (key TEXT, value TEXT)")
    connection.close()
    store = open_store("sqlite:///x.db", None, root=tmp_path)
    with pytest.raises(StoreError) as caught:
        store.head()
    assert caught.value.code == "store.damaged_database"
    store.close()


def test_a_newer_schema_is_refused_and_an_older_one_upgraded(sqlite_place: Place) -> None:
    issue(sqlite_place.open(), reservation(WEB, 0x2001))
    execute(sqlite_place, "UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            sqlite_place.open(read_only=read_only).head()
        assert caught.value.code == "store.newer_schema"
    execute(
        sqlite_place,
        "UPDATE meta SET value = '0' WHERE key = 'schema_version'",
        "DROP TABLE crls",
        "ALTER TABLE certificates DROP COLUMN profile",
    )
    with pytest.raises(StoreError) as caught:
        sqlite_place.open(read_only=True).head()
    assert caught.value.code == "store.older_schema"
    store = sqlite_place.open()
    assert store.observe([WEB])[WEB].current.profile == "tls-server"
    assert list(store.verify()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger WHERE sequence = 4",
        "UPDATE ledger SET line = X'7B7D' WHERE sequence = 4",
        "INSERT INTO ledger VALUES (5, X'7B7D')",
        "DELETE FROM ledger",
    ],
)
def test_a_ledger_that_does_not_end_where_the_index_does_is_refused(
    sqlite_place: Place, statement: str
) -> None:
    issue(sqlite_place.open(), reservation(WEB, 0x2001))
    execute(sqlite_place, statement)
    store = sqlite_place.open()
    for use in (store.head, lambda: record(store, Reconciled("a" * 40))):
        with pytest.raises(StoreError) as caught:
            use()
        assert caught.value.code == "store.rolled_back"
    assert list(store.verify()) != []


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM ledger WHERE sequence = 2", "store.corrupt"),
        ("UPDATE ledger SET line = X'7B7D' WHERE sequence = 2", "store.corrupt"),
        (
            "UPDATE ledger SET line = replace(line, 'web.csr', 'evl.csr') WHERE sequence = 3",
            "store.chain_broken",
        ),
        ("UPDATE certificates SET not_after = '2099-01-01T00:00:00Z'", "store.index_differs"),
        ("UPDATE certificate_contents SET der = X'3000'", "store.index_differs"),
        ("DELETE FROM certificate_names", "store.index_differs"),
        ("UPDATE meta SET value = 'x' WHERE key = 'lineage'", "store.index_differs"),
        ("DELETE FROM mentions WHERE sequence = 3", "store.index_differs"),
        ("INSERT INTO authorities VALUES ('evil', X'3000')", "store.index_differs"),
    ],
)
def test_what_was_changed_by_hand_is_found_by_verify(
    sqlite_place: Place, statement: str, code: str
) -> None:
    issue(sqlite_place.open(), reservation(WEB, 0x2001, names=("web.example.com",)))
    if "replace(" in statement:
        statement = statement.replace("replace(line", "CAST(replace(CAST(line AS TEXT)").replace(
            "'evl.csr')", "'evl.csr') AS BLOB)"
        )
    execute(sqlite_place, statement)
    store = sqlite_place.open()
    assert code in {finding.code for finding in store.verify()}
    if code == "store.index_differs":
        store.rebuild()
        assert list(store.verify()) == []


def test_reading_a_changed_ledger_never_guesses(sqlite_place: Place) -> None:
    issue(sqlite_place.open(), reservation(WEB, 0x2001))
    execute(sqlite_place, "DELETE FROM ledger WHERE sequence = 3")
    store = sqlite_place.open()
    with pytest.raises(StoreError):
        list(store.entries())
    with pytest.raises(StoreError):
        list(store.entries(WEB))


def test_a_database_in_use_is_contention(
    sqlite_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_driver, "_SET_UP", ("PRAGMA busy_timeout = 50",))
    store = sqlite_place.open()
    store.head()
    blocker = sqlite3.connect(sqlite_place.root / "issued.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(ContentionError) as caught:
        record(store, Reconciled("a" * 40))
    assert caught.value.code == "store.busy"
    assert store.last_reconciled() is None
    blocker.execute("ROLLBACK")
    blocker.close()
    record(store, Reconciled("a" * 40))


def test_a_full_disk_writes_nothing_and_says_so(sqlite_place: Place) -> None:
    store = sqlite_place.open()
    before = store.head()

    @event.listens_for(store._engine, "begin")
    def limit(connection: Any) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")

    batch = [reservation(certificate_id(f"n{i}"), 0x3000 + i) for i in range(200)]
    with pytest.raises(StoreError) as caught:
        store.reserve(batch, now=NOW, message="Reserve")
    assert caught.value.code == "store.disk_full"
    event.remove(store._engine, "begin", limit)
    store._engine.dispose()
    assert store.head() == before
    assert list(store.verify()) == []


# --- Durable, and quick --------------------------------------------------------------------------


def test_commits_are_synced(sqlite_place: Place) -> None:
    store = sqlite_place.open()
    store.head()
    with store._engine.connect() as connection:
        pragmas = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


def test_a_store_in_a_directory_that_cannot_be_written_can_be_read(sqlite_place: Place) -> None:
    issue(sqlite_place.open(), reservation(WEB, 0x2001))
    sqlite_place.close()
    sqlite_place.root.chmod(0o500)
    try:
        store = sqlite_place.open(read_only=True)
        assert store.observe([WEB])[WEB].current.serial_number == 0x2001
        with pytest.raises(StoreError):
            record(store, Reconciled("a" * 40))
        store.close()
    finally:
        sqlite_place.root.chmod(0o700)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (CertificateFilter(), "certificates_by_not_after"),
        (CertificateFilter(limit=50), "certificates_by_not_after"),
        (CertificateFilter(common_name="x"), "certificates_by_common_name"),
        (CertificateFilter(public_key_sha256="x"), "certificates_by_public_key"),
        (CertificateFilter(fingerprint_sha256="x"), "certificates_by_fingerprint"),
        (CertificateFilter(issuer="root", revoked=False), "certificates_by_not_after"),
        (CertificateFilter(namespace="a", name="b"), "certificates_by_name"),
        (CertificateFilter(kinds=("CertificateAuthority",)), "certificates_by_kind"),
        (CertificateFilter(serial_prefix="0a1b", order=()), "serial_number"),
        (CertificateFilter(subject_alternative_name="DNS:x", order=()), "certificate_names"),
    ],
)
def test_searches_use_an_index(sqlite_place: Place, wanted: CertificateFilter, index: str) -> None:
    store = sqlite_place.open()
    store.head()
    statement = find_statement(wanted).compile(
        store._engine, compile_kwargs={"literal_binds": True}
    )
    plan = "\n".join(
        str(row) for row in execute(sqlite_place, f"EXPLAIN QUERY PLAN {statement}")[0]
    )
    assert index in plan
    assert "SCAN certificates'" not in plan


def test_what_is_due_and_what_is_revoked_is_found_through_partial_indexes(
    sqlite_place: Place,
) -> None:
    store = sqlite_place.open()
    store.head()
    plans: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            rows = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.append(" ".join(str(row[3]) for row in rows))

    list(store.due(NOW))
    assert "objects_due" in plans[-1]
    assert "objects_retry" in plans[-1]
    list(store.revoked("root"))
    assert "certificates_revoked" in " ".join(plans[-2:])  # the other is of what was given up
    list(store.observe([WEB]))
    assert not any(f"SCAN {table}" in plan for plan in plans[-4:] for table in OF_EVERY_OBJECT)


def test_many_objects_and_certificates_are_found_through_their_keys(sqlite_place: Place) -> None:
    store = sqlite_place.open()
    issue(store, reservation(WEB, 0x2001))
    plans: list[str] = []

    @event.listens_for(store._engine, "before_cursor_execute")
    def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT") and "json_each" in statement:
            rows = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.append(" ".join(str(row[3]) for row in rows))

    wanted = [certificate_id(f"host-{number}") for number in range(1000)]
    observed = store.observe([*wanted, WEB])
    assert observed.keys() == {WEB}
    assert observed[WEB].current.serial_number == 0x2001
    for number, object_id in enumerate(wanted[:5]):
        issue(store, reservation(object_id, 0x3000 + number))
    assert len(store.observe(wanted)) == 5
    tables = ("objects", "certificates", "reservations", "abandoned")
    assert all(any(f"SEARCH {table} USING" in plan for plan in plans) for table in tables)
    assert not any(f"SCAN {table}" in plan for plan in plans for table in tables)


# --- Going back ----------------------------------------------------------------------------------


def test_an_old_copy_of_the_file_is_noticed_where_the_store_was_seen(sqlite_place: Place) -> None:
    path = sqlite_place.root / "issued.db"
    issue(sqlite_place.open(), reservation(WEB, 0x2001))
    sqlite_place.close()
    old = path.read_bytes()
    issue(sqlite_place.open(), reservation(certificate_id("api"), 0x2002))
    sqlite_place.close()
    path.write_bytes(old)
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            sqlite_place.open(read_only=read_only).head()
        assert caught.value.code == "store.rolled_back"
    assert {f.code for f in sqlite_place.open().verify()} == {"store.rolled_back"}
    sqlite_place.open().rebuild()
    issue(sqlite_place.open(), reservation(certificate_id("api"), 0x2002))
    sqlite_place.close()
    path.unlink()
    for read_only in (True, False):
        with pytest.raises(StoreError) as caught:
            sqlite_place.open(read_only=read_only).head()
        assert caught.value.code == "store.rolled_back"


def note_of(place: Place) -> Path:
    """Use the store, and return what was noted; the template's was copied with it."""
    notes = place.root / ".git/pki-as-code"
    for note in notes.glob("database-*.head"):
        note.unlink()
    issue(place.open(), reservation(WEB, 0x2001))
    (note,) = notes.glob("database-*.head")
    return note


def test_a_note_that_cannot_be_read_is_made_anew_by_rebuild(sqlite_place: Place) -> None:
    note = note_of(sqlite_place)
    for content in (b"", b"\xff", b'{"digest":"0","sequence":1}\n'):
        note.write_bytes(content)
        with pytest.raises(StoreError) as caught:
            sqlite_place.open().head()
        assert caught.value.code == "store.rolled_back"
    sqlite_place.open().rebuild()
    assert sqlite_place.open().head().sequence == 4


def test_a_store_is_read_and_written_where_nothing_can_be_noted(sqlite_place: Place) -> None:
    notes = sqlite_place.root / ".git/pki-as-code"
    for note in notes.iterdir():
        note.unlink()
    notes.rmdir()
    notes.write_text("a file in its place")
    issue(sqlite_place.open(), reservation(WEB, 0x2001))
    assert sqlite_place.open(read_only=True).head().sequence == 4


def test_a_note_behind_a_link_is_refused(sqlite_place: Place, tmp_path: Path) -> None:
    note = note_of(sqlite_place)
    note.unlink()
    note.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError) as caught:
        sqlite_place.open()
    assert caught.value.code == "store.unsafe_path"


def test_other_stores_need_no_driver_of_postgresql() -> None:
    code = (
        "import sys, pki_as_code.stores.sql, pki_as_code.stores.git, pki_as_code.stores.postgres;"
        "print([m for m in ('psycopg', 'alembic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_other_stores_do_not_even_load_the_dialect_of_postgresql() -> None:
    code = (
        "import sys, pki_as_code.stores.sql, pki_as_code.stores.git;"
        "print('sqlalchemy.dialects.postgresql' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
