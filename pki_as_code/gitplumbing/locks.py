"""
Locks of refs: those that others hold, and those whose owner died.

git locks a ref for a few milliseconds, by making `<ref>.lock`. A git that is killed in them leaves
the file, and every later change of the ref is refused until somebody removes it.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import Final

from pki_as_code.errors import RepositoryError

STALE_AFTER_SECONDS: Final = 10.0
"""A thousand times as long as git holds such a lock."""

_PAUSE_SECONDS: Final = 0.1
_LOCKED: Final = "cannot lock ref"
"""What git says, in every version, of a ref that is locked or was moved by somebody else."""

LOCK_ATTEMPTS: Final = 6
"""How often a ref is moved that others move at the same time."""


def clear_stale_lock(common_dir: Path, ref: str, *, stale_after: float | None = None) -> bool:
    """
    Wait for the lock of a ref to go, and remove it when its owner must be dead.

    Only for refs that nothing but this program moves. Returns whether there was one and now is
    none: then it is worth trying again.
    """
    patience = STALE_AFTER_SECONDS if stale_after is None else stale_after
    path = common_dir / f"{ref}.lock"
    if not path.exists():
        return False
    deadline = time.monotonic() + patience + 1
    while time.monotonic() < deadline:
        try:
            age = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            return True
        if age > patience:
            path.unlink(missing_ok=True)
            return True
        time.sleep(min(_PAUSE_SECONDS, patience))
    return False


def wait_for_locks(common_dir: Path, refs: Collection[str], error: RepositoryError) -> bool:
    """
    Tell whether what failed with `error` is worth trying again: the refs were locked, and are not.

    Only for refs that nothing but this program moves.
    """
    cleared = [clear_stale_lock(common_dir, ref) for ref in refs]
    if _LOCKED in error.message and not any((common_dir / f"{ref}.lock").exists() for ref in refs):
        import secrets  # which is slow to import

        # Those who met are not to meet again.
        time.sleep(secrets.SystemRandom().uniform(0, _PAUSE_SECONDS))
        return True
    return any(cleared)
