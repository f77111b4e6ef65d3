"""What a plan without changes says."""

from __future__ import annotations

_ABBREVIATED = 7


def abbreviate(commit: str) -> str:
    return commit[:_ABBREVIATED]


def no_changes(commit: str) -> str:
    """Return the sentence for a commit, `` for the working tree. The id is escaped already."""
    at = f"at {abbreviate(commit)}" if commit else "in the working tree"
    return f"No changes. The issued store matches the manifests {at}.\n"
