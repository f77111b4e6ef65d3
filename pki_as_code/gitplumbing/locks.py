"""
Locks of refs whose owner died.

git locks a ref for a few milliseconds, by making `<ref>.lock`. A git that is killed in them leaves
the file, and every later change of the ref is refused until somebody removes it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

STALE_AFTER_SECONDS: Final = 10.0
"""A thousand times as long as git holds such a lock."""

_PAUSE_SECONDS: Final = 0.1


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
