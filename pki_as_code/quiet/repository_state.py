"""What of a repository can change what a run does, beside its commits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from pki_as_code.gitplumbing.repository import GitRepository
from pki_as_code.gitplumbing.status import uncommitted_paths

MANIFEST_PLACES = (
    "pki.yaml", "authorities", "profiles", "policies", "revocations", "watchers", "certificates",
)  # fmt: skip


def config_digest(repository: GitRepository) -> str:
    """Return a digest of all of git's settings, wherever they come from."""
    return hashlib.sha256(repository.run("config", "--list", "-z", "--show-scope")).hexdigest()


def head_and_refs(repository: GitRepository, refs: Iterable[str]) -> dict[str, str]:
    """Return what HEAD and the refs among `refs` that exist point at, from one look."""
    wanted = ["HEAD", *refs]
    output = repository.run("show-ref", "--head", "--", *wanted, accept=(0, 1))
    found: dict[str, str] = {}
    for line in output.decode("utf-8", "surrogateescape").splitlines():
        value, _, name = line.partition(" ")
        if name in wanted:  # a pattern matches at the end of a name
            found[name] = value
    return found


def uncommitted(repository: GitRepository) -> bool:
    """Tell whether `reconcile` would say that something is not committed."""
    return bool(uncommitted_paths(repository, MANIFEST_PLACES))
