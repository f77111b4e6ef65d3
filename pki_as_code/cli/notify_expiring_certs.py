"""`pkictl notify_expiring_certs`: tell people what is due."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from pki_as_code.cli.console import Console
from pki_as_code.cli.options import option, output_option

if TYPE_CHECKING:
    from pki_as_code.apply.notices import Delivery
    from pki_as_code.model import JsonValue
    from pki_as_code.notify import Channels, Credentials
    from pki_as_code.workspace import Workspace


@click.command(help="Tell people which certificates end soon.")
@option("--days", type=click.IntRange(1, 36_500), metavar="N", help="Tell of everything that ends "
        "within N days, whatever the thresholds are.")  # fmt: skip
@option("--dry-run", is_flag=True, help="Show what would be sent, send nothing.")
@option("--timeout", type=click.FloatRange(0.1, 3600), metavar="SECONDS", default=30.0,
        show_default=True, help="How long to wait for an answer.")  # fmt: skip
@option("--push/--no-push", default=True, help="Push the store branch if there is a remote.")
@output_option("text", "json")
@click.pass_obj
def command(
    console: Console,
    /,
    days: int | None,
    dry_run: bool,
    timeout: float,
    push: bool,
    output: str,
) -> int:
    from pki_as_code.cli.session import note_uncommitted, reading, writing
    from pki_as_code.notify import Channels, ChannelSettings

    now = console.now()
    within = timedelta(days=days) if days is not None else None
    opened = reading(console, "HEAD") if dry_run else writing(console, push=push)
    with opened as workspace:
        note_uncommitted(console, workspace.repository)
        incomplete = _note_faults(console, workspace)
        project = workspace.loaded.manifests.project
        settings = ChannelSettings(
            smtp=project.manifest.spec.notifications.smtp if project else None,
            tree=workspace.tree,
            credentials=_credentials(),
            timeout_seconds=timeout,
        )
        with Channels(settings) as channels:
            deliveries = _deliver(workspace, channels, now, within, dry_run)
            sent, failed = _show(console, deliveries, now, dry_run, output)
    return _exit_code(sent, failed + incomplete)


def _deliver(
    workspace: Workspace,
    channels: Channels,
    now: datetime,
    within: timedelta | None,
    dry_run: bool,
) -> Iterator[Delivery]:
    from pki_as_code.apply.notices import find_due_notices, send_notices, try_notices

    store = workspace.store
    notices = find_due_notices(store, workspace.loaded.manifests, now, within)
    if dry_run:
        yield from try_notices(notices, channels, now)
        return
    with closing(send_notices(store, notices, channels, now)) as deliveries:
        yield from deliveries


def _show(
    console: Console, deliveries: Iterator[Delivery], now: datetime, dry_run: bool, output: str
) -> tuple[int, int]:
    """Print what becomes of each notice as it does; returns how many went, and how many did not."""
    from pki_as_code.cli.main import format_error
    from pki_as_code.formats import notices as formats
    from pki_as_code.formats.structured import format_json

    found: list[JsonValue] = []
    explained: set[tuple[str, str]] = set()
    counts = {True: 0, False: 0}
    for delivery in deliveries:
        error = delivery.error
        outcome = formats.FAILED if error else formats.DUE if dry_run else formats.SENT
        counts[error is None] += 1
        if output == "json":
            found.append(formats.notice_json(delivery.notice, outcome, error))
        else:
            console.write(
                formats.format_notice(delivery.notice, outcome, now, error, color=console.color)
            )
        if error is not None and (error.code, error.message) not in explained:
            explained.add((error.code, error.message))
            console.note(format_error(error, color=False).rstrip())
    if output == "json":
        console.write(format_json(formats.notices_json(found, now, dry_run=dry_run)))
    else:
        console.write(formats.format_notice_summary(counts[True], counts[False], dry_run=dry_run))
    return counts[True], counts[False]


def _note_faults(console: Console, workspace: Workspace) -> bool:
    """
    Show what cannot be read; returns whether somebody may be missing for it.

    A manifest with a fault is no reason to leave everybody else in the dark.
    """
    from pki_as_code.formats import format_findings
    from pki_as_code.model import Severity

    faults = [f for f in workspace.loaded.findings if f.severity is Severity.ERROR]
    if faults:
        console.note(format_findings(faults, color=False).rstrip())
        console.note("who is named in these manifests is not told")
    return bool(faults)


def _credentials() -> Credentials:
    from pki_as_code.notify.interface import (
        SMTP_PASSWORD,
        SMTP_USER,
        WEBHOOK_SECRET,
        Credentials,
    )

    return Credentials(
        os.environ.get(SMTP_USER), os.environ.get(SMTP_PASSWORD), os.environ.get(WEBHOOK_SECRET)
    )


def _exit_code(done: int, failed: int) -> int:
    from pki_as_code.errors import EXIT_FAILED, EXIT_PARTIAL

    if not failed:
        return 0
    return EXIT_PARTIAL if done else EXIT_FAILED
