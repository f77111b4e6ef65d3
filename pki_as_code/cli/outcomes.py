"""What a run did, for the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from pki_as_code.apply.outcome import Outcome
from pki_as_code.cli.console import Console
from pki_as_code.cli.main import format_error
from pki_as_code.cli.progress import ProgressBar
from pki_as_code.errors import EXIT_FAILED, EXIT_PARTIAL
from pki_as_code.escape import safe
from pki_as_code.model import Action, AdoptCertificate, AdoptCrl, RevokeCertificate
from pki_as_code.pkix.serial_numbers import format_serial_number


def show_outcomes(
    console: Console, outcomes: Iterable[Outcome], bar: ProgressBar | None = None
) -> tuple[list[Outcome], int]:
    """
    Print what was done as it is done; returns all outcomes and the exit code they add up to.

    What was issued is in the store by then, and is not kept here.
    """
    done: list[Outcome] = []
    for outcome in outcomes:
        done.append(replace(outcome, issued=None))
        if outcome.error is not None:
            console.note(format_error(outcome.error, color=False).rstrip())
        else:
            console.note(_told(outcome))
        if bar is not None:
            bar.advance()
    failed = sum(outcome.error is not None for outcome in done)
    if not failed:
        return done, 0
    return done, EXIT_PARTIAL if failed < len(done) else EXIT_FAILED


def _told(outcome: Outcome) -> str:
    change = outcome.change
    name = f"{change.object_id.thing} {safe(change.object_id.path)}"
    if outcome.issued is not None:
        serial = format_serial_number(outcome.issued.serial_number)
        word = _ISSUED.get(change.action, "issued")
        return f"{word} {name}: {serial}, until {outcome.issued.not_after:%Y-%m-%d}"
    if isinstance(change, AdoptCertificate):
        serial = format_serial_number(change.serial_number)
        return f"adopted {name}: {serial}, until {change.not_after:%Y-%m-%d}"
    if outcome.crl is not None:
        crl = outcome.crl
        listed = f"{crl.entry_count} {'entry' if crl.entry_count == 1 else 'entries'}"
        until = f"until {crl.next_update:%Y-%m-%d}"
        return f"published CRL {crl.number} of {safe(change.object_id.path)}: {listed}, {until}"
    if isinstance(change, AdoptCrl):
        until = f"until {change.next_update:%Y-%m-%d}"
        return f"published CRL {change.number} of {safe(change.issuer)}, as it was given: {until}"
    if isinstance(change, RevokeCertificate):
        serial = format_serial_number(change.certificate.serial_number)
        revoked = safe(change.certificate.object_id.path)
        return f"revoked certificate {revoked}: {serial}, {change.revocation_reason}"
    return f"{change.action} {name}"


_ISSUED = {Action.REPLACE: "replaced", Action.RENEW: "renewed", Action.FINISH: "finished"}


def raise_first(outcomes: Iterable[Outcome]) -> None:
    """Raise the error of the first outcome that has one."""
    for outcome in outcomes:
        if outcome.error is not None:
            raise outcome.error
