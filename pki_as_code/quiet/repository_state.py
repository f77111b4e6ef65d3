"""What of a repository can change what a run does, beside its commits."""

from __future__ import annotations

import hashlib

from pki_as_code.gitplumbing.repository import GitRepository
from pki_as_code.gitplumbing.status import uncommitted_paths

MANIFEST_PLACES = (
    "pki.yaml", "authorities", "profiles", "policies", "revocations", "watchers", "certificates",
)  # fmt: skip


def config_digest(repository: GitRepository) -> str:
    """Return a digest of all of git's settings, wherever they come from."""
    return hashlib.sha256(repository.run("config", "--list", "-z", "--show-scope")).hexdigest()


def uncommitted(repository: GitRepository) -> bool:
    """Tell whether `reconcile` would say that something is not committed."""
    return bool(uncommitted_paths(repository, MANIFEST_PLACES))
