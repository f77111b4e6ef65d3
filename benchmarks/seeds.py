"""
Repositories with big stores, kept in a cache from one run to the next.

They are made by the program itself: one certificate is issued, its ledger exported, made longer
(`ledgers`) and imported. What measurements add to them (a commit, one more revocation) stays.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from benchmarks.fleet import commit, make_request, new_repository, write_request
from benchmarks.ledgers import Export, Mint
from benchmarks.timing import Clock

GIT = "git:pki-issued"
SQLITE = "sqlite:///issued.db"
FIRST = "sqlite:///first.db"
"""Where the pattern is issued."""

OLDEST_SECONDS = 14 * 86_400
"""Later, certificates would come up for renewal, and nothing-to-do would be something."""

SOURCES = ("fleet.py", "ledgers.py", "seeds.py")


class Seeds:
    def __init__(self, clock: Clock, place: Path) -> None:
        self._clock, self._place = clock, place
        here = Path(__file__).parent
        content = b"".join((here / name).read_bytes() for name in SOURCES)
        self._version = sha256(content).hexdigest()[:12]

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from the cache. Raises `BlockingIOError` when they are there already."""
        self._place.mkdir(parents=True, exist_ok=True)
        with (self._place / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._remove_old()
            yield

    def issued(self, count: int, store: str = GIT) -> Path:
        """A repository with so many manifests, each with its certificate in the store."""

        def make(root: Path) -> None:
            def entries(mint: Mint) -> Iterator[dict[str, object]]:
                for number in range(1, count):
                    request = make_request(number)
                    write_request(root, request)
                    yield from mint.issued([request])

            self._fill(root, store, entries)
            commit(root, f"{count} requests")
            self._clock.pkictl(root, "reconcile", store=store)

        return self._get(f"issued-{store.partition(':')[0]}", count, make)

    def adopted(self, count: int) -> Path:
        """A repository with so many certificates in an SQLite store, and no manifests for them."""
        return self._without_manifests("adopted", count, revoked=False)

    def revoked(self, count: int) -> Path:
        """The same, and all of them are revoked and on a CRL."""
        return self._without_manifests("revoked", count, revoked=True)

    def has(self, kind: str, count: int) -> bool:
        return self._path(kind, count).exists()

    def _without_manifests(self, kind: str, count: int, *, revoked: bool) -> Path:
        def make(root: Path) -> None:
            numbers = range(1, count + 1)
            self._fill(root, SQLITE, lambda mint: mint.adopted(numbers, revoked=revoked))
            if revoked:
                self._clock.pkictl(root, "reconcile", store=SQLITE)

        return self._get(kind, count, make)

    def _fill(
        self, root: Path, store: str, entries: Callable[[Mint], Iterator[dict[str, object]]]
    ) -> None:
        """Fill the store with the pattern's ledger and these entries."""
        new_repository(self._clock, root, FIRST)
        pattern = make_request(0)
        write_request(root, pattern)
        commit(root)
        self._clock.pkictl(root, "reconcile", store=FIRST)
        exported, longer = root.parent / "exported.jsonl", root.parent / "longer.jsonl"
        self._clock.pkictl(root, "store", "export", str(exported), store=FIRST)
        export = Export.read(exported)
        export.write(longer, entries(Mint(export, root / "keys/issuing.pem", pattern)))
        self._clock.pkictl(root, "store", "import", str(longer), store=store)
        for path in (exported, longer, *root.glob("first.db*")):
            path.unlink()

    def _get(self, kind: str, count: int, make: Callable[[Path], None]) -> Path:
        found = self._path(kind, count)
        if not found.exists():
            # Its own path from the start: notes in the git directory have it in them.
            unfinished = found.with_name(f"{found.name}.unfinished")
            shutil.rmtree(found, ignore_errors=True)
            unfinished.touch()
            try:
                make(found / "pki")
            except BaseException:
                shutil.rmtree(found, ignore_errors=True)
                raise
            finally:
                unfinished.unlink()
        return found / "pki"

    def _path(self, kind: str, count: int) -> Path:
        return self._place / f"{kind}-{count}-{self._version}"

    def _remove_old(self) -> None:
        for unfinished in self._place.glob("*.unfinished"):
            shutil.rmtree(unfinished.with_suffix(""), ignore_errors=True)
            unfinished.unlink()
        for kind in ("issued", "adopted", "revoked"):
            for found in self._place.glob(f"{kind}-*"):
                age = time.time() - (found / "pki/pki.yaml").stat().st_mtime
                if age > OLDEST_SECONDS or not found.name.endswith(self._version):
                    shutil.rmtree(found)
