"""Connections that are cut, servers that die, disks that are full, and many at once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pki_as_code.errors import ContentionError, StoreError
from pki_as_code.stores import postgres
from pki_as_code.stores.entries import Issued, Reconciled, Reserved
from tests.faults.cutting_proxy import Cut, CuttingProxy, cutting_proxy
from tests.faults.small_disk import NoMountError, small_disk
from tests.stores.conftest import Place, database_of
from tests.stores.material import NOW, certificate_id, issue, issued, reservation
from tests.stores.postgres_server import PostgresServer, running_server, why_not
from tests.stores.test_crash import Child, batch_of
from tests.stores.test_postgres_store import opened

WEB = certificate_id("web")
COMMIT = b"COMMIT\0"


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[CuttingProxy]:
    if postgres_server.process is None:
        pytest.skip("the server is somebody else's")
    with cutting_proxy(str(postgres_server.socket)) as running:
        yield running


@pytest.fixture
def through_proxy(postgres_place: Place, proxy: CuttingProxy) -> Any:
    """The store of the place, reached through the proxy."""
    database = database_of(postgres_place)
    uri = f"postgresql://administrator@127.0.0.1:{proxy.port}/{database}?gssencmode=disable"
    store = opened(uri, postgres_place)
    store.head()
    return store


def reserved_serials(store: Any) -> list[int]:
    return sorted(
        entry.payload.reservation.serial_number
        for entry in store.entries()
        if isinstance(entry.payload, Reserved)
    )


CUTS = [
    pytest.param(COMMIT, Cut.BEFORE, 0, id="before COMMIT"),
    pytest.param(COMMIT, Cut.BEFORE_ANSWER, 0, id="after COMMIT, before its answer"),
    pytest.param(b"COPY reservations", Cut.BEFORE, 20_000, id="in mid-COPY"),
    pytest.param(b"pg_advisory_xact_lock", Cut.BEFORE_ANSWER, 0, id="while it has the lock"),
    pytest.param(b"SELECT meta", Cut.BEFORE, 0, id="in a question"),
]


@pytest.mark.parametrize(("word", "cut", "after"), CUTS)
@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_that_is_cut_loses_nothing_and_does_nothing_twice(
    postgres_place: Place,
    proxy: CuttingProxy,
    through_proxy: Any,
    word: bytes,
    cut: Cut,
    after: int,
    times: int,
) -> None:
    batch = [reservation(certificate_id(f"n{i}"), 0x3000 + i) for i in range(50)]
    proxy.cut_at(word, cut, after=after, times=times)
    through_proxy.reserve(batch, now=NOW, message="Reserve")
    assert proxy.cuts == times
    proxy.cut_at(word, cut, after=after, times=times)
    through_proxy.record([issued(r) for r in batch], now=NOW, message="Record")
    assert proxy.cuts == (0 if word.startswith(b"COPY") else times)
    proxy.cut_at(b"")
    store = postgres_place.open()
    assert reserved_serials(store) == [0x1001, *range(0x3000, 0x3000 + 50)]
    assert sum(isinstance(e.payload, Issued) for e in store.entries()) == 51
    assert list(store.open_reservations()) == []
    assert list(store.verify()) == []


def test_a_server_that_stays_away_is_said_to_be_away(
    postgres_place: Place,
    proxy: CuttingProxy,
    through_proxy: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "ATTEMPTS", 3)
    proxy.cut_at(COMMIT, times=10)
    with pytest.raises(StoreError) as caught:
        through_proxy.reserve([reservation(WEB, 0x2001)], now=NOW, message="Reserve")
    assert caught.value.code == "store.connection_lost"
    assert "not known" in caught.value.message
    proxy.cut_at(b"")
    proxy.refusing = True
    with pytest.raises(StoreError) as caught:
        through_proxy.reserve([reservation(WEB, 0x2001)], now=NOW, message="Reserve")
    assert caught.value.code in {"store.connection_lost", "store.cannot_open"}
    proxy.refusing = False
    assert reserved_serials(postgres_place.open()) == [0x1001]
    issue(through_proxy, reservation(WEB, 0x2001))


def test_what_was_recorded_unheard_is_found_by_the_next_run(
    postgres_place: Place,
    proxy: CuttingProxy,
    through_proxy: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "ATTEMPTS", 1)
    proxy.cut_at(COMMIT, Cut.BEFORE_ANSWER)
    reserved = reservation(WEB, 0x2001)
    with pytest.raises(StoreError) as caught:
        through_proxy.reserve([reserved], now=NOW, message="Reserve")
    assert caught.value.code == "store.connection_lost"
    store = postgres_place.open()
    assert list(store.open_reservations()) == [reserved.reservation]
    store.record([issued(reserved)], now=NOW, message="Finish")
    assert list(store.verify()) == []


def test_another_writer_in_between_is_contention_and_no_second_reservation(
    postgres_place: Place, proxy: CuttingProxy, through_proxy: Any
) -> None:
    other = postgres_place.open()
    other.head()

    class Between(CuttingProxy):
        def _do_cut(self, server: Any, data: bytes) -> None:
            super()._do_cut(server, data)
            server.close()
            other.reserve([reservation(WEB, 0x2002)], now=NOW, message="faster")

    proxy.__class__ = Between
    proxy.cut_at(COMMIT)
    with pytest.raises(ContentionError):
        through_proxy.reserve([reservation(WEB, 0x2001)], now=NOW, message="Reserve")
    assert reserved_serials(other) == [0x1001, 0x2002]
    assert list(other.verify()) == []


def test_a_connection_that_died_unused_is_not_noticed(
    through_proxy: Any, postgres_server: PostgresServer, postgres_place: Place
) -> None:
    database = database_of(postgres_place)
    ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'"  # noqa: S608
    postgres_server.execute(ended)
    assert through_proxy.head().sequence == 2
    issue(through_proxy, reservation(WEB, 0x2001))


# --- The server ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[PostgresServer]:
    """A server with everything that makes it durable."""
    reason = why_not()
    if reason or os.environ.get("PKI_TEST_POSTGRES"):
        pytest.skip(reason or "the server is somebody else's")
    with running_server() as server:
        yield server


@pytest.fixture
def mortal_place(make_empty: Callable[..., Place], mortal_server: PostgresServer) -> Place:
    place = make_empty("sqlite")
    place.kind, place.uri = "postgresql", mortal_server.uri(mortal_server.create_database())
    return place


def test_a_server_that_is_killed_and_comes_back_has_what_it_said_it_has(
    mortal_place: Place, mortal_server: PostgresServer
) -> None:
    """Runs go on over its deaths; each of them is one more attempt."""
    done = threading.Event()
    failures: list[BaseException] = []
    acknowledged: list[int] = []

    def run(who: int, store: Any) -> None:
        try:
            for number in range(who * 1000, who * 1000 + 1000):
                batch = batch_of("m", number)
                store.reserve(batch, now=NOW, message="Reserve")
                store.record([issued(r) for r in batch], now=NOW, message="Record")
                acknowledged.append(number)
                if done.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 (looked at below)
            failures.append(error)

    stores = [mortal_place.open() for _ in range(2)]
    stores[0].record(root(), now=NOW, message="root")
    stores[1].head()
    runners = [threading.Thread(target=run, args=given) for given in enumerate(stores)]
    for runner in runners:
        runner.start()
    for _ in range(4):
        seen = len(acknowledged)
        while len(acknowledged) < seen + 4 and not failures:
            time.sleep(0.01)
        mortal_server.kill()
        mortal_server.start()
    done.set()
    for runner in runners:
        runner.join(120)
    assert failures == []
    store = mortal_place.open()
    assert list(store.verify()) == []
    wanted = {0x10000 + number * 0x10 + i for number in acknowledged for i in range(3)}
    assert wanted <= set(reserved_serials(store))
    assert list(store.open_reservations()) == []


def root() -> list[Any]:
    from tests.stores.material import root_payloads

    return list(root_payloads())


def test_a_server_that_is_down_is_said_to_be_down_at_once(
    mortal_place: Place, mortal_server: PostgresServer
) -> None:
    mortal_server.stop()
    try:
        for read_only in (True, False):
            with pytest.raises(StoreError) as caught:
                mortal_place.open(read_only=read_only)
            assert caught.value.code == "store.cannot_open"
    finally:
        mortal_server.start()


def test_too_many_connections_are_contention(
    mortal_place: Place, mortal_server: PostgresServer
) -> None:
    import psycopg

    mortal_place.open().record(root(), now=NOW, message="root")
    name = database_of(mortal_place)
    user = mortal_server.new_name()
    mortal_server.execute(
        f"CREATE ROLE {user} LOGIN PASSWORD 'x'", f"ALTER DATABASE {name} CONNECTION LIMIT 1"
    )
    mortal_place.close()
    uri = mortal_server.uri(name, username=user, password="x")
    with psycopg.connect(uri), pytest.raises(ContentionError) as caught:
        opened(uri, mortal_place)
    assert caught.value.code == "store.too_many_connections"


def test_a_full_disk_writes_nothing_and_says_so(
    mortal_place: Place, mortal_server: PostgresServer
) -> None:
    directory = mortal_server.socket.parent / "small"
    directory.mkdir()
    try:
        with small_disk(directory, 14 << 10) as disk:
            os.chown(disk, mortal_server.data.stat().st_uid, -1)
            disk.chmod(0o700)
            name = mortal_server.new_name()
            mortal_server.execute(f"CREATE TABLESPACE {name} LOCATION '{disk}'")
            mortal_server.execute(f"CREATE DATABASE {name} TABLESPACE {name} TEMPLATE template0")
            mortal_place.uri = mortal_server.uri(name)
            try:
                fill_up(mortal_place, disk)
            finally:
                mortal_place.close()
                mortal_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
                mortal_server.execute(f"DROP TABLESPACE {name}")
    except NoMountError as error:
        pytest.skip(f"nothing can be mounted here: {error}")


def fill_up(place: Place, disk: Any) -> None:
    store = place.open()
    store.record(root(), now=NOW, message="root")
    ballast = disk / "ballast"
    with ballast.open("wb") as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    before = store.head()
    batch = [reservation(certificate_id(f"n{i}"), 0x3000 + i) for i in range(200)]
    with pytest.raises(StoreError) as caught:
        for _ in range(2):
            store.reserve(batch, now=NOW, message="Reserve")
    assert caught.value.code == "store.disk_full"
    assert store.head() == before
    ballast.unlink()
    store.reserve(batch, now=NOW, message="Reserve")
    assert len(list(store.open_reservations())) == 200
    assert list(store.verify()) == []


# --- At once -------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [2, 8])
def test_processes_that_append_at_once_give_one_chain(
    postgres_place: Place, processes: int
) -> None:
    """Each wants objects of its own, and all of them one that is the same for all."""

    def writer(who: int) -> Callable[[Callable[[str], None]], None]:
        def work(say: Callable[[str], None]) -> None:
            store = postgres_place.open()
            for number in range(3):
                batch = batch_of(f"w{who}n", who * 100 + number)
                store.reserve(batch, now=NOW, message="Reserve")
                store.record([issued(r) for r in batch], now=NOW, message="Record")
                store.record([Reconciled(f"{who}{number}".ljust(40, "a"))], now=NOW, message="")
            try:
                store.reserve([reservation(WEB, 0x5000 + who)], now=NOW, message="Reserve")
            except ContentionError:
                say("lost")
            else:
                say("won")

        return work

    children = [Child(writer(who)) for who in range(processes)]
    ends = [child.wait() for child in children]
    assert sorted(ends) == [(0, ["lost"])] * (processes - 1) + [(0, ["won"])]
    store = postgres_place.open()
    serials = reserved_serials(store)
    assert len(serials) == len(set(serials)) == 1 + processes * 9 + 1
    assert len(list(store.live_objects())) == 1 + processes * 9
    assert list(store.verify()) == []
