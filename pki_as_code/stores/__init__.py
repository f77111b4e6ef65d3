"""
Where it is recorded what was asked, issued and revoked.

To add a store: implement `interface.Store` in a module of its own, then list it here.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pki_as_code.errors import StoreError
from pki_as_code.escape import quoted

if TYPE_CHECKING:
    from pki_as_code.gitplumbing import GitRepository
    from pki_as_code.stores.interface import Store

STORES: Final = {
    "git": "pki_as_code.stores.git:GitStore",
    "postgres": "pki_as_code.stores.postgres:PostgresStore",
    "postgresql": "pki_as_code.stores.postgres:PostgresStore",
    "postgresql+psycopg": "pki_as_code.stores.postgres:PostgresStore",
    "sqlite": "pki_as_code.stores.sql:SqlStore",
}
"""The class for each scheme, imported when it is used."""


def open_store(
    uri: str,
    repository: GitRepository | None,
    *,
    root: Path,
    push: bool = True,
    read_only: bool = False,
) -> Store:
    """
    Open the store that `uri` names.

    `root` is what relative paths are relative to. With `push` a git store fetches from and pushes
    to its remote, where it has one; without, no network is used. `read_only` works without write
    access, where that is possible. Close the store after use.

    Raises `StoreError` (`store.unknown_scheme`, `store.bad_uri`, and whatever is wrong with it).
    """
    scheme = uri.partition(":")[0].lower()
    if ":" not in uri or scheme not in STORES:
        raise StoreError(
            f"{quoted(_without_password(uri))} does not name a store: its scheme is not known",
            help=f"known are {', '.join(f'{known}:' for known in sorted(STORES))}; "
            "for example git:pki-issued or sqlite:///issued.db",
            code="store.unknown_scheme",
        )
    if read_only:
        from pki_as_code.stores.quick_index import open_quick

        quick: Any = open_quick(uri, repository, root=root, push=push)
        if quick is not None:
            at_once: Store = quick
            return at_once
    module, _, name = STORES[scheme].partition(":")
    store_class: Any = getattr(import_module(module), name)
    opened: Store = store_class.open(uri, repository, root=root, push=push, read_only=read_only)
    return opened


def _without_password(uri: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", uri)
