"""`pkictl reconcile`: do what the manifests of a commit ask for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option

if TYPE_CHECKING:
    from pki_as_code.apply.outcome import Settings
    from pki_as_code.formats.reviewed_plan import ReviewedPlan
    from pki_as_code.model import ObjectId, Plan
    from pki_as_code.workspace import Workspace
    from pki_as_code.workspace.opening import LookAt

_LONGEST_NUMBER = 9


@click.command(help="Do what the manifests ask for.")
@option(
    "--ref", metavar="REV", default="HEAD", show_default=True, help="The revision to reconcile."
)
@option("--only", metavar="ID", multiple=True, help="Only this object, at once even if it failed "
        "before: NAMESPACE/NAME of a certificate, or KIND/NAME. May be repeated.")  # fmt: skip
@option("--plan", "plan_file", metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Do exactly what this plan (of `plan --out`) says, which was reviewed, or "
        "nothing.")  # fmt: skip
@option("--retry", is_flag=True, help="Try at once what failed before and waits.")
@option("--dry-run", is_flag=True, help="Show the plan and stop.")
@option("--allow-unsafe", metavar="CLASS=N", multiple=True, help="Lift a limit of this run: "
        "revoke=25, issue=10000, replace, renew, adopt, empty, replay=1, new-store=1, "
        "unsigned. May be repeated, or list several with commas.")  # fmt: skip
@option(
    "--push/--no-push", default=True, help="Push the store branch where a remote is configured."
)
@option("--full", is_flag=True, help="Look at everything, not only at what changed.")
@click.pass_obj
def command(
    console: Console,
    /,
    ref: str,
    only: tuple[str, ...],
    plan_file: Path | None,
    retry: bool,
    dry_run: bool,
    allow_unsafe: tuple[str, ...],
    push: bool,
    full: bool,
) -> int:
    from pki_as_code.apply.issuers import Issuers
    from pki_as_code.apply.outcome import Settings
    from pki_as_code.cli.console import EnvironmentSecrets
    from pki_as_code.cli.session import note_uncommitted, reading, writing
    from pki_as_code.workspace.lookup import check_objects

    if plan_file is not None and (only or retry):
        raise click.UsageError("--plan says what is done; --only and --retry cannot change it")
    allowed = _parse_allowed(allow_unsafe)
    objects = frozenset(_parse_object(text) for text in only)
    reviewed = _read_reviewed(console.directory / plan_file) if plan_file is not None else None
    now = console.now()
    # What is asked for by name is not what changed; and it is looked for among everything.
    increments: LookAt = "none" if only or retry else "renew" if full else "use"
    with (
        reading(console, ref, increments=increments)
        if dry_run
        else writing(console, ref, push=push, increments=increments)
    ) as workspace:
        check_objects(workspace.loaded.manifests, workspace.store, objects)
        secrets = EnvironmentSecrets(interactive=console.interactive)
        settings = Settings(Issuers(workspace, secrets), now, objects, allowed, retry)
        if dry_run:
            return _show_plan(console, workspace, settings, reviewed)
        if ref == "HEAD":
            note_uncommitted(console, workspace.repository)
        return _reconcile(console, workspace, settings, reviewed)


def _show_plan(
    console: Console, workspace: Workspace, settings: Settings, reviewed: ReviewedPlan | None
) -> int:
    from dataclasses import replace

    from pki_as_code.apply.reconcile import has_errors
    from pki_as_code.apply.reviewed import plan_reviewed
    from pki_as_code.errors import EXIT_DENIED, EXIT_FAILED, EXIT_UNSAFE
    from pki_as_code.formats import format_plan
    from pki_as_code.model import Severity
    from pki_as_code.plan.guards import guard_findings
    from pki_as_code.plan.policy_findings import only_denied
    from pki_as_code.workspace.trust import trust_findings

    if reviewed is not None:
        plan = plan_reviewed(workspace, settings, reviewed)
    else:
        plan = workspace.plan(settings.now, settings.only, retry=settings.retry)
    exceeded = tuple(guard_findings(plan, workspace.loaded.manifests, settings.allowed))
    signed = tuple(trust_findings(workspace, settings.now))
    shown = replace(plan, findings=plan.findings + exceeded + signed)
    console.write(format_plan(shown, color=console.color))
    unsigned = sum(finding.severity is Severity.ERROR for finding in signed)
    if plan.refused or exceeded or unsigned > settings.allowed.get("unsigned", 0):
        return EXIT_UNSAFE
    if only_denied(plan.findings):
        return EXIT_DENIED
    return EXIT_FAILED if has_errors(plan) else 0


def _reconcile(
    console: Console, workspace: Workspace, settings: Settings, reviewed: ReviewedPlan | None
) -> int:
    from pki_as_code.apply.reconcile import has_errors, reconcile
    from pki_as_code.apply.reviewed import reconcile_reviewed
    from pki_as_code.cli.outcomes import show_outcomes
    from pki_as_code.cli.progress import ProgressBar
    from pki_as_code.errors import EXIT_DENIED, EXIT_FAILED, EXIT_PARTIAL
    from pki_as_code.formats import format_plan
    from pki_as_code.plan.policy_findings import only_denied

    plans: list[Plan] = []
    bar = ProgressBar(quiet=console.quiet)

    def show(plan: Plan) -> None:
        # Plans made anew (after another runner, after finishing what was open) end without changes.
        if plan.changes or not plans:
            console.write(format_plan(plan, color=console.color))
        plans.append(plan)
        bar.expect(len(plan.changes))

    def show_rest(plan: Plan) -> None:
        if plan.changes or plan.refused:
            number = len(plan.changes) + len(plan.refused)
            console.note(
                f"{number:,} more to do, which the reviewed plan did not have; see `pkictl plan`"
            )

    if reviewed is None:
        outcomes = reconcile(workspace, settings, show)
    else:
        outcomes = reconcile_reviewed(workspace, settings, reviewed, show, show_rest)
    with bar:
        done, code = show_outcomes(console, outcomes, bar)
    if plans and not code and only_denied(plans[-1].findings):
        code = EXIT_DENIED
    elif plans and has_errors(plans[-1]):
        code = EXIT_PARTIAL if any(outcome.error is None for outcome in done) else EXIT_FAILED
    if done and not code:
        console.next_step("pkictl list_certs")
    elif code:
        console.next_step("pkictl status")
    return code


def _read_reviewed(path: Path) -> ReviewedPlan:
    from pki_as_code.formats.reviewed_plan import MAX_BYTES, parse_reviewed_plan

    with path.open("rb") as file:
        return parse_reviewed_plan(file.read(MAX_BYTES + 1))


def _parse_allowed(texts: tuple[str, ...]) -> dict[str, int]:
    from pki_as_code.plan.guards import CLASSES

    allowed: dict[str, int] = {}
    for text in (part for several in texts for part in several.split(",")):
        name, _, number = text.strip().partition("=")
        is_number = number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER
        if name not in CLASSES or not is_number:
            raise click.BadParameter(
                f"{text[:80]!r} is not CLASS=N with a class of {', '.join(CLASSES)}",
                param_hint="--allow-unsafe",
            )
        allowed[name] = int(number)
    return allowed


def _parse_object(text: str) -> ObjectId:
    """Read `payments/api`, `web`, `CertificateAuthority/root` or `Revocation/payments/inc-1`."""
    from pki_as_code.model import AUTHORITY, CERTIFICATE, DEFAULT_NAMESPACE, ObjectId

    kind, _, rest = text.partition("/")
    if kind not in {AUTHORITY, CERTIFICATE, "Revocation"}:
        kind, rest = CERTIFICATE, text
    namespace, _, name = rest.rpartition("/")
    default = DEFAULT_NAMESPACE if kind == CERTIFICATE else ""
    return ObjectId(kind, namespace or default, name)
