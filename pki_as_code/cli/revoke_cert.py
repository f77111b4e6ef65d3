"""`pkictl revoke_cert`: a Revocation manifest, and its effect."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, submission_options

if TYPE_CHECKING:
    from pki_as_code.model import CertificateRecord, JsonValue

REASONS = [
    "unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
    "cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise",
]  # fmt: skip


class ReasonType(click.ParamType[str]):
    """A CRLReason in camelCase, snake_case or with dashes."""

    name = "reason"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wanted = re.sub(r"[-_]", "", value).lower()
        for reason in REASONS:
            if reason.lower() == wanted:
                return reason
        return self.fail(f"{value!r} is none of {', '.join(REASONS)}", param, ctx)


@click.command(help="Revoke a certificate.")
@click.argument("cert")
@option("--reason", type=ReasonType(), default="unspecified", show_default=True,
        metavar="REASON", help=f"Why: {', '.join(REASONS)}; key_compromise and key-compromise "
        "are understood, too.")  # fmt: skip
@option("--compromised", "--invalidity-date", metavar="TIME", help="Since when the key is thought "
        "to be lost: RFC 3339 with a zone, in the past.")  # fmt: skip
@option("--yes", is_flag=True, help="Do not ask.")
@submission_options
@click.pass_obj
def command(
    console: Console, /, cert: str, reason: str, compromised: str | None, yes: bool, **given: Any
) -> int:
    from pki_as_code.apply.submit import Submission
    from pki_as_code.authoring.manifests import make_manifest, manifest_bytes
    from pki_as_code.cli.session import writing
    from pki_as_code.cli.submission import How, carry_out
    from pki_as_code.escape import safe
    from pki_as_code.model import ObjectId
    from pki_as_code.pkix.serial_numbers import format_serial_number, serial_number_hex
    from pki_as_code.workspace.lookup import find_certificate

    how = How(given["message"], given["no_commit"], given["branch"], given["dry_run"])
    since = _parse_time(compromised, console.now()) if compromised else None
    with writing(console, push=given["push"]) as workspace:
        record = find_certificate(workspace.store, cert)
        _check_not_revoked(record)
        serial = format_serial_number(record.serial_number)
        called = f"{safe(record.object_id.path)} ({serial})"
        if not how.dry_run:
            console.confirm(f"Revoke {called}? That cannot be undone.", yes=yes)
        name = f"serial-{serial_number_hex(record.serial_number)[:16]}"
        path = f"revocations/{name}.yaml"
        spec: dict[str, JsonValue] = {
            "serial": serial,
            "issuer": record.issuer,
            "reason": reason,
            "compromisedAt": since,
        }
        manifest = make_manifest("Revocation", name, spec)
        submission = Submission(
            {path: manifest_bytes(manifest, path)},
            frozenset([ObjectId("Revocation", "", name)]),
            f"Revoke {record.object_id.path} {serial}: {reason}",
        )
        if carry_out(console, workspace, submission, how) is not None:
            console.note(f"revoked {called}: {reason}")
    return 0


def _check_not_revoked(record: CertificateRecord) -> None:
    from pki_as_code.errors import InvalidValueError
    from pki_as_code.model import format_time
    from pki_as_code.pkix.serial_numbers import format_serial_number

    if record.revocation is not None:
        since = format_time(record.revocation.revocation_date)
        raise InvalidValueError(
            f"{format_serial_number(record.serial_number)} is revoked already, since {since} "
            f"({record.revocation.reason}); nothing was changed",
            help="`pkictl view_cert` shows it",
            code="revocation.already_revoked",
        )


def _parse_time(text: str, now: datetime) -> str:
    from pki_as_code.model import format_time

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no RFC 3339 time", param_hint="--compromised"
        ) from None
    if when.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no time zone", param_hint="--compromised")
    if when > now:
        raise click.BadParameter(f"{text!r} is not in the past", param_hint="--compromised")
    return format_time(when.astimezone(UTC))
