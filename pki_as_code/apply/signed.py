"""Nothing is done for commits whose authors are not known, where a repository wants them known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pki_as_code.apply.outcome import Settings
from pki_as_code.errors import UnsafePlanError
from pki_as_code.model import Finding, Severity
from pki_as_code.workspace import Workspace
from pki_as_code.workspace.trust import requires_signatures, trust_findings


def check_signed(workspace: Workspace, settings: Settings) -> Sequence[Finding]:
    """
    Check that every commit since the one reconciled last is by whom it should be.

    `--allow-unsafe unsigned=N` lifts that for so many. Returns what else there is to say.

    Raises:
        UnsafePlanError: some are not; `findings` has each with its reason.
    """
    findings = trust_findings(workspace, settings.now)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if len(errors) > settings.allowed.get("unsigned", 0):
        several = f"{len(errors)} commits are" if len(errors) > 1 else "a commit is"
        raise UnsafePlanError(
            f"{several} not known to be by a person who is believed; nothing was changed",
            help="see each of them. When they were reviewed, and signing them is not possible any "
            f"more: --allow-unsafe unsigned={len(errors)}",
            code=errors[0].code,
            findings=findings,
        )
    return [replace(f, severity=Severity.WARNING) if f in errors else f for f in findings]


def check_may_commit(workspace: Workspace) -> None:
    """
    Refuse to make a commit that nobody signs, where that commit would not be reconciled.

    Raises:
        UnsafePlanError: commits have to be signed, which is for people to do.
    """
    if requires_signatures(workspace):
        raise UnsafePlanError(
            "commits have to be signed here (trust.requireSignedCommits), and this command would "
            "make one that is not",
            help="have it only write the files, with --no-commit; then `git commit -S` and "
            "`pkictl reconcile`",
            code="trust.commit_not_signed",
        )
