"""Which commit asked for something: the trail from a serial number back to its author."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pki_as_code.gitplumbing import GitRepository
from pki_as_code.gitrepo import last_changes


class Askers:
    """The commits behind the manifests, as seen from the one that is reconciled."""

    def __init__(self, repository: GitRepository, commit: str) -> None:
        self._repository, self._commit = repository, commit

    def commits(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Return, for each path, the commit that last changed it."""
        known = [path for path in paths if path]
        if not self._commit or not known:
            return {}
        return last_changes(self._repository, self._commit, known)

    def newest(self, commits: Mapping[str, str], paths: Collection[str]) -> str:
        """Return the commit that asked: of the last changes of a manifest and its CSR the later."""
        ids = {commits[path] for path in paths if path in commits}
        if len(ids) > 1:
            first, second = sorted(ids)
            return second if self._repository.is_ancestor(first, second) else first
        return ids.pop() if ids else self._commit
