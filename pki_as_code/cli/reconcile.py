"""`pkictl reconcile`: do what the manifests of a commit ask for."""

from __future__ import annotations

import click

from pki_as_code.cli.console import Console, EnvironmentSecrets
from pki_as_code.cli.options import option


@click.command(help="Do what the manifests ask for.")
@option(
    "--ref", metavar="REV", default="HEAD", show_default=True, help="The revision to reconcile."
)
@option("--only", metavar="ID", multiple=True, help="Only this object: NAMESPACE/NAME of a "
        "certificate, or KIND/NAME. May be repeated.")  # fmt: skip
@option("--dry-run", is_flag=True, help="Show the plan and stop.")
@option("--allow-unsafe", metavar="CLASS=N", multiple=True, help="Lift a limit of this run: "
        "revoke=25, issue=10000, replace, renew, adopt, empty, replay=1, new-store=1.")  # fmt: skip
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
    dry_run: bool,
    allow_unsafe: tuple[str, ...],
    push: bool,
    full: bool,
) -> int:
    from pki_as_code.apply.issuers import Issuers
    from pki_as_code.apply.outcome import Settings
    from pki_as_code.apply.reconcile import has_errors, reconcile
    from pki_as_code.cli.outcomes import show_outcomes
    from pki_as_code.cli.session import note_uncommitted, reading, writing
    from pki_as_code.errors import EXIT_FAILED, EXIT_PARTIAL, EXIT_UNSAFE
    from pki_as_code.formats import format_plan
    from pki_as_code.model import Plan
    from pki_as_code.workspace.lookup import check_objects

    del full  # every plan looks at everything
    allowed = _parse_allowed(allow_unsafe)
    objects = frozenset(_parse_object(text) for text in only)
    now = console.now()
    if dry_run:
        with reading(console, ref) as workspace:
            check_objects(workspace.loaded.manifests, workspace.store, objects)
            plan = workspace.plan(now, objects)
        console.write(format_plan(plan, color=console.color))
        if plan.refused:
            return EXIT_UNSAFE
        return EXIT_FAILED if has_errors(plan) else 0

    shown: list[str] = []

    last: list[Plan] = []

    def show(plan: Plan) -> None:
        last.append(plan)
        # Plans made anew (after another runner, after finishing what was open) end without changes.
        if plan.changes or not shown:
            text = format_plan(plan, color=console.color)
            shown.append(text)
            console.write(text)

    with writing(console, ref, push=push) as workspace:
        check_objects(workspace.loaded.manifests, workspace.store, objects)
        if ref == "HEAD":
            note_uncommitted(console, workspace.repository)
        secrets = EnvironmentSecrets(interactive=console.interactive)
        settings = Settings(Issuers(workspace, secrets), now, objects, allowed)
        done, code = show_outcomes(console, reconcile(workspace, settings, show))
    if last and has_errors(last[-1]):
        code = EXIT_PARTIAL if any(outcome.error is None for outcome in done) else EXIT_FAILED
    if done and not code:
        console.next_step("pkictl list_certs")
    elif code:
        console.next_step("pkictl status")
    return code


def _parse_allowed(texts: tuple[str, ...]) -> dict[str, int]:
    from pki_as_code.plan.guards import CLASSES

    allowed: dict[str, int] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in CLASSES or not number.isascii() or not number.isdigit():
            raise click.BadParameter(
                f"{text!r} is not CLASS=N with a class of {', '.join(CLASSES)}",
                param_hint="--allow-unsafe",
            )
        allowed[name] = int(number)
    return allowed


def _parse_object(text: str):  # type: ignore[no-untyped-def]
    """Read `payments/api`, `web`, `CertificateAuthority/root` or `Revocation/payments/inc-1`."""
    from pki_as_code.model import AUTHORITY, CERTIFICATE, DEFAULT_NAMESPACE, ObjectId

    kind, _, rest = text.partition("/")
    if kind not in {AUTHORITY, CERTIFICATE, "Revocation"}:
        kind, rest = CERTIFICATE, text
    namespace, _, name = rest.rpartition("/")
    default = DEFAULT_NAMESPACE if kind == CERTIFICATE else ""
    return ObjectId(kind, namespace or default, name)
