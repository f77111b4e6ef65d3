"""What the imperative commands share: a change in git, then its reconciliation, then its result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import click

from pki_as_code.apply.outcome import Outcome
from pki_as_code.apply.submit import (
    Submission,
    preview,
    submit,
    submit_to_branch,
    write_files,
)
from pki_as_code.cli.console import Console, EnvironmentSecrets
from pki_as_code.cli.main import format_error
from pki_as_code.cli.outcomes import raise_first
from pki_as_code.errors import EXIT_PARTIAL
from pki_as_code.formats import format_plan
from pki_as_code.formats.findings import format_finding
from pki_as_code.model import CRL, RESPONDER, Plan
from pki_as_code.plan.ceremonies import NEEDED
from pki_as_code.quiet.wording import abbreviate
from pki_as_code.workspace import Workspace


@dataclass(frozen=True, slots=True)
class How:
    """The options of `submission_options`."""

    message: str | None
    no_commit: bool
    branch: str | None
    dry_run: bool

    def __post_init__(self) -> None:
        if sum([self.no_commit, self.branch is not None, self.dry_run]) > 1:
            raise click.UsageError("--no-commit, --branch and --dry-run exclude each other")


def carry_out(
    console: Console,
    workspace: Workspace,
    submission: Submission,
    how: How,
    *,
    ask_new_passphrase: bool = False,
) -> list[Outcome] | None:
    """
    Do what `how` says with a submission.

    Returns what was done; None when the command stopped before reconciling, as asked.
    """
    if how.message:
        submission = Submission(submission.files, submission.objects, how.message)
    now = console.now()
    secrets = EnvironmentSecrets(interactive=console.interactive, ask_new=ask_new_passphrase)
    if how.dry_run or how.no_commit or how.branch is not None:
        imagined, plan = preview(workspace, submission, now, proposal=not how.dry_run)
        if not how.dry_run:
            _tell_of_ceremonies(console, plan)
        if how.dry_run:
            _show_files(console, submission)
            console.write(format_plan(plan, color=console.color))
        elif how.branch is not None:
            commit = submit_to_branch(workspace, submission, how.branch)
            console.note(f"committed to branch {how.branch} as {abbreviate(commit)}")
            console.next_step(f"git push origin {how.branch}, and open a pull request")
        else:
            write_files(imagined.repository, submission.files)
            for path in sorted(submission.files):
                console.note(f"wrote {path}")
            console.next_step("git commit, then pkictl reconcile")
        return None

    def show(plan: Plan) -> None:
        if console.verbose:
            console.note(format_plan(plan, color=False).rstrip())
        else:
            _tell_of_ceremonies(console, plan)

    outcomes = list(submit(workspace, submission, secrets, now, show))
    raise_first(outcome for outcome in outcomes if not _follows(outcome))
    for outcome in outcomes:
        if outcome.error is not None:
            console.note(format_error(outcome.error, color=False).rstrip())
            thing = outcome.change.object_id.thing
            console.note(
                f"what was asked for is recorded, the {thing} is not made: `pkictl reconcile` does "
                "it when that is mended"
            )
    return outcomes


def _follows(outcome: Outcome) -> bool:
    """Tell whether it follows from what was asked for: a CRL, or who answers OCSP."""
    return outcome.change.object_id.kind in {CRL, RESPONDER}


def exit_code_of(outcomes: Iterable[Outcome]) -> int:
    """Return `EXIT_PARTIAL` when something did not follow from what was done."""
    return EXIT_PARTIAL if any(outcome.error is not None for outcome in outcomes) else 0


def _tell_of_ceremonies(console: Console, plan: Plan) -> None:
    """What was asked for is written down, and people have to do the rest."""
    for finding in plan.findings:
        if finding.code == NEEDED:
            console.note(format_finding(finding, color=False).rstrip())


def _show_files(console: Console, submission: Submission) -> None:
    for path, data in sorted(submission.files.items()):
        if path.endswith(".yaml"):
            console.write(f"--- {path}\n{data.decode()}\n")
