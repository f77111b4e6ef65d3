"""`pkictl revoke_cert`: a Revocation manifest, and its effect."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.completers import complete_certificate
from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, submission_options
from pki_as_code.model import CERTIFICATE_HOLD

if TYPE_CHECKING:
    from pki_as_code.authoring.manifests import Written
    from pki_as_code.model import CertificateRecord
    from pki_as_code.workspace import Workspace

UNSPECIFIED = "unspecified"
REASONS = [
    UNSPECIFIED, "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
    "cessationOfOperation", CERTIFICATE_HOLD, "privilegeWithdrawn", "aACompromise",
]  # fmt: skip


class ReasonType(click.ParamType[str]):
    """A CRLReason in camelCase, snake_case or with dashes."""

    name = "reason"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wanted = re.sub(r"[-_]", "", value).lower()
        for reason in REASONS:
            if reason.lower() == wanted:
                return reason
        if wanted == "removefromcrl":
            return self.fail(
                "removeFromCRL is no reason to revoke: it takes a certificate off a delta CRL "
                "(RFC 5280 section 5.3.1); --release lifts a hold",
                param,
                ctx,
            )
        return self.fail(f"{value!r} is none of {', '.join(REASONS)}", param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(reason) for reason in REASONS if reason.startswith(incomplete)]


class PastTimeType(click.ParamType[datetime]):
    """A time with a zone, in the past."""

    name = "time"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            when = datetime.fromisoformat(value)
        except ValueError:
            return self.fail(f"{value!r} is no RFC 3339 time: 2026-11-01T00:00:00Z", param, ctx)
        if when.tzinfo is None:
            return self.fail(f"{value!r} has no time zone: add Z, or +01:00", param, ctx)
        if when > datetime.now(UTC):
            return self.fail(f"{value!r} is not in the past", param, ctx)
        if when < _FIRST_TIME:
            return self.fail(f"{value!r} is before 1950", param, ctx)
        return when.astimezone(UTC).replace(microsecond=0)


_FIRST_TIME = datetime(1950, 1, 1, tzinfo=UTC)


@click.command(help="Revoke a certificate.")
@click.argument("cert", shell_complete=complete_certificate)
@option("--reason", type=ReasonType(), metavar="REASON", show_default=UNSPECIFIED,
        help=f"Why: {', '.join(REASONS)}; key_compromise and key-compromise are understood, "
        "too.")  # fmt: skip
@option("--compromised", "--invalidity-date", type=PastTimeType(), metavar="TIME",
        help="Since when the key is thought to be lost: RFC 3339 with a zone, "
        "in the past.")  # fmt: skip
@option("--release", is_flag=True, help="Lift a certificateHold.")
@option("--yes", is_flag=True, help="Do not ask.")
@submission_options
@click.pass_obj
def command(
    console: Console,
    /,
    cert: str,
    reason: str | None,
    compromised: datetime | None,
    release: bool,
    yes: bool,
    **given: Any,
) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How, carry_out, exit_code_of
    from pki_as_code.escape import safe
    from pki_as_code.pkix.serial_numbers import format_serial_number
    from pki_as_code.workspace.lookup import find_certificate

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    if release and (compromised or reason not in {None, CERTIFICATE_HOLD}):
        raise click.UsageError("--release lifts a hold: it takes no --reason and no --compromised")
    reason = reason or UNSPECIFIED
    with writing(console, push=given["push"]) as workspace:
        record = find_certificate(workspace.store, cert)
        serial = format_serial_number(record.serial_number)
        called = f"{safe(record.object_id.path)} ({serial})"
        if release:
            written, done = _release(workspace, record), f"lifted the hold of {called}"
        else:
            written, done = _revoke(workspace, record, reason, compromised), _told(called, reason)
            if not (how.dry_run or how.no_commit or how.branch):
                console.confirm(_question(called, reason), yes=yes)
        what = f"{'Release' if release else 'Revoke'} {record.object_id.path} {serial}"
        message = what if release else f"{what}: {reason}"
        submission = Submission(written.files, frozenset([written.object_id]), message)
        outcomes = carry_out(console, workspace, submission, how)
        if outcomes is not None:
            console.note(done if outcomes else "No changes.")
    return exit_code_of(outcomes or ())


def _question(called: str, reason: str) -> str:
    if reason == CERTIFICATE_HOLD:
        return f"Put {called} on hold?"
    return f"Revoke {called} for {reason}? That cannot be undone."


def _told(called: str, reason: str) -> str:
    return f"put on hold {called}" if reason == CERTIFICATE_HOLD else f"revoked {called}: {reason}"


def _revoke(
    workspace: Workspace, record: CertificateRecord, reason: str, compromised: datetime | None
) -> Written:
    """Refuse what would change nothing; a hold can become a revocation for good."""
    from pki_as_code.authoring.revocations import write_revocation
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.model import format_time
    from pki_as_code.pkix.serial_numbers import format_serial_number

    revocation = record.revocation
    if revocation is not None and (
        revocation.reason != CERTIFICATE_HOLD or reason == CERTIFICATE_HOLD
    ):
        since = format_time(revocation.revocation_date)
        raise InvalidValueError(
            f"{format_serial_number(record.serial_number)} is revoked already, since {since} "
            f"({revocation.reason}); nothing was changed",
            help="`pkictl view_cert` shows it",
            code="revocation.already_revoked",
        )
    manifests = workspace.loaded.manifests
    return write_revocation(manifests, record, reason, compromised, workspace.tree.read)


def _release(workspace: Workspace, record: CertificateRecord) -> Written:
    from pki_as_code.authoring.revocations import write_release
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.pkix.serial_numbers import format_serial_number

    revocation = record.revocation
    serial = format_serial_number(record.serial_number)
    if revocation is None:
        raise InvalidValueError(
            f"{serial} is not on hold; nothing was changed",
            help="`pkictl view_cert` shows it",
            code="revocation.not_on_hold",
        )
    if revocation.reason != CERTIFICATE_HOLD:
        raise InvalidValueError(
            f"{serial} is revoked for {revocation.reason}, which cannot be lifted",
            help="only a certificateHold can; have a new certificate signed",
            code="revocation.not_a_hold",
        )
    return write_release(workspace.loaded.manifests, record, workspace.tree.read)
