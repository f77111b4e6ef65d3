"""The store as it is seen at the moment: looked at again now and then, and never guessed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography import x509

from pki_as_code.errors import PkiAsCodeError, StoreError
from pki_as_code.gitplumbing import GitRepository, RevisionTree
from pki_as_code.issuance import Responder
from pki_as_code.keys.interface import Secrets
from pki_as_code.manifests.load import LoadResult, load_manifests
from pki_as_code.manifests.tree import PROJECT_FILE
from pki_as_code.responder import Responders, open_responders
from pki_as_code.stores import open_store
from pki_as_code.stores.interface import Head, Store
from pki_as_code.workspace.judging import check_findings, load_certificates
from pki_as_code.workspace.opening import store_uri

UNFETCHED_SECONDS: Final = 3600.0
"""For so long the store is believed that could not be fetched meanwhile."""

_ADMINISTRATIVE: Final = (PROJECT_FILE, "authorities", "profiles")
"""What administrators write, and nothing else, is looked at."""

_FETCH_CODES: Final = frozenset({"store.fetch_failed", "store.behind_remote"})


@dataclass(frozen=True)
class View:
    """One state of the store and the manifests, and what can be said from it."""

    store: Store
    head: Head
    commit: str
    authorities: Mapping[str, x509.Certificate]
    responders: Mapping[str, Responder]
    failed: Mapping[str, PkiAsCodeError]
    """Why other responders cannot sign, by the authority's name."""

    answering: Responders


@dataclass
class Source:
    """Where a view comes from."""

    repository: GitRepository
    secrets: Secrets
    store: str | None = None
    """The store's URI; what the manifests say when None."""

    ref: str = "HEAD"
    _loaded: tuple[str, LoadResult] | None = field(default=None, repr=False)

    def open(self, previous: View | None, *, fetch: bool) -> View:
        """
        Return the view of now; `previous` when nothing moved.

        Raises:
            ManifestError, RepositoryError, StoreError: it cannot be read.
        """
        commit, loaded = self._manifests()
        uri = store_uri(loaded.manifests, self.store)
        root: Path = self.repository.root
        store = open_store(uri, self.repository, root=root, push=fetch, read_only=True)
        try:
            head = store.head()
            responders, failed = open_responders(loaded.manifests, store, root, self.secrets)
            authorities = load_certificates(store.authorities())
        except BaseException:
            store.close()
            raise
        same = previous is not None and (previous.head, previous.commit) == (head, commit)
        if (
            previous is not None
            and same
            and _certificates(previous.responders) == _certificates(responders)
        ):
            store.close()
            return previous
        asked = {n: c for n, c in authorities.items() if n in responders or n in failed}
        answering = Responders(store, asked, responders)
        return View(store, head, commit, authorities, responders, failed, answering)

    def _manifests(self) -> tuple[str, LoadResult]:
        commit = self.repository.resolve_revision(self.ref)
        if self._loaded is None or self._loaded[0] != commit:
            loaded = load_manifests(RevisionTree(self.repository, commit), paths=_ADMINISTRATIVE)
            check_findings(loaded.findings)
            self._loaded = commit, loaded
        return self._loaded


def _certificates(responders: Mapping[str, Responder]) -> dict[str, x509.Certificate]:
    return {name: responder.certificate for name, responder in responders.items()}


class Views:
    """
    Hands out the view, to one at a time, and looks again at most every `refresh_seconds`.

    A remote is fetched from at most every `fetch_seconds`. What cannot be read is told to `tell`,
    and raised as long as it cannot: there is no answer from a store that may be another by now.
    Only a remote that does not answer is waited for, `UNFETCHED_SECONDS` long.
    """

    def __init__(
        self,
        source: Source,
        tell: Callable[[str], None],
        *,
        refresh_seconds: float = 5.0,
        fetch_seconds: float | None = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`fetch_seconds` is None for never."""
        self._source, self._tell, self._clock = source, tell, clock
        self._refresh_seconds, self._fetch_seconds = refresh_seconds, fetch_seconds
        self._lock = threading.Lock()
        self._view: View | None = None
        self._error: PkiAsCodeError | None = None
        self._looked_at: float | None = None
        self._fetch_tried_at: float | None = None
        self._fetched_at = clock()
        self._told: set[str] = set()

    @contextmanager
    def use(self) -> Iterator[View]:
        """Raises `StoreError`, `ManifestError` or `RepositoryError` when there is no view now."""
        with self._lock:
            now = self._clock()
            if self._looked_at is None or now - self._looked_at >= self._refresh_seconds:
                self._look(now)
                self._looked_at = self._clock()
            if self._error is not None:
                # Another object each time: one that is raised again and again keeps growing.
                error = self._error
                raise type(error)(error.message, help=error.help, code=error.code)
            if self._view is None:
                raise StoreError("the store was not opened")
            yield self._view

    def close(self) -> None:
        with self._lock:
            if self._view is not None:
                self._view.store.close()
                self._view = None

    def _look(self, now: float) -> None:
        previous = self._view
        try:
            view = self._open(previous, now)
        except PkiAsCodeError as error:
            self._error = error
            self._tell_once({f"{error.code}: {error.message}"})
            return
        self._error = None
        self._view = view
        self._tell_once({f"{e.code}: {e.message}" for e in view.failed.values()})
        if previous is not None and previous is not view:
            previous.store.close()

    def _open(self, previous: View | None, now: float) -> View:
        if not self._fetch_is_due(now):
            return self._source.open(previous, fetch=False)
        self._fetch_tried_at = now
        try:
            view = self._source.open(previous, fetch=True)
        except StoreError as error:
            if error.code not in _FETCH_CODES or now - self._fetched_at > UNFETCHED_SECONDS:
                raise
            self._tell(f"warning: {error.message}; what is here is used meanwhile")
            return self._source.open(previous, fetch=False)
        self._fetched_at = now
        return view

    def _fetch_is_due(self, now: float) -> bool:
        if self._fetch_seconds is None:
            return False
        return self._fetch_tried_at is None or now - self._fetch_tried_at >= self._fetch_seconds

    def _tell_once(self, problems: set[str]) -> None:
        for problem in sorted(problems - self._told):
            self._tell(f"error: {problem}")
        self._told = problems
