"""Private keys stay out of git."""

from __future__ import annotations

from pki_as_code.errors import KeyBackendError
from pki_as_code.gitrepo import is_ignored, is_tracked
from pki_as_code.plan.authorities import Authority, committed_key, key_path
from pki_as_code.workspace import Workspace


def check_outside_git(workspace: Workspace, authority: Authority, uri: str | None) -> None:
    """
    Raise `KeyBackendError` when git has this key of the authority, or would take it.

    A private key in a commit is public for ever: refuse before there is one.
    """
    path = key_path(uri)
    if path is None:
        return
    repository = workspace.repository
    if is_tracked(repository, path):
        finding = committed_key(authority, path)
        raise KeyBackendError(finding.message, help=finding.help, code=finding.code)
    if not is_ignored(repository, path):
        raise KeyBackendError(
            f"git would commit the key of authority {authority.object_id.name} ({path})",
            help=f"add `/{path.split('/')[0]}/` to .gitignore",
            code="key.not_ignored",
        )
